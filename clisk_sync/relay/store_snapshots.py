"""What the relay keeps of snapshots, and what it deletes: protocol/snapshot.md §7.

Plain functions of a connection; store.py runs each as one transaction, with the
vault's row locked, so that two processes never decide on different states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from clisk_sync.admission import Head, Members
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.limits import ENVELOPE_OVERHEAD_BYTES
from clisk_sync.relay.store_append import MembershipMovedError
from clisk_sync.relay.store_tables import (
    HEAD,
    LOG,
    SNAPSHOT,
    SNAPSHOT_ACK,
    SNAPSHOT_PART,
    VAULT,
)
from clisk_sync.snapshot import Covered, Snapshot, parse_unverified_snapshot
from clisk_sync.snapshot_admission import Newest, check_place, is_complete
from clisk_vault.ids import (
    DeviceId,
    EnvelopeHash,
    PartHash,
    RecordHash,
    SnapshotHash,
    VaultId,
)

# A part that no snapshot names is somebody's who is still sending, this long.
_ABANDONED_MS: Final = 3_600_000
# Envelopes deleted in one transaction: others wait for it.
DELETED_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class Kept:
    """One snapshot and its acknowledgements, as they came."""

    height: int
    body: bytes
    acks: list[bytes]


def put_part(
    db: Connection, vault: VaultId, name: PartHash, body: bytes, *, room: int, at: int
) -> None:
    """Keep a part; *room* bounds those of a vault.

    Raises:
        QuotaError: it is used up.
    """
    _lock(db, vault)
    of_vault = SNAPSHOT_PART.c.vault == vault
    db.execute(
        delete(SNAPSHOT_PART).where(
            of_vault,
            SNAPSHOT_PART.c.height == 0,
            SNAPSHOT_PART.c.at < at - _ABANDONED_MS,
        )
    )
    stored = select(SNAPSHOT_PART.c.size).where(of_vault, SNAPSHOT_PART.c.hash == name)
    if db.scalar(stored) is not None:
        return
    used = db.scalar(select(func.sum(SNAPSHOT_PART.c.size)).where(of_vault)) or 0
    if used + len(body) > room:
        raise refuse(Code.SNAPSHOTS_FULL)
    row = {"vault": vault, "hash": name, "height": 0, "size": len(body)}
    db.execute(insert(SNAPSHOT_PART), row | {"body": body, "at": at})


def part(db: Connection, vault: VaultId, name: PartHash) -> bytes | None:
    """Return the part of that hash."""
    query = select(SNAPSHOT_PART.c.body).where(
        SNAPSHOT_PART.c.vault == vault, SNAPSHOT_PART.c.hash == name
    )
    body: bytes | None = db.scalar(query)
    return body


def add_snapshot(
    db: Connection, vault: VaultId, snapshot: Snapshot, members: Members
) -> bool:
    """Add *snapshot*, checked against *members*; tell whether it is complete now.

    Raises:
        MembershipMovedError: check it again, against the newest membership.
        SnapshotConflictError, RelayRefused: as check_place(); or parts are missing.
    """
    if _lock(db, vault) != members.head:
        raise MembershipMovedError
    body = snapshot.body
    _drop_incomplete(db, vault, members)
    newest = _newest(db, vault)
    if newest is not None and newest.hash == snapshot.hash:
        return False
    heads = _heads(db, vault)
    check_place(
        snapshot,
        newest,
        complete=_covered_so_far(db, vault),
        heads=heads,
        hash_of=lambda device, number: _hash_of(db, vault, device, number),
    )
    names = and_(SNAPSHOT_PART.c.vault == vault, SNAPSHOT_PART.c.hash.in_(body.parts))
    found = db.execute(update(SNAPSHOT_PART).where(names).values(height=body.height))
    if found.rowcount != len(body.parts):
        raise refuse(Code.UNKNOWN_SNAPSHOT)
    # Whoever sends parts of another one now will be told that this one was first.
    db.execute(
        delete(SNAPSHOT_PART).where(
            SNAPSHOT_PART.c.vault == vault, SNAPSHOT_PART.c.height == 0
        )
    )
    row = {"vault": vault, "height": body.height, "hash": snapshot.hash}
    row |= {"author": body.author, "body": snapshot.data, "complete": False}
    db.execute(insert(SNAPSHOT), row)
    _move_head(db, vault, body.author, body.covered, heads)
    return _settle(db, vault, snapshot, members)


def add_ack(
    db: Connection,
    vault: VaultId,
    members: Members,
    *,
    device: DeviceId,
    snapshot: SnapshotHash,
    data: bytes,
) -> bool:
    """Keep an acknowledgement; tell whether its snapshot became complete by it.

    Raises:
        MembershipMovedError: check it again, against the newest membership.
        UnknownSnapshotError: that snapshot is not kept here.
    """
    if _lock(db, vault) != members.head:
        raise MembershipMovedError
    query = select(SNAPSHOT.c.body).where(
        SNAPSHOT.c.vault == vault, SNAPSHOT.c.hash == snapshot
    )
    stored = db.scalar(query)
    if stored is None:
        raise refuse(Code.UNKNOWN_SNAPSHOT)
    kept = _trusted(stored)
    height = kept.body.height
    same = and_(
        SNAPSHOT_ACK.c.vault == vault,
        SNAPSHOT_ACK.c.height == height,
        SNAPSHOT_ACK.c.device == device,
    )
    if db.scalar(select(SNAPSHOT_ACK.c.height).where(same)) is None:
        row = {"vault": vault, "height": height, "device": device, "body": data}
        db.execute(insert(SNAPSHOT_ACK), row)
        _move_head(db, vault, device, kept.body.covered, _heads(db, vault))
    return _settle(db, vault, kept, members)


def snapshots(db: Connection, vault: VaultId) -> list[Kept]:
    """Return what is kept, lowest first."""
    rows = db.execute(
        select(SNAPSHOT.c.height, SNAPSHOT.c.body)
        .where(SNAPSHOT.c.vault == vault)
        .order_by(SNAPSHOT.c.height)
    )
    kept = {height: Kept(height, body, []) for height, body in rows}
    acks = select(SNAPSHOT_ACK.c.height, SNAPSHOT_ACK.c.body)
    for height, body in db.execute(acks.where(SNAPSHOT_ACK.c.vault == vault)):
        if height in kept:
            kept[height].acks.append(body)
    return list(kept.values())


def delete_covered(db: Connection, vault: VaultId) -> int:
    """Delete some of what the newest complete snapshot covers; return how many.

    Called until it returns 0; whatever interrupts, the next snapshot goes on.
    """
    row = _lock(db, vault)
    covered = _covered_so_far(db, vault)
    if row is None or not covered:
        return 0
    is_covered = or_(
        *(
            and_(LOG.c.device == device, LOG.c.number <= each.number)
            for device, each in covered.items()
        )
    )
    doomed = db.execute(
        select(LOG.c.pos, LOG.c.size)
        .where(LOG.c.vault == vault, is_covered)
        .order_by(LOG.c.pos)
        .limit(DELETED_AT_ONCE)
    ).all()
    if not doomed:
        return 0
    positions: Sequence[int] = [pos for pos, _ in doomed]
    db.execute(delete(LOG).where(LOG.c.vault == vault, LOG.c.pos.in_(positions)))
    freed = sum(size + ENVELOPE_OVERHEAD_BYTES for _, size in doomed)
    db.execute(
        update(VAULT).where(VAULT.c.id == vault).values(bytes=VAULT.c.bytes - freed)
    )
    return len(positions)


def _settle(
    db: Connection, vault: VaultId, snapshot: Snapshot, members: Members
) -> bool:
    """Mark *snapshot* complete if it is, and drop those before it."""
    height = snapshot.body.height
    acks = select(SNAPSHOT_ACK.c.device).where(
        SNAPSHOT_ACK.c.vault == vault, SNAPSHOT_ACK.c.height == height
    )
    acked: Collection[DeviceId] = {DeviceId(each) for each in db.scalars(acks)}
    if not is_complete(
        members, author=snapshot.body.author, acked=acked, writers=_heads(db, vault)
    ):
        return False
    this = and_(SNAPSHOT.c.vault == vault, SNAPSHOT.c.height == height)
    db.execute(update(SNAPSHOT).where(this).values(complete=True))
    for table in (SNAPSHOT, SNAPSHOT_PART, SNAPSHOT_ACK):
        older = and_(table.c.vault == vault, table.c.height < height)
        db.execute(delete(table).where(older))
    return True


def _drop_incomplete(db: Connection, vault: VaultId, members: Members) -> None:
    """Drop what can hardly be completed: all but the newest, and of departed ones."""
    rows = db.execute(
        select(SNAPSHOT.c.height, SNAPSHOT.c.author)
        .where(SNAPSHOT.c.vault == vault, SNAPSHOT.c.complete.is_(False))
        .order_by(SNAPSHOT.c.height.desc())
    ).all()
    kept = [height for height, by in rows if by in members.membership.devices]
    doomed = {height for height, _ in rows} - set(kept[:1])
    for table in (SNAPSHOT, SNAPSHOT_PART, SNAPSHOT_ACK):
        these = and_(table.c.vault == vault, table.c.height.in_(doomed))
        db.execute(delete(table).where(these))


def _lock(db: Connection, vault: VaultId) -> RecordHash | None:
    """Lock the vault's row and return the hash of its newest record."""
    query = select(VAULT.c.record_head).where(VAULT.c.id == vault).with_for_update()
    head: RecordHash | None = db.scalar(query)
    return head


def _newest(db: Connection, vault: VaultId) -> Newest | None:
    row = db.execute(
        select(SNAPSHOT.c.height, SNAPSHOT.c.hash)
        .where(SNAPSHOT.c.vault == vault)
        .order_by(SNAPSHOT.c.height.desc())
        .limit(1)
    ).first()
    return None if row is None else Newest(row[0], SnapshotHash(row[1]))


def _covered_so_far(db: Connection, vault: VaultId) -> dict[DeviceId, Covered]:
    body = db.scalar(
        select(SNAPSHOT.c.body)
        .where(SNAPSHOT.c.vault == vault, SNAPSHOT.c.complete)
        .order_by(SNAPSHOT.c.height.desc())
        .limit(1)
    )
    return {} if body is None else dict(_trusted(body).body.covered)


def _trusted(data: bytes) -> Snapshot:
    """Return what this relay verified when it was admitted."""
    kept = parse_unverified_snapshot(data)
    return Snapshot(data, kept.unverified_body, kept.hash)


def _heads(db: Connection, vault: VaultId) -> dict[DeviceId, Head]:
    rows = db.execute(select(HEAD).where(HEAD.c.vault == vault))
    return {
        DeviceId(row.device): Head(row.number, EnvelopeHash(row.hash)) for row in rows
    }


def _hash_of(
    db: Connection, vault: VaultId, device: DeviceId, number: int
) -> EnvelopeHash | None:
    query = select(LOG.c.hash).where(
        LOG.c.vault == vault, LOG.c.device == device, LOG.c.number == number
    )
    digest: EnvelopeHash | None = db.scalar(query)
    return digest


def _move_head(
    db: Connection,
    vault: VaultId,
    device: DeviceId,
    covered: Mapping[DeviceId, Covered],
    heads: dict[DeviceId, Head],
) -> None:
    """Move the head of *device* up to where it has itself signed that it is."""
    own = covered.get(device)
    head = heads.get(device)
    if own is None or (head is not None and head.number >= own.number):
        return
    values = {"number": own.number, "hash": own.hash}
    if head is None:
        db.execute(insert(HEAD), {"vault": vault, "device": device} | values)
        return
    mine = and_(HEAD.c.vault == vault, HEAD.c.device == device)
    db.execute(update(HEAD).where(mine).values(values))

"""Whether a snapshot may be taken: protocol/snapshot.md §5, steps 2 to 5 and 7.

Pure: what the relay offered, the membership and the frontier in; a verdict out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from clisk_sync.envelope_content import Mark
from clisk_sync.errors import (
    CloneDetected,
    NotAMember,
    SnapshotContradicted,
    SnapshotDrops,
    SnapshotError,
    SnapshotForged,
    SnapshotFork,
    SnapshotInvents,
    SnapshotReplayed,
    SnapshotUnproven,
)
from clisk_sync.frontier import Chain, Frontier, History
from clisk_sync.membership import Membership
from clisk_sync.snapshot import (
    Body,
    Covered,
    Entry,
    Snapshot,
    UnverifiedSnapshot,
    parse_unverified_ack,
)
from clisk_sync.snapshot_store import Taken
from clisk_vault.change_chunk import ChangeHash, hash_of, unverified_actor
from clisk_vault.document import author_of
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DeviceId, SnapshotHash
from clisk_vault.replica import HeldChange


@dataclass(frozen=True, slots=True)
class Against:
    """What a device has verified, to hold a snapshot against."""

    membership: Membership
    frontier: Frontier
    history: History
    taken: Taken | None


@dataclass(frozen=True, slots=True)
class Believed:
    """A snapshot that passed all steps that need no parts."""

    snapshot: Snapshot
    # Chains that it moves forward here.
    ahead: Mapping[DeviceId, Chain]


def signers(
    snapshot: SnapshotHash, acks: Sequence[bytes], membership: Membership
) -> frozenset[DeviceId]:
    """Return the active members that have validly acknowledged *snapshot*."""
    found = set()
    for data in acks:
        try:
            ack = parse_unverified_ack(data)
            if ack.hash != snapshot or ack.vault != membership.vault_id:
                continue
            ack.verify(membership.member(ack.device).public.signing)
        except (FormatError, TamperedError, UnsupportedError, NotAMember):
            continue  # junk of the relay's proves nothing, and costs nothing
        found.add(ack.device)
    return frozenset(found)


def believe(
    unverified: UnverifiedSnapshot,
    acked: frozenset[DeviceId],
    against: Against,
    *,
    now_ms: int,
) -> Believed:
    """Return the snapshot when it passes steps 1 to 5.

    Raises:
        SnapshotError, CloneDetected, NotAMember: as the step says.
    """
    body, membership = unverified.unverified_body, against.membership
    if body.vault != membership.vault_id:  # 5.1
        raise SnapshotForged("of another vault", height=body.height)
    snapshot = _verified(unverified, acked, membership)  # 5.3, before 5.2 blames
    _check_height(snapshot, against.taken)  # 5.2
    if membership.hash_at(body.membership.height) != body.membership.hash:  # 5.4
        raise SnapshotContradicted(
            "names another membership", height=body.height, evidence=(snapshot.data,)
        )
    for device in body.covered:
        membership.known(device)
    signed = acked | {body.author}
    ahead: dict[DeviceId, Chain] = {}
    for device, covered in body.covered.items():  # 5.5
        if _is_ahead(device, covered, snapshot, against):
            _check_ahead(device, covered, snapshot, against, signed)
            mark = Mark(covered.number, covered.hash)
            ahead[device] = Chain(mark, covered.epoch, 0, now_ms)
    _check_not_behind(snapshot, against.taken)
    return Believed(snapshot, ahead)


def _verified(
    unverified: UnverifiedSnapshot, acked: frozenset[DeviceId], membership: Membership
) -> Snapshot:
    body = unverified.unverified_body
    if body.author in membership.departed and not acked:
        raise SnapshotForged(
            "by a device that is no member, and no member vouches for it",
            height=body.height,
        )
    try:
        return unverified.verify(membership.known(body.author).public.signing)
    except (TamperedError, NotAMember) as err:
        raise SnapshotForged("not signed by a member", height=body.height) from err


def _check_height(snapshot: Snapshot, taken: Taken | None) -> None:
    body, evidence = snapshot.body, (snapshot.data,)
    if taken is None:
        return
    if body.height < taken.height:
        raise SnapshotReplayed("older than the one taken", height=body.height)
    is_fork = body.height == taken.height and snapshot.hash != taken.hash
    is_other = body.height == taken.height + 1 and body.previous != taken.hash
    if is_fork or is_other:
        raise SnapshotFork(
            "another one stands at this height, or before it",
            height=body.height,
            evidence=evidence,
        )


def _is_ahead(
    device: DeviceId, covered: Covered, snapshot: Snapshot, against: Against
) -> bool:
    """Tell whether *covered* is ahead; refuse another envelope than a known one."""
    held = against.history.hash_of(device, covered.number)
    cut = against.membership.cut(device)
    wrong = held is not None and held != covered.hash
    if cut is not None:
        wrong = wrong or covered.number > cut.number
        wrong = wrong or (covered.number == cut.number and covered.hash != cut.hash)
    if wrong:
        raise SnapshotContradicted(
            "covers another envelope than the one that counts here",
            height=snapshot.body.height,
            evidence=(snapshot.data,),
        )
    return covered.number > against.frontier.chain(device).mark.number


def _check_ahead(
    device: DeviceId,
    covered: Covered,
    snapshot: Snapshot,
    against: Against,
    signed: Collection[DeviceId],
) -> None:
    if device == against.frontier.own:
        raise CloneDetected(
            "a snapshot covers it, this device never wrote it",
            device=device,
            number=covered.number,
            evidence=(snapshot.data,),
        )
    if device in against.membership.devices and device not in signed:
        raise SnapshotUnproven(
            "a device that it is ahead of has not signed", height=snapshot.body.height
        )


def _check_not_behind(snapshot: Snapshot, taken: Taken | None) -> None:
    covered = snapshot.body.covered
    for device, before in ({} if taken is None else taken.covered).items():
        if device not in covered or covered[device].number < before.number:
            raise SnapshotContradicted(
                "covers less than the one before it",
                height=snapshot.body.height,
                evidence=(snapshot.data,),
            )


def missing_changes(
    entries: Sequence[Entry],
    held: Sequence[HeldChange],
    *,
    body: Body,
    authors: Collection[DeviceId],
    excused: Collection[ChangeHash],
    is_purged: Callable[[], bool] = lambda: False,
    evidence: tuple[bytes, ...] = (),
) -> list[tuple[DeviceId, Entry]]:
    """Return what of one item is to be brought in, with its authors (step 7).

    *authors* may have written what is not held: chains that are ahead, and whom they
    succeed. *excused* are the changes held that need not be in the snapshot. Of an
    item that *is_purged* nothing needs to be anywhere: the vault drops it.

    Raises:
        SnapshotInvents, SnapshotDrops: it is not what it says that it covers.
        FormatError: an entry that is no change.
    """
    here = {each.hash for each in held}
    there = {hash_of(each.change): each for each in entries}
    if len(there) != len(entries):
        raise FormatError("snapshot part: a change twice")
    if here - there.keys() - set(excused) and not is_purged():
        raise SnapshotDrops(
            "lacks a change that it should have", height=body.height, evidence=evidence
        )
    missing = []
    for name, entry in there.items():
        if name in here:
            continue
        author = author_of(unverified_actor(entry.change))
        if author not in authors and not is_purged():
            raise SnapshotInvents(
                "holds a change that is in no envelope",
                height=body.height,
                evidence=evidence,
            )
        missing.append((author, entry))
    return missing


def refused(err: Exception, body: Body) -> SnapshotError:
    """Return what it says of a snapshot that *err* came of reading its parts."""
    if isinstance(err, SnapshotError):
        return err
    return SnapshotForged(f"a part of it: {err}", height=body.height)

"""What a relay admits of snapshots: protocol/snapshot.md §7.

Pure, as admission.py is; the relay and the in-memory one both ask here. Nothing
that a device believes rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from clisk_sync.admission import Head, Members
from clisk_sync.refusals import Code, refuse, refusing_bad_input
from clisk_sync.snapshot import (
    Covered,
    Snapshot,
    UnverifiedAck,
    parse_unverified_ack,
    parse_unverified_snapshot,
)
from clisk_vault.ids import DeviceId, EnvelopeHash, SnapshotHash


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest snapshot that a relay keeps; height 0 is none."""

    height: int
    hash: SnapshotHash


def admit_snapshot(members: Members, data: bytes, *, author: DeviceId) -> Snapshot:
    """Return *data* as a snapshot that *author*, a member, has signed.

    Raises:
        RelayRefused: malformed, not of this vault, author, epoch or membership, or
            not signed.
    """
    with refusing_bad_input():
        unverified = parse_unverified_snapshot(data)
        body, membership = unverified.unverified_body, members.membership
        if body.vault != membership.vault_id:
            raise refuse(Code.WRONG_VAULT)
        if body.author != author:
            raise refuse(Code.WRONG_AUTHOR)
        key = members.active(author)
        if body.epoch not in membership.epochs:
            raise refuse(Code.UNKNOWN_EPOCH)
        if membership.hash_at(body.membership.height) != body.membership.hash:
            raise refuse(Code.REFUSED_SNAPSHOT)
        return unverified.verify(key)


def check_place(
    snapshot: Snapshot,
    newest: Newest | None,
    *,
    complete: Mapping[DeviceId, Covered],
    heads: Mapping[DeviceId, Head],
    hash_of: Callable[[DeviceId, int], EnvelopeHash | None],
) -> None:
    """Refuse a snapshot that does not follow, or contradicts the log.

    *complete* is what the newest complete snapshot covers, *heads* and *hash_of*
    tell what the log has.

    Raises:
        SnapshotConflictError: another one is the newest.
        RelayRefused: it covers other envelopes than the log has, or fewer than the
            newest complete snapshot.
    """
    body = snapshot.body
    if newest is not None and not (
        body.height > newest.height + 1
        or (body.height == newest.height + 1 and body.previous == newest.hash)
    ):
        raise refuse(
            Code.SNAPSHOT_OUT_OF_ORDER,
            head_number=newest.height,
            head_hash=newest.hash,
        )
    for device, before in complete.items():
        if device not in body.covered or body.covered[device].number < before.number:
            raise refuse(Code.REFUSED_SNAPSHOT)
    for device, covered in body.covered.items():
        held = hash_of(device, covered.number)
        if held is None and covered.number == heads.get(device, Head.none()).number:
            held = heads[device].hash
        if held is not None and held != covered.hash:
            raise refuse(Code.REFUSED_SNAPSHOT)


def admit_ack(members: Members, data: bytes, *, device: DeviceId) -> UnverifiedAck:
    """Return *data* as an acknowledgement that *device*, a member, has signed.

    Raises:
        RelayRefused: malformed, of another vault or device, or not signed.
    """
    with refusing_bad_input():
        ack = parse_unverified_ack(data)
        if ack.vault != members.membership.vault_id:
            raise refuse(Code.WRONG_VAULT)
        if ack.device != device:
            raise refuse(Code.WRONG_AUTHOR)
        ack.verify(members.active(device))
        return ack


def is_complete(
    members: Members,
    *,
    author: DeviceId,
    acked: Collection[DeviceId],
    writers: Collection[DeviceId],
) -> bool:
    """Tell whether every active device that ever wrote has acknowledged."""
    needed = (each for each in members.membership.devices if each in writers)
    return all(each == author or each in acked for each in needed)

"""When a vault is packed into a snapshot, and what it came to: snapshot.md §6."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from clisk_sync.membership import Membership
from clisk_sync.snapshot_store import SnapshotStore, Uncovered
from clisk_vault.ids import DeviceId

# sync.md: what came since the last snapshot, before an agent makes another.
DUE_ENVELOPES: Final = 500
DUE_BYTES: Final = 1 << 20
# At so many times as much, it is nobody's turn any more.
_OVERDUE: Final = 4


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction came to: *made* here, or found done by another device."""

    made: bool
    height: int
    envelopes: int
    bytes: int
    snapshot_bytes: int
    # Active devices whose signature the relay still waits for.
    waiting_for: tuple[DeviceId, ...]


def has_something(store: SnapshotStore) -> bool:
    """Tell whether a snapshot would cover more than word of the last one."""
    uncovered = store.uncovered()
    return sum(each.envelopes for each in uncovered.values()) > 1 or (
        bool(uncovered) and store.taken() is None
    )


def is_due(store: SnapshotStore, own_id: DeviceId) -> bool:
    """Tell whether it is this device's turn to make one (§6)."""
    uncovered = store.uncovered()
    envelopes = sum(each.envelopes for each in uncovered.values())
    size = sum(each.bytes for each in uncovered.values())
    taken = store.taken()
    if size < (0 if taken is None else taken.bytes):
        return False
    times = max(envelopes / DUE_ENVELOPES, size / DUE_BYTES)
    if times > _OVERDUE:
        return True
    own = uncovered.get(own_id)
    most = max(((each.bytes, device) for device, each in uncovered.items()),
               default=None)  # fmt: skip
    return times > 1 and own is not None and most == (own.bytes, own_id)


def outcome(
    store: SnapshotStore,
    membership: Membership,
    *,
    own_id: DeviceId,
    signed: frozenset[DeviceId],
    made: bool,
    before: Mapping[DeviceId, Uncovered],
) -> Compacted:
    """Say what a compaction of what was uncovered *before* came to."""
    # One made here covers all that was; of another's, what is left tells.
    after = {} if made else store.uncovered()
    taken = store.taken()
    return Compacted(
        made=made,
        height=0 if taken is None else taken.height,
        envelopes=_sum(before, after, lambda each: each.envelopes),
        bytes=_sum(before, after, lambda each: each.bytes),
        snapshot_bytes=0 if taken is None else taken.bytes,
        waiting_for=tuple(
            device
            for device in membership.devices
            if device != own_id
            and taken is not None
            and device in taken.covered
            and device not in signed
        ),
    )


def _sum(
    before: Mapping[DeviceId, Uncovered],
    after: Mapping[DeviceId, Uncovered],
    part: Callable[[Uncovered], int],
) -> int:
    return max(0, sum(map(part, before.values())) - sum(map(part, after.values())))

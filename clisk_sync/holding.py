"""What this device holds beyond a snapshot, and going over all of it without haste."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.envelope_content import parse_content
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.snapshot import Covered
from clisk_sync.snapshot_store import SnapshotStore
from clisk_sync.turns import give_way
from clisk_vault.change_chunk import ChangeHash, hash_of
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DeviceId, ItemId

# Items looked at before other work has its turn, and changes applied together.
SLICE: Final = 64


def changes_beyond(
    covered: Mapping[DeviceId, Covered],
    *,
    vault: VaultPort,
    store: SnapshotStore,
    membership: Membership,
) -> dict[ItemId, set[ChangeHash]]:
    """Return the changes of envelopes here that *covered* does not cover."""
    beyond: dict[ItemId, set[ChangeHash]] = {}
    for author, data in store.bodies_beyond(covered):
        unverified = parse_unverified_envelope(data)
        envelope = unverified.verify(membership.known(author).public.signing)
        secret = vault.epochs.secret(envelope.header.epoch)
        try:
            plain = envelope.open(secret)
            changes = parse_content(plain, author=author).changes
        except (FormatError, TamperedError, UnsupportedError):
            continue  # set aside: nothing of it is in a document
        for each in changes:
            beyond.setdefault(each.item, set()).add(hash_of(each.change))
    return beyond


async def unhurried(items: list[ItemId]) -> AsyncIterator[ItemId]:
    """Yield all, and let other work have its turn now and then."""
    for count, item in enumerate(items, 1):
        yield item
        if count % SLICE == 0:
            await give_way()

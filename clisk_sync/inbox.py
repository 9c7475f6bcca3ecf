"""Changes that were taken in and wait to be applied: protocol/envelope.md §6 step 10.

Applying is what costs: a document is loaded, proven and stored for each item. So
many envelopes are applied together, item by item, each document once, and other
work has its turn in between. Applying twice does nothing, so a crash costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.envelope_content import Content, parse_content
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.report import Tally
from clisk_sync.turns import give_way
from clisk_vault.change_chunk import parse_change
from clisk_vault.document import author_of
from clisk_vault.errors import UnsupportedError, UntrustedInputError
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.replica import IncomingChange

# Envelopes applied together: at most 8 MiB of changes in memory, usually 64 KiB each.
_TOGETHER: Final = 128
# Changes in one transaction, which nothing interrupts; one item is never split.
_SLICE: Final = 128


def incoming(
    author: DeviceId, content: Content, membership: Membership
) -> list[IncomingChange]:
    """Return the changes of *content*, with the author that was verified.

    A successor carries what its predecessor had not sent (membership.md §5.5).
    """
    was = membership.was(author)
    return [
        IncomingChange(
            _maker(each.change, author, was) if was else author, each.item, each.change
        )
        for each in content.changes
    ]


def _maker(change: bytes, author: DeviceId, was: frozenset[DeviceId]) -> DeviceId:
    try:
        named = author_of(parse_change(change).actor)
    except (UntrustedInputError, UnsupportedError):
        return author  # the vault refuses it, with its reason
    return named if named in was else author


class Inbox:
    """Applies what intake has deferred."""

    def __init__(self, vault: VaultPort, journal: Journal) -> None:
        self._vault = vault
        self._journal = journal

    def is_full(self) -> bool:
        """Tell whether to apply before taking in more."""
        return self._journal.count_deferred() >= _TOGETHER

    async def empty(self, membership: Membership, tally: Tally) -> None:
        """Apply all that is deferred, in slices.

        Raises:
            NotAMember, FormatError, TamperedError: the vault file was changed.
        """
        while deferred := self._journal.deferred(_TOGETHER):
            changes = [
                each for _, data in deferred for each in self._changes(data, membership)
            ]
            for part in _slices(changes):
                with self._journal.storage.transaction():
                    tally.count(self._vault.replica.apply_all(part))
                await give_way()
            with self._journal.storage.transaction():
                self._journal.handed_over(deferred[-1][0])

    def _changes(self, data: bytes, membership: Membership) -> list[IncomingChange]:
        """Return the changes of an envelope; the disk is not believed either."""
        unverified = parse_unverified_envelope(data)
        author = unverified.unverified_header.author
        envelope = unverified.verify(membership.known(author).public.signing)
        cut = membership.cut(author)
        if cut is not None and envelope.header.number > cut.number:
            return []  # its author was revoked while it waited; told by heed_cuts()
        secret = self._vault.epochs.secret(envelope.header.epoch)
        content = parse_content(envelope.open(secret), author=author)
        return incoming(author, content, membership)


def _slices(changes: Sequence[IncomingChange]) -> Iterator[list[IncomingChange]]:
    """Yield all changes, those of an item together, items in the order of their ids.

    Neighbours share a page of the overview, which is then written once.
    """
    by_item: dict[ItemId, list[IncomingChange]] = {}
    for each in changes:
        by_item.setdefault(each.item_id, []).append(each)
    part: list[IncomingChange] = []
    for item in sorted(by_item):
        part += by_item[item]
        if len(part) >= _SLICE:
            yield part
            part = []
    if part:
        yield part

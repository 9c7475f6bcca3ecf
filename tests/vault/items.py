"""What the tests of items share: devices, clocks, documents, changes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from clisk_vault.change_chunk import ActorId, ChangeHash, encode_change
from clisk_vault.document import EntryDocument, new_actor
from clisk_vault.entry import EntryValue
from clisk_vault.hlc import HybridClock, Stamp
from clisk_vault.ids import DeviceId
from clisk_vault.item import ItemView
from clisk_vault.item_write import compose, next_stamp

NOON = 1_800_000_000_000
A, B, C = (DeviceId(letter * 16) for letter in (b"A", b"B", b"C"))


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    """Return a source of bytes that is the same in each run."""
    return random.Random(seed).randbytes


def stamp(device: DeviceId = A, *, ms: int = 0, counter: int = 0) -> Stamp:
    """Return a stamp *ms* after noon."""
    return Stamp(NOON + ms, counter, device)


class Writer:
    """A device with a document of one item, as the vault uses it."""

    def __init__(self, device: DeviceId, *, now: Callable[[], int] = lambda: NOON):
        self.device = device
        self.clock = HybridClock(device, now)
        self.document = EntryDocument.new(new_actor(device))
        self.sent: list[tuple[DeviceId, bytes]] = []

    def view(self) -> ItemView:
        return ItemView.from_entries(self.document.entries())

    def write(self, values: Mapping[str, EntryValue]) -> Stamp:
        """Give fields new values, having seen all that stands here."""
        view = self.view()
        now = next_stamp(view, self.clock)
        self.add(compose(view, now, values))
        return now

    def add(self, entries: Mapping[str, EntryValue]) -> None:
        """Write *entries* as they are."""
        self.sent.append((self.device, self.document.write(entries).data))

    def hear(self, other: Writer) -> None:
        """Apply all that *other* has sent."""
        for author, data in other.sent:
            self.document.apply(data, author=author)


def change(
    entries: Mapping[str, EntryValue],
    *,
    actor: ActorId | None = None,
    seq: int = 1,
    start_op: int = 1,
    deps: tuple[ChangeHash, ...] = (),
) -> bytes:
    """Return the bytes of a change that no document of ours would have made."""
    actor = actor or new_actor(A, seeded())
    return encode_change(
        actor=actor, seq=seq, start_op=start_op, deps=deps, entries=entries
    )

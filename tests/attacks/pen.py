"""A stolen key that signs envelope after envelope into the honest log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from clisk_sync.envelope_content import MAX_BATCH_BYTES, MAX_BATCH_CHANGES, ItemChange
from clisk_vault.ids import ItemId
from tests.attacks.stage import Stage
from tests.sync.world import Device, Forger, digest

Signed: TypeAlias = tuple[ItemId, bytes]
# A change besides its bytes: its item, and what CBOR puts before both.
_OVERHEAD: Final = 32


class Pen:
    """What a thief of the laptop's key, and of all it knows, can do with it."""

    def __init__(self, on: Stage, laptop: Device, phone: Device) -> None:
        self._on, self._laptop = on, laptop
        mark = phone.engine.frontier.chain(laptop.id).mark
        self._number, self._last = mark.number, mark.hash
        # What it says that it has seen never goes back.
        said = phone.engine.frontier.said.get(laptop.id)
        held = laptop.engine.frontier.marks(laptop.engine.membership.devices)
        self._marks = {**held, **(said.claim.marks if said else {})}

    async def sign(self, *changes: Signed, content: bytes | None = None) -> None:
        """Put one envelope into the log; *content* stands for all that it says."""
        self._number += 1
        data = Forger.of(self._laptop).envelope(
            self._number,
            self._last,
            marks=dict(self._marks),
            changes=tuple(ItemChange(*each) for each in changes),
            content=content,
        )
        self._last = digest(data)
        await self._laptop.transport.honest.append(self._on.relay.bring(data))

    async def sign_all(self, changes: Iterable[Signed]) -> None:
        """Put *changes* into as many envelopes as they take."""
        batch, size = list[Signed](), 0
        for item, data in changes:
            cost = len(data) + _OVERHEAD
            if batch and (
                size + cost > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_CHANGES
            ):
                await self.sign(*batch)
                batch, size = [], 0
            batch.append((item, data))
            size += cost
        await self.sign(*batch)

"""A pairing over a mailbox: the drivers, with the relay in memory."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from clisk_sync import pair
from clisk_sync.errors import (
    PairingAlreadyScanned,
    PairingClosed,
    PairingExpired,
    RecordConflictError,
)
from clisk_sync.founding import add_record, found
from clisk_sync.membership import Membership
from clisk_sync.pairing import MemberPairing, Newcomer, NewcomerPairing
from clisk_sync.pairing_code import parse_pairing_code
from clisk_sync.testing import MemoryRelay
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.keys import EpochSecret

_NOW = 1_700_000_000_000


class World(NamedTuple):
    """A relay with a vault of one device on it."""

    relay: MemoryRelay
    laptop: DeviceSecrets
    membership: Membership
    epoch: EpochSecret

    def offer(self) -> MemberPairing:
        """Return a pairing with a code to scan."""
        return MemberPairing(
            relay="http://127.0.0.1:8440",
            vault=self.membership.vault_id,
            member=self.laptop.public.id,
            clock=lambda: _NOW,
        )

    async def append(self, newcomer: Newcomer) -> bytes:
        """Admit *newcomer* on the relay."""
        transport = self.relay.vault(self.membership.vault_id, self.laptop)
        newest = self.membership.advance(await transport.records())
        record = add_record(
            newest, self.laptop, self.epoch, newcomer.device, newcomer.name
        )
        await transport.append_record(record)
        return record


async def _world() -> World:
    laptop, _ = enrol()
    genesis, vault_id, epoch = found(laptop, "laptop")
    relay = MemoryRelay()
    await relay.vault(vault_id, laptop).create(genesis)
    return World(relay, laptop, Membership.verify(vault_id, [genesis]), epoch)


def _scan(offered: MemberPairing, device: DeviceSecrets) -> NewcomerPairing:
    code = parse_pairing_code(offered.code.url())
    return NewcomerPairing(code, device.public, "phone", clock=lambda: _NOW)


def test_both_sides_end_with_the_same_members() -> None:
    """Knock, digits, record, welcome; the newcomer reads the records itself."""

    async def story() -> None:
        world = await _world()
        boxes, offered, (phone, _) = world.relay.mailboxes(), world.offer(), enrol()
        scanned = _scan(offered, phone)
        digits, newcomer = await asyncio.gather(
            pair.knock(scanned, boxes), pair.wait_for_knock(offered, boxes)
        )
        assert newcomer.name == "phone"
        offered.enter(digits)
        await asyncio.gather(
            pair.admit(offered, boxes, world.append, dict),
            pair.wait_for_welcome(scanned, boxes),
        )
        vault_id = scanned.code.vault
        records = await world.relay.vault(vault_id, phone).records()
        membership = Membership.verify(vault_id, records)
        assert scanned.finish(membership) == {}
        assert phone.public.id in membership.devices

    asyncio.run(story())


def test_a_second_scan_is_refused_and_says_so() -> None:
    """The person hears that somebody else was first."""

    async def story() -> None:
        world = await _world()
        boxes, offered = world.relay.mailboxes(), world.offer()
        first, second = (_scan(offered, enrol()[0]) for _ in range(2))
        await asyncio.gather(
            pair.knock(first, boxes), pair.wait_for_knock(offered, boxes)
        )
        with pytest.raises(PairingAlreadyScanned) as caught:
            await pair.knock(second, boxes)
        assert "refuse it" in caught.value.advice

    asyncio.run(story())


def test_nobody_scans_and_the_code_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting has an end, with a named error."""
    monkeypatch.setattr(pair, "KNOCK_SECONDS", 0.01)

    async def story() -> None:
        world = await _world()
        with pytest.raises(PairingExpired):
            await pair.wait_for_knock(world.offer(), world.relay.mailboxes())

    asyncio.run(story())


def test_a_refusal_reaches_the_newcomer() -> None:
    """Nobody waits ten minutes for a no."""

    async def story() -> None:
        world = await _world()
        boxes, offered = world.relay.mailboxes(), world.offer()
        scanned = _scan(offered, enrol()[0])
        await asyncio.gather(
            pair.knock(scanned, boxes), pair.wait_for_knock(offered, boxes)
        )
        await pair.refuse(offered, boxes)
        with pytest.raises(PairingClosed):
            await pair.wait_for_welcome(scanned, boxes)

    asyncio.run(story())


@pytest.mark.parametrize("conflicts", [1, 4, 5])
def test_a_record_that_came_second_is_made_anew(conflicts: int) -> None:
    """Two members that admit at once both succeed; a relay that lies for ever fails."""

    async def story() -> None:
        world = await _world()
        boxes, offered = world.relay.mailboxes(), world.offer()
        scanned = _scan(offered, enrol()[0])
        digits, _ = await asyncio.gather(
            pair.knock(scanned, boxes), pair.wait_for_knock(offered, boxes)
        )
        offered.enter(digits)
        left = conflicts

        async def append(newcomer: Newcomer) -> bytes:
            nonlocal left
            left -= 1
            if left >= 0:
                raise RecordConflictError(
                    "moved on", code="conflict", head_number=1, head_hash=bytes(32)
                )
            return await world.append(newcomer)

        if conflicts < 5:
            await pair.admit(offered, boxes, append, dict)
            await pair.wait_for_welcome(scanned, boxes)
            return
        with pytest.raises(RecordConflictError):
            await pair.admit(offered, boxes, append, dict)

    asyncio.run(story())

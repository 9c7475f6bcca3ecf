"""A vault whose covered envelopes a relay is deleting when it is killed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field

from clisk_sync.acceptance_snapshots import Two
from clisk_sync.errors import RelayRefused, TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.snapshot import part_hash
from tests.sync.relay_process import ONCE, stored, transport_of
from tests.sync.test_relay_acceptance import OverHttp

COVERED = 24


@dataclass
class Compaction:
    """Two devices, a snapshot that one has not acknowledged yet, and what is kept."""

    two: Two
    part: bytes
    snapshot: bytes
    uncovered: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    async def make(cls, url: str) -> Compaction:
        """Bring a vault to the relay, all but the last acknowledgement."""
        async with HttpRelay(url) as relay:
            two, part = await Two.make(OverHttp(relay)), os.urandom(2000)
            author = two.family.founder
            for _ in range(COVERED - author.number - two.phone.number):
                await two.mine.append(author.write())
            await two.mine.put_part(part)
            snapshot = two.sign(two.body([part]))
            await two.mine.append_snapshot(snapshot)
            made = cls(two, part, snapshot)
            await made.write(relay)
            return made

    async def write(self, relay: HttpRelay) -> None:
        """Append an envelope that the snapshot does not cover, and note its place."""
        author = self.two.family.founder
        envelope = author.write()
        self.uncovered[await transport_of(relay, author).append(envelope)] = envelope

    async def acknowledge(self, url: str) -> bool:
        """Give the last acknowledgement; tell whether there was an answer."""
        phone = self.two.phone
        async with HttpRelay(url, retry=ONCE) as relay:
            with contextlib.suppress(TransportError, RelayRefused):
                ack = self.two.ack(phone, self.snapshot)
                await transport_of(relay, phone).acknowledge(ack)
                return True
        return False

    async def check(self, url: str) -> int:
        """Return how many covered envelopes are left; all else must be there.

        Raises:
            AssertionError: something was lost that no snapshot covers.
        """
        author = self.two.family.founder
        async with HttpRelay(url) as relay:
            found = await stored(relay, author)
            left = [position for position in found if position <= COVERED]
            # From the oldest on, so that what is left is whole.
            assert left == list(range(COVERED - len(left) + 1, COVERED + 1))
            assert {at: found[at] for at in found if at > COVERED} == self.uncovered
            transport = transport_of(relay, author)
            assert (await transport.snapshots()).snapshots == (self.snapshot,)
            assert await transport.part(part_hash(self.part)) == self.part
            return len(left)

    async def goes_on(self, url: str) -> None:
        """Acknowledge again, and write: the deletion ends, the log goes on."""
        assert await self.acknowledge(url)
        assert await self.check(url) == 0
        async with HttpRelay(url) as relay:
            await self.write(relay)
        await self.check(url)

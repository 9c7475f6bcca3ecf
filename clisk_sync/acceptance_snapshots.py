"""The acceptance suite's part about snapshots: protocol/snapshot.md §7.

As in acceptance.py: each check founds a vault of its own and fails by
AssertionError.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from clisk_sync.acceptance import (
    Acceptance,
    Author,
    Family,
    RelayUnderTest,
    founded,
    read_all,
    refused,
)
from clisk_sync.errors import (
    RelayRefused,
    SnapshotConflictError,
    UnknownSnapshotError,
)
from clisk_sync.snapshot import (
    Body,
    Covered,
    part_hash,
    sign_ack,
    sign_snapshot,
)
from clisk_sync.transport import NO_HASH, Offer, VaultTransport
from clisk_vault.device import enrol
from clisk_vault.ids import EnvelopeHash, PartHash, SnapshotHash
from clisk_vault.primitives import sha256


@dataclass(slots=True)
class Two:
    """A vault of two devices that have written, on a relay."""

    family: Family
    phone: Author
    mine: VaultTransport
    theirs: VaultTransport

    @classmethod
    async def make(cls, relay: RelayUnderTest) -> Two:
        """Return a new one; the founder has written three times, the other once."""
        family, mine = await founded(relay)
        secrets, _ = enrol()
        record = family.record_adding(secrets)
        await mine.append_record(record)
        family.membership = family.membership.extend(record)
        phone = Author(secrets, family.vault, family.epoch_secret)
        theirs = relay.vault(family.vault, secrets)
        for _ in range(3):
            await mine.append(family.founder.write())
        await theirs.append(phone.write())
        return cls(family, phone, mine, theirs)

    def body(self, parts: list[bytes], height: int = 1) -> Body:
        """Return a snapshot by the founder of all that was written."""
        return Body(
            vault=self.family.vault,
            author=self.family.founder.secrets.public.id,
            height=height,
            previous=SnapshotHash(NO_HASH if height == 1 else sha256(b"before")),
            epoch=1,
            membership=self.family.membership.head,
            covered={
                each.secrets.public.id: Covered(each.number, each.previous, 1)
                for each in (self.family.founder, self.phone)
                if each.number
            },
            parts=tuple(map(part_hash, parts)),
            time_ms=0,
        )

    def sign(self, body: Body) -> bytes:
        """Return *body* signed by the founder."""
        return sign_snapshot(body, self.family.founder.secrets.signing)

    def ack(self, author: Author, snapshot: bytes) -> bytes:
        """Return the acknowledgement of *snapshot* by *author*."""
        return sign_ack(
            self.family.vault,
            author.secrets.public.id,
            1,
            SnapshotHash(sha256(snapshot)),
            key=author.secrets.signing,
        )


async def a_snapshot_comes_back_as_it_went(relay: RelayUnderTest) -> None:
    """Parts by their hashes, the snapshot, and no acknowledgement yet."""
    two, part = await Two.make(relay), os.urandom(3000)
    assert await two.theirs.snapshots() == Offer()
    snapshot = two.sign(two.body([part]))
    await refused(two.mine.append_snapshot(snapshot), UnknownSnapshotError)

    for _ in range(2):  # again is harmless
        await two.mine.put_part(part)
    for _ in range(2):
        await two.mine.append_snapshot(snapshot)

    assert await two.theirs.part(part_hash(part)) == part
    assert await two.theirs.snapshots() == Offer((snapshot,))
    await refused(two.mine.part(PartHash(bytes(32))), UnknownSnapshotError)


async def nothing_goes_before_all_have_signed(relay: RelayUnderTest) -> None:
    """The last acknowledgement deletes what is covered, and positions stay."""
    two, part = await Two.make(relay), os.urandom(10)
    await two.mine.put_part(part)
    snapshot = two.sign(two.body([part]))
    await two.mine.append_snapshot(snapshot)
    later = two.family.founder.write()
    await two.mine.append(later)
    assert len(await read_all(two.mine)) == 5

    ack = two.ack(two.phone, snapshot)
    await refused(two.mine.acknowledge(ack), RelayRefused)
    stranger = enrol()[0]
    of_stranger = two.ack(replace(two.phone, secrets=stranger), snapshot)
    await refused(two.theirs.acknowledge(of_stranger), RelayRefused)
    forged = sign_ack(
        two.family.vault,
        two.phone.secrets.public.id,
        1,
        SnapshotHash(sha256(snapshot)),
        key=stranger.signing,
    )
    await refused(two.theirs.acknowledge(forged), RelayRefused)
    # Rightly signed by who sends it, in another member's name.
    own = two.family.founder.secrets.signing
    in_a_name = sign_ack(
        two.family.vault,
        two.phone.secrets.public.id,
        1,
        SnapshotHash(sha256(snapshot)),
        key=own,
    )
    await refused(two.mine.acknowledge(in_a_name), RelayRefused)
    assert (await two.mine.snapshots()).acks == ()
    assert len(await read_all(two.mine)) == 5
    for _ in range(2):
        await two.theirs.acknowledge(ack)

    assert await read_all(two.mine) == [(5, later)]
    assert await two.mine.append(two.family.founder.write()) == 6
    assert (await two.mine.snapshots()).acks == (ack,)

    # The next one may not let go of what was deleted for this one.
    await two.mine.put_part(part + b"2")
    full = two.body([part + b"2"], height=2)
    full = replace(full, previous=SnapshotHash(sha256(snapshot)))
    founder = two.family.founder.secrets.public.id
    less = {founder: full.covered[founder]}
    await refused(
        two.mine.append_snapshot(two.sign(replace(full, covered=less))), RelayRefused
    )


async def a_device_that_never_wrote_is_not_waited_for(relay: RelayUnderTest) -> None:
    """It starts from the snapshot; once it has written it is waited for."""
    family, mine = await founded(relay)
    secrets, _ = enrol()
    record = family.record_adding(secrets)
    await mine.append_record(record)
    family.membership = family.membership.extend(record)
    phone = Author(secrets, family.vault, family.epoch_secret)
    two = Two(family, phone, mine, relay.vault(family.vault, secrets))
    await mine.append(family.founder.write())
    part = os.urandom(10)
    await mine.put_part(part)

    await mine.append_snapshot(two.sign(two.body([part])))

    assert await read_all(two.theirs) == []


async def another_newest_snapshot_is_a_conflict(relay: RelayUnderTest) -> None:
    """One that does not follow is told which is the newest; a leap is taken."""
    two = await Two.make(relay)
    parts = [os.urandom(10) for _ in range(3)]
    for part in parts:
        await two.mine.put_part(part)
    first = two.sign(two.body(parts[:1]))
    await two.mine.append_snapshot(first)
    # The parts of others that were on their way went with the first.
    await two.mine.put_part(parts[1])

    for height in (1, 2):
        other = two.sign(two.body(parts[1:2], height))
        conflict = await refused(two.mine.append_snapshot(other), SnapshotConflictError)
        assert (conflict.head_number, conflict.head_hash) == (1, sha256(first))
    await two.mine.append_snapshot(two.sign(two.body(parts[1:2], 3)))


async def a_snapshot_that_contradicts_the_log_is_refused(relay: RelayUnderTest) -> None:
    """Another hash at a number, another membership, another epoch, another signer."""
    two, part = await Two.make(relay), os.urandom(10)
    await two.mine.put_part(part)
    good = two.body([part])
    wrong = Covered(2, EnvelopeHash(bytes(32)), 1)
    founder = two.family.founder.secrets.public.id
    for body in (
        replace(good, covered={**good.covered, founder: wrong}),
        replace(good, membership=replace(good.membership, height=0)),
        replace(good, epoch=9),
        replace(good, author=two.phone.secrets.public.id),
    ):
        await refused(two.mine.append_snapshot(two.sign(body)), RelayRefused)
    stranger = sign_snapshot(good, enrol()[0].signing)
    await refused(two.mine.append_snapshot(stranger), RelayRefused)
    await refused(two.theirs.append_snapshot(two.sign(good)), RelayRefused)
    assert await two.mine.snapshots() == Offer()

    await two.mine.append_snapshot(two.sign(good))


async def a_relay_without_the_log_takes_each_devices_own_word(
    relay: RelayUnderTest,
) -> None:
    """Where a device has signed that its chain stands, its next envelope follows."""
    family, mine = await founded(relay)
    for _ in range(5):
        family.founder.write()  # never sent: the relay has lost them
    part = os.urandom(10)
    await mine.put_part(part)
    two = Two(family, family.founder, mine, mine)
    following = family.founder.peek()
    await refused(mine.append(following), RelayRefused)

    await mine.append_snapshot(two.sign(two.body([part])))

    assert await mine.append(following) == 1


SNAPSHOT_ACCEPTANCE: tuple[Acceptance, ...] = (
    a_snapshot_comes_back_as_it_went,
    nothing_goes_before_all_have_signed,
    a_device_that_never_wrote_is_not_waited_for,
    another_newest_snapshot_is_a_conflict,
    a_snapshot_that_contradicts_the_log_is_refused,
    a_relay_without_the_log_takes_each_devices_own_word,
)

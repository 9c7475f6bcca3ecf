"""Attacks with snapshots, each with a control: protocol/snapshot.md §5 and §7.

Each shows a named alert, a state that did not move, no acknowledgement, and no
envelope deleted; and that the same steps, honestly done, go through.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_sync.errors import RelayRefused, SyncError
from clisk_sync.snapshot import (
    Body,
    Covered,
    Entry,
    open_part,
    parse_unverified_snapshot,
    part_hash,
    seal_part,
    sign_ack,
    sign_snapshot,
)
from clisk_sync.transport import Offer
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.ids import EnvelopeHash, SnapshotHash, VaultId
from clisk_vault.keys import EpochSecret
from tests.sync.world import Device, World, names, run


class Mill:
    """Somebody who takes a good snapshot and makes another of it."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.vault = device.world.relay.find(device.vault_id)
        self.secret: EpochSecret = device.vault.epochs.secret(1)

    @property
    def good(self) -> Body:
        """The newest snapshot on the relay."""
        return self.vault.snapshots[-1].body

    def entries(self) -> list[Entry]:
        """Return what is in it."""
        return [
            entry
            for index, name in enumerate(self.good.parts)
            for entry in open_part(
                self.vault.parts[name], self.good, index, secret=self.secret
            )
        ]

    def make(
        self,
        body: Body,
        *,
        entries: list[Entry] | None = None,
        signer: DeviceSecrets | None = None,
        name_signer: bool = True,
    ) -> tuple[bytes, bytes]:
        """Return a snapshot of one part, and the part."""
        who = signer or self.device.secrets
        author = who.public.id if name_signer else body.author
        draft = replace(body, author=author, parts=body.parts[:1])
        rows = self.entries() if entries is None else entries
        part = seal_part(rows, draft, 0, secret=self.secret)
        draft = replace(draft, parts=(part_hash(part),))
        return sign_snapshot(draft, who.signing), part


def serve(
    device: Device, *offered: tuple[bytes, bytes], acks: tuple[bytes, ...] = ()
) -> None:
    """Let the relay give *device* these snapshots, and no others."""
    parts = {part_hash(part): part for _, part in offered}
    honest = device.transport.honest.part

    async def part(name: object) -> bytes:
        return parts[name] if name in parts else await honest(name)  # type: ignore[index, arg-type]

    device.transport.honest.part = part  # type: ignore[method-assign]
    snapshots = tuple(data for data, _ in offered)
    device.transport.on_snapshots = lambda _: Offer(snapshots, acks)


async def _ready(tmp_path: Path) -> tuple[World, Device, Device, Mill]:
    """Return a world where the laptop made a snapshot that the phone has not seen."""
    world = World(tmp_path)
    laptop, phone = await world.pair()
    for title in ("one", "two", "three"):
        laptop.write(title)
    await world.settle()
    await laptop.engine.compact()
    return world, laptop, phone, Mill(laptop)


async def _refuses(world: World, phone: Device, name: str) -> None:
    """Check that the phone names the attack, and stays as it was."""
    vault = world.relay.find(phone.vault_id)
    before, deleted = phone.titles(), set(vault.deleted)
    try:
        found = names((await phone.engine.compact())[0])
    except SyncError as err:
        found = [type(err).__name__]
    assert name in found
    assert phone.titles() == before
    assert vault.deleted == deleted
    assert all(phone.id not in acks for acks in vault.acks.values())
    assert name in {each.kind for each in phone.engine.evidence()}


Spoil = Callable[[Mill], tuple[bytes, bytes]]


def _by_stranger(mill: Mill) -> tuple[bytes, bytes]:
    return mill.make(mill.good, signer=enrol()[0])


def _in_a_members_name(mill: Mill) -> tuple[bytes, bytes]:
    return mill.make(mill.good, signer=enrol()[0], name_signer=False)


def _drops_an_item(mill: Mill) -> tuple[bytes, bytes]:
    return mill.make(mill.good, entries=mill.entries()[1:])


def _invents(mill: Mill) -> tuple[bytes, bytes]:
    written = mill.device.write("never sent")
    held = mill.device.vault.replica.held(written)
    rows = [*mill.entries(), *(Entry(written, each.change) for each in held)]
    return mill.make(mill.good, entries=sorted(rows, key=lambda row: row.item))


def _other_hash(mill: Mill) -> tuple[bytes, bytes]:
    own = mill.good.covered[mill.device.id]
    wrong = replace(own, hash=EnvelopeHash(bytes(32)))
    covered = {**mill.good.covered, mill.device.id: wrong}
    return mill.make(replace(mill.good, covered=covered))


def _lies_about_the_phone(mill: Mill) -> tuple[bytes, bytes]:
    phone = mill.device.world.devices["phone"].id
    ahead = Covered(99, EnvelopeHash(bytes(32)), 1)
    return mill.make(replace(mill.good, covered={**mill.good.covered, phone: ahead}))


def _other_membership(mill: Mill) -> tuple[bytes, bytes]:
    head = replace(mill.good.membership, height=0)
    return mill.make(replace(mill.good, membership=head))


def _of_another_vault(mill: Mill) -> tuple[bytes, bytes]:
    return mill.make(replace(mill.good, vault=World.__name__.encode().ljust(32)))  # type: ignore[arg-type]


def _another_part(mill: Mill) -> tuple[bytes, bytes]:
    """A part that opens as well: sealed by a member for this very place."""
    data, _ = mill.make(mill.good)
    body = parse_unverified_snapshot(data).unverified_body
    other = seal_part(mill.entries(), body, 0, secret=mill.secret)
    mill.vault.parts[body.parts[0]] = other
    return data, b"not asked for"


def _says_a_change_twice(mill: Mill) -> tuple[bytes, bytes]:
    rows = mill.entries()
    return mill.make(mill.good, entries=[rows[0], *rows])


def _parts_in_another_order(mill: Mill) -> tuple[bytes, bytes]:
    rows = mill.entries()
    draft = replace(mill.good, author=mill.device.id, parts=mill.good.parts * 2)
    packs = (rows[1:], rows[:1])
    parts = [
        seal_part(pack, draft, at, secret=mill.secret) for at, pack in enumerate(packs)
    ]
    mill.vault.parts.update({part_hash(part): part for part in parts})
    named = replace(draft, parts=tuple(map(part_hash, parts)))
    return sign_snapshot(named, mill.device.secrets.signing), parts[0]


ATTACKS: dict[str, tuple[Spoil, str]] = {
    "forged by a stranger": (_by_stranger, "SnapshotForged"),
    "forged in a member's name": (_in_a_members_name, "SnapshotForged"),
    "drops an item": (_drops_an_item, "SnapshotDrops"),
    "invents a change": (_invents, "SnapshotInvents"),
    "covers another envelope": (_other_hash, "SnapshotContradicted"),
    "covers what this device never wrote": (_lies_about_the_phone, "CloneDetected"),
    "names another membership": (_other_membership, "SnapshotContradicted"),
    "of another vault": (_of_another_vault, "SnapshotForged"),
    "another part": (_another_part, "SnapshotForged"),
    "says a change twice": (_says_a_change_twice, "SnapshotForged"),
    "parts in another order": (_parts_in_another_order, "SnapshotForged"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_spoilt_snapshot_is_named_and_not_taken(tmp_path: Path, attack: str) -> None:
    """Whatever is wrong with it, nothing changes and nothing is signed for."""
    spoil, name = ATTACKS[attack]

    async def story() -> None:
        world, _, phone, mill = await _ready(tmp_path)
        serve(phone, spoil(mill))

        await _refuses(world, phone, name)
        world.close()

    run(story())


def test_control_the_same_mill_makes_a_snapshot_that_is_taken(tmp_path: Path) -> None:
    """What the attacks above change is what they are refused for."""

    async def story() -> None:
        world, _, phone, mill = await _ready(tmp_path)
        made = mill.make(mill.good)
        serve(phone, made)

        report = await phone.sync()

        # The laptop announced another one: that is the only fault left.
        assert names(report) == ["SnapshotFork"] or not report.alerts
        taken = phone.engine._taker.store.taken()
        assert taken is not None
        assert taken.hash == parse_unverified_snapshot(made[0]).hash
        world.close()

    run(story())


def test_a_chain_moved_ahead_by_another_device_is_not_believed(tmp_path: Path) -> None:
    """A member that says how far a third one is cannot silence that one."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        laptop.write("one")
        await world.settle()
        await laptop.engine.compact()
        mill = Mill(laptop)
        ahead = Covered(50, EnvelopeHash(bytes(32)), 1)
        lie = replace(mill.good, covered={**mill.good.covered, tablet.id: ahead})
        serve(phone, mill.make(lie))

        await _refuses(world, phone, "SnapshotUnproven")
        phone.transport.on_snapshots = lambda offer: offer
        tablet.write("still heard")
        await world.settle()
        assert "still heard" in phone.titles()
        world.close()

    run(story())


def test_a_forged_acknowledgement_moves_no_chain(tmp_path: Path) -> None:
    """By a stranger, for another snapshot or vault, it is as if it were not there."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        await laptop.engine.compact()
        mill = Mill(laptop)
        ahead = Covered(50, EnvelopeHash(bytes(32)), 1)
        lie = replace(mill.good, covered={**mill.good.covered, tablet.id: ahead})
        data, part = mill.make(lie)
        hash_ = parse_unverified_snapshot(data).hash
        stranger = enrol()[0]
        forged = sign_ack(laptop.vault_id, tablet.id, 1, hash_, key=stranger.signing)
        of_other = sign_ack(
            laptop.vault_id, tablet.id, 1, SnapshotHash(bytes(32)),
            key=tablet.secrets.signing,
        )  # fmt: skip
        elsewhere = sign_ack(
            VaultId(bytes(32)), tablet.id, 1, hash_, key=tablet.secrets.signing
        )
        serve(phone, (data, part), acks=(forged, of_other, elsewhere, b"junk"))
        await _refuses(world, phone, "SnapshotUnproven")

        # Control: the tablet's own signature on that very snapshot does move it.
        real = sign_ack(
            laptop.vault_id, tablet.id, 1, hash_, key=tablet.secrets.signing
        )
        serve(phone, (data, part), acks=(real,))
        await phone.sync()
        assert phone.engine.frontier.chain(tablet.id).mark.number == 50
        world.close()

    run(story())


def test_a_snapshot_by_a_revoked_device_needs_a_member_to_vouch(tmp_path: Path) -> None:
    """A newcomer takes none that only a revoked device signed."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        tablet.write("by the tablet")
        await world.settle()
        await tablet.engine.compact()
        mill = Mill(tablet)
        made = mill.make(mill.good)
        await laptop.engine.revoke(tablet.id)
        world.devices.pop("tablet")
        with pytest.raises(RelayRefused):
            await tablet.transport.append_snapshot(made[0])
        serve(phone, made)
        await _refuses(world, phone, "SnapshotForged")

        # Control: the laptop had acknowledged it.
        ack = sign_ack(
            laptop.vault_id,
            laptop.id,
            1,
            parse_unverified_snapshot(made[0]).hash,
            key=laptop.secrets.signing,
        )
        serve(phone, made, acks=(ack,))
        await phone.sync()
        assert phone.engine._taker.store.taken() is not None
        tablet.vault.lock()
        world.close()

    run(story())


@pytest.mark.parametrize("further", [1, 0], ids=["past the cut", "another at the cut"])
def test_a_snapshot_counts_nothing_of_a_revoked_device_but_its_cut(
    tmp_path: Path, further: int
) -> None:
    """A member that vouches for what came after the revocation is contradicted."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        tablet.write("not heard of by the phone")
        await tablet.sync()
        await laptop.sync()
        await laptop.engine.revoke(tablet.id)
        world.devices.pop("tablet")
        await laptop.engine.compact()
        mill = Mill(laptop)
        mill.secret = laptop.vault.epochs.secret(mill.good.epoch)
        cut = laptop.engine.membership.cut(tablet.id)
        assert cut is not None
        assert phone.engine.frontier.chain(tablet.id).mark.number < cut.number
        more = Covered(cut.number + further, EnvelopeHash(bytes(32)), 1)
        lie = replace(mill.good, covered={**mill.good.covered, tablet.id: more})
        made, honest = mill.make(lie), mill.make(mill.good)
        # Only what the snapshots say: the phone has not read what the tablet wrote.
        phone.transport.on_read = lambda log: log[: len(log) - 3]
        serve(phone, made)

        await _refuses(world, phone, "SnapshotContradicted")

        # Control: up to the cut it is taken.
        serve(phone, honest)
        await phone.engine.compact()
        assert phone.engine.frontier.chain(tablet.id).mark.hash == cut.hash
        tablet.vault.lock()
        world.close()

    run(story())


def test_another_snapshot_announced_than_was_taken_is_a_fork(tmp_path: Path) -> None:
    """The word of it comes late, and is still held against what stands here."""

    async def story() -> None:
        world, laptop, phone, mill = await _ready(tmp_path)
        await laptop.sync()
        other = mill.make(mill.good)
        serve(phone, other)
        newest = [each async for each in laptop.transport.honest.read(0)][-1]
        phone.transport.on_read = lambda log: [each for each in log if each != newest]
        assert not (await phone.engine.compact())[0].alerts
        taken = phone.engine._taker.store.taken()
        assert taken is not None
        assert taken.hash == parse_unverified_snapshot(other[0]).hash
        phone.transport.on_snapshots = lambda _: Offer()
        phone.transport.on_read = lambda log: log

        assert "SnapshotFork" in names(await phone.sync())
        assert newest[1] in next(
            (each.first, each.second)
            for each in phone.engine.evidence()
            if each.kind == "SnapshotFork"
        )
        world.close()

    run(story())


def test_an_old_snapshot_replayed_is_named(tmp_path: Path) -> None:
    """Whoever has taken a newer one is not led back; a fork is told from an old one."""

    async def story() -> None:
        world, laptop, phone, mill = await _ready(tmp_path)
        old = mill.make(mill.good)
        await phone.sync()
        laptop.write("four")
        await world.settle()
        await laptop.engine.compact()
        await phone.sync()
        before = phone.trusted()

        serve(phone, old)
        report, _ = await phone.engine.compact()
        assert "snapshot 1: older than the one taken" in map(str, report.alerts)

        phone.transport.on_snapshots = lambda _: Offer()
        assert "SnapshotReplayed" in names((await phone.engine.compact())[0])

        serve(phone, mill.make(mill.good))
        found = names((await phone.engine.compact())[0])
        assert "SnapshotFork" in found
        assert phone.trusted()[2:] == before[2:]
        world.close()

    run(story())


def test_a_snapshot_that_covers_less_than_the_one_before_is_refused(
    tmp_path: Path,
) -> None:
    """A later one cannot let go of what an earlier one stands for."""

    async def story() -> None:
        world, laptop, phone, mill = await _ready(tmp_path)
        await phone.sync()
        first = mill.vault.snapshots[-1]
        covered = dict(mill.good.covered)
        del covered[laptop.id]
        less = replace(mill.good, height=2, previous=first.hash, covered=covered)
        serve(phone, mill.make(less))

        assert "SnapshotContradicted" in names((await phone.engine.compact())[0])
        taken = phone.engine._taker.store.taken()
        assert taken is not None
        assert taken.hash == first.hash
        world.close()

    run(story())


def test_a_snapshot_kept_back_is_missed(tmp_path: Path) -> None:
    """An announcement stands in the author's chain, so withholding shows."""

    async def story() -> None:
        world, _, phone, _ = await _ready(tmp_path)
        phone.transport.on_snapshots = lambda _: Offer()

        assert names(await phone.sync()) == ["SnapshotWithheld"]
        phone.transport.on_snapshots = lambda offer: offer
        assert names(await phone.sync()) == []
        world.close()

    run(story())


def test_a_relay_that_deletes_without_acknowledgements_is_named(tmp_path: Path) -> None:
    """With a snapshot or without, a device that wrote notices what it never got."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        laptop.write("one")
        await laptop.sync()
        laptop.write("two")
        await laptop.sync()
        vault = world.relay.find(laptop.vault_id)
        # Control: nothing was deleted.
        phone_before = phone.trusted()
        vault.deleted.add(len(vault.log) - 1)

        found = names(await phone.sync())

        assert "GapError" in found
        assert phone.trusted()[2] == phone_before[2]
        await laptop.engine.compact()
        found = names(await phone.sync())
        assert "DeletedEarly" in found
        assert phone.titles() == laptop.titles()
        world.close()

    run(story())


def test_an_honest_relay_deletes_only_what_all_have_signed(tmp_path: Path) -> None:
    """Not for junk, not for a stranger, not while one device has not signed."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        laptop.write("one")
        await world.settle()
        await laptop.engine.compact()
        vault = world.relay.find(laptop.vault_id)
        snapshot = vault.snapshots[-1]
        stranger = enrol()[0]
        for device, key in (
            (tablet.id, stranger.signing),
            (stranger.public.id, stranger.signing),
            (laptop.id, laptop.secrets.signing),
        ):
            ack = sign_ack(laptop.vault_id, device, 1, snapshot.hash, key=key)
            with suppress(RelayRefused):
                await phone.transport.acknowledge(ack)
        assert not vault.deleted

        await phone.sync()
        assert not vault.deleted, "the tablet has not signed"
        await tablet.sync()
        assert vault.deleted
        world.close()

    run(story())


def test_what_a_snapshot_lacked_comes_in_when_the_envelope_is_given(
    tmp_path: Path,
) -> None:
    """A newcomer that was misled by all who signed still takes what it is shown."""

    async def story() -> None:
        world = World(tmp_path)
        laptop = await world.found()
        laptop.write("one")
        await laptop.sync()
        laptop.write("two")
        await laptop.sync()
        vault = world.relay.find(laptop.vault_id)
        log, deleted = list(vault.log), set(vault.deleted)
        await laptop.engine.compact()
        mill = Mill(laptop)
        lie = mill.make(mill.good, entries=mill.entries()[:1])
        phone = await world.join(laptop, "phone")
        vault.deleted = deleted
        assert len(vault.log) == len(log) + 1
        serve(phone, lie)

        found = names(await phone.sync())

        assert "SnapshotDrops" in found
        # What a snapshot stands for is no fork of the chain when it is given.
        assert "ForkDetected" not in found
        assert phone.titles() == ["one", "two"]
        world.close()

    run(story())

"""Findings: kept, seen, handed out, checked; and the code that two screens compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync import intake
from clisk_sync.errors import CallerError, PeerError
from clisk_sync.evidence import (
    EvidenceFile,
    Finding,
    Verdict,
    check_evidence,
    encode_evidence,
    parse_evidence,
)
from clisk_sync.founding import add_record, found
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.outbox import HEARTBEAT_MS
from clisk_sync.recovery_kit import kit_device, new_secret
from clisk_sync.safety_code import safety_code
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.vault import Vault
from tests.sync.world import Device, Forger, LyingTransport, World, names, run
from tests.vectors import Vector, check_cddl, load_vectors, refusal


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def _code(device: Device) -> str:
    return safety_code(device.engine.membership, device.engine.frontier)


def _flipped(signed: bytes) -> bytes:
    return signed[:-1] + bytes([signed[-1] ^ 1])


def _exported(device: Device) -> EvidenceFile:
    found = tuple(
        Finding(
            each.kind,
            each.device,
            each.number,
            each.found_ms,
            tuple(part for part in (each.first, each.second) if part is not None),
        )
        for each in device.engine.evidence()
    )
    return EvidenceFile(device.vault_id, device.engine.membership.records, found)


@pytest.mark.parametrize("case", load_vectors("evidence"), ids=str)
def test_evidence_vector(case: Vector) -> None:
    """Each published file has the published verdicts, or is refused."""
    data = case.raw("file")
    if "verdicts" in case.fields:
        file = parse_evidence(data)
        assert encode_evidence(file) == data
        assert [each.value for each in check_evidence(file)] == case["verdicts"]
        check_cddl(data, page="evidence", rule="evidence")
    elif case.result == "tampered":
        with pytest.raises(PeerError):
            check_evidence(parse_evidence(data))
    else:
        with pytest.raises(refusal(case.result)):
            parse_evidence(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_evidence_in_one_spelling_or_refused(data: bytes) -> None:
    """Nothing but a named refusal escapes."""
    try:
        assert encode_evidence(parse_evidence(data)) == data
    except (FormatError, UnsupportedError):
        return


@given(
    st.text("abcXYZ", min_size=1, max_size=40),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 1 << 40),
    st.lists(st.binary(max_size=9), max_size=2),
)
def test_every_file_comes_back(
    kind: str, device: bytes, number: int, shown: list[bytes]
) -> None:
    """Parse undoes encode."""
    one = Finding(kind, DeviceId(device), number, number, tuple(shown))
    file = EvidenceFile(VaultId(bytes(32)), (b"x",), (one,))
    assert parse_evidence(encode_evidence(file)) == file


def test_a_fork_is_kept_with_both_envelopes_and_proven_to_others(world: World) -> None:
    """Attack: one device, two envelopes at one number. Who has neither key sees it."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("second")
        await world.settle()
        mark = laptop.engine.frontier.chain(phone.id).mark
        held = Journal(laptop.vault.storage).bytes_of(phone.id, mark.number)
        assert held is not None
        forged = Forger.of(laptop, phone.secrets).envelope(
            mark.number, bytes(range(32))
        )
        before = laptop.trusted()
        laptop.transport.on_read = lambda log: [*log, (len(log) + 1, forged)]

        report = await laptop.sync()

        assert names(report) == ["ForkDetected"]
        assert laptop.trusted() == before
        laptop.restart()
        file = parse_evidence(encode_evidence(_exported(laptop)))
        (found,) = file.findings
        assert (found.kind, found.device, found.shown) == (
            "ForkDetected",
            phone.id,
            (held, forged),
        )
        assert check_evidence(file) == [Verdict.PROVEN]
        # Control: with one of them changed it proves nothing.
        spoilt = Finding(found.kind, found.device, 1, 0, (held, _flipped(forged)))
        other = EvidenceFile(file.vault, file.records, (spoilt,))
        assert check_evidence(other) == [Verdict.BROKEN]

    run(story())


def test_an_alert_is_seen_and_its_evidence_stays(world: World) -> None:
    """Acknowledging hides nothing for good, and keeps its first time."""

    async def story() -> None:
        laptop, _ = await world.pair()
        laptop.transport.on_read = lambda log: [*log, (len(log) + 1, log[0][1])]
        assert names(await laptop.sync()) == ["ReplayedEnvelope"]
        journal = Journal(laptop.vault.storage)
        (found,) = journal.evidence()
        assert found.acknowledged_ms is None

        assert journal.acknowledge(found.id, 5)
        assert journal.acknowledge(found.id, 9)
        assert not journal.acknowledge(found.id + 1, 9)

        laptop.restart()
        (seen,) = laptop.engine.evidence()
        assert (seen.acknowledged_ms, seen.kind) == (5, "ReplayedEnvelope")

    run(story())


def test_a_flood_of_findings_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a member forks itself at every number. Alerts go on, rows do not."""
    monkeypatch.setattr(intake, "_MAX_FINDINGS", 3)

    async def story() -> None:
        laptop, phone = await world.pair()
        for each in range(5):
            phone.write(f"note {each}")
            await phone.sync()
        await laptop.sync()
        forger = Forger.of(laptop, phone.secrets)
        newest = laptop.engine.frontier.chain(phone.id).mark.number
        assert newest > 4
        forged = [forger.envelope(n, bytes(range(32))) for n in range(2, newest + 1)]
        laptop.transport.on_read = lambda log: [
            *log,
            *enumerate(forged, start=len(log) + 1),
        ]

        report = await laptop.sync()

        assert len(report.alerts) == len(forged)
        assert len(laptop.engine.evidence()) == 3

    run(story())


def test_a_kit_that_was_used_is_told_to_every_device(world: World) -> None:
    """Its use is no secret: an alert, with the record that shows it."""

    async def story() -> None:
        laptop, phone = await world.pair()
        secret = new_secret()
        kit = kit_device(secret, laptop.vault_id)
        anchor = await laptop.engine.speak()
        await laptop.engine.add_kit(kit.public, "kit", anchor=anchor)
        quiet = await phone.sync()
        membership = phone.engine.membership
        epochs = phone.vault.epochs
        newcomer = kit_device(new_secret(), laptop.vault_id).public
        record = add_record(
            membership, kit, epochs.secret(epochs.current), newcomer, "new"
        )
        await world.relay.vault(laptop.vault_id, kit).append_record(record)

        reports = [await laptop.sync(), await phone.sync(), await phone.sync()]

        assert quiet.alerts == ()
        assert [names(each) for each in reports] == [["KitUsed"], ["KitUsed"], []]
        (found,) = phone.engine.evidence()
        assert (found.device, found.first) == (newcomer.id, record)

    run(story())


def test_a_kit_outlives_the_envelopes_that_it_was_made_with(world: World) -> None:
    """Its mark is covered by a snapshot that came later; nobody waits for the kit."""

    async def story() -> None:
        laptop, phone = await world.pair()
        secret = new_secret()
        kit = kit_device(secret, laptop.vault_id)
        anchor = await laptop.engine.speak()
        await laptop.engine.add_kit(kit.public, "kit", anchor=anchor)
        laptop.write("later")
        await world.settle()
        _, done = await laptop.engine.compact()
        assert kit.public.id not in done.waiting_for
        await world.settle()

        sender = LyingTransport(world.relay.vault(laptop.vault_id, kit))
        author = replace(laptop, secrets=kit, transport=sender)
        tablet = await world.join(author, "tablet")
        tablet.engine.expect({laptop.id: (anchor.number, anchor.hash)})
        report = await tablet.sync()

        assert report.alerts == ()
        assert tablet.titles() == laptop.titles() == ["first", "later"]
        assert tablet.engine.frontier.missing == {}
        assert names(await phone.sync()) == ["KitUsed"]

    run(story())


def test_a_kit_needs_the_mark_of_its_maker(world: World) -> None:
    """A mark that no envelope has would hold the relay to nothing."""

    async def story() -> None:
        laptop, phone = await world.pair()
        kit = kit_device(new_secret(), laptop.vault_id)
        foreign = laptop.engine.frontier.chain(phone.id).mark
        with pytest.raises(CallerError):
            await laptop.engine.add_kit(kit.public, "kit", anchor=foreign)
        assert kit.public.id not in laptop.engine.membership.devices

    run(story())


def test_silence_means_something(world: World) -> None:
    """A device in use is heard of daily, though it has nothing to say."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.settle()
        heard = laptop.engine.heard()[phone.id].received_ms
        world.clock.now_ms += HEARTBEAT_MS
        assert (await phone.sync()).pushed == 1
        assert (await phone.sync()).pushed == 0
        await laptop.sync()
        assert laptop.engine.heard()[phone.id].received_ms > heard
        journal = Journal(laptop.vault.storage)
        assert journal.state(State.CONTACT_MS) == world.clock.now_ms

    run(story())


def test_who_is_alone_has_no_one_to_tell(world: World) -> None:
    """Neither a founder by itself nor a kit in a drawer is a reason for heartbeats."""

    async def story() -> None:
        laptop = await world.found()
        kit = kit_device(new_secret(), laptop.vault_id)
        anchor = await laptop.engine.speak()
        await laptop.engine.add_kit(kit.public, "kit", anchor=anchor)
        await laptop.sync()
        # What the access log has to tell is told in any case; let it have nothing.
        laptop.engine._outbox._vault = _Quiet(laptop.vault)  # type: ignore[assignment]
        world.clock.now_ms += 3 * HEARTBEAT_MS
        assert (await laptop.sync()).pushed == 0

    run(story())


class _Quiet:
    """A vault whose log has no news."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.teller = self

    def next_messages(self, *, now: bool) -> list[bytes]:
        del now
        return []

    def __getattr__(self, name: str) -> object:
        return getattr(self._vault, name)


def test_honest_devices_have_one_code(world: World) -> None:
    """Once everybody has heard everything; and it needs no relay to be shown."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        await world.settle()
        code = _code(laptop)
        assert code == _code(phone) == _code(tablet)
        assert len(code.split()) == 6
        await laptop.engine.revoke(tablet.id)
        world.devices.pop("tablet").vault.lock()
        await world.settle()
        assert _code(laptop) == _code(phone) != code
        laptop.restart()
        assert _code(laptop) == _code(phone)
        # How much of a departed device came in by then is not the same everywhere.
        frontier = laptop.engine.frontier
        left = {each: c for each, c in frontier.chains.items() if each != tablet.id}
        assert len(left) < len(frontier.chains)
        without = replace(frontier, chains=left)
        assert safety_code(laptop.engine.membership, without) == _code(laptop)

    run(story())


def test_a_partition_shows_in_the_code(world: World) -> None:
    """Attack: each device is for ever shown only its own half. No alert; two codes."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.settle()
        assert _code(laptop) == _code(phone)  # control: until here all was well
        seen = len([each async for each in laptop.transport.honest.read(0)])
        for device in (laptop, phone):
            device.transport.on_read = lambda log: log[:seen]
            device.write("news")

        reports = [await device.sync() for device in (laptop, phone) for _ in range(2)]

        assert [each.alerts for each in reports][:1] == [()]
        assert _code(laptop) != _code(phone)

    run(story())


def test_a_fork_of_the_members_shows_in_the_code(world: World) -> None:
    """Attack: two devices are told two lists of members."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.settle()
        before = _code(phone)
        phone.transport.on_records = lambda records: records[:2]
        await laptop.engine.rotate()
        await phone.sync()
        assert _code(phone) == before != _code(laptop)

    run(story())


def test_evidence_of_another_vault_is_judged_by_nobody(world: World) -> None:
    """The records must be those of the vault that the file names."""

    async def story() -> None:
        laptop, _ = await world.pair()
        file = _exported(laptop)
        with pytest.raises((PeerError, TamperedError)):
            check_evidence(EvidenceFile(VaultId(bytes(32)), file.records, ()))

    run(story())


def _elsewhere(device: Device) -> Membership:
    """Return another vault that *device* founded, with one more member."""
    genesis, vault, secret = found(device.secrets, "laptop")
    other = Membership.verify(vault, [genesis])
    newcomer = kit_device(new_secret(), vault).public
    return other.extend(add_record(other, device.secrets, secret, newcomer, "x"))


@pytest.mark.parametrize("height", [0, 1], ids=["genesis", "record"])
def test_nobody_is_framed_with_a_record_of_another_vault(
    world: World, height: int
) -> None:
    """Attack: a member of two vaults signed one record in each, at one height."""

    async def story() -> None:
        laptop, _ = await world.pair()
        own, other = laptop.engine.membership, _elsewhere(laptop)

        def verdict(*shown: bytes) -> Verdict:
            finding = Finding("MembershipFork", laptop.id, height, 0, shown)
            file = EvidenceFile(laptop.vault_id, own.records, (finding,))
            (found,) = check_evidence(file)
            return found

        assert verdict(own.records[height], other.records[height]) is Verdict.BROKEN
        assert verdict(other.records[height]) is Verdict.BROKEN
        # Control: the vault's own record is one, and a second one beside it a fork.
        assert verdict(own.records[height]) is Verdict.SUPPORTED
        epochs, newcomer = laptop.vault.epochs, kit_device(new_secret(), own.vault_id)
        start = Membership.verify(own.vault_id, own.records[:1])
        second = add_record(
            start, laptop.secrets, epochs.secret(1), newcomer.public, "y"
        )
        assert verdict(own.records[1], second) is Verdict.PROVEN

    run(story())

"""The attacks of the paper and of the relay, played on us.

Each uses the misdeeds that succeed on the weak model. `Stage.refuses` holds the
oracle of the state; the test of the board holds those of the name and the transcript.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest
from argon2.low_level import hash_secret_raw

from clisk_sync import pair
from clisk_sync.engine import SyncEngine
from clisk_sync.envelope import Header, parse_unverified_envelope
from clisk_sync.envelope_content import ItemChange
from clisk_sync.errors import PairingFailed, RelayMisbehaved, SyncError, Withheld
from clisk_sync.founding import add_record, found, rotate_record
from clisk_sync.http_transport import HttpRelay
from clisk_sync.membership import Membership
from clisk_sync.pairing import MemberPairing, NewcomerPairing
from clisk_sync.pairing_code import parse_pairing_code
from clisk_sync.record import parse_unverified_record, sign_record
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.report import SyncReport
from clisk_sync.retry import RetryPolicy
from clisk_sync.safety_code import safety_code
from clisk_vault import cbor, passphrase
from clisk_vault.cose import sign1
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.errors import CostLimitError, FormatError, UnsupportedError, VaultError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.labels import Label
from clisk_vault.vault import Vault
from tests.attacks.evil_relay import EvilConnection
from tests.attacks.stage import SECRET, Stage, beliefs, story
from tests.sync.relay_kit import ORIGIN, Through, here
from tests.sync.world import Device, Forger, World, digest, names
from tests.vault.made import CHEAP, CHEAP_LIMITS, PASSPHRASE, read

ITEM = ItemId(bytes(range(16)))


def _stranger_lets_itself_in(device: Device) -> tuple[DeviceSecrets, bytes]:
    """Return a stranger and a well-formed record in a member's name, signed by it."""
    spy, _ = enrol()
    membership = device.engine.membership
    secret = device.vault.epochs.secret(membership.epoch)
    record = add_record(membership, device.secrets, secret, spy.public, "laptop")
    return spy, _signed_by(spy, record)


def _signed_by(spy: DeviceSecrets, record: bytes) -> bytes:
    """Return the record with all it says, signed by somebody else."""
    return sign_record(spy.signing, parse_unverified_record(record).unverified_body)


@story
async def a_member_that_nobody_let_in(on: Stage) -> None:
    """BW01, 3.3: all that is sent goes to members, and the forged one is named."""
    laptop, phone = await on.pair()
    spy, forged = _stranger_lets_itself_in(laptop)
    on.relay.lie("records", on.relay.inject_member(forged))
    await on.refuses(phone, "TamperedError")
    tablet = await on.world.join(laptop, "tablet")
    phone.write("afterwards")
    await phone.sync()
    assert on.recipients() == {laptop.id, phone.id, tablet.id}
    assert spy.public.id not in phone.engine.membership.devices
    await on.heals(laptop, phone, tablet)


@story
async def rotation_wraps_to_members_alone(on: Stage) -> None:
    """BW02: whoever is listed, left out or swapped, the wraps go to the members."""
    laptop, phone = await on.pair()
    _, forged = _stranger_lets_itself_in(laptop)
    mine = bytes(enrol()[0].public.signing)
    theirs = bytes(phone.secrets.public.signing)
    relay, members = on.relay, {laptop.id, phone.id}
    for lie in (
        relay.inject_member(forged),
        relay.drop(1),
        relay.substitute_key(theirs, mine),
    ):
        relay.lie("records", lie)
        await on.refuses(laptop, "TamperedError", "MembershipError")
        sent = len(relay.transcript)
        # It builds on what was verified, so an honest log takes it.
        with suppress(SyncError):
            await laptop.engine.rotate()
        assert on.recipients(sent) == members
        assert laptop.engine.membership.devices.keys() == members
        await on.heals(laptop, phone)
    assert laptop.engine.membership.epoch == 4


@story
async def new_vaults_wrap_to_their_founder(on: Stage) -> None:
    """1P01: however many vaults are made, each is for its founder alone."""
    for name in ("one", "two", "three"):
        (on.folder / name).mkdir()
        world = World(on.folder / name, relay=on.relay)
        spy, _ = enrol()
        genesis, vault, secret = found(spy, "recovery group")
        record = add_record(
            Membership.verify(vault, [genesis]), spy, secret, enrol()[0].public, "group"
        )
        on.relay.lie("records", on.relay.inject_member(record))
        sent = len(on.relay.transcript)
        laptop = await world.found("laptop")
        await on.refuses(laptop, "MembershipError")
        assert on.recipients(sent) == {laptop.id}
        on.relay.behave()
        world.close()


@story
async def unlocking_asks_nobody(on: Stage) -> None:
    """LP01: there is no login, and unlocking makes no call."""
    laptop, phone = await on.pair()
    _, forged = _stranger_lets_itself_in(laptop)
    on.relay.lie("records", on.relay.inject_member(forged))
    calls = on.relay.calls
    phone.restart()
    assert read(phone.vault, on.item) == SECRET
    assert on.relay.calls == calls
    await on.refuses(phone, "TamperedError")
    assert on.recipients() == {laptop.id, phone.id}


async def over_http(on: Stage, folder: str, **evil: Any) -> tuple[list[bytes], Any]:
    """Sync a copy of the laptop over HTTP to a relay that says more than asked.

    Its randomness is the same in each copy: return all that it posted.
    """
    (on.folder / folder).mkdir()
    world = await on.world.copy(on.folder / folder)
    laptop = world.devices["laptop"]
    async with here(on.folder / folder) as real:
        asgi = httpx.ASGITransport(real.app, raise_app_exceptions=False)
        connection = EvilConnection(on.relay, asgi)
        through = Through(connection)
        relay = HttpRelay(ORIGIN, retry=RetryPolicy(attempts=1), connection=through)
        async with relay:
            transport = HttpVaultTransport(
                relay,
                laptop.vault_id,
                device=laptop.id,
                signing=laptop.secrets.signing,
            )
            genesis = laptop.engine.membership.records[0]
            await transport.create(genesis)
            connection.members = evil.get("members", {})
            connection.headers = evil.get("headers", {})
            connection.times = evil.get("times", {})
            laptop.engine = SyncEngine(
                laptop.vault, transport, clock=world.clock, random=seeded()
            )
            start = len(on.relay.transcript)
            before = beliefs(laptop)
            try:
                result: SyncReport | SyncError = await laptop.sync()
            except SyncError as err:
                result = err
                assert beliefs(laptop) == before
            posted = [
                data for data in on.relay.transcript[start:] if _is_envelope(data)
            ]
    assert {url.startswith(f"{ORIGIN}/v1/") for _, url in connection.asked} == {True}
    world.close()
    return posted, result


def seeded() -> Any:
    """Return randomness that is the same in each run."""
    state = [0]

    def random(count: int) -> bytes:
        state[0] += 1
        return state[0].to_bytes(4) * (count // 4) + bytes(count % 4)

    return random


def _is_envelope(data: bytes) -> bool:
    try:
        parse_unverified_envelope(data)
    except (FormatError, UnsupportedError):
        return False
    return True


async def alone(on: Stage) -> None:
    """Found a vault of one device with something to send, and close it."""
    laptop = await on.world.found("laptop")
    laptop.write("to be sent")
    on.world.close()


_COMMANDS = {
    "key_connector_url": "https://evil.example",
    "kdf_iterations": 1,
    "auto_enrol": True,
    "version": "2023.1.0",
    "suite": 0,
    "reset_password_key": "00" * 32,
    "policies": [{"type": "enrol"}],
}


@story
async def nothing_in_an_answer_commands(on: Stage) -> None:
    """BW03: a member of an answer that the page does not list ends the call."""
    await alone(on)
    for number, (name, value) in enumerate(_COMMANDS.items()):
        posted, found = await over_http(on, str(number), members={name: value})
        assert isinstance(found, RelayMisbehaved), found
        assert posted == []


@story
async def a_version_changes_no_byte(on: Stage) -> None:
    """BW10: with the same randomness the same bytes, whatever the relay says it is."""
    await alone(on)
    honest, _ = await over_http(on, "honest")
    headers = {"server": "Bitwarden/2023.1.0", "version": "0", "clisk-suite": "0"}
    lied, _ = await over_http(on, "lied", headers=headers)
    assert honest == lied != []
    _, found = await over_http(on, "body", members={"version": "2023.1.0"})
    assert isinstance(found, RelayMisbehaved)


@story
async def metadata_is_sealed_or_signed(on: Stage) -> None:
    """BW04, LP06: no word of an item outside, and each byte of the outside signed."""
    laptop, phone = await on.pair()
    laptop.vault.edit(on.item, {"username": "planted.other"})
    on.planted |= {"planted.other", "login", "password", "username", on.item.hex()}
    await laptop.sync()
    newest = on.envelopes(laptop)[-1]
    sealed = newest.index(parse_unverified_envelope(newest)._sealed)
    assert bytes(on.item) not in b"".join(on.relay.transcript)
    place = len(on.envelopes(laptop)) - 1
    for at in range(sealed):
        on.relay.lie("envelopes", on.relay.bitflip(place, at, 1 << at % 8))
        before = beliefs(phone)
        report = await phone.sync()
        assert report.alerts
        assert beliefs(phone) == before
    await on.heals(laptop, phone)


@story
async def swapping_is_refused(on: Stage) -> None:
    """BW05, LP02: envelopes in each other's place, and sealed parts likewise."""
    laptop, phone = await on.pair()
    # Each with each other of four that are new.
    for one_at, other_at in itertools.combinations(range(-4, 0), 2):
        for number in range(4):
            laptop.write(f"swapped {one_at} {other_at} {number}")
            await laptop.sync()
        on.relay.lie("envelopes", on.relay.swap(one_at, other_at))
        assert "GapError" in names(await phone.sync())
        await on.heals(laptop, phone)
    for title in ("swapped four", "swapped five"):
        laptop.write(title)
        await laptop.sync()
    one, two = on.envelopes(laptop)[-2:]
    # The later one alone, so that the swap is all there is to see.
    on.relay.lie("envelopes", on.relay.swap(-1, -2), on.relay.drop(-1))
    await on.refuses(phone, "GapError")
    inner, other = (parse_unverified_envelope(each)._sealed for each in (one, two))
    crossed = one.replace(inner, other)
    on.relay.lie("envelopes", on.relay.fork(-2, crossed))
    await on.refuses(phone, "TamperedError")
    await on.heals(laptop, phone)
    # Signed anew, by a stolen key that comes without the secret: it does not open.
    mark, titles = phone.engine.frontier.chain(laptop.id).mark, phone.titles()
    header = Header(laptop.vault_id, laptop.id, mark.number + 1, mark.hash, 1)
    elsewhere = sign1(
        laptop.secrets.signing,
        cbor.encode({**header.to_value(), 7: inner}),
        label=Label.ENVELOPE,
        context=b"",
        kid=laptop.id,
    )
    on.relay.lie("envelopes", on.relay.fork(len(on.envelopes(laptop)), elsewhere))
    report = await phone.sync()
    assert [each.number for each in report.set_aside] == [header.number]
    assert phone.titles() == titles


@story
async def opening_fetches_nothing(on: Stage) -> None:
    """BW06, LP03: nothing in an item, swapped or not, makes anybody look it up."""
    laptop, phone = await on.pair()
    reached: list[object] = []
    for name in ("connect", "connect_ex", "sendto"):
        on.patch.setattr(socket.socket, name, lambda *args: reached.append(args))
    on.patch.setattr(socket, "getaddrinfo", lambda *args, **_: reached.append(args))
    fields = {"title": "https://title.example", "username": "//user.example"}
    laptop.vault.edit(on.item, dict(fields))
    await laptop.sync()
    laptop.write("http://later.example")
    await laptop.sync()
    on.relay.lie("envelopes", on.relay.swap(-1, -2), on.relay.bitflip(-1, -1))
    before = beliefs(phone)
    assert "TamperedError" in names(await phone.sync())
    assert beliefs(phone) == before
    await on.heals(laptop, phone)
    phone.restart()
    for each in phone.vault.overviews():
        phone.vault.view(each.item)
    phone.vault.find("example")
    assert read(phone.vault, on.item) == SECRET
    assert reached == []


@story
async def cost_is_not_the_relays(on: Stage) -> None:
    """BW07, LP04, 1P04, DL04: told by whom it may, the floor is the reader's own."""
    await alone(on)
    posted, found = await over_http(on, "http", members={"kdf_iterations": 1})
    assert isinstance(found, RelayMisbehaved)
    assert posted == []
    runs: list[object] = []
    on.patch.setattr(
        passphrase, "hash_secret_raw", lambda *each, **_: runs.append(each)
    )
    path = on.world.devices["laptop"].path
    kept = path.read_bytes()
    # The tests' own vaults are below the floor: a downgraded file, as it were.
    with pytest.raises(CostLimitError):
        Vault.unlock(path, PASSPHRASE)
    assert runs == []
    assert path.read_bytes() == kept
    on.patch.undo()
    assert CHEAP.memory_kib < passphrase.FLOOR.memory_kib


def bits_that_count_not(reader: Device, envelope: bytes, *, step: int) -> list[int]:
    """Return the bits of *envelope* that can be flipped unnoticed."""
    membership, found = reader.engine.membership, []
    for at in range(0, len(envelope) * 8, step):
        try:
            offered = parse_unverified_envelope(flipped(envelope, at // 8, 1 << at % 8))
            author = offered.unverified_header.author
            offered.verify(membership.known(author).public.signing)
        except (VaultError, SyncError):
            continue
        found.append(at)
    return found


@story
async def every_bit_counts(on: Stage) -> None:
    """LP05: each bit of an envelope, and some of them through the whole device."""
    laptop, phone = await on.pair()
    laptop.write("flipped")
    await laptop.sync()
    place = len(on.envelopes(laptop)) - 1
    newest = on.envelopes(laptop)[place]
    # Seven and eight share no divisor: each byte, and each of the eight bits.
    assert bits_that_count_not(phone, newest, step=7) == []
    for at in range(0, len(newest), 97):
        on.relay.lie("envelopes", on.relay.bitflip(place, at))
        before = beliefs(phone)
        assert (await phone.sync()).alerts
        assert beliefs(phone) == before
    on.relay.lie("envelopes", on.relay.bitflip(place, -1))
    await on.refuses(phone, "TamperedError")
    for lie in (on.relay.truncate(place), on.relay.extend(place)):
        on.relay.lie("envelopes", lie)
        await on.refuses(phone, "RelayMisbehaved")
    await on.heals(laptop, phone)


@story
async def dropping_and_repeating_is_told(on: Stage) -> None:
    """DL01, 1P02: at each place; what comes twice or in disorder changes nothing."""
    laptop, phone = await on.pair()
    known = len(on.envelopes(laptop))
    for title in ("one of them", "two of them", "three of them"):
        laptop.write(title)
        await laptop.sync()
    start = phone.engine.frontier.chain(laptop.id).mark.number
    for taken in (0, 1):
        on.relay.lie("envelopes", on.relay.drop(known + taken))
        assert "GapError" in names(await phone.sync())
        number = phone.engine.frontier.chain(laptop.id).mark.number
        assert number == start + taken, "what stands before the gap, and no more"
    on.relay.lie("envelopes", on.relay.reorder())
    assert {"GapError", "RollbackDetected"} & set(names(await phone.sync()))
    await on.heals(laptop, phone)
    on.relay.lie("envelopes", on.relay.duplicate(-1))
    await on.refuses(phone, "ReplayedEnvelope")
    await on.heals(laptop, phone)
    # The newest one dropped: told as soon as any device mentions it.
    laptop.write("four of them")
    await laptop.sync()
    at = len(on.envelopes(laptop)) - 1
    tablet = await on.world.join(laptop, "tablet")
    await tablet.sync()
    tablet.write("mentions it")
    await tablet.sync()
    on.relay.lie("envelopes", on.relay.drop(at), to=phone.id)
    assert {"Withheld", "GapError"} & set(names(await phone.sync()))
    await on.heals(laptop, phone, tablet)


@story
async def what_anybody_can_encrypt_is_refused(on: Stage) -> None:
    """1P03, BW08: rightly encrypted to a device's public key, signed by no member."""
    laptop, phone = await on.pair()
    spy, _ = enrol()
    membership = phone.engine.membership
    secret = phone.vault.epochs.secret(1)
    # A whole new epoch, its secret wrapped to both: only the signature is wrong.
    epoch = _signed_by(spy, rotate_record(membership, laptop.secrets, secret))
    on.relay.lie("records", on.relay.inject_ciphertext(epoch))
    await on.refuses(phone, "TamperedError")
    assert list(phone.vault.epochs.numbers()) == [1]
    on.relay.behave()
    change = (ItemChange(ITEM, b"planted by a stranger"),)
    envelope = Forger.of(laptop, spy).envelope(1, changes=change)
    on.relay.lie("envelopes", on.relay.inject_ciphertext(envelope))
    await on.refuses(phone, "NotAMember")
    await on.heals(laptop, phone)


@story
async def a_replaced_epoch_is_told(on: Stage) -> None:
    """BW09: another record where the own one was, before it is read back."""
    laptop, phone = await on.pair()
    await phone.sync()
    before = laptop.engine.membership
    secret = laptop.vault.epochs.secret(1)
    await laptop.engine.rotate()
    # The relay cannot sign; a second one by the very device is the worst it can have.
    other = rotate_record(before, laptop.secrets, secret)

    def instead(rows: list[bytes]) -> list[bytes]:
        return [*rows[:-1], other]

    on.relay.lie(
        "records", on.relay.inject_ciphertext(other), lambda r: instead(r[:-1])
    )
    await on.refuses(laptop, "MembershipFork")
    assert [each.kind for each in laptop.engine.evidence()] == ["MembershipFork"]
    on.relay.behave()
    await on.world.settle()
    laptop.write("under the new epoch")
    await on.heals(laptop, phone)


@story
async def another_key_for_a_member_is_refused(on: Stage) -> None:
    """LP07, DL02: a member's key replaced in the records, for old and new readers."""
    laptop, phone = await on.pair()
    mine, theirs = enrol()[0].public, phone.secrets.public
    lie = on.relay.substitute_key(bytes(theirs.signing), bytes(mine.signing))
    on.relay.lie("records", lie)
    await on.refuses(laptop, "TamperedError")
    # A device that has no records yet cannot be told so either.
    try:
        Membership.verify(laptop.vault_id, lie(list(laptop.engine.membership.records)))
    except (SyncError, VaultError):
        pass
    else:
        raise AssertionError("a replaced key was believed")
    await on.heals(laptop, phone)


@story
async def another_vault_is_not_this_one(on: Stage) -> None:
    """1P06: another genesis on the next start: the vault's name is its hash."""
    laptop, phone = await on.pair()
    spy, _ = enrol()
    genesis, _, _ = found(spy, "laptop")
    on.relay.lie("records", on.relay.inject_ciphertext(genesis), lambda rows: rows[-1:])
    phone.restart()
    await on.refuses(phone, "MembershipError")
    phone.write("for us alone")
    await phone.sync()
    assert on.recipients() == {laptop.id, phone.id}
    await on.heals(laptop, phone)


def _as_suite(envelope: bytes, suite: int) -> bytes:
    payload_start = envelope.index(b"\xa7\x01\x01")
    return (
        envelope[: payload_start + 2] + bytes([suite]) + envelope[payload_start + 3 :]
    )


@story
async def another_suite_is_refused(on: Stage) -> None:
    """BW11, BW12, DL05: each other suite, and keys that are null, absent or short."""
    laptop, phone = await on.pair()
    laptop.write("in suite one")
    await laptop.sync()
    newest = on.envelopes(laptop)[-1]
    for suite in (0, *range(2, 24)):
        lie = on.relay.downgrade(
            lambda rows, suite=suite: [*rows[:-1], _as_suite(newest, suite)]  # type: ignore[misc]
        )
        on.relay.lie("envelopes", lie)
        await on.refuses(phone, "UnsupportedError")
    record = laptop.engine.membership.records[-1]
    for broken in (b"", b"\xf6", record[:-1], record[: len(record) // 2]):
        on.relay.lie(
            "records",
            on.relay.downgrade(lambda rows, broken=broken: [*rows, broken]),  # type: ignore[misc]
        )
        before = beliefs(phone)
        report = await phone.sync()
        assert set(names(report)) & {"MembershipError", "FormatError"}, names(report)
        assert beliefs(phone)[1] == before[1]
    await on.heals(laptop, phone)


def flipped(data: bytes, at: int, mask: int) -> bytes:
    """Return *data* with the bits of *mask* changed in one byte."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def every_length_is_stretched(on: Stage) -> None:
    """DL06: from the empty passphrase to 256 bytes, Argon2 runs once each time."""
    runs: list[int] = []
    real = hash_secret_raw

    def counting(text: bytes, *args: Any, **kwargs: Any) -> bytes:
        runs.append(len(text))
        return real(text, *args, **kwargs)

    on.patch.setattr(passphrase, "hash_secret_raw", counting)
    made = {
        passphrase.stretch(
            SecretText("x" * length), bytes(16), CHEAP, limits=CHEAP_LIMITS
        ).expose()
        for length in range(257)
    }
    assert runs == list(range(257))
    assert len(made) == 257


@story
async def a_swapped_key_while_pairing(on: Stage) -> None:
    """1P05, 3.3: every message of a pairing goes through mailboxes that lie."""
    laptop, _ = await on.pair()
    phone, spy = enrol()[0], enrol()[0]

    def offer() -> MemberPairing:
        return MemberPairing(
            relay="http://127.0.0.1:8440",
            vault=laptop.vault_id,
            member=laptop.id,
            clock=on.world.clock,
        )

    def scan(offered: MemberPairing, device: DeviceSecrets) -> NewcomerPairing:
        code = parse_pairing_code(offered.code.url())
        return NewcomerPairing(code, device.public, "phone", clock=on.world.clock)

    for slot in (0, 1, 2):
        offered, boxes = offer(), on.relay.mailboxes()
        # Whoever has not seen the code seals under a secret of his own.
        forged = scan(offer(), spy).start().body
        on.relay.lie(f"mail {slot}", on.relay.own_message_instead(forged))
        knocking = asyncio.ensure_future(pair.knock(scan(offered, phone), boxes))
        waiting = asyncio.ensure_future(pair.wait_for_knock(offered, boxes))
        done, _ = await asyncio.wait(
            {knocking, waiting}, return_when=asyncio.FIRST_EXCEPTION
        )
        told = [err for each in done if (err := each.exception()) is not None]
        assert any(isinstance(err, PairingFailed) for err in told)
        on.shown(*told)
        for each in (knocking, waiting):
            each.cancel()
        await asyncio.gather(knocking, waiting, return_exceptions=True)
        on.relay.behave()
    assert bytes(phone.public.signing) not in b"".join(on.relay.transcript)
    await on.world.settle()
    assert spy.public.id not in laptop.engine.membership.devices


# attacks.md 3.1


@story
async def a_rollback_is_told_and_mended(on: Stage) -> None:
    """The devices keep what they have, say so, and fill the relay again."""
    laptop, phone = await on.pair()
    vault = on.relay.find(laptop.vault_id)
    kept = len(vault.log), dict(vault.heads), dict(vault.placed)
    laptop.write("after the copy")
    await laptop.sync()
    await phone.sync()
    # In earnest: the database itself is an older copy.
    now = on.envelopes(laptop)
    del vault.log[kept[0] :]
    vault.heads, vault.placed = kept[1:]
    for device in (phone, laptop):
        assert "RollbackDetected" in names(await device.sync())
    await on.heals(laptop, phone)
    assert set(on.envelopes(laptop)) >= set(now)
    on.relay.lie("envelopes", on.relay.roll_back(kept[0]))
    await on.refuses(phone, "RollbackDetected")
    await on.heals(laptop, phone)
    # As many as there were, but others: a count alone would show nothing.
    on.relay.lie(
        "envelopes",
        lambda rows: rows[: kept[0]] + rows[: len(rows) - kept[0]],
    )
    await on.refuses(phone, "RollbackDetected")
    await on.heals(laptop, phone)
    assert "after the copy" in phone.titles()


@story
async def a_rollback_towards_a_newcomer_is_told(on: Stage) -> None:
    """The frontier came with the pairing, so an older log is not all there is."""
    laptop, phone = await on.pair()
    count = len(on.envelopes(laptop))
    laptop.write("hidden from the newcomer")
    await laptop.sync()
    tablet = await on.world.join(laptop, "tablet")
    on.relay.lie("envelopes", on.relay.roll_back(count), to=tablet.id)
    report = await tablet.sync()
    assert "Withheld" in names(report)
    assert "hidden from the newcomer" not in tablet.titles()
    await on.heals(laptop, phone, tablet)


@story
async def a_fork_is_told_after_one_exchange(on: Stage) -> None:
    """Two histories: once one is mentioned where the other is known, both are kept."""
    laptop, phone = await on.pair()
    tablet = await on.world.join(laptop, "tablet")
    await on.world.settle()
    mark = laptop.engine.frontier.chain(laptop.id).mark
    forger, marks = (
        Forger.of(laptop),
        dict(laptop.engine.frontier.marks(laptop.engine.membership.devices)),
    )
    one, other = (
        forger.envelope(mark.number + 1, mark.hash, marks=marks, clock_ms=clock)
        for clock in (1, 2)
    )
    count = len(on.envelopes(laptop))
    on.relay.lie("envelopes", on.relay.fork(count, one), to=phone.id)
    on.relay.lie("envelopes", on.relay.fork(count, other), to=tablet.id)
    assert not (await phone.sync()).alerts
    tablet.write("mentions the other one")
    assert not (await tablet.sync()).alerts
    said = on.envelopes(laptop)[-1]
    on.relay.lie("envelopes", on.relay.fork(count, one, said), to=phone.id)
    assert "ForkDetected" in names(await phone.sync())
    (evidence,) = (e for e in phone.engine.evidence() if e.kind == "ForkDetected")
    assert {evidence.first, evidence.second} == {one, said}


@story
async def a_fork_shows_in_the_safety_code(on: Stage) -> None:
    """Two people read two codes; where the histories are one, so are the codes."""
    laptop, phone = await on.pair()

    def codes() -> set[str]:
        return {
            safety_code(each.engine.membership, each.engine.frontier)
            for each in (laptop, phone)
        }

    await on.world.settle()
    assert len(codes()) == 1
    count = len(on.envelopes(laptop))
    laptop.write("shown to one alone")
    await laptop.sync()
    on.relay.lie("envelopes", on.relay.fork(count), to=phone.id)
    await phone.sync()
    assert len(codes()) == 2
    await on.heals(laptop, phone)


@story
async def withholding_is_told_with_its_age(on: Stage) -> None:
    """A peer has it, the relay does not give it: since when; else the news gets old."""
    laptop, phone = await on.pair()
    tablet = await on.world.join(laptop, "tablet")
    await on.world.settle()
    count = len(on.envelopes(laptop))
    laptop.write("kept from the phone")
    await laptop.sync()
    await tablet.sync()
    tablet.write("mentions it")
    await tablet.sync()
    said = on.envelopes(laptop)[-1]
    on.relay.lie("envelopes", on.relay.withhold(count), to=phone.id)
    quiet = await phone.sync()
    assert not quiet.alerts
    heard = phone.engine.heard()[laptop.id]
    on.world.clock.now_ms += 9 * 86_400_000
    assert (await phone.sync()).alerts == ()
    assert phone.engine.heard()[laptop.id] == heard, "old news shows its age"
    on.relay.lie(
        "envelopes", on.relay.withhold(count), lambda r: [*r, said], to=phone.id
    )
    report = await phone.sync()
    (alert,) = (a for a in report.alerts if isinstance(a, Withheld))
    since = alert.since_ms
    later = await phone.sync()
    (alert,) = (a for a in later.alerts if isinstance(a, Withheld))
    assert alert.since_ms == since == on.world.clock.now_ms - 60_000
    await on.heals(laptop, phone, tablet)


@story
async def two_envelopes_at_one_number_are_both_kept(on: Stage) -> None:
    """A stolen key signs two changes with one number: the first stays, both show."""
    laptop, phone = await on.pair()
    mark = laptop.engine.frontier.chain(laptop.id).mark
    kept = on.envelopes(laptop)
    at = next(i for i, data in enumerate(kept) if digest(data) == mark.hash)
    previous = parse_unverified_envelope(kept[at]).unverified_header.previous
    other = Forger.of(laptop).envelope(mark.number, previous)
    count = len(kept)
    on.relay.lie("envelopes", on.relay.fork(count, other))
    await on.refuses(phone, "ForkDetected")
    (evidence,) = phone.engine.evidence()
    assert (evidence.first, evidence.second) == (kept[at], other)
    assert evidence.device == laptop.id


@story
async def another_vaults_envelope_is_foreign(on: Stage) -> None:
    """Replayed into another vault, or sealed for another epoch: refused by name."""
    laptop, phone = await on.pair()
    (on.folder / "other").mkdir()
    other = World(on.folder / "other", relay=on.relay)
    theirs, _ = await other.pair()
    (on.planted).add("first")
    foreign = on.envelopes(theirs)[0]
    own = on.envelopes(laptop)
    on.relay.lie("envelopes", on.relay.old_instead(0, foreign), to=phone.id)
    on.relay.lie("envelopes", lambda rows: [*rows, foreign], on.relay.replay_old(0))
    before = beliefs(phone)
    assert "ForeignEnvelope" in names(await phone.sync())
    assert beliefs(phone) == before
    await laptop.engine.rotate()
    on.relay.behave()
    await on.world.settle()
    mark = laptop.engine.frontier.chain(laptop.id).mark
    old = Forger.of(laptop).envelope(mark.number + 1, mark.hash)
    on.relay.lie("envelopes", lambda rows: [*rows, old])
    await on.refuses(phone, "FrontierRegression")
    assert own
    other.close()
    await on.heals(laptop, phone)

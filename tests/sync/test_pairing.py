"""protocol/pairing.md: who gets in, and everybody who does not."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.errors import (
    CallerError,
    PairingClosed,
    PairingError,
    PairingExpired,
    PairingFailed,
    WrongDigits,
)
from clisk_sync.founding import add_record, found
from clisk_sync.membership import Membership
from clisk_sync.pairing import (
    TYPE_SECONDS,
    MemberPairing,
    MemberState,
    NewcomerPairing,
    NewcomerState,
    Post,
)
from clisk_sync.pairing_code import LIFETIME_MS, PairingCode, parse_pairing_code
from clisk_sync.pairing_messages import (
    Hello,
    Opening,
    Slot,
    Welcome,
    commit,
    open_message,
    seal_message,
    six_digits,
)
from clisk_vault import cbor
from clisk_vault.device import DevicePublic, DeviceSecrets, enrol
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import EpochSecret, PairingSecret
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_NOW = 1_700_000_000_000
_RELAY = "http://127.0.0.1:8440"


class Vault(NamedTuple):
    """A vault of one device, and how to admit another."""

    secrets: DeviceSecrets
    membership: Membership
    epoch: EpochSecret

    def admit(self, device: DevicePublic, name: str = "phone") -> Membership:
        record = add_record(self.membership, self.secrets, self.epoch, device, name)
        return self.membership.extend(record)


@pytest.fixture(scope="module")
def vault() -> Vault:
    """Return a vault of one device."""
    secrets, _ = enrol()
    genesis, vault_id, epoch = found(secrets, "laptop")
    return Vault(secrets, Membership.verify(vault_id, [genesis]), epoch)


@pytest.fixture(scope="module")
def phone() -> DevicePublic:
    """Return the keys of a device that is no member."""
    return enrol()[0].public


def _member(vault: Vault, now: int = _NOW) -> MemberPairing:
    return MemberPairing(
        relay=_RELAY,
        vault=vault.membership.vault_id,
        member=vault.secrets.public.id,
        clock=lambda: now,
    )


def _newcomer(
    code: PairingCode, device: DevicePublic, now: int = _NOW
) -> NewcomerPairing:
    scanned = parse_pairing_code(code.url())
    return NewcomerPairing(scanned, device, "phone", clock=lambda: now)


def _exchange(member: MemberPairing, newcomer: NewcomerPairing) -> None:
    """Carry messages both ways until nobody posts any more."""
    posts = [newcomer.start()]
    to_member = True
    while posts:
        side = member if to_member else newcomer
        posts = [out for post in posts for out in side.receive(post.slot, post.body)]
        to_member = not to_member


def _other(digits: str) -> str:
    return f"{(int(digits) + 1) % 1_000_000:06}"


def test_a_new_device_gets_in_by_its_digits(vault: Vault, phone: DevicePublic) -> None:
    """The honest case: every attack below fails where this succeeds."""
    member = _member(vault)
    newcomer = _newcomer(member.code, phone)

    _exchange(member, newcomer)
    confirmed = member.enter(f" {newcomer.digits[:3]} {newcomer.digits[3:]} ")
    membership = vault.admit(confirmed.device)
    head = {vault.secrets.public.id: (1, os.urandom(32))}
    post = member.welcome(membership.records[-1], head)  # type: ignore[arg-type]  # any hash
    newcomer.receive(post.slot, post.body)

    assert confirmed.device == phone
    assert confirmed.name == "phone"
    assert newcomer.finish(membership) == head
    assert newcomer.state is NewcomerState.WELCOMED


def test_three_wrong_entries_end_it(vault: Vault, phone: DevicePublic) -> None:
    """The member counts, and the right digits come too late."""
    member = _member(vault)
    newcomer = _newcomer(member.code, phone)
    _exchange(member, newcomer)

    for left in (2, 1):
        with pytest.raises(WrongDigits) as caught:
            member.enter(_other(newcomer.digits))
        assert caught.value.tries_left == left
    with pytest.raises(PairingClosed):
        member.enter(_other(newcomer.digits))
    with pytest.raises(PairingClosed):
        member.enter(newcomer.digits)
    assert member.state is MemberState.CLOSED


def test_a_guesser_of_ten_thousand_codes_gets_three_tries(
    vault: Vault, phone: DevicePublic
) -> None:
    """However often the attacker tries, three guesses reach the check."""
    member = _member(vault)
    newcomer = _newcomer(member.code, phone)
    _exchange(member, newcomer)
    outcomes: Counter[type[PairingError]] = Counter()

    for guess in range(10_000):
        if f"{guess:06}" == newcomer.digits:
            continue
        with pytest.raises(PairingError) as caught:
            member.enter(f"{guess:06}")
        outcomes[caught.type] += 1

    assert outcomes[WrongDigits] == 2
    assert member.tries_left == 0


def test_nothing_is_welcomed_before_the_digits(
    vault: Vault, phone: DevicePublic
) -> None:
    """A program cannot skip the person."""
    member = _member(vault)
    with pytest.raises(CallerError):
        member.welcome(b"record", {})
    _exchange(member, _newcomer(member.code, phone))
    with pytest.raises(CallerError):
        member.welcome(b"record", {})


def test_photographed_code_an_attackers_device_gives_other_digits(
    vault: Vault, phone: DevicePublic
) -> None:
    """Who photographed the code and knocks first is let in by other digits.

    The person types what the phone shows; the phone talks to the attacker.
    """
    matched = 0
    for _ in range(200):
        member = _member(vault)
        thief = _newcomer(member.code, enrol()[0].public)
        _exchange(member, thief)
        phone_side = _newcomer(member.code, phone)
        fake_member = _member(vault)
        fake_member.code = member.code
        _exchange(fake_member, phone_side)
        matched += phone_side.digits == thief.digits
        with pytest.raises(WrongDigits):
            member.enter(phone_side.digits)
    assert matched == 0


def test_photographed_code_the_nonce_was_committed_to(
    vault: Vault, phone: DevicePublic
) -> None:
    """An attacker cannot pick its nonce after seeing the member's.

    With the choice, it could search for digits equal to the phone's: the
    control below finds them at once.
    """
    member = _member(vault)
    thief = enrol()[0].public
    first = os.urandom(32)
    hello = Hello(thief, "phone", commit(first, thief))
    [challenge] = member.receive(*seal_message(member.code, hello))
    seen = open_message(member.code, Slot.CHALLENGE, challenge.body)
    ours = seen.nonce  # type: ignore[union-attr]  # a challenge
    wanted = "42"

    def tail(count: int) -> str:
        nonce = count.to_bytes(32)
        return six_digits(member.code, thief, theirs=nonce, ours=ours)[-2:]

    chosen = next(n for n in range(10_000) if tail(n) == wanted).to_bytes(32)

    with pytest.raises(PairingFailed, match="committed"):
        member.receive(*seal_message(member.code, Opening(chosen)))
    assert member.state is MemberState.CLOSED


@pytest.mark.parametrize("slot", [Slot.HELLO, Slot.OPENING])
def test_the_relay_cannot_change_a_message_to_the_member(
    slot: Slot, vault: Vault, phone: DevicePublic
) -> None:
    """A substituted key, or any changed bit, ends the pairing."""
    member = _member(vault)
    newcomer = _newcomer(member.code, phone)
    post = newcomer.start()
    if slot is Slot.OPENING:
        [challenge] = member.receive(post.slot, post.body)
        [post] = newcomer.receive(challenge.slot, challenge.body)

    changed = bytearray(post.body)
    changed[-1] ^= 1
    with pytest.raises(PairingFailed):
        member.receive(post.slot, bytes(changed))
    assert member.state is MemberState.CLOSED


def test_the_relay_cannot_knock_itself(vault: Vault, phone: DevicePublic) -> None:
    """Without the secret of the code no hello can be made."""
    member = _member(vault)
    blind = replace(member.code, secret=PairingSecret(os.urandom(32)))

    post = _newcomer(blind, phone).start()
    with pytest.raises(PairingFailed):
        member.receive(post.slot, post.body)


def test_a_message_of_another_code_is_refused(
    vault: Vault, phone: DevicePublic
) -> None:
    """A hello recorded in one pairing opens no other."""
    old = _newcomer(_member(vault).code, phone).start()
    member = _member(vault)
    with pytest.raises(PairingFailed):
        member.receive(old.slot, old.body)


def test_an_expired_code_is_refused_by_both(vault: Vault, phone: DevicePublic) -> None:
    """Each side looks at its own clock."""
    late = _NOW + LIFETIME_MS + 1
    member = _member(vault)
    with pytest.raises(PairingExpired):
        _newcomer(member.code, phone, now=late).start()

    moments = iter([_NOW, late])
    slow = MemberPairing(
        relay=_RELAY,
        vault=vault.membership.vault_id,
        member=vault.secrets.public.id,
        clock=lambda: next(moments),
    )
    post = _newcomer(slow.code, phone).start()
    with pytest.raises(PairingExpired):
        slow.receive(post.slot, post.body)
    assert slow.state is MemberState.CLOSED


def test_digits_typed_too_late_let_nobody_in(vault: Vault, phone: DevicePublic) -> None:
    """A newcomer that has given up does not become a member behind one's back."""
    now = _NOW
    member = MemberPairing(
        relay=_RELAY,
        vault=vault.membership.vault_id,
        member=vault.secrets.public.id,
        clock=lambda: now,
    )
    newcomer = _newcomer(member.code, phone)
    _exchange(member, newcomer)
    now += round(TYPE_SECONDS * 1000) + 1

    with pytest.raises(PairingExpired):
        member.enter(newcomer.digits)

    assert member.state is MemberState.CLOSED


def test_a_code_serves_one_newcomer(vault: Vault, phone: DevicePublic) -> None:
    """A second hello, even a genuine one, is out of turn."""
    member = _member(vault)
    _exchange(member, _newcomer(member.code, phone))
    second = _newcomer(member.code, enrol()[0].public).start()
    with pytest.raises(PairingFailed):
        member.receive(second.slot, second.body)


def _showing(
    vault: Vault, phone: DevicePublic
) -> tuple[MemberPairing, NewcomerPairing]:
    member = _member(vault)
    newcomer = _newcomer(member.code, phone)
    _exchange(member, newcomer)
    member.enter(newcomer.digits)
    return member, newcomer


def _take(newcomer: NewcomerPairing, post: Post) -> None:
    newcomer.receive(post.slot, post.body)


def test_a_forged_welcome_is_no_admission(vault: Vault, phone: DevicePublic) -> None:
    """Who has the code can seal a welcome, and still has no signed record."""
    member, newcomer = _showing(vault, phone)
    _take(newcomer, Post(*seal_message(member.code, Welcome(b"forged", {}))))
    with pytest.raises(PairingFailed, match="do not hold this device"):
        newcomer.finish(vault.membership)
    with pytest.raises(PairingFailed, match="do not hold this device"):
        newcomer.finish(vault.admit(phone))


def test_records_of_another_vault_are_refused(
    vault: Vault, phone: DevicePublic
) -> None:
    """The code says which genesis: a relay cannot bring its own."""
    member, newcomer = _showing(vault, phone)
    secrets, _ = enrol()
    genesis, other_id, epoch = found(secrets, "evil")
    evil = Vault(secrets, Membership.verify(other_id, [genesis]), epoch).admit(phone)
    _take(newcomer, member.welcome(evil.records[-1], {}))
    with pytest.raises(PairingFailed, match="another vault"):
        newcomer.finish(evil)


def test_only_the_device_of_the_code_may_admit(
    vault: Vault, phone: DevicePublic
) -> None:
    """Another member's record for this device is not what was agreed on."""
    tablet, _ = enrol()
    with_tablet = vault.admit(tablet.public, "tablet")
    record = add_record(with_tablet, tablet, vault.epoch, phone, "phone")
    member, newcomer = _showing(vault, phone)
    _take(newcomer, member.welcome(record, {}))
    with pytest.raises(PairingFailed, match="another device"):
        newcomer.finish(with_tablet.extend(record))


def test_a_refusal_is_told(vault: Vault, phone: DevicePublic) -> None:
    """The newcomer hears that it is over and takes nothing after."""
    member, newcomer = _showing(vault, phone)
    with pytest.raises(PairingClosed):
        _take(newcomer, member.refusal())
    with pytest.raises(PairingFailed):
        _take(newcomer, Post(*seal_message(member.code, Welcome(b"late", {}))))


@pytest.mark.parametrize("slot", list(Slot))
def test_any_message_out_of_turn_ends_it(
    slot: Slot, vault: Vault, phone: DevicePublic
) -> None:
    """What is not in the table of moves is refused, on both sides."""
    member = _member(vault)
    if slot is not Slot.HELLO:
        with pytest.raises(PairingFailed, match="not expected"):
            member.receive(slot, b"")
    newcomer = _newcomer(_member(vault).code, phone)
    newcomer.start()
    if slot is not Slot.CHALLENGE:
        with pytest.raises(PairingFailed, match="not expected"):
            newcomer.receive(slot, b"")
        assert newcomer.state is NewcomerState.CLOSED


def test_the_code_is_not_in_its_repr(vault: Vault) -> None:
    """A logged code shows no secret."""
    code = _member(vault).code
    assert code.secret.expose().hex() not in repr(code)
    assert repr(code.secret.expose()) not in repr(code)


def _code_case(case: Vector) -> None:
    code = parse_pairing_code(case["url"])
    assert code.url() == case["url"]
    assert (code.vault, code.member) == (case.raw("vault"), case.raw("member"))
    assert code.secret == PairingSecret(case.raw("secret"))
    assert code.mailbox == case.raw("mailbox")


@pytest.mark.parametrize(
    "case", load_vectors("pairing", where=lambda v: v["kind"] == "code"), ids=str
)
def test_code_vector(case: Vector) -> None:
    """Each published code gives the published result."""
    if case.result == "ok":
        _code_case(case)
        check_cddl(case.raw("payload"), page="pairing", rule="pairing-code")
        return
    with pytest.raises(PairingError):
        parse_pairing_code(case["url"])


@pytest.mark.parametrize(
    "case", load_vectors("pairing", where=lambda v: v["kind"] == "message"), ids=str
)
def test_message_vector(case: Vector) -> None:
    """Each published message gives the published result, at its own layer."""
    code, slot = parse_pairing_code(case["url"]), Slot(case["slot"])
    if case.result == "ok":
        message = open_message(code, slot, case.raw("body"))
        again, body = seal_message(code, message)
        assert again is slot
        assert open_message(code, slot, body) == message
        rule = f"pairing-{slot.name.lower()}"
        check_cddl(case.raw("plaintext"), page="pairing", rule=rule)
        return
    with pytest.raises(PairingFailed) as caught:
        open_message(code, slot, case.raw("body"))
    assert isinstance(caught.value.__cause__, refusal(case.result))


@pytest.mark.parametrize(
    "case", load_vectors("pairing", where=lambda v: v["kind"] == "digits"), ids=str
)
def test_digits_vector(case: Vector) -> None:
    """The digits are those of an independent implementation."""
    code = parse_pairing_code(case["url"])
    keys = cbor.parse(case.raw("device"), max_bytes=2000)
    device = DevicePublic.from_value(keys)
    theirs, ours = case.raw("theirs"), case.raw("ours")
    assert six_digits(code, device, theirs=theirs, ours=ours) == case["digits"]
    assert commit(theirs, device) == case.raw("commitment")


@given(
    st.text(max_size=80)
    | st.text(max_size=80).map(lambda tail: "clisk:pair#" + tail)
    | st.binary(max_size=60).map(lambda raw: "clisk:pair#" + raw.hex())
)
def test_any_text_is_a_code_in_one_spelling_or_refused(text: str) -> None:
    """Nothing but PairingCodeError escapes."""
    try:
        code = parse_pairing_code(text)
    except PairingError:
        return
    assert code.url() == text


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 1 << 62),
)
def test_every_code_comes_back(vault_id: bytes, member: bytes, expires: int) -> None:
    """Parse undoes url for all contents."""
    secret = PairingSecret(os.urandom(32))
    code = PairingCode(_RELAY, VaultId(vault_id), secret, DeviceId(member), expires)
    assert parse_pairing_code(code.url()) == code

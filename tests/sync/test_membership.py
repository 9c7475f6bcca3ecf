"""protocol/membership.md: what a record is, and which list is believed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.device_name import MAX_NAME_CHARS, check_name, free_name
from clisk_sync.epochs import wrap_epoch
from clisk_sync.errors import (
    CallerError,
    MembershipError,
    MembershipFork,
    MembershipRollback,
    NotAMember,
)
from clisk_sync.founding import add_record, device_name, found, unwrap_epochs
from clisk_sync.membership import Head, Membership
from clisk_sync.record import parse_unverified_record, sign_record
from clisk_sync.record_body import MAX_DEVICES, encode_body, parse_body
from clisk_vault.device import DevicePublic, DeviceSecrets, enrol
from clisk_vault.errors import (
    FormatError,
    TamperedError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import RecordHash, VaultId
from clisk_vault.keys import EpochSecret, StorageKey
from clisk_vault.primitives import SigningKey, VerifyKey
from clisk_vault.wrapping import WrappingKey
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_REFUSED_BY = {
    "place": MembershipError,
    "rule": MembershipError,
    "author": NotAMember,
    "signature": TamperedError,
}


def _records(case: Vector) -> list[bytes]:
    return [bytes.fromhex(record) for record in case["records"]]


@pytest.mark.parametrize(
    "case",
    load_vectors("membership", where=lambda case: case["kind"] == "records"),
    ids=str,
)
def test_records_vector(case: Vector) -> None:
    """Each published list is believed or refused as published."""
    vault, records = VaultId(case.raw("vault")), _records(case)
    if case.result == "ok":
        membership = Membership.verify(vault, records)
        everybody = len(membership.devices) + len(membership.departed)
        assert everybody == min(len(records), 3)
        for record in records:
            check_cddl(record, page="membership", rule="membership-record")
            body = parse_unverified_record(record)._signed.unverified_payload
            check_cddl(body, page="membership", rule="record-body")
        return
    expected = (
        _REFUSED_BY[case["refused_by"]]
        if case.result == "tampered"
        else refusal(case.result)
    )
    with pytest.raises(expected):
        Membership.verify(vault, records)


@pytest.mark.parametrize(
    "case",
    load_vectors("membership", where=lambda case: case["kind"] == "opened"),
    ids=str,
)
def test_opened_vector(case: Vector) -> None:
    """A device finds the published epoch secrets and names in the published list."""
    membership = Membership.verify(VaultId(case.raw("vault")), _records(case))
    signing = SigningKey(case.raw("signing"))
    wrapping = WrappingKey(case.raw("wrapping"))
    public = DevicePublic(
        signing.public(),
        wrapping.public(),
        VerifyKey(case.raw("log")),
        VerifyKey(case.raw("cosign")),
    )
    cosign = SigningKey(bytes(32))  # not used here
    secrets = DeviceSecrets(signing, wrapping, StorageKey(bytes(32)), cosign, public)

    epochs = unwrap_epochs(membership, secrets)

    assert [epochs[number].expose().hex() for number in epochs] == case["epochs"]
    names = [device_name(each, epochs) for each in membership.devices.values()]
    assert names == case["names"]


_CASES = load_vectors("membership", where=lambda case: case.result == "ok")
_GOOD = sorted({record for case in _CASES for record in _records(case)})
_SIGNERS = {
    member.id: member.public.signing
    for case in _CASES
    for member in Membership.verify(
        VaultId(case.raw("vault")), _records(case)
    ).devices.values()
}


@given(st.sampled_from(_GOOD), st.data())
def test_a_changed_record_is_refused_or_canonical(
    record: bytes, data: st.DataObject
) -> None:
    """Any change is refused by name, or is one spelling of another record."""
    raw = bytearray(record)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    try:
        parsed = parse_unverified_record(bytes(raw))
    except (FormatError, UnsupportedError):
        return
    payload = parsed._signed.unverified_payload
    assert encode_body(parsed.unverified_body) == payload
    if bytes(raw) != record:
        with pytest.raises(TamperedError):
            parsed.verify(_SIGNERS[parsed.unverified_body.author])


@given(st.binary(max_size=200))
def test_junk_is_no_record(data: bytes) -> None:
    """Nothing but a named refusal escapes the parser."""
    with pytest.raises((FormatError, UnsupportedError)):
        parse_unverified_record(data)


def test_every_flipped_bit_of_a_record_is_refused() -> None:
    """No single bit of a list can be changed, wherever it stands."""
    (case,) = (each for each in _CASES if each.case == "renamed")
    *before, last = _records(case)
    held = Membership.verify(VaultId(case.raw("vault")), before)
    for at, bit in itertools.product(range(0, len(last), 5), range(8)):
        flipped = bytearray(last)
        flipped[at] ^= 1 << bit
        with pytest.raises((VaultError, MembershipError, NotAMember)):
            held.extend(bytes(flipped))


class Vault:
    """A founded vault with its first device."""

    def __init__(self) -> None:
        self.laptop, _ = enrol()
        self.genesis, self.id, self.secret = found(self.laptop, "laptop")
        self.membership = Membership.verify(self.id, [self.genesis])

    def add(self, name: str = "phone") -> tuple[DeviceSecrets, bytes]:
        device, _ = enrol()
        record = add_record(
            self.membership, self.laptop, self.secret, device.public, name
        )
        return device, record


def test_founding_and_adding() -> None:
    """Every device reads the same epoch secret and all names."""
    vault = Vault()
    phone, record = vault.add()

    membership = vault.membership.extend(record)

    for device in (vault.laptop, phone):
        epochs = unwrap_epochs(membership, device)
        assert epochs == {1: vault.secret}
        names = [device_name(each, epochs) for each in membership.devices.values()]
        assert names == ["laptop", "phone"]


def test_a_membership_is_made_by_verifying_alone() -> None:
    """There is no way around the checks."""
    membership = Vault().membership

    with pytest.raises(CallerError):
        replace(membership, _proof=object())


def test_extending_changes_nothing_in_place() -> None:
    """The verified membership only ever moves forward, as a new object."""
    vault = Vault()
    _, record = vault.add()
    before = vault.membership

    after = before.extend(record)

    assert before.head == Head(0, RecordHash(vault.id))
    assert (after.head.height, len(before.devices), len(after.devices)) == (1, 1, 2)


def test_the_loser_of_two_signs_anew() -> None:
    """Two records on one previous: the second is refused, and rebuilt on the first."""
    vault = Vault()
    _, first = vault.add("phone")
    _, second = vault.add("tablet")
    membership = vault.membership.extend(first)

    with pytest.raises(MembershipError):
        membership.extend(second)
    vault.membership = membership
    _, again = vault.add("tablet")

    assert len(membership.extend(again).devices) == 3


def test_a_fork_is_named_with_both_records() -> None:
    """Another valid record at a height held: evidence, and no change."""
    vault = Vault()
    _, ours = vault.add("phone")
    _, theirs = vault.add("spy")
    membership = vault.membership.extend(ours)

    with pytest.raises(MembershipFork) as caught:
        membership.advance([vault.genesis, theirs])

    assert (caught.value.ours, caught.value.theirs) == (ours, theirs)
    assert membership.advance([vault.genesis, ours]) == membership


def test_a_forged_fork_is_not_evidence() -> None:
    """What no member signed is refused as such, and accuses nobody."""
    vault = Vault()
    _, ours = vault.add()
    _, other = Vault().add()
    membership = vault.membership.extend(ours)

    with pytest.raises(MembershipError) as caught:
        membership.advance([vault.genesis, other])

    assert not isinstance(caught.value, MembershipFork)


def test_a_shorter_list_is_a_rollback() -> None:
    """A relay that forgot a record is named; the list held stays."""
    vault = Vault()
    _, record = vault.add()

    with pytest.raises(MembershipRollback):
        vault.membership.extend(record).advance([vault.genesis])


def test_all_interleavings_of_two_adders_settle() -> None:
    """Whoever comes first, both devices end in, and every reader agrees."""
    for order in itertools.permutations(("laptop adds", "phone adds")):
        vault = Vault()
        phone, record = vault.add()
        base = vault.membership.extend(record)
        adders = {"laptop adds": vault.laptop, "phone adds": phone}
        log = list(base.records)
        for turn in order:
            newcomer, _ = enrol()
            held = Membership.verify(vault.id, log)
            log.append(
                add_record(held, adders[turn], vault.secret, newcomer.public, "new")
            )

        assert base.advance(log) == Membership.verify(vault.id, log)
        assert len(Membership.verify(vault.id, log).devices) == 4


def test_a_wrap_is_bound_to_its_record() -> None:
    """A wrap taken from one record does not open inside another."""
    vault = Vault()
    phone, record = vault.add()
    body = parse_unverified_record(record).unverified_body
    other_base = vault.membership.extend(vault.add("tablet")[1])
    moved = replace(body, previous=other_base.head.hash, height=2)
    membership = other_base.extend(sign_record(vault.laptop.signing, moved))

    with pytest.raises(TamperedError):
        unwrap_epochs(membership, phone)


def test_a_secret_that_was_not_committed_to_is_refused() -> None:
    """A member that gives the newcomer another key is found out by the newcomer."""
    vault = Vault()
    phone, record = vault.add()
    body = parse_unverified_record(record).unverified_body
    wrong = wrap_epoch(
        EpochSecret(bytes(32)),
        phone.public,
        epoch=1,
        binding=vault.id,
        previous=vault.membership.head.hash,
    )
    assert body.share is not None
    lied = replace(body, share=replace(body.share, wrap=wrong))
    membership = vault.membership.extend(sign_record(vault.laptop.signing, lied))

    with pytest.raises(TamperedError):
        unwrap_epochs(membership, phone)
    with pytest.raises(TamperedError):
        add_record(
            membership,
            vault.laptop,
            EpochSecret(bytes(32)),
            enrol()[0].public,
            "tablet",
        )


def test_a_stranger_opens_nothing() -> None:
    """No record wraps anything to a device that is no member."""
    with pytest.raises(NotAMember):
        unwrap_epochs(Vault().membership, enrol()[0])


def test_a_writer_refuses_what_readers_would() -> None:
    """A member is not added twice, a stranger adds nobody."""
    vault = Vault()
    stranger, _ = enrol()

    with pytest.raises(MembershipError):
        add_record(
            vault.membership, vault.laptop, vault.secret, vault.laptop.public, "again"
        )
    with pytest.raises(NotAMember):
        add_record(
            vault.membership, stranger, vault.secret, enrol()[0].public, "friend"
        )


def test_no_more_devices_than_a_record_can_wrap_for() -> None:
    """One beyond would leave the vault without a next epoch."""
    vault = Vault()
    for number in range(1, MAX_DEVICES):
        vault.membership = vault.membership.extend(vault.add(f"phone {number}")[1])
    assert len(vault.membership.devices) == MAX_DEVICES

    with pytest.raises(MembershipError, match="one device too many"):
        vault.add("one more")


def test_names_are_sealed_in_one_size() -> None:
    """The relay learns neither a name nor its length."""
    lengths = set()
    for name in ("a", "x" * 48, "é" * 48):
        device, _ = enrol()
        genesis, _, _ = found(device, name)
        lengths.add(len(genesis))
        assert name.encode() not in genesis or len(name) == 1

    assert len(lengths) == 1


@pytest.mark.parametrize(
    "name", ["", " x", "x" * 49, "a\nb", "a\u202eb", "a\u2028b", "a\x00", "a\u200b"]
)
def test_a_name_that_would_mislead_is_refused(name: str) -> None:
    """Nothing empty, endless, or that moves the text around it."""
    with pytest.raises(FormatError):
        check_name(name)


def test_a_name_that_is_taken_gets_a_number() -> None:
    """As short as a name has to be, and never one that is taken as well."""
    assert free_name("phone", {"laptop"}) == "phone"
    assert free_name("phone", {"phone", "phone 2"}) == "phone 3"
    long = "x" * MAX_NAME_CHARS
    assert check_name(free_name(long, {long})) == "x" * (MAX_NAME_CHARS - 2) + " 2"


@given(st.binary(max_size=300))
def test_a_body_is_canonical_or_refused(data: bytes) -> None:
    """Accepted bodies are the bytes that would be written again."""
    try:
        body = parse_body(data, max_bytes=1 << 17)
    except (FormatError, UnsupportedError):
        return
    assert encode_body(body) == data

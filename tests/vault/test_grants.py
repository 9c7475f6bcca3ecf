"""Grants: what was granted is covered, and nothing beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.access_record import Outcome, Requester, RequesterKind
from clisk_vault.errors import (
    CallerError,
    FormatError,
    ReadRefused,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.grant_record import (
    Grant,
    check_origin,
    encode_grant,
    open_grant,
    parse_grant,
    sign_grant,
)
from clisk_vault.grants import SpoiltGrant
from clisk_vault.ids import DeviceId, GrantId, ItemId, VaultId
from clisk_vault.primitives import SigningKey, VerifyKey
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PASSWORD, FakeClock, add_login, carry, unlock
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_ORIGIN = "https://bank.example"
_DIGEST = b"d" * 32
_HOUR_MS = 3_600_000


def _konnector(digest: bytes = _DIGEST, name: str = "demo") -> Requester:
    return Requester(RequesterKind.KONNECTOR, name, digest)


def _grant(vault: Vault, item: ItemId, **changes: Any) -> Grant:
    return vault.grant(
        **{
            "konnector": "demo",
            "digest": _DIGEST,
            "item": item,
            "fields": ["password", "username"],
            "origins": [_ORIGIN],
            "purpose": "fetch bills",
            **changes,
        }
    )


def _ask(item: ItemId, **changes: Any) -> ReadRequest:
    asked: dict[str, Any] = {
        "item": item,
        "field": "password",
        "who": _konnector(),
        "purpose": "log in",
        "origin": _ORIGIN,
        **changes,
    }
    return ReadRequest(**asked)


def test_a_granted_read_is_answered_and_recorded(vault: Vault) -> None:
    """The record names the grant that it rested on."""
    item = add_login(vault)
    grant = _grant(vault, item)

    assert vault.reveal(_ask(item)).expose() == PASSWORD

    ((_, record),) = vault.log.records()
    assert (record.outcome, record.grant) == (Outcome.GRANTED, grant.id)
    assert record.who == _konnector()


def test_without_a_grant_a_konnector_gets_nothing(vault: Vault) -> None:
    """A refusal, recorded."""
    item = add_login(vault)

    with pytest.raises(ReadRefused) as refused:
        vault.reveal(_ask(item))

    assert refused.value.advice
    ((_, record),) = vault.log.records()
    assert (record.outcome, record.grant) == (Outcome.REFUSED, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"who": _konnector(b"e" * 32)}, "code"),
        ({"field": "totp"}, "no such value"),
        ({"field": "title"}, "field"),
        ({"origin": "https://bank.example:8443"}, "origin"),
        ({"origin": "http://bank.example"}, "origin"),
        ({"origin": "https://www.bank.example"}, "origin"),
        ({"origin": "https://bank.example.evil.example"}, "origin"),
        ({"origin": "https://BANK.example"}, "origin"),
        ({"origin": ""}, "origin"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_what_differs_from_the_grant_is_refused(
    vault: Vault, change: dict[str, Any], reason: str
) -> None:
    """Changed code, another field, another origin: each named, each recorded."""
    item = add_login(vault)
    _grant(vault, item)

    with pytest.raises(ReadRefused, match=reason):
        vault.reveal(_ask(item, **change))

    ((_, record),) = vault.log.records()
    assert record.outcome is Outcome.REFUSED


def test_a_grant_covers_one_item(vault: Vault) -> None:
    """A malicious konnector that names another item gets nothing."""
    _grant(vault, add_login(vault))
    other = add_login(vault, "Other")

    with pytest.raises(ReadRefused, match="no grant"):
        vault.reveal(_ask(other))


def test_a_grant_expires(vault: Vault, clock: FakeClock) -> None:
    """At the moment it says, and not after."""
    item = add_login(vault)
    _grant(vault, item, expires_ms=clock.now_ms + _HOUR_MS)
    clock.now_ms += _HOUR_MS - 1
    vault.reveal(_ask(item))
    clock.now_ms += 1

    with pytest.raises(ReadRefused, match="expired"):
        vault.reveal(_ask(item))


def test_a_revoked_grant_is_gone_for_good(vault: Vault, vault_path: Path) -> None:
    """Also after unlocking again; it stays in the list as revoked."""
    item = add_login(vault)
    grant = _grant(vault, item)

    vault.revoke_grant(grant.id)
    vault.revoke_grant(grant.id)

    vault.lock()
    again = unlock(vault_path)
    with pytest.raises(ReadRefused, match="revoked"):
        again.reveal(_ask(item))
    assert [state.revoked for state in again.grants()] == [True]
    again.lock()


def test_a_mark_of_revocation_cannot_be_taken_back(vault: Vault) -> None:
    """Writing over the mark does not bring the grant back."""
    item = add_login(vault)
    grant = _grant(vault, item)
    vault.revoke_grant(grant.id)

    vault._items.write_settings({f"grant.{grant.id.hex()}.revoked": b""})

    with pytest.raises(ReadRefused, match="revoked"):
        vault.reveal(_ask(item))


def test_a_second_grant_counts_beside_a_revoked_one(vault: Vault) -> None:
    """Granting again works, with a grant of its own."""
    item = add_login(vault)
    vault.revoke_grant(_grant(vault, item).id)
    second = _grant(vault, item)

    vault.reveal(_ask(item))

    assert [each.grant.id for each in vault.grants() if not each.revoked] == [second.id]


def test_an_unknown_grant_is_not_revoked(vault: Vault) -> None:
    """And an unknown item is not granted."""
    with pytest.raises(CallerError):
        vault.revoke_grant(GrantId(bytes(16)))
    with pytest.raises(CallerError):
        _grant(vault, ItemId(bytes([1]) * 16))


# --- between devices


def test_grants_travel_and_verify_under_their_signer(
    pair: tuple[Vault, Vault],
) -> None:
    """What the laptop granted holds on the phone once the phone knows its key."""
    laptop, phone = pair
    item = add_login(laptop)
    grant = _grant(laptop, item)
    carry(laptop, phone)
    with pytest.raises(ReadRefused):
        phone.reveal(_ask(item))

    phone.trust({laptop.device_id: laptop.secrets.public.signing}.get)

    assert phone.reveal(_ask(item)).expose() == PASSWORD
    assert [state.given_by for state in phone.grants()] == [laptop.device_id]
    phone.revoke_grant(grant.id)
    carry(phone, laptop)
    with pytest.raises(ReadRefused, match="revoked"):
        laptop.reveal(_ask(item))


def test_a_grant_of_a_device_that_left_covers_nothing(
    pair: tuple[Vault, Vault],
) -> None:
    """Even one that verified before: its signer is asked for each time."""
    laptop, phone = pair
    item = add_login(laptop)
    _grant(laptop, item)
    carry(laptop, phone)
    members = {laptop.device_id: laptop.secrets.public.signing}
    phone.trust(members.get)
    phone.reveal(_ask(item))

    members.clear()

    with pytest.raises(ReadRefused):
        phone.reveal(_ask(item))
    assert [type(each) for each in phone._grants.spoilt()] == [SpoiltGrant]


def test_a_forged_grant_covers_nothing(vault: Vault) -> None:
    """A grant in the document without a member's signature, or in another's place."""
    item = add_login(vault)
    grant = _grant(vault, item)
    vault.revoke_grant(grant.id)
    mine, stranger = vault.secrets.signing, SigningKey.generate()
    new = replace(grant, id=GrantId(b"n" * 16))
    forged: dict[str, bytes | str] = {
        "stranger": sign_grant(new, stranger, DeviceId(bytes(16)), vault.id),
        "not his key": sign_grant(new, stranger, vault.device_id, vault.id),
        "another vault": sign_grant(new, mine, vault.device_id, VaultId(b"v" * 32)),
        "another place": sign_grant(grant, mine, vault.device_id, vault.id),
        "not a grant": b"x",
        "text": "x",
    }

    for number, value in enumerate(forged.values()):
        place = GrantId(b"n" * 16) if number < 3 else GrantId(bytes([number]) * 16)
        vault._items.write_settings({f"grant.{place.hex()}": value})
        with pytest.raises(ReadRefused):
            vault.reveal(_ask(item))


# --- bytes


@pytest.mark.parametrize("case", load_vectors("grant"), ids=str)
def test_grant_vector(case: Vector) -> None:
    """Each published vector gives the published result."""
    members = {DeviceId(case.raw("device")): VerifyKey(case.raw("public"))}
    vault_id = VaultId(case.raw("vault"))

    if case.result != "ok":
        with pytest.raises(refusal(case.result)):
            open_grant(case.raw("signed"), vault_id, members.get)
        return

    grant, device = open_grant(case.raw("signed"), vault_id, members.get)
    assert device == case.raw("device")
    assert encode_grant(grant) == case.raw("payload")
    check_cddl(case.raw("payload"), page="grant", rule="grant")


def _grants() -> st.SearchStrategy[Grant]:
    return st.builds(
        Grant,
        id=st.binary(min_size=16, max_size=16).map(GrantId),
        konnector=st.text(max_size=20),
        digest=st.binary(min_size=32, max_size=32),
        item=st.binary(min_size=16, max_size=16).map(ItemId),
        fields=st.sets(st.text(max_size=9), min_size=1, max_size=4).map(
            lambda names: tuple(sorted(names))
        ),
        origins=st.just((_ORIGIN,)),
        created_ms=st.integers(0, 1 << 48),
        expires_ms=st.none() | st.integers(0, 1 << 48),
        purpose=st.text(max_size=20),
    )


@given(_grants())
def test_a_grant_is_read_back_as_written(grant: Grant) -> None:
    """Parsing inverts encoding."""
    assert parse_grant(encode_grant(grant)) == grant


@given(_grants(), st.data())
def test_grant_bytes_are_canonical_or_refused(
    grant: Grant, data: st.DataObject
) -> None:
    """Bytes parse to what spells them, or raise a named error."""
    raw = bytearray(encode_grant(grant))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))

    try:
        parsed = parse_grant(bytes(raw))
    except (FormatError, UnsupportedError):
        return

    assert encode_grant(parsed) == bytes(raw)


@given(_grants(), st.integers(0), st.integers(0, 7))
def test_any_flipped_bit_of_a_signed_grant_is_refused(
    grant: Grant, at: int, bit: int
) -> None:
    """No bit of a grant can be changed after it was signed."""
    key, device, vault_id = (
        SigningKey(b"k" * 32),
        DeviceId(b"d" * 16),
        VaultId(b"v" * 32),
    )
    signed = bytearray(sign_grant(grant, key, device, vault_id))
    signed[at % len(signed)] ^= 1 << bit

    with pytest.raises((FormatError, TamperedError, UnsupportedError)):
        open_grant(bytes(signed), vault_id, {device: key.public()}.get)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "bank.example",
        "https://bank.example/",
        "https://bank.example/login",
        "https://Bank.example",
        "https://bank.example:443",
        "http://bank.example:80",
        "https://bank.example:0443",
        "https://user@bank.example",
        "https://bank.example.",
        "https://bänk.example",
        "ftp://bank.example",
        "file://",
        "null",
        "https://",
        "https://*.example",
        "https://bank.example\n",
    ],
)
def test_what_no_browser_writes_as_an_origin_is_refused(origin: str) -> None:
    """One spelling of each origin, so that comparing is equality."""
    with pytest.raises(FormatError):
        check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://bank.example",
        "http://127.0.0.1:8080",
        "http://localhost:5000",
        "http://[::1]:8080",
        "https://xn--bnk-qla.example:8443",
    ],
)
def test_what_a_browser_writes_as_an_origin_is_accepted(origin: str) -> None:
    """Names, addresses, ports that are not the scheme's own."""
    check_origin(origin)


@pytest.mark.parametrize(
    "change",
    [
        {"fields": []},
        {"fields": [f"f{n}" for n in range(100)]},
        {"origins": ["https://Bank.example"]},
        {"digest": b"short"},
        {"purpose": "x" * 1000},
    ],
    ids=str,
)
def test_a_grant_that_no_reader_accepts_is_not_given(
    vault: Vault, change: dict[str, Any]
) -> None:
    """It is refused when it is made, not when it is needed."""
    item = add_login(vault)

    with pytest.raises(FormatError):
        _grant(vault, item, **change)

    assert vault.grants() == []

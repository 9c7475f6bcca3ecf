"""Attacks on grants: each gets nothing and leaves a record; each has its control."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clisk_vault.access_record import Outcome, Requester, RequesterKind, Use
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import ReadRefused
from clisk_vault.grant_record import Grant, sign_grant
from clisk_vault.ids import DeviceId, GrantId, ItemId
from clisk_vault.keys import SecretText
from clisk_vault.log_page import PAGE_ENTRIES
from clisk_vault.primitives import SigningKey
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import (
    PASSWORD,
    PERSON,
    FakeClock,
    add_login,
    carry,
    read,
    unlock,
)

_ORIGIN = "https://bank.example"
_DIGEST = b"d" * 32
_HOUR_MS = 3_600_000


def _grant(vault: Vault, item: ItemId, **changes: Any) -> Grant:
    asked: dict[str, Any] = {
        "konnector": "demo",
        "digest": _DIGEST,
        "item": item,
        "fields": ["password", "username"],
        "origins": [_ORIGIN],
        "purpose": "fetch bills",
    }
    return vault.grant(**{**asked, **changes})


def _ask(item: ItemId, **changes: Any) -> ReadRequest:
    asked: dict[str, Any] = {
        "item": item,
        "field": "password",
        "who": Requester(RequesterKind.KONNECTOR, "demo", _DIGEST),
        "purpose": "log in",
        "origin": _ORIGIN,
    }
    return ReadRequest(**{**asked, **changes})


def _refused(vault: Vault, request: ReadRequest, reason: str) -> None:
    """Check that nothing is given, why, and that the refusal is on record."""
    before = vault.log.size
    with pytest.raises(ReadRefused, match=reason):
        vault.reveal(request)
    ((_, record),) = vault.log.records(before)
    assert record.outcome is Outcome.REFUSED
    # The one that came nearest is named, and not used up by it.
    grants = {
        state.grant.id for state in vault.grants() if state.grant.item == request.item
    }
    assert record.grant in grants if grants else record.grant is None


def _given(vault: Vault, request: ReadRequest) -> None:
    assert vault.reveal(request).expose() == PASSWORD


# --- expired, and the clock


def test_an_expired_grant_covers_nothing(vault: Vault, clock: FakeClock) -> None:
    """Control: it does until its last millisecond."""
    item = add_login(vault)
    _grant(vault, item, expires_ms=clock.now_ms + _HOUR_MS)
    clock.now_ms += _HOUR_MS - 1
    _given(vault, _ask(item))

    clock.now_ms += 1

    _refused(vault, _ask(item), "expired")


def test_a_clock_set_back_revives_no_expired_grant(
    vault: Vault, clock: FakeClock
) -> None:
    """What was recorded after the end keeps the grant ended."""
    item = add_login(vault)
    _grant(vault, item, expires_ms=clock.now_ms + _HOUR_MS)
    given_at = clock.now_ms
    clock.now_ms += 2 * _HOUR_MS
    read(vault, item)  # anything that is recorded will do

    clock.now_ms = given_at

    _refused(vault, _ask(item), "expired")


def test_a_clock_set_back_before_the_end_ends_nothing(
    vault: Vault, clock: FakeClock
) -> None:
    """Control: only a record later than the end counts."""
    item = add_login(vault)
    _grant(vault, item, expires_ms=clock.now_ms + 3 * _HOUR_MS)
    given_at = clock.now_ms
    clock.now_ms += 2 * _HOUR_MS
    read(vault, item)

    clock.now_ms = given_at

    _given(vault, _ask(item))


def test_a_clock_set_back_is_noticed_after_unlocking_again(
    vault: Vault, vault_path: Path, clock: FakeClock
) -> None:
    """The log remembers; a new process with the clock set back knows it too."""
    item = add_login(vault)
    _grant(vault, item, expires_ms=clock.now_ms + _HOUR_MS)
    clock.now_ms += 2 * _HOUR_MS
    read(vault, item)
    vault.lock()

    again = unlock(vault_path)  # its clock stands at the beginning

    _refused(again, _ask(item), "expired")
    again.lock()


# --- used up


def test_a_used_up_grant_covers_no_further_read(vault: Vault) -> None:
    """Control: the reads that it allows are answered."""
    item = add_login(vault)
    _grant(vault, item, max_reads=2)
    _given(vault, _ask(item))
    vault.reveal(_ask(item, field="username"))

    _refused(vault, _ask(item), "used up")


def test_a_used_up_grant_stays_so_in_a_new_process(
    vault: Vault, vault_path: Path
) -> None:
    """The count is on disk with the record of the read, not in memory."""
    item = add_login(vault)
    _grant(vault, item, max_reads=1)
    _given(vault, _ask(item))
    vault.lock()

    again = unlock(vault_path)

    _refused(again, _ask(item), "used up")
    again.lock()


def test_a_refused_read_uses_nothing_up(vault: Vault) -> None:
    """A konnector that asks in vain does not spend what the person allowed."""
    item = add_login(vault)
    _grant(vault, item, max_reads=1)
    _refused(vault, _ask(item, origin="https://evil.example"), "origin")

    _given(vault, _ask(item))


def test_an_unlimited_grant_is_used_before_a_limited_one(vault: Vault) -> None:
    """What needs no counting does not use up what does."""
    item = add_login(vault)
    _grant(vault, item, max_reads=1)
    unlimited = _grant(vault, item)

    for _ in range(2):
        _given(vault, _ask(item))

    assert {record.grant for _, record in vault.log.records()} == {unlimited.id}


def test_a_limited_grant_is_not_used_again_on_another_device(
    pair: tuple[Vault, Vault],
) -> None:
    """Two devices out of touch would each count to the limit: one counts, alone."""
    laptop, phone = pair
    item = add_login(laptop)
    _grant(laptop, item, max_reads=1)
    carry(laptop, phone)
    phone.trust({laptop.device_id: laptop.secrets.public.signing}.get)

    _refused(phone, _ask(item), "the device that gave it")
    _given(laptop, _ask(item))


def test_an_unlimited_grant_is_used_on_another_device(
    pair: tuple[Vault, Vault],
) -> None:
    """Control: without a limit it holds on both."""
    laptop, phone = pair
    item = add_login(laptop)
    _grant(laptop, item)
    carry(laptop, phone)
    phone.trust({laptop.device_id: laptop.secrets.public.signing}.get)

    _given(phone, _ask(item))


def test_a_restored_device_uses_no_limited_grant_from_before(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """What was read since the copy is in nobody's log; a new grant counts again."""
    item = add_login(vault)
    _grant(vault, item, max_reads=1)
    restored_ms = clock.now_ms + 1
    monkeypatch.setattr(type(vault.log_index), "restored_ms", lambda _: restored_ms)

    _refused(vault, _ask(item), "restored")

    clock.now_ms += 2
    _grant(vault, item, max_reads=1)
    _given(vault, _ask(item))


def test_uses_are_counted_across_pages_of_the_index(
    vault: Vault, vault_path: Path
) -> None:
    """1,100 reads later, and in a new process, the count is still the log's."""
    item = add_login(vault)
    _grant(vault, item, max_reads=2)
    _given(vault, _ask(item))
    many = [ReadRequest(item, "password", PERSON, "check")] * (PAGE_ENTRIES + 76)
    assert len(list(vault.reveal_many(many))) == len(many)
    _given(vault, _ask(item))
    vault.lock()

    again = unlock(vault_path)

    _refused(again, _ask(item), "used up")
    again.lock()


# --- another digest, another origin


def test_changed_code_is_covered_by_no_grant(vault: Vault) -> None:
    """One other byte in the code is another digest."""
    item = add_login(vault)
    _grant(vault, item)
    _given(vault, _ask(item))
    other = Requester(RequesterKind.KONNECTOR, "demo", b"e" + _DIGEST[1:])

    _refused(vault, _ask(item, who=other), "code")


@pytest.mark.parametrize(
    "origin",
    ["https://bank.example.evil.tld", "http://bank.example", "https://bank.example:1"],
)
def test_another_origin_is_covered_by_no_grant(vault: Vault, origin: str) -> None:
    """Control: the granted one is."""
    item = add_login(vault)
    _grant(vault, item)
    _given(vault, _ask(item))

    _refused(vault, _ask(item, origin=origin), "origin")


# --- revoked


def test_a_grant_revoked_on_another_device_covers_nothing_here(
    pair: tuple[Vault, Vault],
) -> None:
    """From the moment at which this device hears of it; control: until then it does."""
    laptop, phone = pair
    item = add_login(laptop)
    grant = _grant(laptop, item)
    carry(laptop, phone)
    phone.revoke_grant(grant.id)
    _given(laptop, _ask(item))

    carry(phone, laptop)

    _refused(laptop, _ask(item), "revoked")


def test_a_revoked_grant_that_is_replayed_stays_revoked(vault: Vault) -> None:
    """Its signed bytes, written anew in its place, do not count again."""
    item = add_login(vault)
    grant = _grant(vault, item)
    field = f"grant.{grant.id.hex()}"
    settings = vault._items.settings()
    (signed,) = [
        value
        for key, value in settings.entries.items()
        if key.startswith(f"{field}/") and isinstance(value, bytes)
    ]
    _given(vault, _ask(item))
    vault.revoke_grant(grant.id)

    vault._items.write_settings({field: signed})

    _refused(vault, _ask(item), "revoked")


def test_a_revoked_grant_that_is_replayed_in_another_place_covers_nothing(
    vault: Vault,
) -> None:
    """Under a fresh id the bytes name the old one."""
    item = add_login(vault)
    grant = _grant(vault, item)
    settings = vault._items.settings()
    (signed,) = [
        value
        for key, value in settings.entries.items()
        if key.startswith("grant.") and isinstance(value, bytes)
    ]
    vault.revoke_grant(grant.id)

    vault._items.write_settings({f"grant.{'ab' * 16}": signed})

    _refused(vault, _ask(item), "revoked")
    assert len(vault.spoilt_grants()) == 1


# --- forged


@pytest.fixture(name="forger")
def _forger() -> SigningKey:
    return SigningKey.generate()


def test_a_grant_forged_by_a_non_member_covers_nothing(
    vault: Vault, forger: SigningKey
) -> None:
    """Control: the same bytes signed by the device itself are a grant."""
    item = add_login(vault)
    known = _grant(vault, item)
    vault.revoke_grant(known.id)
    made = replace(known, id=GrantId(b"f" * 16))
    place = f"grant.{made.id.hex()}"
    for device in (DeviceId(b"f" * 16), vault.device_id):
        signed = sign_grant(made, forger, device, vault.id)
        vault._items.write_settings({place: signed})
        _refused(vault, _ask(item), "revoked")  # the nearest that verifies

    own = sign_grant(made, vault.secrets.signing, vault.device_id, vault.id)
    vault._items.write_settings({place: own})
    _given(vault, _ask(item))


# --- plaintext


def test_a_secret_is_not_handed_to_code_without_that_grant(vault: Vault) -> None:
    """Leave to fill a field in is not leave to have it."""
    item = add_login(vault)
    _grant(vault, item)
    _given(vault, _ask(item))

    _refused(vault, _ask(item, origin=None), "plaintext")


def test_plaintext_that_was_granted_by_name_is_handed_over_and_said_to_be(
    vault: Vault,
) -> None:
    """The record has the use hand-over; another secret of the item stays shut."""
    item = vault.add(
        ItemDraft(
            "login",
            "Bank",
            {"password": SecretText(PASSWORD), "totp": SecretText("JBSWY3DP")},
        )
    )
    _grant(
        vault,
        item,
        fields=["password", "totp"],
        plaintext_to_konnector=["password"],
    )

    _given(vault, _ask(item, origin=None))

    ((_, record),) = vault.log.records()
    assert (record.use, record.origin) == (Use.HAND_OVER, None)
    _refused(vault, _ask(item, field="totp", origin=None), "plaintext")


def test_a_konnector_cannot_say_that_plaintext_was_filled_in(vault: Vault) -> None:
    """What is asked for without an origin is recorded as handed over, or not at all."""
    item = add_login(vault)
    _grant(vault, item, plaintext_to_konnector=["password"])

    vault.reveal(_ask(item, origin=None))

    assert [record.use for _, record in vault.log.records()] == [Use.HAND_OVER]

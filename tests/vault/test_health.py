"""What is wrong with passwords: each fault found, none invented, each read recorded."""

from __future__ import annotations

import pytest

from clisk_vault.access_record import Use
from clisk_vault.breaches import breach_digest
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import StoreError
from clisk_vault.generator import generate_password
from clisk_vault.health import Checkup, Fault, examine
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.strength import STRONG, estimate
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, FakeClock

_DAY = 24 * 60 * 60 * 1000
_STRONG = "gL7#vQ2m!xW9zT4k"


def _login(
    vault: Vault,
    title: str = "Site",
    password: str | None = None,
    uri: str = "https://site.example",
    **fields: FieldValue,
) -> ItemId:
    secret = SecretText(password or generate_password().secret.expose())
    draft = ItemDraft("login", title, {"password": secret, **fields}, uris=(uri,))
    return vault.add(draft)


def _faults(found: Checkup, item: ItemId) -> set[Fault]:
    return {each.fault for each in found.findings if each.item == item}


def test_a_good_login_has_no_fault(vault: Vault) -> None:
    """Strong, unique, new, over https."""
    item = _login(vault)

    assert _faults(examine(vault, PERSON), item) == set()


@pytest.mark.parametrize(
    ("password", "title"),
    [("password", "x"), ("qwertz123", "x"), ("Zyqvorrimax1", "Zyqvorrimax")],
)
def test_a_weak_password_is_found(vault: Vault, password: str, title: str) -> None:
    """Also one that is only weak for whoever knows what the account is called."""
    item = _login(vault, title, password)

    assert Fault.WEAK in _faults(examine(vault, PERSON), item)
    assert estimate(SecretText("Zyqvorrimax1")).score >= STRONG


def test_a_password_used_twice_is_found_in_both(vault: Vault) -> None:
    """Each names the other; what is in the trash does not count."""
    one, two = _login(vault, "a", _STRONG), _login(vault, "b", _STRONG)
    trashed = _login(vault, "c", _STRONG)
    vault.trash(trashed)

    found = examine(vault, PERSON)

    others = {f.item: f.others for f in found.findings if f.fault is Fault.REUSED}
    assert others == {one: (two,), two: (one,)}
    assert found.examined == 2


def test_an_old_password_is_found(vault: Vault, clock: FakeClock) -> None:
    """By when it was written here, or as imported; an edit of another field is none."""
    item, other = _login(vault), _login(vault, "new")
    imported = _login(vault, "imported", password_changed="2019-01-01T00:00:00Z")
    clock.now_ms += 365 * _DAY
    vault.edit(item, {"username": "x"})
    vault.edit(other, {"password": generate_password().secret})

    old = {f.item for f in examine(vault, PERSON).findings if f.fault is Fault.OLD}
    assert old == {item, imported}
    assert not any(
        f.fault is Fault.OLD for f in examine(vault, PERSON, old_days=0).findings
    )
    vault.edit(imported, {"password": generate_password().secret})
    assert Fault.OLD not in _faults(examine(vault, PERSON), imported)


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("http://site.example", True),
        ("HTTP://site.example/x", True),
        ("https://site.example", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1", False),
        ("http://printer/", False),
        ("site.example", False),
    ],
)
def test_a_page_without_encryption_is_found(
    vault: Vault, uri: str, *, fault: bool
) -> None:
    """But not one on this machine or network."""
    item = _login(vault, uri=uri)

    assert (Fault.HTTP_ONLY in _faults(examine(vault, PERSON), item)) is fault


def test_a_missing_second_factor_is_found(vault: Vault) -> None:
    """Where the site is known to offer codes, and the login has neither these nor
    a passkey.
    """
    bare = _login(vault, uri="https://www.github.com/login")
    with_codes = _login(vault, uri="https://github.com", totp=SecretText("GEZDGNBV"))
    with_passkey = _login(
        vault, uri="https://github.com", **{"passkey.00000000.rp_id": "github.com"}
    )
    unknown = _login(vault, uri="https://notgithub.com")

    missing = {
        f.item
        for f in examine(vault, PERSON).findings
        if f.fault is Fault.NO_SECOND_FACTOR
    }
    assert missing == {bare}
    assert with_codes not in missing
    assert with_passkey not in missing
    assert unknown not in missing


class _Known:
    """Data with one breached password."""

    def __init__(self, password: str) -> None:
        self.digest = breach_digest(SecretText(password))

    def seen(self, digest: str) -> int:
        return 1234 if digest == self.digest else 0


def test_a_breached_password_is_the_worst(vault: Vault) -> None:
    """It comes first, and says how often it was seen."""
    item = _login(vault, "b", "password")

    found = examine(vault, PERSON, breaches=_Known("password"))

    assert found.findings[0].fault is Fault.BREACHED
    assert found.findings[0].says == "seen 1,234 times in breaches"
    assert Fault.BREACHED not in _faults(examine(vault, PERSON), item)


def test_every_read_is_recorded_as_a_check(vault: Vault) -> None:
    """One record a password, for what it is."""
    items = {_login(vault, str(number)) for number in range(70)}

    examine(vault, PERSON)

    records = [record for _, record in vault.log.records()]
    assert {r.item for r in records} == items
    assert {r.use for r in records} == {Use.HEALTH}
    assert len(records) == 70


def test_a_value_that_does_not_open_is_a_finding(vault: Vault) -> None:
    """The others are examined all the same."""
    broken, weak = _login(vault, "broken"), _login(vault, "weak", "password")
    saved = vault._items.saved(weak)
    assert saved is not None
    with vault.storage.transaction():
        vault._items.put(broken, saved)

    found = examine(vault, PERSON)

    assert _faults(found, broken) == {Fault.UNREADABLE}
    assert Fault.WEAK in _faults(found, weak)


def test_data_that_cannot_be_read_stops_the_check(vault: Vault) -> None:
    """Rather than pass every password."""

    class Broken:
        def seen(self, digest: str) -> int:
            raise StoreError(f"gone {len(digest)}")

    _login(vault)
    with pytest.raises(StoreError):
        examine(vault, PERSON, breaches=Broken())


def test_no_password_is_in_a_result(vault: Vault) -> None:
    """Neither in words nor as a digest."""
    _login(vault, "x", "password")

    found = examine(vault, PERSON, breaches=_Known("password"))

    assert "5BAA61E4" not in repr(found)
    assert "'password'" not in repr(found)


def test_strength_is_bounded_work() -> None:
    """A password of a megabyte takes no longer than one of a line."""
    assert estimate(SecretText("x7#" * 400_000)) == estimate(SecretText("x7#" * 24))
    assert estimate(SecretText("")).score == 0


def test_what_has_expired_or_soon_will_is_found(vault: Vault, clock: FakeClock) -> None:
    """Of every type, without a read; what is in the trash does not count."""
    clock.now_ms = 1_735_689_600_000  # 2025-01-01T00:00:00Z
    dates = {
        "2024-12-31T00:00:00Z": {Fault.EXPIRED},
        "2025-01-01T00:00:00Z": {Fault.EXPIRED},
        "2025-01-31T00:00:00Z": {Fault.EXPIRES_SOON},
        "2025-02-01T00:00:00Z": set(),
        "some day": set(),
    }
    items = {
        vault.add(ItemDraft("card", "Visa", {"expires": date})): wanted
        for date, wanted in dates.items()
    }
    trashed = vault.add(ItemDraft("note", "x", {"expires": "2020-01-01T00:00:00Z"}))
    vault.trash(trashed)
    size = vault.log.size

    found, wide = examine(vault, PERSON), examine(vault, PERSON, soon_days=0)

    assert {item: _faults(found, item) for item in items} == items
    assert [each.says for each in found.findings if each.fault is Fault.EXPIRED] == [
        "expired on 2024-12-31", "expired on 2025-01-01",
    ]  # fmt: skip
    assert _faults(found, trashed) == set()
    assert Fault.EXPIRES_SOON not in {each.fault for each in wide.findings}
    assert vault.log.size == size

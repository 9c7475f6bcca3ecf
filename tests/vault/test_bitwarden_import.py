"""Importing from Bitwarden: every value, once, all or nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clisk_vault.draft import ItemDraft
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    FormatError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import ItemId
from clisk_vault.item import ElementView, ItemView
from clisk_vault.item_types import URI_MATCHES
from clisk_vault.keys import SecretText
from clisk_vault.transfer.bitwarden import LINKED, import_bitwarden, plan_import
from clisk_vault.transfer.bitwarden_json import Export, parse_export
from clisk_vault.transfer.imported import Action, run_plan
from clisk_vault.vault import Vault
from tests.vault.made import FakeClock, carry, read

_DATA = Path(__file__).parents[1] / "data" / "bitwarden" / "export.json"
_TYPES = {"login": 1, "note": 2, "card": 3, "identity": 4, "ssh-key": 5}
_KINDS = {"text": 0, "hidden": 1, "boolean": 2, "linked": 3}
_SECTIONS = {
    "card": {
        "card.holder": "cardholderName", "card.brand": "brand", "card.number": "number",
        "card.exp_month": "expMonth", "card.exp_year": "expYear", "card.code": "code",
    },
    "identity": {
        "identity.title": "title", "identity.first_name": "firstName",
        "identity.middle_name": "middleName", "identity.last_name": "lastName",
        "identity.address1": "address1", "identity.address2": "address2",
        "identity.address3": "address3", "identity.city": "city",
        "identity.state": "state", "identity.postal_code": "postalCode",
        "identity.country": "country", "identity.company": "company",
        "identity.email": "email", "identity.phone": "phone", "identity.ssn": "ssn",
        "identity.username": "username", "identity.passport_number": "passportNumber",
        "identity.licence_number": "licenseNumber",
    },
    "sshKey": {
        "ssh.private_key": "privateKey", "ssh.public_key": "publicKey",
        "ssh.fingerprint": "keyFingerprint",
    },
    "login": {"username": "username", "password": "password", "totp": "totp"},
}  # fmt: skip
_PASSKEY = {
    "credential_id": "credentialId", "key_type": "keyType", "algorithm": "keyAlgorithm",
    "curve": "keyCurve", "private_key": "keyValue", "rp_id": "rpId",
    "rp_name": "rpName", "user_handle": "userHandle", "user_name": "userName",
    "user_display_name": "userDisplayName", "counter": "counter",
    "discoverable": "discoverable", "created": "creationDate",
}  # fmt: skip

# Everything that `bw` can write and that export.json has not.
_EVERYTHING: dict[str, Any] = {
    "type": 1,
    "name": "Everything ✓ ÅÄÖ",
    "favorite": True,
    "reprompt": 1,
    "id": "0d0c1b4e-4a5f-4f0a-9d61-0a6f5d3b5d10",
    "folderId": "f-1",
    "notes": "line\nline",
    "fields": [
        {"type": 0, "name": "empty", "value": ""},
        {"type": 3, "name": "to the password", "linkedId": 101},
        {"type": 3, "name": "to the unknown", "linkedId": 999},
        {"type": 1, "name": "hidden", "value": "h1dden"},
        {"type": 7, "name": "from a later version", "value": "kept too", "linkedId": 5},
        {"type": 2, "value": "false"},
    ],
    "login": {
        "uris": [
            {"uri": "https://a.example", "match": 0},
            {"uri": "https://b.example", "match": 5},
            {"uri": "https://c.example", "match": 77, "uriChecksum": "c="},
        ],
        "username": "",
        "password": "p",
        "totp": "otpauth://totp/x?secret=AAAA",
        "autofillOnPageLoad": True,
        "fido2Credentials": [
            {key: f"<{key}>" for key in _PASSKEY.values()} | {"later": [1, None, "x"]}
        ],
    },
    "passwordHistory": [
        {"password": "old2", "lastUsedDate": "2026-02-01T00:00:00.000Z"},
        {"password": "old1", "lastUsedDate": "2026-02-01T00:00:00.000Z", "why": "x"},
    ],
    "creationDate": "2024-01-01T00:00:00.000Z",
    "revisionDate": "2025-01-01T00:00:00.000Z",
    "deletedDate": "2026-03-01T00:00:00.000Z",
    "organizationId": "org",
    "collectionIds": ["c1"],
    "unheardOf": {"deep": [True, 1.5, {"x": "y"}]},
}  # fmt: skip
_OTHERS: list[dict[str, Any]] = [
    {
        "type": 5,
        "name": "key",
        "id": "ssh",
        "sshKey": {"privateKey": "PRIVATE", "publicKey": "PUB", "keyFingerprint": "FP"},
    },
    {
        "type": 4,
        "name": "whole identity",
        "id": "identity",
        "identity": {key: f"<{key}>" for key in _SECTIONS["identity"].values()},
    },
    {"type": 6, "name": "account", "id": "bank", "bankAccount": {"iban": "DE00"}},
    {"type": 2, "name": "note", "id": "note", "secureNote": {"type": 3}, "reprompt": 9},
    {"type": 1, "name": "no id", "login": {"password": "x"}, "folderId": "gone"},
    {"type": 1, "name": "no id", "login": {"password": "x"}, "folderId": "gone"},
    {"type": 3, "name": None, "id": "nameless", "card": {"number": "1", "cvv2": "?"}},
]


def _export(*items: dict[str, Any], **more: Any) -> bytes:
    folders = [{"id": "f-1", "name": "Work"}, {"id": "f-2", "name": "Empty"}]
    document = {"encrypted": False, "folders": folders, "items": list(items)}
    return json.dumps({**document, **more}).encode()


def _bare(value: Any) -> Any:
    """Return *value* without what says nothing: nulls and empty containers."""
    if isinstance(value, dict):
        pairs = ((key, _bare(member)) for key, member in value.items())
        return {key: member for key, member in pairs if member not in (None, {}, [])}
    if isinstance(value, list):
        return [_bare(member) for member in value]
    return value


class _Rebuilt:
    """An item of the vault, written again as Bitwarden writes it."""

    def __init__(self, vault: Vault, item: ItemId) -> None:
        self._vault = vault
        self._item = item
        self._view: ItemView = vault.view(item)

    def value(self, field: str) -> str | None:
        """Return a current value, read as a person reads it."""
        if not self._view.has(field):
            return None
        return read(self._vault, self._item, field, confirmed=True)

    def part(self, element: ElementView, part: str) -> str | None:
        return self.value(f"{element.kind}.{element.id}.{part}")

    def json(self, folders: dict[str, str]) -> dict[str, Any]:
        data = "".join(
            self.part(each, "data") or "" for each in self._view.elements("extra")
        )
        document: dict[str, Any] = {
            "type": _TYPES[self._view.type],
            "name": self.value("title"),
            "favorite": self.value("favourite") == "true",
            "reprompt": 1 if self.value("reprompt") == "true" else 0,
            "folderId": folders.get(self.value("folder") or ""),
            "notes": self.value("notes"),
            "creationDate": self.value("created"),
            "revisionDate": self.value("changed"),
            "fields": [self._custom(each) for each in self._view.elements("custom")],
            "passwordHistory": sorted(
                (
                    {
                        "password": self.part(each, "password"),
                        "lastUsedDate": self.part(each, "used"),
                    }
                    for each in self._view.elements("history")
                ),
                key=lambda row: str(row["password"]),
                reverse=True,
            ),
            **{
                section: {theirs: self.value(ours) for ours, theirs in names.items()}
                for section, names in _SECTIONS.items()
            },
        }
        document["login"] |= {
            "uris": [self._uri(each) for each in self._view.elements("uri")],
            "fido2Credentials": [
                {theirs: self.part(each, ours) for ours, theirs in _PASSKEY.items()}
                for each in self._view.elements("passkey")
            ],
        }
        _overlay(document, json.loads(data) if data else {})
        bare: dict[str, Any] = _bare(document)
        return bare

    def _uri(self, element: ElementView) -> dict[str, Any]:
        match = self.part(element, "match")
        return {
            "uri": self.part(element, "value"),
            "match": None if match is None else URI_MATCHES.index(match),
        }

    def _custom(self, element: ElementView) -> dict[str, Any]:
        kind, value = self.part(element, "kind"), self.part(element, "value")
        linked = None
        if kind == "linked" and value is not None:
            names = {name: number for number, name in LINKED.items()}
            linked = names.get(value) or int(value.removeprefix("bitwarden:"))
            value = None
        return {
            "type": _KINDS[kind or ""],
            "name": self.part(element, "name"),
            "value": self.part(element, "hidden") if kind == "hidden" else value,
            "linkedId": linked,
        }


def _overlay(document: dict[str, Any], rest: dict[str, Any]) -> None:
    """Put what was kept aside back into its place."""
    for key, value in rest.items():
        below = document.get(key)
        if isinstance(below, list) and isinstance(value, dict):
            for number, part in value.items():
                _overlay(below[int(number)], part)
        elif isinstance(below, dict) and isinstance(value, dict):
            _overlay(below, value)
        else:
            document[key] = value


def _as_it_was(item: dict[str, Any]) -> dict[str, Any]:
    item = {"favorite": False, "reprompt": 0, **copy.deepcopy(item)}
    item["name"] = item["name"] or ""
    item.pop("id", None)
    bare: dict[str, Any] = _bare(item)
    return bare


def _rebuild(vault: Vault, folders: dict[str, str]) -> list[dict[str, Any]]:
    return [_Rebuilt(vault, each.item).json(folders) for each in vault.overviews()]


def _sorted(items: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def test_the_real_export_comes_back_value_by_value(vault: Vault) -> None:
    """What `bw` 2026.9.0 wrote is all there: nothing lost, nothing made up."""
    document = json.loads(_DATA.read_bytes())

    report = import_bitwarden(vault, _DATA.read_bytes())

    folders = {folder["name"]: folder["id"] for folder in document["folders"]}
    assert (report.added, report.folders, report.kept_aside) == (4, 1, ())
    assert _sorted(_rebuild(vault, folders)) == _sorted(
        # A generic note says so twice: by its type and by this.
        [
            {k: v for k, v in _as_it_was(item).items() if k != "secureNote"}
            for item in document["items"]
        ]
    )


def test_every_kind_of_value_comes_back(vault: Vault) -> None:
    """Passkeys, links, later versions' keys, trash: by value, not by count."""
    items = [_EVERYTHING, *_OTHERS]

    report = import_bitwarden(vault, _export(*items))

    folders = {"Work": "f-1", "Empty": "f-2"}
    assert _sorted(_rebuild(vault, folders)) == _sorted(
        [_as_it_was(item) for item in items]
    )
    assert vault.folders() == ["Empty", "Work"]
    assert dict(report.kept_aside)["account"] == ("bankAccount", "type")


def test_secrets_are_sealed_and_not_listed(vault: Vault) -> None:
    """Passwords, seeds, hidden fields and private keys are secret fields here."""
    plan = plan_import(vault, _export(_EVERYTHING, *_OTHERS))
    assert "h1dden" not in repr(plan)
    run_plan(vault, plan)

    for each in vault.overviews():
        shown = repr(each) + repr(vault.view(each.item))
        assert not any(secret in shown for secret in ("h1dden", "old1", "PRIVATE"))


def test_an_import_is_planned_first(vault: Vault) -> None:
    """The plan says what would happen, and makes nothing happen."""
    plan = plan_import(vault, _DATA.read_bytes())

    assert (plan.count(Action.ADD), plan.folders) == (4, ("Work2",))
    assert {each.title for each in plan.items} == {"GitHub", "Me", "My note", "Visa"}
    assert vault.overviews() == []


def test_importing_twice_adds_nothing(vault: Vault) -> None:
    """The second time every item is skipped, also those without an id."""
    data = _export(_EVERYTHING, *_OTHERS)
    import_bitwarden(vault, data)
    sent, reads = vault.replica.unsent(), vault.log.size

    report = import_bitwarden(vault, data)

    assert (report.added, report.merged, report.skipped) == (0, 0, 8)
    assert vault.replica.unsent() == sent
    assert vault.log.size == reads


def test_two_devices_that_import_one_file_agree(pair: tuple[Vault, Vault]) -> None:
    """Both know an item by one id, so nothing is there twice."""
    laptop, phone = pair
    import_bitwarden(laptop, _DATA.read_bytes())
    import_bitwarden(phone, _DATA.read_bytes())

    carry(laptop, phone)

    assert len(phone.overviews()) == 4


def test_a_newer_export_writes_what_changed_there(vault: Vault) -> None:
    """And leaves alone what was changed here since."""
    import_bitwarden(vault, _export(_EVERYTHING))
    (item,) = (each.item for each in vault.overviews())
    vault.edit(item, {"password": SecretText("changed here"), "title": "mine"})
    newer = copy.deepcopy(_EVERYTHING)
    newer["notes"] = "changed there"
    del newer["login"]["totp"]
    newer["passwordHistory"].insert(
        0, {"password": "old3", "lastUsedDate": "2026-04-01T00:00:00.000Z"}
    )
    del newer["passwordHistory"][-1]

    (planned,) = plan_import(vault, _export(newer)).items
    report = import_bitwarden(vault, _export(newer))

    assert (report.added, report.merged) == (0, 1)
    assert {"notes", "totp"} < set(planned.changes)
    assert "password" not in planned.changes
    assert read(vault, item, confirmed=True) == "changed here"
    assert read(vault, item, "notes", confirmed=True) == "changed there"
    assert vault.view(item).title == "mine"
    assert not vault.view(item).has("totp")
    assert len(vault.view(item).elements("history")) == 3


def test_a_stale_plan_is_refused_whole(vault: Vault) -> None:
    """If the vault changed after planning, nothing of the plan is done."""
    plan = plan_import(vault, _DATA.read_bytes())
    vault.add(ItemDraft("note", "meanwhile", item=plan.items[-1].item))

    with pytest.raises(CallerError):
        run_plan(vault, plan)

    assert [each.title for each in vault.overviews()] == ["meanwhile"]


def test_what_stands_beside_the_items_is_kept(vault: Vault) -> None:
    """Collections of an organisation have no place of their own, and are kept."""
    collections = [{"id": "c1", "name": "Shared"}]

    import_bitwarden(vault, _export(collections=collections))

    (note,) = vault.overviews()
    data = json.loads(read(vault, note.item, "extra.00000000.data"))
    assert data == {"collections": collections}


_LOGIN = {"type": 1, "name": "x", "id": "a", "login": {"password": "s3cret-Pa55"}}


def _nested(depth: int) -> bytes:
    return b'{"items":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FormatError),
        (b"not json", FormatError),
        (b"\xff\xfe", FormatError),
        (b"[]", FormatError),
        (b"{}", FormatError),
        (b'{"items": {}}', FormatError),
        (b'{"items": [], "items": []}', FormatError),
        (b'{"items": [NaN]}', FormatError),
        (b'{"items": [' + b"9" * 5000 + b"]}", FormatError),
        (_nested(100_000), FormatError),
        (_export(_LOGIN)[:-20], FormatError),
        (_export(_LOGIN, _LOGIN), FormatError),
        (_export({**_LOGIN, "type": "1"}), FormatError),
        (_export({**_LOGIN, "type": True}), FormatError),
        (_export({**_LOGIN, "favorite": 1}), FormatError),
        (_export({**_LOGIN, "name": ["s3cret-Pa55"]}), FormatError),
        (_export({**_LOGIN, "login": {"password": 12345678}}), FormatError),
        (_export({**_LOGIN, "unknown": float("nan")}), FormatError),
        (_export({**_LOGIN, "notes": "x" * 60_000}), FormatError),
        (_export({**_LOGIN, "notes": "\ud800"}), FormatError),
        (_export({**_LOGIN, "id": "\ud800"}), FormatError),
        (_export({**_LOGIN, "\ud800": "\ud800"}), FormatError),
        (_export(folders=[{"id": "a", "name": "\ud800"}]), FormatError),
        (_export({**_LOGIN, "fields": [{"type": 0, "name": "x"}] * 1000}), FormatError),
        (_export(folders=[{"id": "a", "name": "1"}] * 2), FormatError),
        (_export(encrypted=True), UnsupportedError),
        (
            json.dumps({"encrypted": True, "passwordProtected": True, "data": "2."}),
            UnsupportedError,
        ),
    ],
    ids=lambda value: None if isinstance(value, type) else str(value[:40]),
)
def test_a_hostile_export_is_refused_by_name(
    vault: Vault, data: bytes | str, error: type[VaultError]
) -> None:
    """A named error that shows no value, and nothing half-imported."""
    raw = data if isinstance(data, bytes) else data.encode()

    with pytest.raises(error) as refused:
        import_bitwarden(vault, raw)

    assert "Bitwarden export" in str(refused.value)
    assert refused.value.advice
    assert "s3cret-Pa55" not in f"{refused.value!s} {refused.value!r}"
    assert "12345678" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert vault.overviews() == []


def test_the_models_own_errors_show_no_value() -> None:
    """Should one ever be logged: it names the place and not what stood there."""
    with pytest.raises(ValidationError) as refused:
        Export.model_validate({"items": [{**_LOGIN, "name": ["s3cret-Pa55"]}]})

    assert "s3cret-Pa55" not in str(refused.value)
    assert "s3cret-Pa55" not in repr(Export.model_validate({"items": [_LOGIN]}))


def test_an_enormous_export_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's limit comes before the parser."""
    monkeypatch.setattr("clisk_vault.transfer.bounded.MAX_BYTES", 10)

    with pytest.raises(CostLimitError):
        parse_export(_export())


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "id", "login", "uris", "fields", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(_ANYTHING, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_imported_or_refused_by_name(
    make: Callable[[], Vault], items: list[Any]
) -> None:
    """Whatever the items are: a plan, or a FormatError, and nothing else."""
    vault = make()
    try:
        data = _export(*items)
    except ValueError:
        return
    try:
        plan_import(vault, data)
    except FormatError:
        return


@pytest.fixture
def make(vault: Vault) -> Callable[[], Vault]:
    """Return what gives one vault again and again: planning changes nothing."""
    return lambda: vault


def test_dates_are_those_of_the_source(vault: Vault, clock: FakeClock) -> None:
    """Created and changed as Bitwarden knew them, until a later edit."""
    import_bitwarden(vault, _export(_EVERYTHING))
    (item,) = (each.item for each in vault.overviews())
    assert vault.view(item).created_ms == 1_704_067_200_000
    assert vault.view(item).changed_ms == 1_735_689_600_000

    clock.now_ms += 5
    vault.edit(item, {"title": "later"})

    assert vault.view(item).changed_ms == clock.now_ms

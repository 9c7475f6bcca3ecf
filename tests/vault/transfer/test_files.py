"""Files that come with items: attached once, checked, named when they do not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.attachment import MAX_ATTACHMENT_BYTES
from clisk_vault.errors import FormatError
from clisk_vault.reveal import ReadRequest
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import (
    Action,
    plan_file,
    run_plan,
    without_large_files,
)
from clisk_vault.vault import Vault
from tests.vault.transfer.samples import bitwarden_zip, logins, onepux, packed

_PERSON = Requester(RequesterKind.PERSON, "test")


def _bitwarden_zip(**files: bytes) -> bytes:
    item = {"type": 1, "name": "Bank", "id": "id-1", "login": {"password": "x"}}
    document = {"encrypted": False, "folders": [], "items": [item]}
    return packed(
        {
            "data.json": document,
            **{f"attachments/Bank/{name}": data for name, data in files.items()},
        }
    )


def _files(vault: Vault) -> dict[str, bytes]:
    return {
        each.name: vault.attachments.read(
            ReadRequest(line.item, each.field, _PERSON, "test")
        )
        for line in vault.overviews()
        for each in vault.attachments.of(line.item)
    }


def test_a_file_comes_whole_and_once(vault: Vault) -> None:
    """Its bytes come back; the same export again attaches nothing."""
    content = bytes(range(256)) * 400
    data = _bitwarden_zip(scan=content)

    run_plan(vault, plan_file(vault, read_file(data)))
    again = plan_file(vault, read_file(data))

    assert _files(vault) == {"scan": content}
    assert again.count(Action.SKIP) == 1


def test_every_file_of_a_bitwarden_zip_stays_with_its_item(vault: Vault) -> None:
    """By the item's id, whatever it is called; each by value, fields beside it."""
    people = [replace(each, title="One name for all") for each in logins(20)]

    file = read_file(bitwarden_zip(people))
    run_plan(vault, plan_file(vault, file))

    assert len(file.items) == len(vault.overviews()) == 20
    for line in vault.overviews():
        number = int(line.username.removeprefix("user").partition("@")[0])
        files = {
            each.name: vault.attachments.read(
                ReadRequest(line.item, each.field, _PERSON, "test")
            )
            for each in vault.attachments.of(line.item)
        }
        assert files == {
            name: f"{name} of {number}".encode() * 100
            for name in (f"scan №{number} 10:30.pdf", "same name")
        }


def test_a_file_of_no_item_is_kept_by_itself(vault: Vault) -> None:
    """And a slash in a name, which a zip takes for a folder, is none here."""
    data = packed(
        {
            "data.json": {"encrypted": False, "items": []},
            "attachments/gone/a/b.txt": b"content",
        }
    )

    run_plan(vault, plan_file(vault, read_file(data)))

    (line,) = vault.overviews()
    assert (line.type, line.title) == ("note", "Attachments of gone")
    assert _files(vault) == {"a_b.txt": b"content"}


def test_a_newer_export_adds_only_the_new_file(vault: Vault) -> None:
    """A file that is gone at its source stays here."""
    run_plan(vault, plan_file(vault, read_file(_bitwarden_zip(a=b"1"))))

    plan = plan_file(vault, read_file(_bitwarden_zip(b=b"2")))
    run_plan(vault, plan)

    assert plan.items[0].changes == ("file b",)
    assert _files(vault) == {"a": b"1", "b": b"2"}


def test_an_import_does_not_take_a_question_away(vault: Vault) -> None:
    """Attack: an older or a made-up export, without the mark, would unlock the item."""

    def export(reprompt: int, password: str) -> bytes:
        login = {"username": "a", "password": password}
        item = {"type": 1, "name": "Bank", "id": "id-1", "login": login}
        return json.dumps({"items": [{**item, "reprompt": reprompt}]}).encode()

    run_plan(vault, plan_file(vault, read_file(export(1, "first"))))
    plan = plan_file(vault, read_file(export(0, "second")))
    run_plan(vault, plan)

    assert plan.items[0].changes == ("password",), "the control: the rest is taken"
    (line,) = vault.overviews()
    assert vault.view(line.item).asks_passphrase
    assert plan_file(vault, read_file(export(0, "second"))).count(Action.SKIP) == 1


def test_a_file_too_large_refuses_all_or_is_left_out_by_name(vault: Vault) -> None:
    """Nothing is left out unless a person says so; then the report names it."""
    data = _bitwarden_zip(film=bytes(MAX_ATTACHMENT_BYTES + 1), a=b"1")
    file = read_file(data)

    with pytest.raises(FormatError, match="at most"):
        plan_file(vault, file)
    assert vault.ids() == set()

    (item,) = map(without_large_files, file.items)
    assert [each.name for each in item.attached] == ["a"]
    assert item.left_out == (f"film ({MAX_ATTACHMENT_BYTES + 1:,} bytes)",)


def test_a_document_of_1password_is_attached(vault: Vault) -> None:
    """An item that is a file brings it, and one that lost it says so."""
    document = json.loads(_inner(onepux(logins(1))))
    item = document["accounts"][0]["vaults"][0]["items"][0]
    item["details"]["documentAttributes"] = {
        "fileName": "a.pdf", "documentId": "doc1", "decryptedSize": 3,
    }  # fmt: skip
    item["details"]["sections"][0]["fields"].append(
        {"title": "scan", "id": "x",
         "value": {"file": {"fileName": "gone.pdf", "documentId": "doc2"}}}
    )  # fmt: skip
    data = packed({"export.data": document, "files/doc1__a.pdf": b"pdf"})

    file = read_file(data)
    run_plan(vault, plan_file(vault, file))

    assert _files(vault) == {"a.pdf": b"pdf"}
    assert file.items[0].kept_aside == ("file gone.pdf",)


def _inner(archive: bytes) -> bytes:
    import io
    import zipfile

    return zipfile.ZipFile(io.BytesIO(archive)).read("export.data")

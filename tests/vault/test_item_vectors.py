"""protocol/item.md: each published case against our code, good ones against CDDL."""

from __future__ import annotations

from typing import Any

import pytest

from clisk_vault import attachment, change_chunk, purge
from clisk_vault.document import Applied, EntryDocument, Orphan, new_actor
from clisk_vault.entry import EntryValue, check_entries
from clisk_vault.errors import EquivocationError
from clisk_vault.field_seal import FieldPlace, open_field, seal_field, sealed_epoch
from clisk_vault.hlc import Stamp, parse_stamp
from clisk_vault.ids import DeviceId, ItemId, VaultId
from clisk_vault.item import ItemView
from clisk_vault.keys import EpochSecret, SecretText
from tests.vectors import Vector, check_cddl, load_vectors, refusal


def _value(value: dict[str, str]) -> EntryValue:
    return value["text"] if "text" in value else bytes.fromhex(value["bytes"])


def _entries(values: dict[str, dict[str, str]]) -> dict[str, EntryValue]:
    return {key: _value(value) for key, value in values.items()}


def _stamp(case: Vector) -> None:
    stamp = parse_stamp(case["text"])
    assert stamp == Stamp(
        case["time_ms"], case["counter"], DeviceId(case.raw("device"))
    )
    assert str(stamp) == case["text"]


def _entry(case: Vector) -> None:
    entries = {case["key"]: _value(case["value"])}
    check_entries(entries, author=DeviceId(case.raw("author")))


def _change(case: Vector) -> None:
    change = change_chunk.parse_change(case.raw("change"))
    assert change.hash == case.raw("hash")
    assert change.actor == case.raw("actor")
    assert (change.seq, change.start_op) == (case["number"], case["first_operation"])
    assert change.entries == _entries(case["entries"])


def _apply(case: Vector) -> None:
    document = EntryDocument.new(new_actor(DeviceId(bytes(16))))
    outcome: Applied | Orphan | None = None
    for each in case["changes"]:
        data, author = bytes.fromhex(each["change"]), bytes.fromhex(each["author"])
        outcome = document.apply(data, author=DeviceId(author))
    expected = {"applied": Applied, "orphan": Orphan}
    assert isinstance(outcome, expected[case["outcome"]])


def _view(case: Vector) -> None:
    field = ItemView.from_entries(_entries(case["entries"])).fields[case["field"]]
    assert [str(version.stamp) for version in field.heads] == case["heads"]
    assert bool(field.conflicts) is case["conflict"]
    assert [str(version.stamp) for version in field.history] == case["history"]


def _seal(case: Vector) -> None:
    place = FieldPlace(
        VaultId(case.raw("vault")),
        ItemId(case.raw("item")),
        case["field"],
        parse_stamp(case["version"]),
    )
    secret, value, nonce = (
        EpochSecret(case.raw("epoch_secret")),
        case.raw("value"),
        case.raw("nonce"),
    )
    opened = open_field(lambda _: secret, value, place=place)
    assert opened == SecretText(case["plaintext"])
    assert sealed_epoch(value) == case["epoch"]
    again = seal_field(
        secret, opened, epoch=case["epoch"], place=place, random=lambda _: nonce
    )
    assert again == value
    check_cddl(value, page="item", rule="sealed-field")
    check_cddl(place.context(case["epoch"]), page="item", rule="field-context")


def _attachment(case: Vector) -> None:
    content = attachment.parse_content(SecretText(case["content"]))
    place = attachment.BlobPlace(
        VaultId(case.raw("vault")), ItemId(case.raw("item")), case.raw("blob")
    )
    chunks = [bytes.fromhex(chunk) for chunk in case["chunks"]]
    data = attachment.join_chunks(chunks, content, place)
    assert data == case.raw("data")
    assert content.chunks == len(chunks)
    assert attachment.spell_content(content) == SecretText(case["content"])
    for number, document in enumerate(case["documents"]):
        assert attachment.chunk_id(place.blob, number).hex() == document
    context = place.context(0, content.chunks)
    check_cddl(context, page="item", rule="chunk-context")


def _purge(case: Vector) -> None:
    item = ItemId(bytes(15) + b"\1")
    writer = DeviceId(b"w" * 16)
    settings = ItemView.from_entries(
        {
            f"{purge.purge_field(item)}/{Stamp(1, at, writer)}": text or b""
            for at, text in enumerate(case["purges"])
        }
    )
    seen = purge.seen_by_purges(settings, item)
    copy = [parse_stamp(text) for text in case["copy"]]
    assert (seen is not None) is case["purged"]
    assert (seen is not None and purge.covers(seen, copy)) is case["forgotten"]


_KINDS: dict[str, Any] = {
    "stamp": _stamp,
    "entry": _entry,
    "change": _change,
    "apply": _apply,
    "view": _view,
    "seal": _seal,
    "attachment": _attachment,
    "purge": _purge,
}


@pytest.mark.parametrize("case", load_vectors("item"), ids=str)
def test_each_case_gives_its_result(case: Vector) -> None:
    """The program reads and refuses what another implementation of the page does."""
    run = _KINDS[case["kind"]]

    if case.result == "ok":
        run(case)
    else:
        expected: type[Exception] = refusal(case.result)
        if case["kind"] == "apply" and case.result == "tampered":
            expected = EquivocationError
        with pytest.raises(expected):
            run(case)

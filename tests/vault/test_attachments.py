"""protocol/item.md §8: a file goes in sealed, comes out by reveal() alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import attachment
from clisk_vault.access_record import Outcome
from clisk_vault.attachment import (
    CHUNK_BYTES,
    MAX_ATTACHMENT_BYTES,
    BlobPlace,
    Content,
    chunk_id,
    join_chunks,
    new_content,
    parse_content,
    seal_chunks,
    spell_content,
)
from clisk_vault.errors import (
    CallerError,
    FormatError,
    NotHereError,
    ReadRefused,
    StoreError,
    TamperedError,
)
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.item_store import SETTINGS
from clisk_vault.keys import ContentKey, SecretText
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.items import seeded
from tests.vault.made import PERSON, add_login, carry, unlock

_PACKAGE = Path(attachment.__file__).parent
_PLACE = BlobPlace(VaultId(bytes(32)), ItemId(bytes(16)), bytes(16))
TWO_CHUNKS = seeded(7)(CHUNK_BYTES + 1)


def _request(vault: Vault, item: ItemId, at: int = 0) -> ReadRequest:
    return ReadRequest(item, vault.attachments.of(item)[at].field, PERSON, "test")


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_file_comes_out_as_it_went_in(vault: Vault, size: int) -> None:
    """Also an empty one, and one that just fills its chunks."""
    item, data = add_login(vault), seeded()(size)

    vault.attachments.add(item, "scan.pdf", data, media_type="application/pdf")

    (line,) = vault.attachments.of(item)
    assert (line.name, line.size, line.missing_chunks) == ("scan.pdf", size, 0)
    assert vault.attachments.read(_request(vault, item)) == data


def test_a_read_is_recorded_once_and_before(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record for a file of several chunks, on disk when the first is opened."""
    item = add_login(vault)
    vault.attachments.add(item, "a", TWO_CHUNKS)
    request, size, seen = _request(vault, item), vault.log.size, list[int]()
    join = attachment.join_chunks

    def joining(*args: object) -> bytes:
        seen.append(vault.log.size)
        return join(*args)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr("clisk_vault.attachment_store.join_chunks", joining)
    vault.attachments.read(request)

    assert seen == [size + 1] == [vault.log.size]
    _, record = list(vault.log.records())[-1]
    assert (record.item, record.field) == (item, request.field)
    assert record.outcome is Outcome.GRANTED


def test_what_cannot_be_recorded_is_not_read(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps an attachment as it keeps a password."""
    item = add_login(vault)
    vault.attachments.add(item, "a", b"x")

    def full(*_: object) -> int:
        raise StoreError("disk full")

    monkeypatch.setattr(vault.log, "append", full)
    monkeypatch.setattr(
        "clisk_vault.attachment_store.join_chunks", lambda *_: pytest.fail("opened")
    )

    with pytest.raises(ReadRefused, match="cannot be written"):
        vault.attachments.read(_request(vault, item))


def test_one_function_opens_chunks() -> None:
    """`join_chunks` and the label of chunks are named where reveal() comes before."""
    naming = {
        path.name
        for path in _PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Name) and node.id == "join_chunks")
        or (isinstance(node, ast.Attribute) and node.attr == "CHUNK")
    }

    assert naming == {"attachment.py", "attachment_store.py"}


def test_nothing_of_a_file_is_in_the_vault_file(vault: Vault, vault_path: Path) -> None:
    """Neither its words, nor its name."""
    item = add_login(vault)
    vault.attachments.add(item, "SecretName.txt", b"VerySecretWords" * 100)

    for path in vault_path.parent.iterdir():
        assert b"VerySecretWords" not in path.read_bytes()
        assert b"SecretName" not in path.read_bytes()


def test_one_byte_over_the_limit_is_refused_and_nothing_is_written(
    vault: Vault,
) -> None:
    """The error names the limit; the item is as it was."""
    item = add_login(vault)
    waiting = vault.replica.unsent()

    with pytest.raises(CallerError, match="at most 10,485,760"):
        vault.attachments.add(item, "big", bytes(MAX_ATTACHMENT_BYTES + 1))

    assert vault.attachments.of(item) == []
    assert vault.replica.unsent() == waiting


@pytest.mark.parametrize("name", ["", "a/b", "..\\b", "a\0", "x" * 256, "a\nb"])
def test_a_path_is_no_file_name(vault: Vault, name: str) -> None:
    """So that writing it out on another device stays in the folder chosen there."""
    with pytest.raises(CallerError, match="not the name of a file"):
        vault.attachments.add(add_login(vault), name, b"x")


def test_a_crash_while_attaching_leaves_nothing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks and element are one transaction."""
    item = add_login(vault)
    rows = vault.storage.one("SELECT count(*) FROM item")
    monkeypatch.setattr(
        vault._items, "write", lambda *_: (_ for _ in ()).throw(StoreError("full"))
    )

    with pytest.raises(StoreError):
        vault.attachments.add(item, "a", TWO_CHUNKS)

    assert vault.storage.one("SELECT count(*) FROM item") == rows
    assert vault.attachments.of(item) == []


def test_a_file_reaches_the_other_device(pair: tuple[Vault, Vault]) -> None:
    """Chunks travel as changes do, and are no items there either."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.attachments.add(item, "a", TWO_CHUNKS)

    carry(laptop, phone)

    assert phone.attachments.read(_request(phone, item)) == TWO_CHUNKS
    assert phone.ids() == laptop.ids() == {item}
    phone.rebuild_overview()
    assert phone.ids() == {item}
    assert phone.overviews()[0].has_attachment


def test_a_file_that_has_not_come_whole_is_named_so(
    pair: tuple[Vault, Vault],
) -> None:
    """Nothing is read, nothing recorded; it is read once the rest is here."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.attachments.add(item, "a", TWO_CHUNKS)
    changes = laptop.replica.pending(100, 1 << 30)
    held = next(each for each in changes if each.item_id != item)
    for each in changes:
        if each is not held:
            phone.replica.apply(laptop.device_id, each.item_id, each.change)
    size = phone.log.size

    assert phone.attachments.of(item)[0].missing_chunks == 1
    with pytest.raises(NotHereError, match="not come whole"):
        phone.attachments.read(_request(phone, item))
    assert phone.log.size == size

    phone.replica.apply(laptop.device_id, held.item_id, held.change)
    assert phone.attachments.read(_request(phone, item)) == TWO_CHUNKS


def test_chunks_of_two_attachments_cannot_be_exchanged(vault: Vault) -> None:
    """A chunk put in the place of another does not open."""
    item = add_login(vault)
    vault.attachments.add(item, "a", b"first")
    vault.attachments.add(item, "b", b"other")
    blobs = [
        bytes.fromhex(element.text("blob") or "")
        for element in vault.view(item).elements("attachment")
    ]
    first, other = (chunk_id(blob, 0) for blob in blobs)
    stolen = vault._items.saved(other)
    assert stolen is not None
    with vault.storage.transaction():
        vault._items.put(first, stolen)

    with pytest.raises(TamperedError):
        vault.attachments.read(_request(vault, item))
    assert vault.attachments.read(_request(vault, item, 1)) == b"other"


def test_a_chunk_is_no_item(vault: Vault) -> None:
    """It is neither shown, edited nor revealed."""
    item = add_login(vault)
    vault.attachments.add(item, "a", b"x")
    blob = vault.view(item).elements("attachment")[0].text("blob")
    chunk = chunk_id(bytes.fromhex(blob or ""), 0)

    with pytest.raises(CallerError, match="no such item"):
        vault.view(chunk)
    with pytest.raises(CallerError, match="not an item"):
        vault.edit(chunk, {"title": "mine"})
    with pytest.raises(ReadRefused):
        vault.reveal(ReadRequest(chunk, "chunk", PERSON, "test"))


def test_only_the_content_of_an_attachment_is_read_as_one(vault: Vault) -> None:
    """A password does not come out by this door."""
    item = add_login(vault)

    with pytest.raises(CallerError, match="not the field of one"):
        vault.attachments.read(ReadRequest(item, "password", PERSON, "test"))


def test_a_removed_attachment_is_gone_and_its_history_stays(vault: Vault) -> None:
    """As with any field: an earlier version can be read."""
    item = add_login(vault)
    element = vault.attachments.add(item, "a", b"x")
    field = vault.attachments.of(item)[0].field

    vault.attachments.remove(item, element)

    assert vault.attachments.of(item) == []
    assert len(vault.view(item).fields[field].versions) == 2
    with pytest.raises(CallerError, match="no such attachment"):
        vault.attachments.remove(item, element)


def test_attachments_survive_locking(vault: Vault, vault_path: Path) -> None:
    """What a call returned from is on the disk."""
    item = add_login(vault)
    vault.attachments.add(item, "a", TWO_CHUNKS)
    vault.lock()

    again = unlock(vault_path)

    assert again.attachments.read(_request(again, item)) == TWO_CHUNKS
    again.lock()


def test_settings_have_no_attachments(vault: Vault) -> None:
    """The reserved document takes none."""
    with pytest.raises(CallerError):
        vault.attachments.add(SETTINGS, "a", b"x")


@given(st.binary(max_size=300))
def test_seal_and_join_are_each_others_inverse(data: bytes) -> None:
    """For any bytes."""
    content = new_content(data, seeded())

    assert join_chunks(seal_chunks(data, content, _PLACE), content, _PLACE) == data


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"[12] [0-9]{1,9} [0-9a-f]{64} [0-9a-f]{64}\Z"),
    )
)
def test_a_content_is_canonical_or_refused(text: str) -> None:
    """What is accepted is what would be written."""
    try:
        content = parse_content(SecretText(text))
    except FormatError:
        return
    assert spell_content(content) == SecretText(text)


def test_a_content_does_not_print_its_key() -> None:
    """Neither does an error of its reader."""
    content = Content(1, bytes(32), ContentKey(b"k" * 32))

    assert "kkk" not in repr(content)
    assert b"k".hex() * 32 not in repr(content)
    with pytest.raises(FormatError) as refused:
        parse_content(SecretText("1 x SECRET"))
    assert "SECRET" not in str(refused.value)


def test_a_removed_file_is_brought_back_without_a_read(vault: Vault) -> None:
    """All of its parts at once; the last of several that were taken off comes first."""
    item = add_login(vault)
    first = vault.attachments.add(item, "a", b"one", media_type="text/plain")
    second = vault.attachments.add(item, "b", b"two")
    for element in (first, second):
        vault.attachments.remove(item, element)
    size = vault.log.size

    removed = vault.attachments.removed(item)
    vault.attachments.restore(item, first)

    assert {(each.name, each.size) for each in removed} == {("a", 3), ("b", 3)}
    (back,) = vault.attachments.of(item)
    assert (back.name, back.media_type, back.element) == ("a", "text/plain", first)
    assert vault.log.size == size
    request = ReadRequest(item, back.field, PERSON, "test")
    assert vault.attachments.read(request) == b"one"
    assert [each.name for each in vault.attachments.removed(item)] == ["b"]
    with pytest.raises(CallerError, match="taken off"):
        vault.attachments.restore(item, first)

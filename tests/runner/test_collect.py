"""What a run collects: protocol/konnector-bridge.md §7, without a browser."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnector_runner.bills import BillBook, parse_bill
from konnector_runner.collect import Collector
from konnector_runner.collected import find_collected, rows
from konnector_runner.data_uri import parse_data_uri
from konnector_runner.entries import file_key
from konnector_runner.errors import CollectError, FormatError
from konnector_runner.file_index import INDEX_NAME
from konnector_runner.limits import RunLimits
from konnector_runner.safe_names import MAX_BYTES, numbered, safe_name, safe_parts
from konnector_runner.strict_json import Json
from tests.vectors import Vector, load_vectors

_PAGE = "konnector-bridge"
_NAMES = load_vectors(_PAGE, where=lambda v: v.case.startswith("names/"))
_KEYS = load_vectors(_PAGE, where=lambda v: v.case.startswith("keys/"))


class Downloads:
    """Stands for the worker: hands out files by address, and counts."""

    def __init__(self, **files: bytes | Exception) -> None:
        self._files = files
        self.count = 0

    async def __call__(self, entry: dict[str, Json]) -> str:
        self.count += 1
        found = self._files[str(entry["fileurl"])]
        if isinstance(found, Exception):
            raise found
        return uri(found)


def uri(data: bytes) -> str:
    """Return *data* as the worker would."""
    return "data:application/pdf;base64," + base64.b64encode(data).decode()


def collector(
    root: Path, warnings: list[str] | None = None, **limits: int
) -> Collector:
    """Open the folder of "me" below *root*."""
    warn: list[str] = [] if warnings is None else warnings
    bounds = RunLimits(**limits)
    return Collector(root, "me", konnector="test", limits=bounds, warn=warn.append)


def save(
    into: Collector,
    *entries: Json,
    download: Downloads | None = None,
    options: dict[str, Json] | None = None,
) -> list[Any]:
    """Call saveFiles with the key "id"."""
    chosen: dict[str, Json] = {"fileIdAttributes": ["id"], **(options or {})}
    return asyncio.run(into.save_files(list(entries), chosen, download or Downloads()))


def entry(
    number: Json,
    name: str = "bill.pdf",
    data: bytes = b"%PDF",
    more: dict[str, Json] | None = None,
) -> Json:
    """Return an entry that carries its content."""
    return {"id": number, "filename": name, "dataUri": uri(data), **(more or {})}


def tree(root: Path) -> dict[str, bytes]:
    """Return all files below *root* that a person would see."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("vector", _NAMES, ids=str)
def test_name_vector(vector: Vector) -> None:
    """Each name is made harmless in the published way."""
    assert safe_name(vector["name"], fallback="file") == vector["harmless"]


@pytest.mark.parametrize("vector", _KEYS, ids=str)
def test_key_vector(vector: Vector) -> None:
    """Each entry has the published key."""
    assert file_key(vector["entry"], tuple(vector["attributes"])) == vector["key"]


@given(st.text() | st.text("./\\ :a\x00\u202e", max_size=300))
def test_a_harmless_name_is_one_name_and_its_own(name: str) -> None:
    """One visible component, short enough, and harmless already."""
    plain = safe_name(name, fallback="file")

    assert plain == safe_name(plain, fallback="file") or plain.startswith("_")
    assert not plain.startswith(".")
    assert not set(plain) & set('/\\?<>:*|"\x00')
    assert len(plain.encode()) <= MAX_BYTES + 1
    assert plain.isprintable()


@given(st.text("./\\a ", max_size=40))
def test_a_path_has_no_way_up(path: str) -> None:
    """Whatever it is made of, it leads down."""
    assert all(part not in {"", ".", ".."} for part in safe_parts(path))


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({"filename": "../../../outside.pdf"}, {}),
        ({"filename": "/etc/outside.pdf"}, {}),
        ({"filename": "..\\..\\outside.pdf"}, {}),
        ({"subPath": "../../.."}, {}),
        ({"subPath": "/tmp"}, {}),
        ({"contract": {"name": "../../other"}}, {}),
        ({}, {"subPath": "../.."}),
        ({}, {"contract": {"name": "..", "id": "1"}}),
        ({"filename": ".bashrc"}, {}),
        ({"filename": INDEX_NAME}, {}),
        ({"filename": "bills.json"}, {}),
    ],
)
def test_no_name_leads_out_of_the_folder(
    tmp_path: Path, more: dict[str, Json], options: dict[str, Json]
) -> None:
    """Nothing appears outside the account's folder, nor on our own index."""
    into = collector(tmp_path / "data")
    harmless: dict[str, Json] = {"id": 1, "filename": "x.pdf", "dataUri": uri(b"evil")}

    save(into, {**harmless, **more}, options=options)

    (path,) = [p for p, data in tree(tmp_path).items() if data == b"evil"]
    assert path.startswith("data/me/")
    assert path != "data/me/bills.json"
    assert json.loads((into.folder / INDEX_NAME).read_bytes())["version"] == 1


def test_an_account_is_a_folder_of_its_own(tmp_path: Path) -> None:
    """The site chose its name too."""
    account = Collector(
        tmp_path / "data", "../up", konnector="t", limits=RunLimits(), warn=print
    )

    assert account.folder == tmp_path / "data" / "up"


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    """A folder in the way that points elsewhere is refused."""
    into = collector(tmp_path / "data")
    (tmp_path / "elsewhere").mkdir()
    (into.folder / "2026").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(CollectError, match="leads out"):
        save(into, entry(1), options={"subPath": "2026"})

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_is_fetched_once(tmp_path: Path) -> None:
    """A second run finds it by its key, whatever it is called now."""
    download = Downloads(u=b"%PDF one")
    first: Json = {"id": 1, "filename": "a.pdf", "fileurl": "u"}
    again: Json = {"id": 1, "filename": "renamed.pdf", "fileurl": "u"}

    save(collector(tmp_path), first, download=download)
    second = collector(tmp_path)
    (result,) = save(second, again, download=download)

    assert download.count == 1
    assert (second.saved, second.already_there) == ([], 1)
    assert result["fileDocument"]["name"] == "a.pdf"
    assert tree(tmp_path) == {"me/a.pdf": b"%PDF one"}
    assert list(second.existing()) == ["1"]


def test_a_file_that_the_person_deleted_is_fetched_again(tmp_path: Path) -> None:
    """The index follows the folder."""
    save(collector(tmp_path), entry(1))
    (tmp_path / "me" / "bill.pdf").unlink()

    save(collector(tmp_path), entry(1))

    assert tree(tmp_path) == {"me/bill.pdf": b"%PDF"}


def test_a_file_is_replaced_when_the_konnector_says_so(tmp_path: Path) -> None:
    """Only its own file, in its place."""
    save(collector(tmp_path), entry(1, data=b"draft"))

    save(collector(tmp_path), entry(1, data=b"final", more={"forceReplaceFile": True}))

    assert tree(tmp_path) == {"me/bill.pdf": b"final"}


def test_what_a_run_did_not_write_is_never_replaced(tmp_path: Path) -> None:
    """Neither a person's file nor another bill of the same name."""
    into = collector(tmp_path)
    (into.folder / "bill.pdf").write_bytes(b"mine")

    save(into, entry(1, data=b"one"), entry(2, data=b"two"))

    assert tree(tmp_path) == {
        "me/bill.pdf": b"mine",
        "me/bill (2).pdf": b"one",
        "me/bill (3).pdf": b"two",
    }


def test_equal_files_of_two_keys_are_two_files(tmp_path: Path) -> None:
    """Each has its place, so that replacing one leaves the other alone."""
    save(collector(tmp_path), entry(1), entry(2))

    assert sorted(tree(tmp_path)) == ["me/bill (2).pdf", "me/bill.pdf"]


def test_a_run_killed_before_its_index_was_written_leaves_no_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there, the index is not: the next run takes the file in."""
    into = collector(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(into._index, "add", _killed)
        with pytest.raises(KeyboardInterrupt):
            save(into, entry(1))

    save(collector(tmp_path), entry(1))

    assert tree(tmp_path) == {"me/bill.pdf": b"%PDF"}


def test_a_run_killed_while_writing_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was being written is removed, or swept by the next run."""
    into = collector(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _killed)
        with pytest.raises(KeyboardInterrupt):
            save(into, entry(1))
    assert list(into.folder.iterdir()) == []
    (into.folder / ".clisk-0123.part").write_bytes(b"half")

    collector(tmp_path)

    assert list(into.folder.iterdir()) == []


def _killed(*_args: object) -> None:
    raise KeyboardInterrupt


def test_a_full_disk_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the konnectors' own code, and leaves nothing by half."""
    into = collector(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CollectError, match="DISK_QUOTA_EXCEEDED"):
        save(into, entry(1))

    assert list(into.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        ({"dataUri": "data:application/pdf;base64,"}, "BAD_DOWNLOADED_FILE"),
        ({"dataUri": "data:application/pdf;base64,@@"}, "not base64"),
        ({"dataUri": "https://bank.example/"}, "not a data: URI"),
        ({"dataUri": uri(b"x" * 200)}, "longer than 64 bytes"),
        ({"dataUri": 5}, "without content"),
        ({}, "without content"),
    ],
)
def test_a_bad_file_is_told_and_left_out(
    tmp_path: Path, content: dict[str, Json], warning: str
) -> None:
    """The others are saved; this one comes back without a document."""
    warnings: list[str] = []
    into = collector(tmp_path, warnings, file_bytes=64)
    bad: Json = {"id": 1, "filename": "bad.pdf", **content}

    results = save(into, bad, entry(2, "good.pdf"))

    assert ["fileDocument" in result for result in results] == [False, True]
    assert warning in warnings[0]
    assert list(tree(tmp_path)) == ["me/good.pdf"]


def test_entries_come_back_without_what_was_only_for_the_way(tmp_path: Path) -> None:
    """No content, no request, but everything else."""
    (result,) = save(
        collector(tmp_path), entry(1, more={"requestOptions": {}, "note": "kept"})
    )

    assert set(result) == {"id", "filename", "note", "fileDocument"}


def test_without_attributes_nothing_tells_files_apart(tmp_path: Path) -> None:
    """A call of saveFiles without fileIdAttributes is refused."""
    with pytest.raises(FormatError, match="fileIdAttributes"):
        save(collector(tmp_path), entry(1), options={"fileIdAttributes": None})


def test_a_flood_of_files_is_refused(tmp_path: Path) -> None:
    """More entries than a run may save are refused as a whole."""
    with pytest.raises(FormatError, match="more than 2 entries"):
        save(collector(tmp_path, files=2), *(entry(n) for n in range(3)))

    assert tree(tmp_path) == {}


def test_a_bill_is_noted_once(tmp_path: Path) -> None:
    """The same file, date, amount and vendor is the same bill, in later runs too."""
    bill: dict[str, Json] = {
        "date": "2026-09-01T00:00:00.000Z",
        "amount": 12,
        "vendor": "V",
        "vendorRef": "R1",
    }
    into = collector(tmp_path)
    for run in range(2):
        into = collector(tmp_path)
        saved = save(into, entry(1, more={**bill, "currency": "12 €"}))
        returned = into.save_bills([*saved, *saved])
        assert [len(into.bills), len(returned)] == [1 - run, 2]

    assert into.bill_documents()[0]["vendorRef"] == "R1"
    book = json.loads((tmp_path / "me" / "bills.json").read_bytes())
    assert book["bills"] == [
        {
            "date": "2026-09-01T00:00:00+00:00",
            "amount": 12.0,
            "currency": "EUR",
            "vendor": "V",
            "file": "bill.pdf",
            "contract": None,
            "vendor_ref": "R1",
        }
    ]


def test_two_lines_of_one_price_are_two_bills(tmp_path: Path) -> None:
    """Billed on one day by one company: none of them may be lost."""
    bill: dict[str, Json] = {"date": "2026-09-01", "amount": 9.99, "vendor": "V"}
    into = collector(tmp_path)

    for number in (1, 2):
        contract: Json = {"id": str(number), "name": f"Line {number}"}
        options: dict[str, Json] = {"contract": contract}
        into.save_bills(save(into, entry(number, more=bill), options=options))

    kept = BillBook(into.folder).all()
    assert [each.file for each in kept] == ["Line 1/bill.pdf", "Line 2/bill.pdf"]


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("2024-01-31", "2024-01-31T00:00:00+00:00"),
        ("2024-01-31T23:00:00.000Z", "2024-01-31T23:00:00+00:00"),
        ("2024/01/31", "2024-01-31T00:00:00+00:00"),
        ("Wed, 31 Jan 2024 10:00:00 GMT", "2024-01-31T10:00:00+00:00"),
        ("Wed Jan 31 2024 10:00:00 GMT+0100 (CET)", "2024-01-31T10:00:00+01:00"),
        ("Wed Jan 31 2024 10:00:00 GMT+0100", "2024-01-31T10:00:00+01:00"),
    ],
)
def test_dates_are_read_as_javascript_writes_them(date: str, kept: str) -> None:
    """A konnector that passes a text where a Date is due works in Cozy's app."""
    made = parse_bill({"date": date, "amount": 1, "vendor": "V"}, file="a.pdf")

    assert made.date == kept


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:30:00.000Z",
        "Wed, 31 Jan 2024 23:99999999999999999999:00 GMT",
        "yesterday",
    ],
)
def test_a_date_of_no_calendar_is_refused(date: str) -> None:
    """One that overflows when it is reckoned elsewhere would break every list."""
    with pytest.raises(FormatError, match="isDate"):
        parse_bill({"date": date, "amount": 1, "vendor": "V"}, file="a.pdf")


def test_a_file_goes_where_its_contract_or_path_says(tmp_path: Path) -> None:
    """A contract before a path, and the entry's own before that of the call."""
    contract: Json = {"id": "1", "name": "own contract"}
    options: dict[str, Json] = {
        "contract": {"id": "2", "name": "contract"},
        "subPath": "path",
    }
    places: list[tuple[dict[str, Json], dict[str, Json], str]] = [
        ({"contract": contract, "subPath": "own path"}, options, "own contract"),
        ({"subPath": "own path"}, options, "contract"),
        ({"subPath": "own path"}, {"subPath": "path"}, "own path"),
        ({"contract": {"id": "1"}}, {"subPath": "path/2024"}, "path/2024"),
        ({}, {"subPath": ""}, "."),
    ]
    into = collector(tmp_path)
    for number, (more, chosen, folder) in enumerate(places):
        save(into, entry(number, f"{number}.pdf", more=more), options=chosen)

        assert (into.folder / folder / f"{number}.pdf").is_file(), folder


def test_the_kind_of_paper_is_kept(tmp_path: Path) -> None:
    """QualificationLabel comes back in the document, beside the entry's metadata."""
    attributes: Json = {"metadata": {"carbonCopy": True}}
    into = collector(tmp_path)
    save(
        into,
        entry(1, more={"fileAttributes": attributes}),
        options={"qualificationLabel": "phone_invoice"},
    )

    (document,) = collector(tmp_path).documents()
    assert document["metadata"] == {
        "carbonCopy": True,
        "fileIdAttributes": "1",
        "qualification": {"label": "phone_invoice"},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": "yesterday"},
        {"date": 5},
        {"date": None},
        {"amount": "12"},
        {"amount": True},
        {"amount": None},
        {"vendor": ""},
        {"vendor": ["V"]},
    ],
)
def test_a_bill_without_what_makes_it_one_is_refused(
    tmp_path: Path, wrong: dict[str, Json]
) -> None:
    """The konnector's author is told; the files stay."""
    into = collector(tmp_path)
    good: dict[str, Json] = {"date": "2026-09-01", "amount": 1.5, "vendor": "V"}
    saved = save(into, entry(1, more={**good, **wrong}))

    with pytest.raises(FormatError, match="saveBills"):
        into.save_bills(saved)


def test_a_bill_names_only_a_file_of_the_folder(tmp_path: Path) -> None:
    """A made-up document is no saved file."""
    warnings: list[str] = []
    into = collector(tmp_path, warnings)
    forged: Json = {"fileDocument": {"_id": "../../x"}, "amount": 1}

    assert into.save_bills([forged, "text", None]) == []
    assert len(warnings) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "files": []}',
        '{"version": 1, "files": [{"key": "1", "path": "../x", "size": 1,'
        ' "sha256": "' + "0" * 64 + '", "media_type": "a/b"}]}',
        '{"version": 1, "files": [{"key": "1", "path": "/etc/passwd", "size": 1,'
        ' "sha256": "' + "0" * 64 + '", "media_type": "a/b"}]}',
    ],
)
def test_an_index_that_is_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    """Never repaired, and never a way out of the folder."""
    folder = collector(tmp_path).folder
    (folder / INDEX_NAME).write_text(text)

    with pytest.raises(CollectError, match="index"):
        collector(tmp_path)


def test_a_book_of_bills_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """As the index."""
    folder = collector(tmp_path).folder
    (folder / "bills.json").write_text('{"version": 1, "bills": [{}]}')

    with pytest.raises(CollectError, match="bills"):
        collector(tmp_path)


@given(st.text())
def test_a_data_uri_is_read_or_refused(text: str) -> None:
    """Nothing but FormatError escapes, and what is read fits the limit."""
    for candidate in (text, "data:" + text, "data:a/b;base64," + text):
        try:
            _, data = parse_data_uri(candidate, max_bytes=16)
        except FormatError:
            continue
        assert len(data) <= 16 * 4 // 3 + 4


def test_another_name_keeps_the_ending() -> None:
    """A person can still open it."""
    assert numbered("bill.pdf", 2) == "bill (2).pdf"
    assert numbered("archive", 3) == "archive (3)"
    long = safe_name("é" * 300 + ".pdf", fallback="file")
    assert long.endswith("é.pdf")
    assert len(long.encode()) <= MAX_BYTES


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/New_York"])
def test_a_bill_is_listed_under_the_day_that_stands_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Midnight here is the evening before in UTC; a text without a time is a day."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    midnight = datetime(2024, 1, 31).astimezone(UTC).isoformat()
    try:
        for number, date in enumerate([midnight, "2024-01-31", "2024-01-31T00:00:00Z"]):
            into = collector(tmp_path / "bank" / str(number))
            bill: dict[str, Json] = {"date": date, "amount": 1, "vendor": "V"}
            into.save_bills(save(into, entry(1, more=bill)))

            found, spoilt = find_collected(tmp_path / "bank" / str(number) / "..")
            (row,) = rows([each for each in found if each.folder.samefile(into.folder)])
            assert (row.date, spoilt) == ("2024-01-31", []), date
    finally:
        monkeypatch.undo()
        time.tzset()

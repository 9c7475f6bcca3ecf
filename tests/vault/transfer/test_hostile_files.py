"""Files made to hurt, or just broken: a named error, and nothing is brought in."""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clisk_vault.errors import (
    CostLimitError,
    FormatError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.keys import SecretText
from clisk_vault.transfer import bounded
from clisk_vault.transfer.file_secrets import (
    FilePasswordError,
    FilePasswordNeeded,
    FileSecrets,
)
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.keepass_header import check_header
from tests.vault.transfer import samples
from tests.vault.transfer.samples import SAMPLES, Login, logins, packed

_SECRETS = FileSecrets(password=SecretText("file password"))


@pytest.mark.parametrize("name", [*SAMPLES, "bitwarden-zip"])
def test_a_file_cut_short_anywhere_is_refused_or_whole(name: str) -> None:
    """No cut makes a reader fail in a way of its own."""
    data = _database() if name == "keepass" else _written(name, 4)
    whole = len(read_file(data, secrets=_SECRETS).items)

    for at in range(0, len(data), max(1, len(data) // 40)):
        try:
            items = read_file(data[:at], secrets=_SECRETS).items
        except VaultError:
            continue
        # A CSV file may end after any row; nothing says how many there were.
        assert "csv" in name or name in ("chrome", "firefox", "safari", "lastpass")
        assert len(items) <= whole


def _written(name: str, count: int) -> bytes:
    if name == "bitwarden-zip":
        return samples.bitwarden_zip(logins(count))
    return SAMPLES[name].write(logins(count))


@pytest.mark.parametrize("name", ["onepux", "proton", "bitwarden-zip"])
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_read(name: str, place: float, flip: int) -> None:
    """A damaged file raises an error of ours, or reads as something."""
    _flip(_written(name, 2), int(place * 1_000_000), flip)


def _flip(data: bytes, place: int, flip: int) -> None:
    changed = bytearray(data)
    changed[place * len(data) // 1_000_000] ^= flip
    with suppress(VaultError):
        read_file(bytes(changed), secrets=_SECRETS)


@pytest.mark.parametrize("place", range(300, 1000, 100))
def test_a_changed_byte_of_a_database_is_refused(place: int) -> None:
    """Behind its header everything in a database is authenticated."""
    data = bytearray(_database())
    data[place * len(data) // 1000] ^= 1

    with pytest.raises(VaultError):
        read_file(bytes(data), secrets=_SECRETS)


@cache
def _database() -> bytes:
    return samples.keepass(logins(4))


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=200))
def test_noise_is_refused_by_name(data: bytes) -> None:
    """Bytes of no format are no traceback."""
    with pytest.raises(VaultError):
        read_file(data)


_NOTHING: dict[str, Any] = {"items": []}


@pytest.mark.parametrize(
    "files",
    [
        {"export.data": b"0" * (64 << 20)},
        {"data.json": _NOTHING, "attachments/x/film": b"0" * (64 << 20)},
        # None of them too large: what all together unpack to is counted.
        {
            "data.json": _NOTHING,
            **{f"attachments/x/{number}": b"0" * (1 << 20) for number in range(64)},
        },
    ],
    ids=["1pux", "an attachment", "attachments"],
)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, Any]
) -> None:
    """What a zip unpacks to is counted while it is unpacked."""
    monkeypatch.setattr(bounded, "MAX_FILES_BYTES", 8 << 20)
    bomb = packed(files)
    assert len(bomb) < 100_000

    with pytest.raises(CostLimitError, match="unpacks to more"):
        read_file(bomb)


def test_a_zip_that_lies_about_its_sizes_is_refused() -> None:
    """The sizes in a zip's directory are not believed."""
    bomb = bytearray(packed({"export.data": b"0" * 5_000_000}))
    at = bomb.rindex(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = struct.pack("<I", 10)

    with pytest.raises(VaultError):
        read_file(bytes(bomb))


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/passwd", "files/../../x", "..\\evil", "C:\\x"),
        *("c:x", "\\\\host\\x", "attachments/id/../../x", "attachments/id/..\\x"),
    ],
)
@pytest.mark.parametrize("data", ["export.data", "data.json"])
def test_zip_slip(name: str, data: str) -> None:
    """A name that leads out of the archive refuses the whole archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(data, "{}")
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"x")

    with pytest.raises(FormatError, match="leads out"):
        read_file(stream.getvalue())


def test_a_zip_with_two_files_of_one_name_is_refused() -> None:
    """Two readers could take different ones of them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("export.data", "{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("export.data", "[]")

    with pytest.raises(FormatError, match="the name of another"):
        read_file(stream.getvalue())


def test_a_zip_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of files has an end."""
    monkeypatch.setattr(bounded, "_MAX_ZIP_ENTRIES", 3)

    with pytest.raises(CostLimitError, match="more than 3 files"):
        read_file(packed({f"{n}": b"" for n in range(4)}))


_DEEP = b"[" * 200_000
_JSON: list[tuple[str, bytes, type[VaultError]]] = [
    ("nesting", b'{"a":' + _DEEP, FormatError),
    ("numbers", b'{"encrypted": ' + b"9" * 10_000 + b"}", FormatError),
    ("not-a-number", b'{"items": [NaN]}', FormatError),
    ("twice", b'{"items": [], "items": []}', FormatError),
    ("latin-1", '{"items": ["ä"]}'.encode("latin-1"), FormatError),
    ("no-items", b'{"encrypted": false}', FormatError),
    ("wrong-items", b'{"encrypted": false, "items": 3}', FormatError),
    ("empty", b"", FormatError),
    ("spaces", b"  \n ", FormatError),
    ("cxf-version", b'{"accounts": [], "exporterRpId": "", "version": {"major": 9}}',
     UnsupportedError),
    ("cxf-nobody", b'{"accounts": [], "exporterRpId": "", "version": {"major": 1}}',
     FormatError),
    ("proton-list", b'{"version": "1", "vaults": {"a": []}}', FormatError),
    ("proton-pgp", b'{"version": "1", "encrypted": true, "vaults": {}}',
     UnsupportedError),
    ("pgp", b"-----BEGIN PGP MESSAGE-----\n\n", UnsupportedError),
    ("age", b"age-encryption.org/v1\n", UnsupportedError),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind"), [case[1:] for case in _JSON], ids=[case[0] for case in _JSON]
)
def test_json_that_hurts(data: bytes, kind: type[VaultError]) -> None:
    """Each is refused by the name of what is wrong with it."""
    with pytest.raises(kind):
        read_file(data)


def test_json_of_millions_of_parts_is_refused_unparsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Empty lists would take twenty times the memory that the file takes."""
    monkeypatch.setattr(bounded, "_MAX_JSON_PARTS", 1000)
    monkeypatch.setattr(json, "loads", _never)

    with pytest.raises(CostLimitError, match="more than 1000 parts"):
        read_file(b'{"a": [' + b"[]," * 1000 + b"[]]}")


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("it was parsed")


def test_a_hundred_thousand_items_are_read_or_refused_by_number() -> None:
    """A vault for ten lives is still a file."""
    items = [{"type": 2, "name": f"n{n}"} for n in range(100_000)]
    data = json.dumps({"encrypted": False, "folders": [], "items": items}).encode()

    assert len(read_file(data).items) == 100_000


@pytest.mark.parametrize("name", SAMPLES)
def test_more_items_than_a_vault_may_take_are_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the format: by number, and before anything is handed over."""
    data = _database() if name == "keepass" else SAMPLES[name].write(logins(4))
    whole = len(read_file(data, secrets=_SECRETS).items)
    monkeypatch.setattr(bounded, "MAX_ITEMS", whole)
    assert len(read_file(data, secrets=_SECRETS).items) == whole, "the control"

    monkeypatch.setattr(bounded, "MAX_ITEMS", whole - 1)
    with pytest.raises(CostLimitError, match=f"more than {whole - 1}"):
        read_file(data, secrets=_SECRETS)


@pytest.mark.slow
@pytest.mark.timeout(900)  # at most 20 s of CPU, on whatever a busy machine leaves
@pytest.mark.parametrize("name", [*SAMPLES, "bitwarden-zip"])
def test_a_hundred_thousand_items_of_every_format_are_read(name: str) -> None:
    """The same plain login, ten to the five times: each is read, none is lost.

    All have one title, and one id where the format lets them: a file that costs their
    number squared where each is compared with all of its like.
    """
    data = _many(name, 100_000)

    # The file that belongs to one of all these, and nobody knows which.
    own = int(name == "bitwarden-zip")
    assert len(read_file(data, secrets=_SECRETS).items) == 100_000 + own


def _many(name: str, count: int) -> bytes:
    one = Login(1, "Site", "alice", "pw", "https://example.org", folder="Folder")
    if not name.startswith("bitwarden") or name == "bitwarden-csv":
        return SAMPLES[name].write([one] * count)
    data = samples.bitwarden([replace(one, number=n) for n in range(count)])
    if name == "bitwarden":
        return data
    return packed({"data.json": data, "attachments/Site/scan": b"of one of them"})


_HEAD = "name,url,username,password"
_CSV: list[tuple[str, bytes, type[VaultError]]] = [
    ("nul", f"{_HEAD}\na,b\0,c,d\n".encode(), FormatError),
    ("open-quote", f'{_HEAD}\na,b,c,"d\n'.encode(), FormatError),
    ("ragged", f"{_HEAD}\na,b,c\n".encode(), FormatError),
    ("wide", f"{_HEAD}\na,b,c,d,e\n".encode(), FormatError),
    ("latin-1", f"{_HEAD}\nä,b,c,d\n".encode("latin-1"), FormatError),
    ("utf-16-cut", f"{_HEAD}\na,b,c,d".encode("utf-16")[:-1], FormatError),
    ("nobody", b"foo,bar\n1,2\n", UnsupportedError),
    ("twice", b"name,url,username,password,name\n1,2,3,4,5\n", FormatError),
    ("columns", ",".join(f"c{n}" for n in range(600)).encode(), CostLimitError),
    ("cell", f"{_HEAD}\n{'a' * 1_000_001},b,c,d\n".encode(), FormatError),
]


@pytest.mark.parametrize(
    ("data", "kind"), [case[1:] for case in _CSV], ids=[case[0] for case in _CSV]
)
def test_csv_that_hurts(data: bytes, kind: type[VaultError]) -> None:
    """Each is refused by the name of what is wrong with it, without a value."""
    with pytest.raises(kind):
        read_file(data)


def test_csv_in_utf_16_with_a_mark_is_read() -> None:
    """Spreadsheets save so; a mark says it plainly."""
    (item,) = read_file(f"{_HEAD}\nä,https://b.example,c,d\n".encode("utf-16")).items

    assert item.fields["title"] == "ä"


def test_csv_of_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of rows has an end."""
    monkeypatch.setattr(bounded, "MAX_ITEMS", 3)

    with pytest.raises(CostLimitError, match="more than 3 rows"):
        read_file(f"{_HEAD}\n{'a,b,c,d' * 1}\n".encode() + b"a,b,c,d\n" * 5)


def _kdbx_of(text: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a database whose inner XML is *text*, in a good seal."""
    import pykeepass
    from pykeepass.kdbx_parsing import common

    made = pykeepass.create_database(io.BytesIO(), password="file password")
    parameters = made.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    parameters["I"].value, parameters["M"].value = 1, 64 * 1024
    stream = io.BytesIO()
    with monkeypatch.context() as patched:
        patched.setattr(common.XML, "_encode", lambda *_: text)
        made.save(stream)
    return stream.getvalue()


def test_billion_laughs_in_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entities are not blown up, and a document type is refused."""
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    text = (
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{lines}]>'
        "<KeePassFile><Meta/><Root><Group><UUID>AAAAAAAAAAAAAAAAAAAAAA==</UUID>"
        "<Entry><String><Key>Title</Key><Value>&l11;</Value></String></Entry>"
        "</Group></Root></KeePassFile>"
    ).encode()

    with pytest.raises(FormatError):
        read_file(_kdbx_of(text, monkeypatch), secrets=_SECRETS)


def test_a_document_type_in_a_database_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No KeePass writes one, so not even a harmless one is read."""
    text = (
        b'<!DOCTYPE x [<!ENTITY e "x">]><KeePassFile><Meta/><Root><Group>'
        b"<UUID>AAAAAAAAAAAAAAAAAAAAAA==</UUID></Group></Root></KeePassFile>"
    )

    with pytest.raises(FormatError, match="document type"):
        read_file(_kdbx_of(text, monkeypatch), secrets=_SECRETS)


def test_a_database_does_not_read_files_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An external entity is not fetched (XXE)."""
    (tmp_path / "secret").write_text("s3cret-file")
    text = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
        "<KeePassFile><Meta/><Root><Group><UUID>AAAAAAAAAAAAAAAAAAAAAA==</UUID>"
        "<Entry><String><Key>Title</Key><Value>&e;</Value></String></Entry>"
        "</Group></Root></KeePassFile>"
    ).encode()

    with pytest.raises(FormatError) as refused:
        read_file(_kdbx_of(text, monkeypatch), secrets=_SECRETS)
    assert "s3cret-file" not in str(refused.value)


def _kdf(**values: int) -> bytes:
    """Return the database with other costs written into its header, unsealed."""
    data = bytearray(_database())
    for name, value in values.items():
        size = {"M": 8, "I": 8, "P": 4, "R": 8}[name]
        at = data.index(struct.pack("<i", 1) + name.encode() + struct.pack("<i", size))
        data[at + 9 : at + 9 + size] = value.to_bytes(size, "little")
    return bytes(data)


@pytest.mark.parametrize(
    "values",
    [{"M": 1 << 40}, {"I": 1 << 40}, {"P": 5000}, {"M": 1 << 30, "I": 200}],
    ids=["memory", "passes", "lanes", "both"],
)
def test_a_kdf_bomb_in_a_database(
    values: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What opening would cost is judged before the library sees the file."""
    import pykeepass

    monkeypatch.setattr(pykeepass, "PyKeePass", _never)

    with pytest.raises(CostLimitError):
        read_file(_kdf(**values), secrets=_SECRETS)


def test_rounds_without_end_in_an_old_database() -> None:
    """KDBX 3 has its own place for the cost, and the same bound."""
    signature = bytes.fromhex("03d9a29a67fb4bb5") + struct.pack("<HH", 1, 3)
    rounds = b"\x06" + struct.pack("<HQ", 8, 1 << 40)

    with pytest.raises(CostLimitError):
        check_header(signature + rounds + b"\x00" + struct.pack("<H", 0))
    with pytest.raises(FormatError):
        check_header(signature + rounds)


def test_keepass_1_and_later_versions_are_refused_by_name() -> None:
    """What cannot be read is said, with what to do about it."""
    old = bytes.fromhex("03d9a29a65fb4bb5") + bytes(8)
    later = bytes.fromhex("03d9a29a67fb4bb5") + struct.pack("<HH", 0, 5)
    for data in (old, later):
        with pytest.raises(UnsupportedError):
            read_file(data, secrets=_SECRETS)


def test_a_wrong_password_of_a_database_is_told_from_damage() -> None:
    """A person is asked again, and not told that the file is broken."""
    data = _database()

    with pytest.raises(FilePasswordNeeded):
        read_file(data)
    with pytest.raises(FilePasswordError):
        read_file(data, secrets=FileSecrets(password=SecretText("another")))


def test_without_the_extra_the_missing_part_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """KeePass needs a part that is not everybody's; the error says which."""
    monkeypatch.setitem(sys.modules, "pykeepass", None)

    with pytest.raises(UnsupportedError, match="extra") as refused:
        read_file(_HEADER, secrets=_SECRETS)
    assert "clisk-vault[keepass]" in refused.value.advice


_HEADER = (
    bytes.fromhex("03d9a29a67fb4bb5")
    + struct.pack("<HH", 1, 3)
    + b"\x06" + struct.pack("<HQ", 8, 6000)
    + b"\x00" + struct.pack("<H", 0)
)  # fmt: skip


def test_a_gzipped_export_is_not_mistaken_for_one() -> None:
    """What is packed in a way that nobody exports is named as unknown."""
    with pytest.raises(VaultError):
        read_file(gzip.compress(samples.bitwarden(logins(1))))

"""Reading files of others within bounds: JSON, CSV, zip, text.

Every limit holds before the memory is taken, and every refusal names the place
and never the value. What a file says of its own sizes is not believed.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NoReturn

from clisk_vault.errors import CostLimitError, FormatError, UnsupportedError

MAX_BYTES = 256 * 1024 * 1024
MAX_ITEMS = 200_000
MAX_FILES_BYTES = 1024 * 1024 * 1024
"""All that the files in one zip may hold, unpacked."""
_MAX_JSON_PARTS = 12_000_000
_MAX_COLUMNS = 512
_MAX_CELL_CHARS = 1_000_000
_MAX_ZIP_ENTRIES = 20_000
_CHUNK = 1024 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check_size(data: bytes, what: str, *, at_most: int) -> None:
    """Refuse more than *at_most* bytes; raises CostLimitError."""
    if len(data) > at_most:
        raise CostLimitError(
            f"{what}: {len(data)} bytes, at most {at_most} allowed",
            advice="export in several parts, and import one after the other",
        )


def load_json(data: bytes, what: str) -> object:
    """Return what the JSON text *data* says.

    Raises:
        CostLimitError: too long, or of too many parts, to be read within bounds.
        FormatError: not UTF-8, not JSON, a key twice in one object, a number
            that JSON does not have.
    """
    check_size(data, what, at_most=MAX_BYTES)
    # Python's objects take some twenty times the text of `[],[],[],...`.
    if data.count(b",") + data.count(b"[") + data.count(b"{") > _MAX_JSON_PARTS:
        raise CostLimitError(f"{what}: more than {_MAX_JSON_PARTS} parts")
    try:
        value: object = json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=lambda pairs: _object(pairs, what),
            parse_constant=lambda _: _no_constant(what),
        )
    except UnicodeDecodeError as err:
        raise FormatError(f"{what}: not UTF-8", at=err.start) from None
    except json.JSONDecodeError as err:
        raise FormatError(f"{what}: not JSON", at=err.pos) from None
    except RecursionError:
        raise FormatError(f"{what}: nested too deep") from None
    except ValueError:
        # An integer of thousands of digits.
        raise FormatError(f"{what}: a number out of range") from None
    return value


def load_object(data: bytes, what: str) -> dict[str, object]:
    """Return the JSON object that *data* is; raises as load_json()."""
    value = load_json(data, what)
    if not isinstance(value, dict):
        raise FormatError(f"{what}: not a JSON object")
    return value


def _object(pairs: list[tuple[str, object]], what: str) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise FormatError(f"{what}: a JSON object repeats a key")
    return members


def _no_constant(what: str) -> NoReturn:
    raise FormatError(f"{what}: a number that JSON does not have")


def decode_text(data: bytes, what: str) -> str:
    """Return the text of *data*: UTF-8, or UTF-16 that says so with a mark.

    Raises:
        FormatError: another encoding, or a NUL in the text.
    """
    check_size(data, what, at_most=MAX_BYTES)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as err:
        raise FormatError(
            f"{what}: not {encoding.upper()} text",
            at=err.start,
            advice="save the file as UTF-8, then import it again",
        ) from None
    if "\0" in text:
        raise FormatError(f"{what}: a NUL in the text", at=text.index("\0"))
    return text


def read_csv(text: str, what: str) -> Iterator[list[str]]:
    """Yield the rows of *text* (RFC 4180), each as wide as the first.

    Raises:
        FormatError: a quote that does not end, a row of another width.
        CostLimitError: too many rows or columns, or too long a cell.
    """
    before = csv.field_size_limit(_MAX_CELL_CHARS)
    try:
        yield from _rows(text, what)
    finally:
        csv.field_size_limit(before)


def _rows(text: str, what: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    width = 0
    try:
        for number, row in enumerate(row for row in reader if row):
            if number > MAX_ITEMS:
                raise CostLimitError(f"{what}: more than {MAX_ITEMS} rows")
            if number == 0:
                width = len(row)
                if width > _MAX_COLUMNS:
                    raise CostLimitError(f"{what}: more than {_MAX_COLUMNS} columns")
            if len(row) != width:
                raise FormatError(
                    f"{what}: line {reader.line_num} has {len(row)} columns where the"
                    f" first has {width}"
                )
            yield row
    except csv.Error:
        raise FormatError(
            f"{what}: line {reader.line_num} is not CSV: a quote that does not end,"
            " or a cell that is too long"
        ) from None


class BoundedZip:
    """A zip archive that is read and never unpacked to the disk.

    Names are only ever compared, so none can lead out of a folder; those that
    try to are refused all the same, since an honest exporter writes none. A colon is
    none: a file may be called `10:30.pdf`.
    """

    def __init__(self, data: bytes, what: str) -> None:
        """Raises: FormatError: not a zip. CostLimitError: too many files."""
        check_size(data, what, at_most=MAX_FILES_BYTES)
        self._what = what
        self._left = MAX_FILES_BYTES
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise FormatError(f"{what}: not a zip, or one that was cut short") from None
        infos = self._zip.infolist()
        if len(infos) > _MAX_ZIP_ENTRIES:
            raise CostLimitError(f"{what}: more than {_MAX_ZIP_ENTRIES} files")
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for number, info in enumerate(infos):
            self._check_name(info.filename, number)
            self._infos[info.filename] = info

    def _check_name(self, name: str, number: int) -> None:
        parts = name.replace("\\", "/").split("/")
        rooted = name.startswith(("/", "\\")) or _DRIVE.match(name)
        if rooted or ".." in parts or "\0" in name:
            raise FormatError(
                f"{self._what}: file {number} has a name that leads out of the archive",
                advice="nothing was read from it; do not trust where it came from",
            )
        if name in self._infos:
            raise FormatError(f"{self._what}: file {number} has the name of another")

    def names(self) -> list[str]:
        """Return the names of all files, in their order."""
        return [name for name in self._infos if not name.endswith("/")]

    def read(self, name: str, *, at_most: int = MAX_BYTES) -> bytes:
        """Return what the file *name* holds.

        Raises:
            FormatError: no such file, damaged, or sealed with a password.
            CostLimitError: it unpacks to more than is allowed.
        """
        info = self._infos.get(name)
        if info is None:
            raise FormatError(f"{self._what}: a file that it should have is missing")
        if info.flag_bits & 1:
            raise UnsupportedError(
                f"{self._what}: its files are sealed with a zip password",
                advice="export without one, or unpack it first",
            )
        limit = min(at_most, self._left)
        data = bytearray()
        try:
            with self._zip.open(info) as file:
                while part := file.read(_CHUNK):
                    data += part
                    if len(data) > limit:
                        raise CostLimitError(
                            f"{self._what}: a file unpacks to more than {limit} bytes",
                            advice="nothing was read from it; is it what it should be?",
                        )
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
            raise FormatError(f"{self._what}: a file in it is damaged") from None
        except (NotImplementedError, RuntimeError):
            raise UnsupportedError(
                f"{self._what}: packed in a way not known here"
            ) from None
        self._left -= len(data)
        return bytes(data)

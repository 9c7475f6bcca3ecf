"""Which formats can be brought in, and telling a file's own by its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from clisk_vault.errors import CostLimitError, FormatError, UnsupportedError
from clisk_vault.transfer import bounded
from clisk_vault.transfer.bitwarden import read_export
from clisk_vault.transfer.bitwarden_encrypted import open_encrypted
from clisk_vault.transfer.bitwarden_json import parse_document
from clisk_vault.transfer.bitwarden_zip import is_bitwarden_zip, read_bitwarden_zip
from clisk_vault.transfer.bounded import BoundedZip, load_object
from clisk_vault.transfer.csv_files import read_csv_file
from clisk_vault.transfer.csv_layouts import LAYOUTS
from clisk_vault.transfer.cxf import is_cxf, read_cxf
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.imported import ForeignFile
from clisk_vault.transfer.keepass_header import looks_like_kdbx
from clisk_vault.transfer.onepux import is_onepux, read_onepux
from clisk_vault.transfer.proton import (
    is_proton,
    proton_name,
    read_proton,
    sealed_with_pgp,
)

Mapped: TypeAlias = Mapping[str, str]

AUTO = "auto"
_CSV = tuple(dict.fromkeys(layout.source for layout in LAYOUTS))
# What `--format` takes. Where a program has several, its files tell which.
NAMES = (
    AUTO, "bitwarden", "keepass", "1password", "proton", "cxf", "csv",
    *(name for name in _CSV if name not in ("bitwarden", "1password", "proton")),
)  # fmt: skip
_ZIP = b"PK"
_PGP = (b"-----BEGIN PGP MESSAGE", b"\xc3\x04", b"\x8c\x0d")
_AGE = (b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE")


def read_file(
    data: bytes,
    name: str = AUTO,
    *,
    secrets: FileSecrets | None = None,
    mapping: Mapped | None = None,
) -> ForeignFile:
    """Return what a file of another program holds, in our terms.

    Args:
        data: the whole file.
        name: one of NAMES.
        secrets: what opens it, if it is sealed.
        mapping: our field by column, for a CSV file that nobody known wrote.

    Raises:
        FilePasswordNeeded, FilePasswordError: it is sealed.
        CostLimitError: larger, or asking for more work, than is allowed.
        FormatError: not a file of that kind, or not of any that is known.
        UnsupportedError: of a kind or version that cannot be read here.
        TamperedError: it was changed after it was sealed.
    """
    file = _read(data, secrets or FileSecrets(), mapping)
    if len(file.items) > bounded.MAX_ITEMS:
        raise CostLimitError(
            f"the file holds more than {bounded.MAX_ITEMS} items",
            advice="export in several parts, and import one after the other",
        )
    if name not in (AUTO, "csv", file.source):
        raise FormatError(
            f"the file is not one of {name}: it looks like {file.source}",
            advice="leave --format out, or give the one that it is",
        )
    return file


def _read(data: bytes, secrets: FileSecrets, mapping: Mapped | None) -> ForeignFile:
    if not data.strip():
        raise FormatError("the file is empty")
    if looks_like_kdbx(data):
        from clisk_vault.transfer.keepass_items import read_kdbx

        return read_kdbx(data, secrets)
    if data.startswith(_AGE):
        raise UnsupportedError(
            "this is a sealed backup, not an export",
            advice="clisk backup restore FILE makes a vault of it",
        )
    if data.startswith(_PGP):
        raise sealed_with_pgp()
    if data.startswith(_ZIP):
        return _read_zip(BoundedZip(data, "zip file"))
    if mapping is None and data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _read_json(data, secrets)
    return read_csv_file(data, mapping=mapping)


def _read_zip(archive: BoundedZip) -> ForeignFile:
    if is_onepux(archive):
        return read_onepux(archive)
    name = proton_name(archive)
    if name is not None:
        return read_proton(load_object(archive.read(name), "Proton Pass export"))
    if is_bitwarden_zip(archive):
        return read_bitwarden_zip(archive)
    raise FormatError(
        "zip file: not an export that is known",
        advice="1PUX, Proton Pass and Bitwarden write zip files; others are unpacked"
        " first",
    )


def _read_json(data: bytes, secrets: FileSecrets) -> ForeignFile:
    document = load_object(data, "JSON file")
    if is_cxf(document):
        return read_cxf(document)
    if is_proton(document):
        return read_proton(document)
    if document.get("encrypted") is True:
        document = open_encrypted(document, secrets)
    return read_export(parse_document(document))

"""A konnector out of a folder or an archive: two files, read into memory.

An archive is never unpacked: of all that it holds only manifest.konnector and
main.js are read, each up to its limit, so that no name in it reaches the disk and
nothing can grow beyond what is asked for. What only an attack or an accident would
hold (a link, a way out of the folder, one name twice) spoils the whole of it.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from konnector_runner.errors import ArchiveError
from konnector_runner.konnector import (
    BUNDLE_NAME,
    MANIFEST_NAME,
    MAX_BUNDLE,
    Konnector,
    load_konnector,
    make_konnector,
)
from konnector_runner.manifest import MAX_MANIFEST

_LIMITS = {MANIFEST_NAME: MAX_MANIFEST, BUNDLE_NAME: MAX_BUNDLE}
_MAX_ARCHIVE = 64 * 1024 * 1024
_MAX_ENTRIES = 2_000
# What an archive may unpack to on the way to its end; a tar is read through.
_MAX_UNPACKED = 256 * 1024 * 1024
_PART = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    is_folder: bool
    is_plain: bool
    open: Callable[[], IO[bytes]]


def read_konnector(path: Path) -> Konnector:
    """Return the konnector in the folder or archive *path*.

    Raises:
        KonnectorError: it holds none.
        ArchiveError: what it holds besides can not be trusted.
        ManifestError: its manifest is not one.
    """
    if path.is_dir():
        return load_konnector(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_ARCHIVE + 1)
    except OSError:
        raise ArchiveError("there is no such folder or archive") from None
    if len(data) > _MAX_ARCHIVE:
        raise ArchiveError(f"archive longer than {_MAX_ARCHIVE} bytes")
    with _our_errors():
        found = _wanted(_entries(data))
    return make_konnector(found[MANIFEST_NAME], found[BUNDLE_NAME])


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,  # zipfile's for an encrypted entry
        ValueError,
    ):
        raise ArchiveError("archive that can not be read") from None


def _entries(data: bytes) -> Iterator[_Entry]:
    if data.startswith(b"PK"):
        return _zip_entries(data)
    if data.startswith(b"\x1f\x8b"):
        return _tar_entries(data)
    raise ArchiveError("file that is neither a .zip nor a .tgz")


def _zip_entries(data: bytes) -> Iterator[_Entry]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    for info in archive.infolist():
        if not info.filename:  # zipfile itself stumbles over it
            raise ArchiveError("an entry without a name")
        kind = stat.S_IFMT(info.external_attr >> 16)
        yield _Entry(
            info.filename,
            info.is_dir(),
            kind in {0, stat.S_IFREG, stat.S_IFDIR},
            lambda info=info: archive.open(info),  # type: ignore[misc]  # bound now
        )


def _tar_entries(data: bytes) -> Iterator[_Entry]:
    # Unpacked first and bounded: tarfile would read through a bomb to find names.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    plain = unpacker.decompress(data, _MAX_UNPACKED)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ArchiveError("archive that is cut short, or unpacks to too much")
    archive = tarfile.TarFile(fileobj=io.BytesIO(plain))
    for info in archive:
        yield _Entry(
            info.name,
            info.isdir(),
            info.isfile() or info.isdir(),
            lambda info=info: _opened(archive, info),  # type: ignore[misc]  # bound now
        )


def _opened(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    assert file is not None, "only plain files are opened"
    return file


def _wanted(entries: Iterator[_Entry]) -> dict[str, bytes]:
    """Return the two files, from the top of the archive or its one folder."""
    seen: set[str] = set()
    found: dict[PurePosixPath, dict[str, bytes]] = {}
    for number, entry in enumerate(entries):
        if number >= _MAX_ENTRIES:
            raise ArchiveError(f"archive of more than {_MAX_ENTRIES} files")
        path = _checked(entry)
        if str(path) in seen and not entry.is_folder:
            raise ArchiveError("archive that holds one name twice")
        seen.add(str(path))
        if path.name in _LIMITS and not entry.is_folder and len(path.parts) <= 2:
            limit = _LIMITS[path.name]
            found.setdefault(path.parent, {})[path.name] = _read(
                entry, path.name, limit
            )
    whole = [files for files in found.values() if len(files) == len(_LIMITS)]
    if not whole:
        raise ArchiveError("archive without manifest.konnector beside main.js")
    if len(whole) > 1:
        raise ArchiveError("archive with more than one konnector")
    return whole[0]


def _checked(entry: _Entry) -> PurePosixPath:
    if not entry.is_plain:
        raise ArchiveError("archive with a link or a device in it")
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.name:
        raise ArchiveError("archive with a name that leads out of its folder")
    return path


def _read(entry: _Entry, name: str, limit: int) -> bytes:
    data = bytearray()
    with entry.open() as file:
        while part := file.read(_PART):
            data += part
            if len(data) > limit:
                raise ArchiveError(f"{name} longer than {limit} bytes")
    return bytes(data)

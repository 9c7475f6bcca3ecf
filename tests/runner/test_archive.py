"""Konnectors out of archives: what a hostile one holds is refused, and named."""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnector_runner import archive
from konnector_runner.archive import read_konnector
from konnector_runner.errors import ArchiveError, KonnectorError, ManifestError

_MANIFEST = json.dumps(
    {
        "type": "konnector",
        "slug": "shop",
        "name": "Shop",
        "version": "1",
        "clientSide": True,
    }
).encode()
_FILES = {"manifest.konnector": _MANIFEST, "main.js": b"// nothing"}


def _zip(files: Mapping[str, bytes], *, mode: int = stat.S_IFREG) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return stream.getvalue()


def _tgz(files: Mapping[str, bytes], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            made.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _in_folder(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"shop-1/{name}": data for name, data in files.items()}


@pytest.mark.parametrize("pack", [_zip, _tgz])
@pytest.mark.parametrize("place", [dict, _in_folder])
def test_both_kinds_are_read(
    tmp_path: Path,
    pack: Callable[[Mapping[str, bytes]], bytes],
    place: Callable[[Mapping[str, bytes]], dict[str, bytes]],
) -> None:
    """At the top or in one folder, an archive gives what the folder gives."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, data in _FILES.items():
        (folder / name).write_bytes(data)
    path = tmp_path / "shop.archive"
    path.write_bytes(pack({**place(_FILES), "README.md": b"more"}))

    assert read_konnector(path).digest == read_konnector(folder).digest


_BAD = {
    "a way up": (_zip({**_FILES, "../../evil": b""}), "leads out"),
    "an absolute name": (_tgz({**_FILES, "/etc/cron.d/evil": b""}), "leads out"),
    "a way out for Windows": (_zip({**_FILES, "..\\evil": b""}), "leads out"),
    "a link in a zip": (_zip(_FILES, mode=stat.S_IFLNK), "a link or a device"),
    "a link in a tar": (_tgz(_FILES, kind=tarfile.SYMTYPE), "a link or a device"),
    "a hard link": (_tgz(_FILES, kind=tarfile.LNKTYPE), "a link or a device"),
    "a device": (_tgz(_FILES, kind=tarfile.CHRTYPE), "a link or a device"),
    "two konnectors": (_zip({**_FILES, **_in_folder(_FILES)}), "more than one"),
    "no bundle": (_zip({"manifest.konnector": _MANIFEST}), "without"),
    "files apart": (_zip({"a/main.js": b"", "manifest.konnector": b""}), "without"),
    "too deep": (_zip({f"a/b/{n}": d for n, d in _FILES.items()}), "without"),
    "too many": (_zip({**_FILES, **{f"{n}": b"" for n in range(2000)}}), "more than"),
    "another kind": (b"\x7fELF" + bytes(100), "neither"),
    "nothing": (b"", "neither"),
    "cut short": (_tgz(_FILES)[:-20], "cut short"),
    "a zip cut short": (_zip(_FILES)[:60], "can not be read"),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_archive_is_refused(tmp_path: Path, name: str) -> None:
    """What only an attack or an accident would hold spoils the whole archive."""
    data, reason = _BAD[name]
    path = tmp_path / "archive"
    path.write_bytes(data)

    with pytest.raises(ArchiveError, match=reason) as caught:
        read_konnector(path)

    assert caught.value.advice
    assert list(tmp_path.iterdir()) == [path]


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    """Two readers could take different ones of them."""
    path = tmp_path / "archive.tgz"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as made:
        for data in (b"// shown", b"// run"):
            info = tarfile.TarInfo("main.js")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    path.write_bytes(stream.getvalue())

    with pytest.raises(ArchiveError, match="one name twice"):
        read_konnector(path)


def test_a_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that unpacks to a large one ends at the limit, in both kinds."""
    path = tmp_path / "bomb"
    bomb = bytes(20 * 1024 * 1024)

    path.write_bytes(_zip({**_FILES, "main.js": bomb}))
    assert path.stat().st_size < 100_000
    with pytest.raises(ArchiveError, match=r"main\.js longer than"):
        read_konnector(path)

    monkeypatch.setattr(archive, "_MAX_UNPACKED", 1024 * 1024)
    path.write_bytes(gzip.compress(bomb))
    with pytest.raises(ArchiveError, match="unpacks to too much"):
        read_konnector(path)

    monkeypatch.setattr(archive, "_MAX_ARCHIVE", 1000)
    path.write_bytes(bomb)
    with pytest.raises(ArchiveError, match="archive longer than"):
        read_konnector(path)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    """An archive is held to what a folder is held to."""
    path = tmp_path / "archive.zip"
    path.write_bytes(_zip({**_FILES, "manifest.konnector": b"{}"}))

    with pytest.raises(ManifestError):
        read_konnector(path)


def test_an_entry_without_a_name_is_refused(tmp_path: Path) -> None:
    """A zip file whose list of contents names nothing; Python's reader fails on it."""
    data = _zip({"a": b"x"})
    at = data.rindex(b"a", 0, data.index(b"PK\x05\x06"))
    path = tmp_path / "nameless.zip"
    path.write_bytes(data[:at] + b"\0" + data[at + 1 :])

    with pytest.raises(ArchiveError, match="without a name"):
        read_konnector(path)


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from([_zip, _tgz]))
def test_any_changed_byte_is_refused_or_seen(
    tmp_path_factory: pytest.TempPathFactory,
    at: int,
    byte: int,
    pack: Callable[[Mapping[str, bytes]], bytes],
) -> None:
    """An archive with another byte is refused by name, or is another konnector."""
    data = bytearray(pack(_FILES))
    at %= len(data)
    data[at] = byte
    path = tmp_path_factory.mktemp("changed") / "archive"
    path.write_bytes(bytes(data))

    try:
        read = read_konnector(path)
    except KonnectorError:
        return

    assert read.manifest.slug

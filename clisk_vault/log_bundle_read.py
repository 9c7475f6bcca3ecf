"""Reading a log bundle from a folder that may hold anything: log-bundle.md §5.

Opens regular files under names that it computed itself, and reads no more of one
than it may have. Nothing that comes out is believed: log_bundle_verify.py checks it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clisk_vault import log_bundle as files
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, StoreError
from clisk_vault.log_bundle import BundleFacts, LogKeys
from clisk_vault.log_entry import Opening
from clisk_vault.log_leaf import LogRow
from clisk_vault.log_proof import MAX_PROOF_BYTES, UnverifiedProof
from clisk_vault.merkle import HASH_BYTES
from clisk_vault.note import UnverifiedNote
from clisk_vault.tiles import TILE_WIDTH

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_ADVICE = "the folder must hold a bundle as it was exported, and nothing else"


@dataclass(frozen=True, slots=True)
class UnverifiedBundle:
    """A bundle of the right shape. Its entries are read when they are asked for."""

    folder: Path
    facts: BundleFacts
    said_keys: LogKeys
    """Keys that the bundle brings along: to compare, never to check it with."""
    seen: tuple[UnverifiedNote, ...]
    openings: Mapping[int, Opening]
    proofs: Mapping[int, UnverifiedProof]

    def rows(self) -> Iterator[LogRow]:
        """Yield the entries, a tile at a time; raises FormatError as read_bundle()."""
        for tile in files.spans(self.facts.size):
            hashes, leaves, heads = files.tile_paths(tile)
            width, start = tile.width, tile.index * TILE_WIDTH
            stored = files.split_hashes(
                _read(self.folder, hashes, most=width * HASH_BYTES), width=width
            )
            parts = [
                files.unframe_tile(
                    _read(
                        self.folder,
                        path,
                        most=files.max_tile_bytes(width, heads=is_heads),
                    ),
                    width=width,
                    heads=is_heads,
                )
                for path, is_heads in ((leaves, False), (heads, True))
            ]
            for at, (hashed, leaf, head) in enumerate(
                zip(stored, *parts, strict=True), start
            ):
                yield LogRow(at, leaf, hashed, 0, None, head or None)


def read_bundle(folder: Path) -> UnverifiedBundle:
    """Return the bundle in *folder*, its shape checked and nothing else.

    Raises:
        StoreError: there is no such folder, or it cannot be read.
        FormatError: a file too many, too few, too long, or not its one spelling.
        UnsupportedError: a version of bundle, or a kind of key, not known here.

    Spec: protocol/log-bundle.md §5.1. Vectors: log-bundle/.
    """
    if not folder.is_dir():
        raise StoreError("log bundle: there is no such folder", advice="check its path")
    facts = BundleFacts.parse(_read(folder, files.BUNDLE, most=files.MAX_BUNDLE_BYTES))
    opened = _check_names(folder, facts.size)
    said = _read(folder, files.KEYS, most=files.MAX_KEYS_BYTES)
    seen = files.unframe(
        _read(folder, files.SEEN, most=files.MAX_SEEN_BYTES),
        longest=files.MAX_HEAD_BYTES,
        most=files.MAX_SEEN,
    )
    bundle = UnverifiedBundle(
        folder,
        facts,
        files.parse_said_keys(said, origin=facts.origin),
        tuple(map(parse_seen, seen)),
        {at: files.parse_opening(_read_opening(folder, at)) for at in opened},
        {at: UnverifiedProof.parse(_read_proof(folder, at)) for at in opened},
    )
    for _ in bundle.rows():
        pass  # every tile has its shape; what it says is not asked yet
    return bundle


def _read_opening(folder: Path, index: int) -> bytes:
    return _read(folder, f"{files.OPENING}/{index}", most=files.MAX_OPENING_BYTES)


def _read_proof(folder: Path, index: int) -> bytes:
    return _read(folder, f"{files.PROOF}/{index}", most=MAX_PROOF_BYTES)


def parse_seen(data: bytes) -> UnverifiedNote:
    """Return a head that a peer may have countersigned.

    Raises:
        FormatError: not a signed checkpoint of three lines.
    """
    seen = UnverifiedNote.parse(data)
    if Checkpoint.parse(seen.text).extensions:
        raise FormatError("log bundle: a head with an extension line")
    return seen


def _check_names(folder: Path, size: int) -> list[int]:
    """Check that the files are those that belong there; return what is opened."""
    wanted = {files.BUNDLE, files.KEYS, files.SEEN}
    for tile in files.spans(size):
        wanted.update(files.tile_paths(tile))
        if not (folder / tile.path).exists():
            break  # a size that is a lie costs no more than the files there are
    opened: dict[str, set[int]] = {files.OPENING: set(), files.PROOF: set()}
    folders = {part.rpartition("/")[0] for part in wanted}
    folders |= {"/".join(part.split("/")[:n]) for part in folders for n in range(9)}
    folders |= opened.keys()
    for path in _walk(folder, "", folders):
        kind, _, name = path.partition("/")
        if kind in opened and _INDEX.fullmatch(name) and int(name) < size:
            opened[kind].add(int(name))
        elif path in wanted:
            wanted.remove(path)
        else:
            raise FormatError(
                "log bundle: a file that does not belong there", advice=_ADVICE
            )
    if wanted or opened[files.OPENING] != opened[files.PROOF]:
        raise FormatError("log bundle: a file is missing", advice=_ADVICE)
    return sorted(opened[files.OPENING])


def _walk(folder: Path, inner: str, folders: set[str]) -> Iterator[str]:
    """Yield the path of each file; raises FormatError for what is none."""
    try:
        with os.scandir(folder / inner) as found:
            for entry in found:
                path = f"{inner}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False) and path in folders:
                    yield from _walk(folder, path, folders)
                elif entry.is_file(follow_symlinks=False):
                    yield path
                else:
                    raise FormatError(
                        "log bundle: a link or folder that does not belong there",
                        advice=_ADVICE,
                    )
    except OSError as err:
        raise StoreError(f"log bundle: cannot be read: {err.strerror}") from err


def _read(folder: Path, path: str, *, most: int) -> bytes:
    """Return a whole file; no link, no pipe, no more than *most* bytes."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(folder / path, flags), "rb") as file:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FormatError("log bundle: not a plain file", advice=_ADVICE)
            data = file.read(most + 1)
    except FileNotFoundError:
        raise FormatError("log bundle: a file is missing", advice=_ADVICE) from None
    except OSError as err:
        raise StoreError(f"log bundle: cannot be read: {err.strerror}") from err
    if len(data) > most:
        raise FormatError("log bundle: a file is too long")
    return data

"""Writing a log bundle: protocol/log-bundle.md §1 to §3.

Takes what is handed to it: that opening an entry is on record before it comes here
is settled in log_export.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from clisk_vault import log_bundle as files
from clisk_vault.errors import FormatError, LogDamagedError, StoreError
from clisk_vault.log_bundle import BundleFacts, LogKeys
from clisk_vault.log_entry import Opening
from clisk_vault.log_leaf import MAX_LEAF_BYTES, LogRow
from clisk_vault.log_proof import UnverifiedProof
from clisk_vault.merkle import Tree
from clisk_vault.note import UnverifiedNote
from clisk_vault.steps import Steps, finish


def write_bundle(
    rows: Iterable[LogRow],
    folder: Path,
    *,
    facts: BundleFacts,
    keys: LogKeys,
    openings: Mapping[int, Opening],
    seen: Sequence[UnverifiedNote] = (),
) -> None:
    """Write a bundle at once; arguments and errors as writing_bundle()."""
    finish(
        writing_bundle(
            rows, folder, facts=facts, keys=keys, openings=openings, seen=seen
        )
    )


def writing_bundle(
    rows: Iterable[LogRow],
    folder: Path,
    *,
    facts: BundleFacts,
    keys: LogKeys,
    openings: Mapping[int, Opening],
    seen: Sequence[UnverifiedNote] = (),
) -> Steps[None]:
    """Write the bundle of a log's *rows*, all that *facts* counts, to a new *folder*.

    The folder appears when it is complete, or not at all. What is added to the log
    between two steps is not in it.

    Args:
        rows: every entry as it is stored, from the first on.
        folder: where; must not exist.
        facts: origin and number of entries.
        keys: what the bundle says that it is checked with.
        openings: key and text of each entry that is to be shown.
        seen: countersigned heads that other devices gave back.

    Raises:
        StoreError: the folder is there, or the disk refuses.
        LogDamagedError: an entry is missing, or of a size that no entry has.
    """
    with _appearing(folder) as new:
        _write(new, files.BUNDLE, facts.encode())
        _write(new, files.KEYS, keys.encode().encode())
        _write(new, files.SEEN, files.frame(note.encode() for note in seen))
        tree, heads = Tree(), _Heads()
        rows = iter(rows)
        for tile in files.spans(facts.size):
            some = list(islice(rows, tile.width))
            _check(some, tree.size, tile.width)
            for path, data in zip(
                files.tile_paths(tile),
                (
                    b"".join(row.leaf_hash for row in some),
                    files.frame(row.leaf for row in some),
                    files.frame(row.head or b"" for row in some),
                ),
                strict=True,
            ):
                _write(new, path, data)
            for row in some:
                tree.append(row.leaf_hash)
                if openings and row.head is not None:
                    heads.add(row.seq + 1, row.head)
            yield tree.size
        for index, opening in openings.items():
            _write(new, f"{files.OPENING}/{index}", files.encode_opening(opening))
            proof = _proof(tree, heads, index)
            _write(new, f"{files.PROOF}/{index}", proof.encode())
            yield tree.size


def _check(rows: Sequence[LogRow], start: int, width: int) -> None:
    """Refuse what a bundle has no place for; what is wrong within shows in it."""
    if [row.seq for row in rows] != list(range(start, start + width)):
        raise LogDamagedError("access log: an entry is missing, so it is not exported")
    for row in rows:
        if (
            len(row.leaf) > MAX_LEAF_BYTES
            or len(row.leaf_hash) != 32
            or len(row.head or b"") > files.MAX_HEAD_BYTES
        ):
            raise LogDamagedError(f"access log: entry {row.seq} has no size of one")


@dataclass(slots=True)
class _Heads:
    """The two heads that a proof can rest on, with their sizes."""

    newest: tuple[int, bytes] = (0, b"")
    countersigned: tuple[int, bytes] = (0, b"")

    def add(self, size: int, head: bytes) -> None:
        self.newest = (size, head)
        if _is_countersigned(head):
            self.countersigned = self.newest

    def best(self, index: int) -> tuple[int, bytes]:
        """Return the newest head that vouches best for an entry."""
        for size, head in (self.countersigned, self.newest):
            if size > index:
                return size, head
        raise LogDamagedError(f"access log: no head closes entry {index}")


def _proof(tree: Tree, heads: _Heads, index: int) -> UnverifiedProof:
    size, head = heads.best(index)
    return UnverifiedProof(index, tuple(tree.inclusion_proof(index, size)), head)


def _is_countersigned(head: bytes) -> bool:
    try:
        return len(UnverifiedNote.parse(head).lines) > 1
    except FormatError:
        return False


def check_free(folder: Path) -> None:
    """Refuse, with StoreError, a path at which there is something."""
    if os.path.lexists(folder):
        raise StoreError(
            "log bundle: there is something at that path already",
            advice="choose a folder that does not exist yet",
        )


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a folder beside *folder* that takes its name if the block succeeds."""
    new = folder.with_name(f".{folder.name}.{os.urandom(8).hex()}")
    check_free(folder)
    try:
        new.mkdir(mode=0o700)
        try:
            yield new
            # Not fsynced: what a power cut spoils is refused by its reader, and the
            # bundle can be written again.
            new.rename(folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    except OSError as err:
        raise StoreError(f"log bundle: cannot be written: {err.strerror}") from err


def _write(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    # One by one: mkdir gives its mode to the last folder of a path alone.
    for above in reversed(Path(path).parents):
        (folder / above).mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        file.write(data)

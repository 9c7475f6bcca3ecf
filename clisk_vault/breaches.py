"""Passwords that were found in breaches: by a file of one's own, or by ranges.

The data is Have I Been Pwned's: SHA-1 of each password with how often it was seen.
A file sorted by hash is searched in place and never loaded; a folder holds one file
for each first five digits. Asking a service sends those five digits and no more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

from clisk_vault.errors import FormatError, StoreError
from clisk_vault.keys import SecretText

PREFIX_CHARS = 5
_HASH_CHARS = 40
_MAX_LINE = 80
_MAX_RANGE_BYTES = 4 * 1024 * 1024
_LINE = re.compile(rb"([0-9A-Fa-f]{40}):([0-9]{1,12})\r?\n?")
_SUFFIX_LINE = re.compile(r"([0-9A-Fa-f]{35}):([0-9]{1,12})")


class Breaches(Protocol):
    """Where breached passwords are looked up."""

    def seen(self, digest: str) -> int:
        """Return how often the password of *digest* was seen in breaches.

        Raises:
            FormatError: the data is not as it has to be.
            StoreError: it cannot be read.
        """


def breach_digest(password: SecretText) -> str:
    """Return the SHA-1 of *password* as the data has it: 40 upper-case hex digits."""
    data = password.expose().encode()
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()


def open_breaches(path: Path) -> Breaches:
    """Return the data at *path*: a file sorted by hash, or a folder of ranges.

    Raises:
        StoreError: there is neither, or it cannot be looked for.
    """
    try:
        if path.is_dir():
            return RangeFolder(path)
        if path.is_file():
            return SortedFile(path)
    except OSError as err:  # a name that is too long, a folder that is not ours
        raise StoreError(f"breached passwords: {err.strerror}") from None
    raise StoreError(
        "there is no such file or folder of breached passwords",
        advice="a file sorted by hash, or a folder with one file for each range",
    )


class SortedFile:
    """Lines `HASH:count`, sorted by hash; any size, nothing kept in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seen(self, digest: str) -> int:
        """See Breaches.seen(): a binary search over the bytes of the file."""
        wanted = digest.upper().encode()
        try:
            with self._path.open("rb") as file:
                return _search(file, file.seek(0, 2), wanted)
        except OSError as err:
            raise StoreError(f"breached passwords: {err.strerror}") from None


def _search(file: BinaryIO, size: int, wanted: bytes) -> int:
    # The line that begins at or after low may be the one; none from high on is.
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        begin, line = _line_from(file, middle)
        if not line or begin >= high:
            high = middle
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise FormatError(
                "breached passwords: not lines of SHA-1 and count, sorted by hash",
                at=begin,
            )
        found = match[1].upper()
        if found == wanted:
            return int(match[2])
        if found < wanted:
            low = begin + len(line)
        else:
            high = middle
    return 0


def _line_from(file: BinaryIO, at: int) -> tuple[int, bytes]:
    """Return the first line that begins at *at* or later, and where it begins."""
    if at:
        file.seek(at - 1)
        at += len(file.readline(_MAX_LINE + 1)) - 1
    file.seek(at)
    return at, file.readline(_MAX_LINE + 1)


class RangeFolder:
    """One file for each first five digits, as `00000.txt` or `00000`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seen(self, digest: str) -> int:
        """See Breaches.seen()."""
        prefix = digest[:PREFIX_CHARS].upper()
        for name in (prefix, f"{prefix}.txt", prefix.lower(), f"{prefix.lower()}.txt"):
            try:
                data = (self._path / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as err:
                raise StoreError(f"breached passwords: {err.strerror}") from None
            if len(data) > _MAX_RANGE_BYTES:
                raise FormatError("breached passwords: a range that is too large")
            text = data.decode("ascii", "replace")
            return seen_in_range(text.splitlines(), digest)
        raise StoreError(
            f"breached passwords: the folder has no range {prefix}",
            advice="download all ranges, or use a single file",
        )


def seen_in_range(lines: Iterable[str], digest: str) -> int:
    """Return how often *digest* was seen, by the *lines* of its range.

    A count of 0 is padding: a line that a service adds so that the length of its
    answer says nothing.

    Raises:
        FormatError: lines that are not the rest of a hash and a count.
    """
    wanted = digest[PREFIX_CHARS:].upper()
    seen = 0
    for line in lines:
        match = _SUFFIX_LINE.fullmatch(line.strip())
        if match is None:
            raise FormatError("breached passwords: a range that is none")
        if match[1].upper() == wanted:
            seen = int(match[2])
    return seen

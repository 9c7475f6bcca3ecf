"""The files of a log bundle: protocol/log-bundle.md §1 and §3.

Names and spellings only; writing, reading and checking are modules beside this one.
Needs no vault: an outsider runs this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.keys import LogEntryKey
from clisk_vault.log_entry import BUCKET_BYTES, MAX_BUCKETS, Opening
from clisk_vault.log_leaf import MAX_LEAF_BYTES
from clisk_vault.merkle import HASH_BYTES
from clisk_vault.note import KeyKind, NoteKey
from clisk_vault.tiles import TILE_WIDTH, Tile

BUNDLE, KEYS, SEEN = "bundle", "keys", "seen"
OPENING, PROOF = "opening", "proof"
MAX_SIZE = (1 << 32) - 1
MAX_HEAD_BYTES = 1 << 14
MAX_SEEN = 64
MAX_KEYS = 64
MAX_KEYS_BYTES = 1 << 16
MAX_BUNDLE_BYTES = 1 << 10
MAX_OPENING_BYTES = BUCKET_BYTES * MAX_BUCKETS + 64
_LENGTH_BYTES = 2
MAX_SEEN_BYTES = MAX_SEEN * (_LENGTH_BYTES + MAX_HEAD_BYTES)
_PREFIX = "clisk/"
_FIRST = "clisk/1/log-bundle"
_SIZE = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_ORIGIN = re.compile(r"[0-9a-f]{32}/[0-9a-f]{32}/[1-9][0-9]{0,9}", re.ASCII)
_KEY, _PADDED = 1, 2


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What the file `bundle` says."""

    origin: str
    size: int

    def __post_init__(self) -> None:
        """Refuse what would not be read back; raises FormatError."""
        if not _ORIGIN.fullmatch(self.origin) or not 0 < self.size <= MAX_SIZE:
            raise FormatError("log bundle: origin or number of entries out of range")

    def encode(self) -> bytes:
        """Return the one spelling of this file."""
        return f"{_FIRST}\n{self.origin}\n{self.size}\n".encode()

    @classmethod
    def parse(cls, data: bytes) -> BundleFacts:
        """Return what *data* says.

        Raises:
            UnsupportedError: another version.
            FormatError: anything but the one spelling.
        """
        lines = _text(data, what="log bundle").split("\n")
        first = lines[0]
        if first != _FIRST:
            if first.startswith(_PREFIX) and first.endswith("/log-bundle"):
                raise UnsupportedError("log bundle: a version not known here")
            raise FormatError("log bundle: its first line is another one")
        if len(lines) != 4 or lines[3] or not _SIZE.fullmatch(lines[2]):
            raise FormatError("log bundle: not an origin and a number of entries")
        return cls(lines[1], int(lines[2]))


@dataclass(frozen=True, slots=True)
class LogKeys:
    """What a log is checked with: the key of its first head, and its witnesses'."""

    enrolled: NoteKey
    peers: tuple[NoteKey, ...] = ()

    def encode(self) -> str:
        """Return the keys as vkeys, one a line."""
        return "".join(f"{key.encode()}\n" for key in (self.enrolled, *self.peers))


def parse_keys(text: str) -> list[NoteKey]:
    """Return the keys in *text*, one vkey a line; blank lines and # lines are skipped.

    Raises:
        FormatError, UnsupportedError: a line that is not a vkey of a known kind.
    """
    lines = [line.strip() for line in text.splitlines()]
    return [NoteKey.parse(line) for line in lines if line and not line.startswith("#")]


def choose_keys(keys: Iterable[NoteKey], *, origin: str) -> LogKeys:
    """Return those of *keys* that the log called *origin* is checked with.

    A device is no witness of itself, so its own countersigning key is left out.

    Raises:
        TamperedError: not exactly one of them is that log's enrolled key.
    """
    known = list(dict.fromkeys(keys))
    enrolled = [
        key for key in known if key.kind is KeyKind.ED25519 and key.name == origin
    ]
    if len(enrolled) != 1:
        raise TamperedError(
            "log bundle: it is of a log that the given keys are not for",
            advice="ask another device of the vault for its keys: clisk log keys",
        )
    own = origin.split("/")[1]
    peers = [key for key in known if key.kind is KeyKind.COSIGNATURE]
    return LogKeys(enrolled[0], tuple(key for key in peers if key.name != own))


def parse_said_keys(data: bytes, *, origin: str) -> LogKeys:
    """Return the file `keys` of the bundle, which no reader relies on.

    Raises:
        FormatError: anything but the one spelling of such a file.
        UnsupportedError: a kind of key not known here.
    """
    lines = _text(data, what="log bundle: keys").splitlines()[: MAX_KEYS + 1]
    first, *peers = [NoteKey.parse(line) for line in lines]
    if first.kind is not KeyKind.ED25519 or first.name != origin:
        raise FormatError("log bundle: keys: the first is not the log's")
    names = {key.name for key in peers}
    if (
        any(key.kind is not KeyKind.COSIGNATURE for key in peers)
        or len(names) != len(peers)
        or len(peers) >= MAX_KEYS
    ):
        raise FormatError("log bundle: keys: not of other devices, or one twice")
    said = LogKeys(first, tuple(peers))
    if said.encode().encode() != data:
        raise FormatError("log bundle: keys: not one vkey a line")
    return said


def _text(data: bytes, *, what: str) -> str:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as err:
        raise FormatError(f"{what}: not plain text", at=err.start) from None
    if not text.endswith("\n"):
        raise FormatError(f"{what}: no newline at the end")
    return text


# --- tiles


def spans(size: int) -> Iterator[Tile]:
    """Yield the level 0 tiles of a log of *size* entries, in order."""
    full, rest = divmod(size, TILE_WIDTH)
    yield from (Tile(0, index) for index in range(full))
    if rest:
        yield Tile(0, full, rest)


def tile_paths(tile: Tile) -> tuple[str, str, str]:
    """Return where hashes, leaves and heads of a level 0 tile lie."""
    entries = Tile(None, tile.index, tile.width).path
    return tile.path, entries, "heads" + entries.removeprefix("tile/entries")


def split_hashes(data: bytes, *, width: int) -> list[bytes]:
    """Return the hashes of a tile; raises FormatError if not exactly *width*."""
    if len(data) != width * HASH_BYTES:
        raise FormatError("log bundle: a tile is not as long as it must be")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def frame(parts: Iterable[bytes]) -> bytes:
    """Return *parts*, each behind its length in 2 bytes (a C2SP entry bundle)."""
    return b"".join(len(part).to_bytes(_LENGTH_BYTES) + part for part in parts)


def unframe(data: bytes, *, longest: int, most: int) -> list[bytes]:
    """Return the parts that *data* holds.

    Raises:
        FormatError: cut short, a part over *longest* bytes, or over *most* parts.
    """
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + _LENGTH_BYTES])
        at += _LENGTH_BYTES
        part = data[at : at + length]
        at += length
        if at > len(data) or length > longest or len(parts) == most:
            raise FormatError("log bundle: a list is cut short, or too long")
        parts.append(part)
    return parts


def unframe_tile(data: bytes, *, width: int, heads: bool) -> list[bytes]:
    """Return the leaves or heads of a tile; raises FormatError."""
    longest = MAX_HEAD_BYTES if heads else MAX_LEAF_BYTES
    parts = unframe(data, longest=longest, most=width)
    if len(parts) != width:
        raise FormatError("log bundle: a tile is not as long as it must be")
    return parts


def max_tile_bytes(width: int, *, heads: bool) -> int:
    """Return the most bytes that a tile of leaves or heads has."""
    return width * (_LENGTH_BYTES + (MAX_HEAD_BYTES if heads else MAX_LEAF_BYTES))


# --- openings


def encode_opening(opening: Opening) -> bytes:
    """Return the file that gives one entry away, and no other."""
    return cbor.encode({_KEY: opening.key.expose(), _PADDED: opening.padded})


def parse_opening(data: bytes) -> Opening:
    """Return the opening in *data*; it means nothing before Opening.check().

    Raises:
        FormatError: anything but the one spelling.
    """
    what = "log opening"
    value = cbor.parse(data, max_bytes=MAX_OPENING_BYTES, what=what)
    fields = cbor.expect_map(value, {_KEY: bytes, _PADDED: bytes}, what=what)
    key, padded = fields[_KEY], fields[_PADDED]
    assert isinstance(key, bytes)
    assert isinstance(padded, bytes)
    whole = 0 < len(padded) <= BUCKET_BYTES * MAX_BUCKETS
    if len(key) != LogEntryKey.LENGTH or not whole or len(padded) % BUCKET_BYTES:
        raise FormatError("log opening: not 32 bytes and whole buckets")
    return Opening(LogEntryKey(key), padded)


def runs(indexes: Sequence[int]) -> list[str]:
    """Return sorted, distinct *indexes* as `3`, `7-9`."""
    found: list[list[int]] = []
    for index in indexes:
        if found and found[-1][-1] == index - 1:
            found[-1][1:] = [index]
        else:
            found.append([index])
    return ["-".join(map(str, run)) for run in found]

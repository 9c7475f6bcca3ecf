"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the text of a log's head, §4.2.

Our logs write no extension lines; the reader keeps those of others verbatim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clisk_vault.errors import FormatError
from clisk_vault.merkle import HASH_BYTES
from clisk_vault.note import encode_base64, parse_base64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f]")
_MAX_SIZE = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a head says: the log *origin* had *size* leaves under *root*."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any(map(_CONTROL.search, lines)):
            raise FormatError("checkpoint: an empty line or a control character")
        if not 0 <= self.size <= _MAX_SIZE:
            raise FormatError("checkpoint: size out of range")
        if len(self.root) != HASH_BYTES:
            raise FormatError(f"checkpoint: root is not {HASH_BYTES} bytes")

    def encode(self) -> str:
        """Return the one spelling of this checkpoint, the text of a note."""
        lines = [self.origin, str(self.size), encode_base64(self.root)]
        return "\n".join([*lines, *self.extensions]) + "\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint that *text* spells.

        Raises:
            FormatError: anything but the one spelling of a checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise FormatError("checkpoint: fewer than three lines, or no newline")
        origin, size, root, *extensions = lines
        if not _DECIMAL.fullmatch(size):
            raise FormatError("checkpoint: size is not a plain decimal number")
        raw = parse_base64(root, what="checkpoint root")
        return cls(origin, int(size), raw, tuple(extensions))

"""One entry's place in a log, to be shown alone (C2SP tlog-proof): log-bundle.md §3.6.

C2SP allows one `extra` line, which nothing authenticates; it is refused here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clisk_vault.errors import FormatError
from clisk_vault.merkle import HASH_BYTES
from clisk_vault.note import UnverifiedNote, encode_base64, parse_base64

MAX_PROOF_BYTES = 1 << 15
MAX_PATH = 63
_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnverifiedProof:
    """A proof as it was read; the path, from leaf to root, is not yet climbed."""

    index: int
    path: tuple[bytes, ...]
    head: bytes

    def encode(self) -> bytes:
        """Return the one spelling of this proof."""
        lines = [_FIRST, f"index {self.index}", *map(encode_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.head

    @classmethod
    def parse(cls, data: bytes) -> UnverifiedProof:
        """Return the proof that *data* spells.

        Raises:
            FormatError: anything but the one spelling, its signed head included.
        """
        if len(data) > MAX_PROOF_BYTES:
            raise FormatError(f"proof: {len(data)} bytes, at most {MAX_PROOF_BYTES}")
        above, _, head = data.partition(b"\n\n")
        try:
            first, index, *path = above.decode("ascii").split("\n")
        except ValueError:  # not ASCII, or one line only
            raise FormatError("proof: not a first line and an index") from None
        number = _INDEX.fullmatch(index)
        if first != _FIRST or number is None:
            raise FormatError("proof: not a first line and an index line")
        hashes = tuple(parse_base64(line, what="proof") for line in path)
        if len(hashes) > MAX_PATH or any(len(one) != HASH_BYTES for one in hashes):
            raise FormatError(f"proof: a hash is not {HASH_BYTES} bytes, or too many")
        UnverifiedNote.parse(head)
        return cls(int(number[1]), hashes, head)

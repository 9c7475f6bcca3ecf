"""What the builders of vectors share: CBOR, fixed randomness, the writer.

Written from RFC 8949 and protocol/README.md alone and importing none of our
packages, so that a vector is a second opinion and not an echo.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

VECTORS = Path(__file__).parents[1] / "vectors"
RESULTS = ("ok", "malformed", "unsupported", "too costly", "wrong key", "tampered")

Cbor: TypeAlias = (
    "int | bytes | str | bool | Sequence[Cbor] | Mapping[int, Cbor]"
    " | Mapping[str, Cbor] | Mapping[bytes, Cbor] | None"
)
Json: TypeAlias = (
    "int | bytes | str | bool | Sequence[Json] | Mapping[str, Json] | None"
)

UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


def head(major: int, argument: int, *, width: int | None = None) -> bytes:
    """Return the head of a CBOR item; *width* bytes of argument if given.

    The shortest width is the deterministic one (RFC 8949 §4.2.1); a bad case
    asks for a longer one.
    """
    if width is None:
        if argument < 24:
            return bytes([major << 5 | argument])
        width = next(w for w in (1, 2, 4, 8) if argument < 1 << (8 * w))
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + (
        argument.to_bytes(width)
    )


def cbor(value: Cbor) -> bytes:
    """Return the deterministic CBOR of *value* (RFC 8949 §4.2)."""
    if value is None or isinstance(value, bool):
        return head(SIMPLE, {False: 20, True: 21, None: 22}[value])
    if isinstance(value, int):
        return head(UINT, value) if value >= 0 else head(NINT, -1 - value)
    if isinstance(value, bytes):
        return head(BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(TEXT, len(text)) + text
    if isinstance(value, Mapping):
        # §4.2.1: keys in the bytewise order of their own encodings.
        pairs = sorted((cbor(key), cbor(member)) for key, member in value.items())
        return head(MAP, len(pairs)) + b"".join(key + member for key, member in pairs)
    return head(ARRAY, len(value)) + b"".join(cbor(member) for member in value)


class Randomness:
    """Bytes that look random and are the same in each rebuild.

    The n-th block is SHA-256(seed || 0x00 || n as 8 bytes, big-endian).
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode() + b"\0"
        self._block = 0
        self._left = b""

    def __call__(self, length: int) -> bytes:
        while len(self._left) < length:
            block = self._seed + self._block.to_bytes(8)
            self._left += hashlib.sha256(block).digest()
            self._block += 1
        taken, self._left = self._left[:length], self._left[length:]
        return taken


class Cases:
    """Writes the cases of one page, and remembers which it wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: set[Path] = set()

    def __call__(
        self, case: str, /, *, spec: str, says: str, result: str, **values: Json
    ) -> None:
        """Write one case: bytes anywhere in *values* become lower-case hex.

        *case* is the file's name, *spec* the page and section, *says* a sentence.
        """
        if result not in RESULTS:
            raise ValueError(f"{case}: result must be one of {', '.join(RESULTS)}")
        path = self._folder / f"{case}.json"
        if path in self.written:
            raise ValueError(f"{case}: written twice")
        fields = {"spec": spec, "says": says, **values, "result": result}
        text = json.dumps(_in_hex(fields), indent=2, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
        self.written.add(path)


def _in_hex(value: Json) -> Json:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: _in_hex(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_in_hex(member) for member in value]
    return value


@contextmanager
def cases(page: str) -> Iterator[Cases]:
    """Yield the writer for the vectors of *page*; drop cases it no longer writes."""
    folder = VECTORS / page
    writer = Cases(folder)
    yield writer
    for path in set(folder.rglob("*.json")) - writer.written:
        path.unlink()


def flipped(data: bytes, at: int, *, bit: int = 0) -> bytes:
    """Return *data* with one bit changed in byte *at* (negative: from the end)."""
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)

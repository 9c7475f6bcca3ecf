"""One change of an item a second time: protocol/item.md §3 and §4, from the page.

What the program writes and reads in change_chunk.py; none of that is used here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

DEVICES = {name: bytes([0xD0 + at]) * 16 for at, name in enumerate("ABC", start=1)}
A, B, C = DEVICES.values()
SESSION_A, SESSION_B = A + b"\x5e" * 16, B + b"\x5f" * 16
NOON = 0x018F00000000
END_OF_TIME = 32_503_680_000_000


def stamp(device: bytes, time_ms: int = NOON, counter: int = 0) -> str:
    """Return the text of a stamp (§3)."""
    return f"{time_ms:012x}{counter:04x}-{device.hex()}"


def leb(value: int) -> bytes:
    """Return an unsigned LEB128 integer."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def sleb(value: int) -> bytes:
    """Return a signed LEB128 integer."""
    out = b""
    while not -0x40 <= value < 0x40:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value & 0x7F])


def runs(values: Sequence[bytes]) -> bytes:
    """Return a run-length column: repeats as runs, the rest as literals."""
    groups: list[tuple[int, list[bytes]]] = []
    for at, value in enumerate(values):
        before = values[at - 1] if at else None
        after = values[at + 1] if at + 1 < len(values) else None
        if value == before:
            count, group = groups[-1]
            groups[-1] = (count + 1, group)
        elif value == after:
            groups.append((1, [value]))
        elif groups and groups[-1][0] == 0:
            groups[-1][1].append(value)
        else:
            groups.append((0, [value]))
    return b"".join(
        sleb(count or -len(group)) + b"".join(group) for count, group in groups
    )


def columns(entries: Mapping[str, str | bytes]) -> dict[int, bytes]:
    """Return the six columns of a change, by specification."""
    keys, metas, values = [], [], []
    for key, value in sorted(entries.items()):
        raw = value.encode() if isinstance(value, str) else value
        keys.append(leb(len(key)) + key.encode())
        metas.append(leb(16 * len(raw) + (6 if isinstance(value, str) else 7)))
        values.append(raw)
    count = len(keys)
    return {
        0x15: runs(keys),
        0x34: leb(count),
        0x42: runs([b"\x01"] * count),
        0x56: runs(metas),
        0x57: b"".join(values),
        0x70: runs([b"\x00"] * count),
    }


def body(
    parts: Mapping[int, bytes],
    *,
    actor: bytes = SESSION_A,
    seq: int = 1,
    start_op: int = 1,
    deps: Sequence[bytes] = (),
    middle: bytes = b"\0\0\0",
    extra: bytes = b"",
) -> bytes:
    """Return the body of a change."""
    present = {spec: column for spec, column in parts.items() if column}
    return b"".join(
        (
            leb(len(deps)),
            *deps,
            leb(len(actor)) + actor + leb(seq) + leb(start_op) + middle,
            leb(len(present)),
            *(leb(spec) + leb(len(column)) for spec, column in present.items()),
            *present.values(),
            extra,
        )
    )


def chunk(content: bytes, *, kind: int = 1, length: bytes | None = None) -> bytes:
    """Return the chunk around a body."""
    hashed = bytes([kind]) + (leb(len(content)) if length is None else length) + content
    return b"\x85\x6f\x4a\x83" + hashlib.sha256(hashed).digest()[:4] + hashed


def change_hash(data: bytes) -> bytes:
    """Return the hash of a change."""
    return hashlib.sha256(data[8:]).digest()

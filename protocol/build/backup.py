"""Vectors of protocol/backup.md: the records, without the seal around them."""

from __future__ import annotations

import hashlib

from protocol.build.common import Cases, Cbor, cases, cbor

_VAULT, _DEVICE = bytes(range(32)), bytes(range(16))
_ITEM, _OTHER = b"\x01" * 16, b"\x02" * 16
_NOON = 1_767_225_600_000
_HEAD: Cbor = [0, 1, _VAULT, _DEVICE, _NOON]
_LOGIN: Cbor = [
    1,
    _ITEM,
    [
        ["password", _NOON, 2, "first"],
        ["password", _NOON + 5, 2, "second"],
        ["password", _NOON + 9, 3, 0],
        ["title", _NOON, 1, "Shop"],
        ["totp", _NOON, 0],
        ["type", _NOON, 1, "login"],
    ],
]
_FILE: Cbor = [2, _ITEM, "a.txt", "text/plain", "", b"abc"]
_FOLDER: Cbor = [3, "Work"]
_GRANT: Cbor = [
    4,
    "bills",
    b"\x03" * 32,
    _ITEM,
    ["password"],
    ["https://shop.example"],
    "log in",
    0,
    [],
]
_GOOD = [_HEAD, _LOGIN, _FILE, _FOLDER, _GRANT]


def _frame(value: Cbor) -> bytes:
    data = cbor(value)
    return len(data).to_bytes(4) + data


def _whole(values: list[Cbor]) -> bytes:
    frames = b"".join(map(_frame, values))
    return frames + _frame([5, len(values), hashlib.sha256(frames).digest()])


def _version(*parts: Cbor) -> list[Cbor]:
    return [_HEAD, [1, _ITEM, [list(parts)]]]


def build() -> None:
    """Write every case of the page."""
    with cases("backup") as write:
        _good(write)
        _bad(write)


def _good(write: Cases) -> None:
    good: list[tuple[str, str, list[Cbor]]] = [
        ("whole", "one of each record", _GOOD),
        ("empty", "a vault with nothing in it", [_HEAD]),
        (
            "two_items",
            "two items, the file with its own",
            [*_GOOD[:3], [1, _OTHER, [["title", _NOON, 1, "x"]]]],
        ),
    ]
    for name, says, values in good:
        data = _whole(values)
        write(
            name,
            spec="backup.md §2",
            says=says,
            backup=data,
            result="ok",
            records=len(values),
            vault=_VAULT,
            time_ms=_NOON,
        )


def _bad(write: Cases) -> None:
    def case(name: str, says: str, data: bytes, result: str = "malformed") -> None:
        write(name, spec="backup.md §2", says=says, backup=data, result=result)

    whole = _whole(_GOOD)
    frames = b"".join(map(_frame, _GOOD))
    case("nothing", "no bytes at all", b"")
    case("cut", "cut short by one byte", whole[:-1])
    case("no_end", "its last frame is missing", frames)
    case("more", "something follows the end", whole + b"\x00")
    case("huge", "a length of 4 GiB costs nothing to refuse", b"\xff" * 4 + whole)
    case(
        "version", "version 2", _whole([[0, 2, _VAULT, _DEVICE, _NOON]]), "unsupported"
    )
    case("kind", "a record of kind 9", _whole([_HEAD, [9]]), "unsupported")
    case("headless", "it begins with an item", _whole(_GOOD[1:]))
    case("two_heads", "a head in the middle", _whole([_HEAD, _HEAD]))
    flipped = bytearray(whole)
    flipped[whole.index(b"second")] ^= 1
    case("changed", "a value was changed", bytes(flipped), "tampered")
    left_out = frames[: -len(_frame(_GRANT))]
    end = _frame([5, 5, hashlib.sha256(frames).digest()])
    case("left_out", "a record was left out", left_out + end, "tampered")
    case(
        "count",
        "the end counts one more",
        frames + _frame([5, 6, hashlib.sha256(frames).digest()]),
        "tampered",
    )
    case("item_twice", "one item twice", _whole([_HEAD, _LOGIN, _LOGIN]))
    case("file_first", "a file before any item", _whole([_HEAD, _FILE]))
    case(
        "file_apart",
        "a file of an item that is not the last",
        _whole([_HEAD, _LOGIN, [1, _OTHER, [["title", 1, 1, "x"]]], _FILE]),
    )
    case(
        "grant_apart", "a grant for an item that is not there", _whole([_HEAD, _GRANT])
    )
    case("no_versions", "an item without a version", _whole([_HEAD, [1, _ITEM, []]]))
    case(
        "zero_item",
        "the id of the settings",
        _whole([_HEAD, [1, bytes(16), [["title", 1, 1, "x"]]]]),
    )
    case(
        "secret_clear",
        "a password as a clear value",
        _whole(_version("password", 1, 1, "x")),
    )
    case(
        "clear_secret",
        "a title as a secret value",
        _whole(_version("title", 1, 2, "x")),
    )
    case(
        "same_itself", "a version that names itself", _whole(_version("title", 1, 3, 0))
    )
    case(
        "same_later",
        "a version that names a later one",
        _whole([_HEAD, [1, _ITEM, [["title", 1, 3, 1], ["title", 2, 1, "x"]]]]),
    )
    case(
        "same_other",
        "a version that names one of another field",
        _whole([_HEAD, [1, _ITEM, [["title", 1, 1, "x"], ["type", 2, 3, 0]]]]),
    )
    case("field_name", "a field that is no name", _whole(_version("A B", 1, 1, "x")))
    case(
        "late",
        "a time past the year 3000",
        _whole(_version("title", 32_503_680_000_000, 1, "x")),
    )
    case(
        "large",
        "a value of 49,153 bytes",
        _whole(_version("title", 1, 1, "x" * 49_153)),
    )
    case(
        "removed_value", "a removal with a value", _whole(_version("title", 1, 0, "x"))
    )
    case(
        "short_id",
        "an item id of 15 bytes",
        _whole([_HEAD, [1, bytes(15), [["title", 1, 1, "x"]]]]),
    )

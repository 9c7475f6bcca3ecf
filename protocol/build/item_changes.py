"""Cases of protocol/item.md §4: one change alone, and changes into a document."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import partial

from protocol.build.change import (
    SESSION_A,
    SESSION_B,
    A,
    B,
    body,
    change_hash,
    chunk,
    columns,
    leb,
    runs,
    sleb,
    stamp,
)
from protocol.build.common import Cases, flipped

_FIRST = {f"title/{stamp(A)}": "GitHub", f"username/{stamp(A)}": "alice"}
_PLAIN = columns(_FIRST)
_SECRET = {f"password/{stamp(A)}": b"\x82\x01\x40", f"title/{stamp(A)}": b""}


def changes(write: Cases) -> None:
    """Write the cases of a change alone."""
    _good_changes(write)
    _bad_chunks(write)
    _bad_bodies(write)
    _bad_columns(write)


def _refused(
    write: Cases,
    section: str,
    name: str,
    says: str,
    data: bytes,
    *,
    result: str = "malformed",
) -> None:
    write(
        f"change_{name}",
        spec=f"item.md {section}",
        says=says,
        kind="change",
        change=data,
        result=result,
    )


def _good_changes(write: Cases) -> None:
    def fine(
        name: str, says: str, entries: dict[str, str | bytes], **over: int
    ) -> None:
        seq, start_op = over.get("seq", 1), over.get("start_op", 1)
        data = chunk(body(columns(entries), seq=seq, start_op=start_op))
        write(
            f"change_{name}",
            spec="item.md §4",
            says=says,
            kind="change",
            change=data,
            result="ok",
            hash=change_hash(data),
            actor=SESSION_A,
            number=seq,
            first_operation=start_op,
            entries={
                key: {"text": value} if isinstance(value, str) else {"bytes": value}
                for key, value in entries.items()
            },
        )

    fine("first", "two clear values", {**_FIRST})
    fine("bytes", "a sealed value and a removed one", {**_SECRET})
    fine("all_empty", "no column 0x57", {f"title/{stamp(A)}": b""})
    repeated = {f"tag.0000000{at}.name/{stamp(A)}": "same" for at in range(5)}
    fine("runs", "equal lengths are one run", {**repeated, **_FIRST})
    fine("later", "numbers of two bytes", {**_FIRST}, seq=200, start_op=70_000)


def _bad_chunks(write: Cases) -> None:
    case = partial(_refused, write, "§4.1")
    good = chunk(body(_PLAIN))
    for at, what in ((0, "magic"), (5, "checksum"), (40, "body"), (-1, "end")):
        case(f"flipped_{what}", f"one bit of the {what}", flipped(good, at))
    case("cut", "the last byte is missing", good[:-1])
    case("longer", "a byte after the chunk", good + b"\0")
    case("empty", "no bytes at all", b"")
    deflated = zlib.compress(body(_PLAIN), wbits=-15)
    case("deflated", "a compressed body", chunk(deflated, kind=2))
    case(
        "other_type",
        "a chunk type that is not known",
        chunk(body(_PLAIN), kind=9),
        result="unsupported",
    )
    padded = leb(len(body(_PLAIN)))
    padded = padded[:-1] + bytes([padded[-1] | 0x80]) + b"\0"
    case(
        "padded_length",
        "a longer spelling",
        chunk(body(_PLAIN), length=padded),
    )
    large = columns({f"later/{stamp(A)}": bytes(65_536)})
    case("too_large", "more than 65,536 bytes", chunk(body(large)))


def _bad_bodies(write: Cases) -> None:
    def broken(name: str, says: str, **over: bytes | int | list[bytes]) -> None:
        data = chunk(body(_PLAIN, **over))  # type: ignore[arg-type]  # a table of one change each
        _refused(write, "§4.2", name, says, data)

    broken("short_actor", "an actor of 16 bytes", actor=A)
    broken("no_number", "number 0", seq=0)
    broken("no_operation", "first operation 0", start_op=0)
    broken("last_operation", "operations past 2**32 - 1", start_op=2**32 - 1)
    broken("huge_number", "a number past 63 bits", seq=2**63)
    broken("with_time", "a time", middle=b"\x01\0\0")
    broken("with_message", "a message", middle=b"\0\x01a\0")
    broken("with_actors", "a second actor", middle=b"\0\0\x01\x01\xaa")
    broken("extra", "bytes after the columns", extra=b"\0")
    one, two = sorted((b"\x11" * 32, b"\x22" * 32))
    broken("deps_order", "dependencies descending", deps=[two, one])
    broken("deps_twice", "a dependency twice", deps=[one, one])
    broken("deps_many", "257 dependencies", deps=[at.to_bytes(32) for at in range(257)])


def _bad_columns(write: Cases) -> None:
    def column(name: str, says: str, parts: Mapping[int, bytes]) -> None:
        _refused(write, "§4.3", name, says, chunk(body(parts)))

    plain = _PLAIN
    keys = [leb(len(key)) + key.encode() for key in _FIRST]
    column("delete", "an action other than to set", {**plain, 0x42: sleb(2) + b"\x03"})
    column("insert", "an insertion into a list", {**plain, 0x34: b"\0\x02"})
    column(
        "object",
        "a value in another object",
        {0x01: b"\x02\0", 0x02: b"\x02\x01", **plain},
    )
    column(
        "predecessor",
        "a value that replaces one",
        {**plain, 0x70: b"\x7e\x01\0", 0x71: b"\x7f\0", 0x73: b"\x7f\x01"},
    )
    column(
        "counter",
        "a value that is a counter",
        {**plain, 0x56: b"\x7e\x18\x56", 0x57: b"\x01alice"},
    )
    column(
        "integer",
        "a value that is a number",
        {**plain, 0x56: b"\x7e\x14\x56", 0x57: b"\x01alice"},
    )
    column("not_text", "text that is not UTF-8", {**plain, 0x57: b"\xff" * 11})
    column(
        "values_long", "a byte that is no value's", {**plain, 0x57: plain[0x57] + b"x"}
    )
    column("values_short", "a value cut short", {**plain, 0x57: plain[0x57][:-1]})
    column("keys_order", "keys descending", {**plain, 0x15: runs(keys[::-1])})
    column(
        "keys_twice",
        "one key twice, as two values",
        {**plain, 0x15: sleb(-2) + keys[0] * 2},
    )
    column("keys_run", "one key twice, as a run", {**plain, 0x15: sleb(2) + keys[0]})
    column(
        "keys_null",
        "a null key",
        {**plain, 0x15: sleb(0) + leb(1) + sleb(-1) + keys[0]},
    )
    column("keys_few", "fewer keys than operations", {**plain, 0x15: runs(keys[:1])})
    column(
        "keys_split",
        "one literal as two",
        {**plain, 0x15: sleb(-1) + keys[0] + sleb(-1) + keys[1]},
    )
    column(
        "bomb",
        "2**40 values in four bytes",
        {**plain, 0x34: leb(2**40), 0x42: sleb(2**40) + b"\x01"},
    )
    column("no_entries", "no operation", {**plain, 0x34: b"\0"})
    column("lengths_few", "fewer values than keys", {**plain, 0x56: b"\x7f\x66"})
    column(
        "lengths_bomb",
        "2**40 empty values for two keys",
        {**plain, 0x56: sleb(2**40) + b"\x06", 0x57: b""},
    )
    column(
        "no_action",
        "a column is missing",
        {k: v for k, v in plain.items() if k != 0x42},
    )
    swapped = {0x34: plain[0x34], **plain}
    column("columns_order", "columns in another order", swapped)
    many = {f"{at:04d}": b"" for at in range(1025)}
    column("too_many", "1,025 entries", columns(many))


def applied(write: Cases) -> None:
    """Write the cases of changes into one document."""
    first = chunk(body(columns(_FIRST)))
    then = {f"title/{stamp(A, counter=1)}": "GitLab"}
    seen_first = {"seq": 2, "start_op": 3, "deps": [change_hash(first)]}
    second = chunk(body(columns(then), **seen_first))  # type: ignore[arg-type]  # a table
    theirs = {f"title/{stamp(B)}": "Gitea"}

    def case(
        name: str,
        says: str,
        changes: Sequence[tuple[bytes, bytes]],
        outcome: str,
        result: str = "ok",
    ) -> None:
        write(
            f"apply_{name}",
            spec="item.md §4.4",
            says=says,
            kind="apply",
            changes=[{"author": author, "change": data} for author, data in changes],
            outcome=outcome,
            result=result,
        )

    def next_a(entries: Mapping[str, str | bytes], **over: int | list[bytes]) -> bytes:
        return chunk(body(columns(entries), **{**seen_first, **over}))  # type: ignore[arg-type]  # a table of one change each

    case("two", "one after the other", [(A, first), (A, second)], "applied")
    case("again", "a change once more", [(A, first), (A, first)], "applied")
    case("early", "the second without the first", [(A, second)], "orphan")
    other = chunk(body(columns(theirs), actor=SESSION_B))
    case("beside", "two that saw nothing", [(A, first), (B, other)], "applied")

    def refused(name: str, says: str, data: bytes, author: bytes = A) -> None:
        case(name, says, [(A, first), (author, data)], "refused", "malformed")

    def equivocates(name: str, says: str, data: bytes, author: bytes = A) -> None:
        case(name, says, [(A, first), (author, data)], "refused", "tampered")

    refused("another_session", "a session of another device", next_a(then), B)
    stolen = chunk(body(columns(then), actor=SESSION_B))
    refused("another_stamp", "stamps of another device", stolen, B)
    refused("gap", "number 3 after number 1", next_a(then, seq=3))
    refused("operation_early", "an operation that is taken", next_a(then, start_op=2))
    refused("operation_late", "an operation left out", next_a(then, start_op=4))
    unseen = chunk(body(columns(then), seq=2))
    refused("blind", "has not seen its own session's last one", unseen)
    equivocates("fork", "another change with number 1", chunk(body(columns(then))))
    rewritten = dict.fromkeys(list(_FIRST)[:1], "changed")
    equivocates("overwrite", "a key that stands already", next_a(rewritten))

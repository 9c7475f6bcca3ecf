"""protocol/item.md §4: the bytes of a change, one spelling, nothing hostile inside."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
import zlib
from typing import Any

import pytest
from automerge.core import ROOT, Document, ScalarType
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import leb128
from clisk_vault.change_chunk import (
    MAX_CHANGE_BYTES,
    MAX_DEPS,
    ActorId,
    Change,
    ChangeHash,
    encode_change,
    new_change,
    parse_change,
)
from clisk_vault.document import new_actor
from clisk_vault.entry import EntryValue
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.ids import DeviceId
from tests.long_runs import LONG
from tests.vault.items import A, change, seeded, stamp

_VALUES = st.one_of(
    st.text(max_size=80), st.binary(max_size=80), st.just(""), st.just(b"")
)
_ENTRIES = st.dictionaries(
    st.text(alphabet="abc/~.0", min_size=1, max_size=70), _VALUES, min_size=1
)
_HASHES = st.binary(min_size=32, max_size=32).map(ChangeHash)


def rechecked(data: bytes) -> bytes:
    """Return *data* with the checksum that it should have."""
    return data[:4] + hashlib.sha256(data[8:]).digest()[:4] + data[8:]


@given(
    entries=_ENTRIES,
    deps=st.lists(_HASHES, unique=True, max_size=5),
    seq=st.integers(1, 2**32 - 1),
    start_op=st.integers(1, 2**32 - 1000),
)
def test_a_change_reads_back_as_written(
    entries: dict[str, EntryValue], deps: list[ChangeHash], seq: int, start_op: int
) -> None:
    """What new_change() makes is what parse_change() reads from its bytes."""
    actor = new_actor(A, seeded())
    made = new_change(
        actor=actor,
        seq=seq,
        start_op=start_op,
        deps=tuple(sorted(deps)),
        entries=entries,
    )
    data = made.data

    parsed = parse_change(data)

    assert parsed == made
    assert parsed == Change(
        actor,
        seq,
        start_op,
        tuple(sorted(deps)),
        entries,
        ChangeHash(hashlib.sha256(data[8:]).digest()),
        data,
    )


@given(entries=_ENTRIES)
def test_automerge_writes_the_same_bytes(entries: dict[str, EntryValue]) -> None:
    """Our writer of changes is the library's, byte for byte, hash for hash."""
    actor = new_actor(A, seeded())
    document = Document(actor)
    with document.transaction() as transaction:
        for key in sorted(entries):
            value = entries[key]
            kind = ScalarType.Bytes if isinstance(value, bytes) else ScalarType.Str
            transaction.put(ROOT, key, kind, value)
    (theirs,) = document.get_changes([])

    ours = parse_change(change(entries, actor=actor))

    assert ours.data == theirs.raw_bytes
    assert ours.hash == theirs.hash
    assert ours.max_op == theirs.max_op


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_change_or_refused(data: bytes) -> None:
    """Random bytes raise FormatError and nothing else."""
    for candidate in (data, rechecked(b"\x85\x6f\x4a\x83" + bytes(4) + data)):
        with pytest.raises((FormatError, UnsupportedError)):
            parse_change(candidate)


def run_length_bomb(plain: bytes, count: int) -> bytes:
    """Return *plain*, a change of one entry, saying that it has *count* of them."""
    # The columns 0x34 (count of operations) and 0x42 (actions: a run).
    honest = b"\x34\x01\x42\x02"
    claimed = leb128.unsigned(count)
    actions = leb128.signed(count) + b"\x01"
    at = plain.index(honest)
    lied = (
        plain[:at]
        + bytes((0x34, len(claimed), 0x42, len(actions)))
        + plain[at + 4 :].replace(b"\x01\x7f\x01", claimed + actions, 1)
    )
    body = lied[9 + len(leb128.unsigned(len(plain) - 10)) :]
    return rechecked(lied[:9] + leb128.unsigned(len(body)) + body)


def mutants(
    count: int, *, seed: int = 1, actor: ActorId | None = None, by: DeviceId = A
) -> list[bytes]:
    """Return valid changes with a few bytes changed, their checksum made right."""
    source, now = random.Random(seed), stamp(by)
    valid = [
        change({f"title/{now}": "GitHub", f"username/{now}": "alice"}, actor=actor),
        change(
            {f"password/{now}": bytes(range(90)), f"totp/{now}": b""},
            actor=actor,
            seq=3,
            start_op=5,
            deps=(ChangeHash(b"\x11" * 32), ChangeHash(b"\x22" * 32)),
        ),
        change({f"tag.0000000{at}.name/{now}": "tag" for at in range(8)}, actor=actor),
    ]
    result = []
    for _ in range(count):
        mutant = bytearray(source.choice(valid))
        for _ in range(source.choice((1, 1, 1, 2, 4))):
            at = source.randrange(8, len(mutant))
            match source.randrange(4):
                case 0:
                    mutant[at] ^= 1 << source.randrange(8)
                case 1:
                    mutant[at] = source.choice((0, 1, 0x7E, 0x7F, 0x80, 0xFF))
                case 2:
                    del mutant[at : at + source.randrange(1, 4)]
                case _:
                    mutant[at:at] = source.randbytes(source.randrange(1, 4))
            if len(mutant) <= 8:
                break
        result.append(rechecked(bytes(mutant)))
    return result


def test_mutated_changes_are_canonical_or_refused() -> None:
    """Of thousands of damaged changes each is refused or reads back as it stands."""
    accepted = 0
    for data in mutants(100_000 if LONG else 4000):
        try:
            parsed = parse_change(data)
        except (FormatError, UnsupportedError):
            continue
        accepted += 1
        assert (
            encode_change(
                actor=parsed.actor,
                seq=parsed.seq,
                start_op=parsed.start_op,
                deps=parsed.deps,
                entries=parsed.entries,
            )
            == data
        )
    assert accepted, "some damage gives another valid change, or this checks nothing"


def test_an_inflate_bomb_is_refused_unopened() -> None:
    """A megabyte that inflates to a gibibyte costs nothing."""
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    head = b"\x85\x6f\x4a\x83" + bytes(4) + b"\x02" + leb128.unsigned(len(bomb))
    data = rechecked(head + bomb)
    assert len(data) < MAX_CHANGE_BYTES, "small enough to be looked at"
    tracemalloc.start()

    with pytest.raises(FormatError, match="compressed"):
        parse_change(data)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("count", [2**20, 2**40, 2**62])
def test_a_run_length_bomb_is_refused_unexpanded(count: int) -> None:
    """A few bytes that stand for a million operations cost nothing."""
    data = run_length_bomb(change({f"title/{stamp()}": "x"}), count)
    tracemalloc.start()

    with pytest.raises(FormatError, match="1024 entries"):
        parse_change(data)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("at", "to", "match"),
    [
        (0, 0x86, "begin as a change"),
        (4, None, "checksum"),
        (9, 0x70, "length"),
        (-1, None, "checksum"),
    ],
)
def test_damage_is_told_from_another_spelling(
    at: int, to: int | None, match: str
) -> None:
    """A person who looks at the quarantine sees what kind of fault it was."""
    data = bytearray(change({f"title/{stamp()}": "x"}))
    data[at] = data[at] ^ 1 if to is None else to

    with pytest.raises(FormatError, match=match):
        parse_change(bytes(data))


def test_a_time_or_a_message_is_refused_as_such() -> None:
    """Libraries that date their changes are told what to leave out."""
    data = bytearray(change({f"title/{stamp()}": "x"}))
    middle = data.index(b"\x01\x01\0\0\0\x06") + 2
    data[middle] = 1

    with pytest.raises(FormatError, match="a time, a message"):
        parse_change(rechecked(bytes(data)))


def test_a_change_over_64_kib_is_refused() -> None:
    """The reader's limit on bytes."""
    with pytest.raises(FormatError, match="at most 65536"):
        parse_change(change({f"later/{stamp()}": bytes(MAX_CHANGE_BYTES)}))


def test_too_many_dependencies_are_refused() -> None:
    """The reader's limit on dependencies."""
    deps = tuple(ChangeHash(at.to_bytes(32)) for at in range(MAX_DEPS + 1))

    with pytest.raises(FormatError, match="more than 256"):
        parse_change(change({"a": "b"}, deps=deps))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"seq": 0}, id="no number"),
        pytest.param({"seq": 1 << 32}, id="a number too large"),
        pytest.param({"start_op": 0}, id="no first operation"),
        pytest.param({"start_op": (1 << 32) - 1}, id="operations past the end"),
        pytest.param({"deps": (b"b" * 32, b"a" * 32)}, id="out of order"),
        pytest.param({"deps": (b"a" * 32, b"a" * 32)}, id="one twice"),
        pytest.param(
            {"deps": tuple(at.to_bytes(32) for at in range(257))}, id="too many"
        ),
        pytest.param({"actor": ActorId(A)}, id="a short actor"),
        pytest.param({"entries": {}}, id="no entries"),
        pytest.param({"entries": dict.fromkeys(map(str, range(1025)), "")}, id="many"),
        pytest.param({"entries": {"a": bytes(MAX_CHANGE_BYTES)}}, id="too long"),
    ],
)
def test_what_no_reader_takes_is_not_written(wrong: dict[str, Any]) -> None:
    """new_change() refuses what parse_change() would refuse of its bytes."""
    right = {"actor": new_actor(A, seeded()), "seq": 1, "start_op": 1, "deps": ()}
    parts: dict[str, Any] = right | {"entries": {"a": "b"}} | wrong

    with pytest.raises(FormatError):
        parse_change(encode_change(**parts))
    with pytest.raises(FormatError):
        new_change(**parts)


def test_an_actor_of_another_length_is_refused() -> None:
    """An actor names a device and a session, and nothing shorter does."""
    with pytest.raises(FormatError, match="32 bytes"):
        parse_change(change({"a": "b"}, actor=ActorId(A)))


@given(value=st.integers(-(2**62), 2**62 - 1))
def test_integers_read_back_as_written(value: int) -> None:
    """LEB128, both kinds."""
    assert leb128.Reader(leb128.signed(value)).signed() == value
    assert leb128.Reader(leb128.unsigned(abs(value))).unsigned() == abs(value)

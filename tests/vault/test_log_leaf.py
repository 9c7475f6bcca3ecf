"""Leaves: one spelling, every type defined, an unknown one refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.log_leaf import Leaf, LeafType, Restart
from clisk_vault.primitives import VerifyKey

B32 = st.binary(min_size=32, max_size=32)
WITH_CHECKPOINT = {LeafType.WITNESS, LeafType.INCARNATION}


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    kind = draw(st.sampled_from(LeafType))
    pruned = draw(st.integers(1, 9)) if kind is LeafType.PRUNE else None
    return Leaf(
        kind,
        draw(st.integers(pruned or 0, (1 << 32) - 1)),
        None if kind is LeafType.RETIRE else VerifyKey(draw(B32)),
        draw(B32),
        draw(B32),
        draw(st.binary(max_size=600)) if kind in WITH_CHECKPOINT else None,
        draw(st.sampled_from(Restart)) if kind is LeafType.INCARNATION else None,
        pruned,
    )


def encoded(fields: dict[int, cbor.Encodable]) -> bytes:
    return cbor.encode(fields)


@given(leaves())
def test_every_leaf_is_read_back(leaf: Leaf) -> None:
    """Leaves of all ten types come back as they were, in at most 1 KiB."""
    assert Leaf.parse(leaf.encode()) == leaf
    assert len(leaf.encode()) <= 1024


@given(st.binary(max_size=60) | leaves().map(Leaf.encode), st.data())
def test_bytes_parse_to_themselves_or_are_refused(
    data: bytes, draw: st.DataObject
) -> None:
    """Nothing but a named refusal escapes, and accepted bytes are canonical."""
    changed = bytearray(data)
    if changed:
        changed[draw.draw(st.integers(0, len(changed) - 1))] ^= draw.draw(
            st.integers(0, 255)
        )
    try:
        leaf = Leaf.parse(bytes(changed))
    except (FormatError, UnsupportedError):
        return
    assert leaf.encode() == changed


PLAIN_SEQS = st.sampled_from(
    [
        *(bytes([n]) for n in (0, 23, 24)),
        *(bytes([0x18, n]) for n in (0, 23, 24, 255)),
        *(b"\x19" + n.to_bytes(2) for n in (0, 255, 256, 65535)),
        *(b"\x1a" + n.to_bytes(4) for n in (0, 65535, 65536, (1 << 32) - 1)),
        b"\x1b" + bytes(8),
        b"\x1b" + (1 << 32).to_bytes(8),
        b"\x19\x01\n",
    ]
)


def outcome(parse: Callable[[bytes], Leaf], data: bytes) -> Leaf | str:
    try:
        return parse(data)
    except (FormatError, UnsupportedError) as err:
        return str(err)


@given(st.data(), PLAIN_SEQS, st.integers(0, 12), B32)
def test_the_short_reader_of_plain_leaves_agrees_with_the_long_one(
    draw: st.DataObject, seq: bytes, kind: int, key: bytes
) -> None:
    """Whatever the bytes, the pattern accepts what the CBOR reader does, as that."""
    data = b"".join(
        [b"\xa6\x01\x01\x02", bytes([kind]), b"\x03", seq]
        + [bytes([number, 0x58, 0x20]) + key for number in (4, 5, 6)]
    )
    changed = bytearray(data)
    for at in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=2)):
        changed[at] = draw.draw(st.integers(0, 255))
    cut = draw.draw(st.sampled_from([None, None, -1, 40]))

    for text in (data, bytes(changed)[:cut], bytes(changed) + b"\n"):
        assert outcome(Leaf.parse, text) == outcome(Leaf._parse_any, text)


FIELDS: dict[int, cbor.Encodable] = {
    1: 1,
    2: 2,
    3: 0,
    4: bytes(32),
    5: bytes(32),
    6: bytes(32),
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({2: 11}, "type 11"),
        ({2: 0}, "type 0"),
        ({1: 2, 9: "new"}, "version 2"),
        ({2: 8, 8: 3}, "reason 3"),
    ],
)
def test_an_unknown_leaf_is_refused_by_name(
    changes: dict[int, cbor.Encodable], says: str
) -> None:
    """A later version or type says so, whatever else the leaf holds."""
    with pytest.raises(UnsupportedError, match=says):
        Leaf.parse(encoded({**FIELDS, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {1: "1"},
        {2: True},
        {3: -1},
        {3: 1 << 32},
        {4: bytes(31)},
        {4: None},
        {5: bytes(33)},
        {6: b""},
        {7: b"checkpoint"},
        {8: 1},
        {9: 0},
        {2: 6},
        {2: 8},
        {2: 8, 8: 1, 7: None, 4: None},
        {2: 6, 7: b"checkpoint", 8: 1},
        {2: 9},
    ],
)
def test_a_leaf_of_another_shape_is_malformed(
    changes: dict[int, cbor.Encodable],
) -> None:
    """Wrong lengths, a checkpoint where none belongs, or a retired log that goes on."""
    fields: dict[int, cbor.Encodable] = {**FIELDS, **changes}
    present: dict[int, cbor.Encodable] = {
        key: value for key, value in fields.items() if value is not None
    }
    with pytest.raises(FormatError):
        Leaf.parse(encoded(present))


@pytest.mark.parametrize("key", FIELDS)
def test_a_leaf_without_one_of_its_fields_is_malformed(key: int) -> None:
    """No field has a default."""
    with pytest.raises(FormatError):
        Leaf.parse(encoded({k: v for k, v in FIELDS.items() if k != key}))

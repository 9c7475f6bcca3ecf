"""protocol/encoding.md: one spelling of CBOR, one shape of each COSE structure."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor, cose
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.keys import FieldKey
from clisk_vault.labels import Label
from clisk_vault.primitives import SigningKey, VerifyKey
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_scalars = (
    st.integers(-(1 << 64), (1 << 64) - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40)
    | st.booleans()
    | st.none()
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(0, (1 << 64) - 1), inner, max_size=4)
        | st.dictionaries(st.text(max_size=30), inner, max_size=4)
        | st.dictionaries(st.binary(max_size=30), inner, max_size=4)
    ),
    max_leaves=12,
)


def _run(case: Vector) -> None:
    data = case.raw("data")
    match case["kind"]:
        case "cbor":
            value = cbor.parse(data, max_bytes=1000)
            assert cbor.encode(value) == data
        case "sign1":
            signed = cose.parse_sign1(data, max_bytes=1000, what="vector")
            payload = signed.verify(
                VerifyKey(case.raw("public")),
                label=Label(case["label"].encode()),
                context=case.raw("context"),
            )
            assert payload == case.raw("payload")
        case "encrypt0":
            plaintext = cose.decrypt0(
                FieldKey(case.raw("key")),
                data,
                label=Label(case["label"].encode()),
                context=case.raw("context"),
                max_bytes=1000,
            )
            assert plaintext == case.raw("plaintext")
        case kind:
            pytest.fail(f"unknown kind {kind}")


@pytest.mark.parametrize("case", load_vectors("encoding"), ids=str)
def test_encoding_vector(case: Vector) -> None:
    """Each published vector gives the published result."""
    if case.result == "ok":
        _run(case)
        return
    with pytest.raises(refusal(case.result)):
        _run(case)


@given(_values)
def test_a_value_comes_back_from_its_bytes(value: cbor.Value) -> None:
    """What encode() writes, parse() accepts, and reads as the same value."""
    assert cbor.parse(cbor.encode(value), max_bytes=1 << 20) == value


@given(st.binary(max_size=60) | _values.map(cbor.encode))
def test_bytes_parse_to_themselves_or_are_refused(data: bytes) -> None:
    """Nothing but FormatError escapes, and accepted bytes are canonical."""
    try:
        value = cbor.parse(data, max_bytes=1 << 20)
    except FormatError:
        return
    assert cbor.encode(value) == data


@given(_values.map(cbor.encode), st.data())
def test_a_changed_byte_never_passes_as_the_same_value(
    good: bytes, data: st.DataObject
) -> None:
    """Any one-byte change is refused or gives another value."""
    raw = bytearray(good)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        value = cbor.parse(bytes(raw), max_bytes=1 << 20)
    except FormatError:
        return
    assert cbor.encode(value) != good


def test_too_many_bytes_are_refused_before_they_are_read() -> None:
    """A limit of the reader comes before any parsing."""
    with pytest.raises(FormatError, match="at most 3"):
        cbor.parse(cbor.encode([1, 2, 3]), max_bytes=3)


@pytest.mark.parametrize("lie", ["5b0000000100000000", "9b0000000010000000"])
def test_a_length_that_lies_allocates_nothing(lie: str) -> None:
    """A promise of 4 GiB is refused without making room for it."""
    tracemalloc.start()
    with pytest.raises(FormatError):
        cbor.parse(bytes.fromhex(lie), max_bytes=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100_000


def test_a_map_has_just_the_keys_its_format_names() -> None:
    """Missing, unknown and mistyped keys are each refused; bool is not int."""
    wanted: dict[int, type] = {1: bytes, 2: int}
    bad: list[cbor.Encodable] = [
        {1: b""},
        {1: b"", 2: 0, 3: 0},
        {1: b"", 2: True},
        {1: "", 2: 0},
        {"1": b""},
        [],
    ]

    def expect(plain: cbor.Encodable) -> dict[int, cbor.Value]:
        value = cbor.parse(cbor.encode(plain), max_bytes=100)
        return cbor.expect_map(value, wanted, what="x")

    assert expect({1: b"", 2: 0}) == {1: b"", 2: 0}
    for plain in bad:
        with pytest.raises(FormatError):
            expect(plain)


def test_a_signature_says_nothing_until_it_is_verified() -> None:
    """The unverified type holds no member called payload."""
    key = SigningKey.generate()
    signed = cose.sign1(key, b"p", label=Label.GRANT, context=b"", kid=b"k")

    parsed = cose.parse_sign1(signed, max_bytes=200, what="x")

    assert not hasattr(parsed, "payload")
    with pytest.raises(TamperedError):
        parsed.verify(key.public(), label=Label.ENVELOPE, context=b"")
    assert parsed.verify(key.public(), label=Label.GRANT, context=b"") == b"p"


_SIGNED = ("sign1", "encrypt0")


@pytest.mark.parametrize(
    "case",
    load_vectors("encoding", where=lambda v: v.result == "ok" and v["kind"] in _SIGNED),
    ids=str,
)
def test_good_structures_are_what_the_cddl_describes(case: Vector) -> None:
    """The published schema accepts the published good cases."""
    data, kind = case.raw("data"), case["kind"]
    check_cddl(data, page="encoding", rule=f"cose-{kind}")

    parts = cbor.parse(data, max_bytes=1000)
    assert isinstance(parts, list)
    assert isinstance(parts[0], bytes)
    check_cddl(parts[0], page="encoding", rule=f"{kind}-header")

"""protocol/envelope.md §4: sizes in buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.padding import pad, padme, unpad
from clisk_vault.errors import FormatError
from tests.vectors import Vector, load_vectors


@pytest.mark.parametrize(
    "case",
    load_vectors("envelope", where=lambda case: case["kind"] == "padding"),
    ids=str,
)
def test_padding_vector(case: Vector) -> None:
    """Each published padding is accepted or refused as published."""
    padded, floor = case.raw("padded"), case["floor"]
    if case.result == "ok":
        assert pad(unpad(padded, floor=floor), floor=floor) == padded
        return
    with pytest.raises(FormatError):
        unpad(padded, floor=floor)


@given(st.binary(max_size=3000), st.integers(1, 2048))
def test_padding_is_taken_off_again(content: bytes, floor: int) -> None:
    """What goes in comes out, whatever it ends with."""
    assert unpad(pad(content, floor=floor), floor=floor) == content


@given(st.binary(max_size=200), st.integers(1, 64))
def test_padding_is_canonical_or_refused(data: bytes, floor: int) -> None:
    """There is one padding of each content."""
    try:
        content = unpad(data, floor=floor)
    except FormatError:
        return
    assert pad(content, floor=floor) == data


@given(st.integers(2, 1 << 40))
def test_a_bucket_adds_an_eighth_at_most(length: int) -> None:
    """Padmé costs at most 12 % and never makes anything shorter."""
    bucket = padme(length)

    assert length <= bucket <= length * 1.12 + 1
    assert padme(bucket) == bucket


def test_small_things_look_alike() -> None:
    """Below the floor every length gives one size."""
    assert {len(pad(bytes(length), floor=1024)) for length in range(1024)} == {1024}


def test_sizes_tell_little() -> None:
    """All lengths up to 64 KiB fall into few buckets."""
    assert len({padme(max(1024, length)) for length in range(1 << 16)}) < 120

"""protocol/item.md §3: stamps sort as time does, and no wrong clock drags another."""

from __future__ import annotations

from contextlib import suppress
from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import CallerError, FormatError
from clisk_vault.hlc import (
    END_OF_TIME_MS,
    MAX_LEAD_MS,
    STAMP_CHARS,
    HybridClock,
    Stamp,
    parse_stamp,
)
from clisk_vault.ids import DeviceId
from tests.vault.items import NOON, A, B, stamp

_STAMPS = st.builds(
    Stamp,
    st.integers(0, END_OF_TIME_MS - 1),
    st.integers(0, 0xFFFF),
    st.binary(min_size=16, max_size=16).map(DeviceId),
)


@given(first=_STAMPS, second=_STAMPS)
def test_text_sorts_as_stamps_do(first: Stamp, second: Stamp) -> None:
    """Whoever sorts keys as text sorts them by time, counter and device."""
    assert (str(first) < str(second)) is (first < second)
    assert len(str(first)) == STAMP_CHARS
    assert parse_stamp(str(first)) == first


@given(text=st.text(alphabet="0123456789abcdefABCDEF-_ \u0660", max_size=60))
def test_a_text_is_one_stamp_or_refused(text: str) -> None:
    """There is one spelling: what is accepted is written back the same."""
    with suppress(FormatError):
        assert str(parse_stamp(text)) == text


@given(
    times=st.lists(st.integers(0, 2 * NOON), min_size=1),
    observed=st.lists(_STAMPS),
)
def test_a_tick_is_greater_than_all_before_it(
    times: list[int], observed: list[Stamp]
) -> None:
    """A clock that jumps back and forth, and any stamps heard, still give an order."""
    now = [0]
    clock = HybridClock(A, lambda: now[0])
    smaller: list[Stamp] = []
    for moment, heard in zip_longest(times, observed):
        now[0] = now[0] if moment is None else moment
        if heard is not None:
            clock.observe(heard)
            if heard.time_ms <= now[0] + MAX_LEAD_MS:
                smaller.append(heard)

        tick = clock.tick()

        assert all(each < tick for each in smaller)
        smaller.append(tick)


def test_a_full_counter_moves_to_the_next_millisecond() -> None:
    """65,536 writes in a millisecond stay in order."""
    clock = HybridClock(A, lambda: NOON)

    clock.observe(stamp(B, counter=0xFFFF))

    assert clock.tick() == stamp(A, ms=1)


def test_a_clock_in_the_year_2999_does_not_drag_others() -> None:
    """A stamp far in the future moves nobody's clock: dates stay right."""
    clock = HybridClock(A, lambda: NOON)

    clock.observe(Stamp(END_OF_TIME_MS - 1, 0xFFFF, B))

    assert clock.tick() == stamp(A)


def test_a_clock_that_was_set_back_keeps_a_document_in_order() -> None:
    """A device's own writes to a document follow one another, by whatever lead."""
    clock = HybridClock(A, lambda: NOON)
    century_ahead = stamp(A, ms=100 * 365 * MAX_LEAD_MS)

    next_one = clock.tick(after=century_ahead)

    assert next_one > century_ahead
    assert clock.tick() == stamp(A, counter=1), "other documents are not dragged"


def test_nobody_writes_in_the_year_3000() -> None:
    """A device whose clock stands past the end refuses, and says what to do."""
    clock = HybridClock(A, lambda: END_OF_TIME_MS)

    with pytest.raises(CallerError, match="past 3000") as caught:
        clock.tick()

    assert "set the clock" in caught.value.advice


def test_a_stamp_past_the_year_3000_is_refused() -> None:
    """What no honest clock shows is not read."""
    with pytest.raises(FormatError, match="past the year 3000"):
        parse_stamp(str(Stamp(END_OF_TIME_MS, 0, A)))

"""What a summary of the access log counts, and which reads stand out."""

from __future__ import annotations

import time

from clisk_vault.access_record import Outcome, RequesterKind
from clisk_vault.ids import ItemId
from clisk_vault.log_summary import Moment, Oddity, summarise

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
# A Monday, 10:00 UTC.
_MONDAY = 1_767_607_200_000


def _item(number: int) -> ItemId:
    return ItemId(number.to_bytes(16))


def _read(
    at: int,
    time_ms: int,
    *,
    kind: RequesterKind = RequesterKind.PERSON,
    name: str = "command line",
    item: int = 1,
    outcome: Outcome = Outcome.GRANTED,
) -> Moment:
    return Moment(at, time_ms, outcome, kind, name, _item(item))


def _daily(count: int) -> list[Moment]:
    """Return a person's reads, one a day at ten."""
    return [_read(at, _MONDAY + at * _DAY_MS) for at in range(count)]


def _odd(reads: list[Moment]) -> list[tuple[int, Oddity]]:
    return list(summarise(reads, local=time.gmtime).unusual)


def test_reads_are_counted_by_weekday_hour_day_reader_and_item() -> None:
    """Each read counts once in each."""
    reads = [*_daily(8), _read(8, _MONDAY + _HOUR_MS, name="other", item=2)]

    found = summarise(reads, local=time.gmtime)

    assert found.total == 9
    assert found.hours[0][10] == 2
    assert found.hours[0][11] == 1
    assert sum(map(sum, found.hours)) == 9
    assert found.days.most_common(1)[0][1] == 2
    assert found.readers[RequesterKind.PERSON, "command line"] == 8
    assert found.items == {_item(1): 8, _item(2): 1}


def test_what_is_usual_does_not_stand_out() -> None:
    """The control of all below: a year of one read a day, at the same hour."""
    assert _odd(_daily(365)) == []


def test_a_refused_read_stands_out() -> None:
    """Somebody asked for what was not theirs."""
    reads = [*_daily(3), _read(3, _MONDAY, outcome=Outcome.REFUSED)]

    assert _odd(reads) == [(3, Oddity.REFUSED)]


def test_the_first_read_of_an_item_by_a_konnector_stands_out_once() -> None:
    """Of each item; the person's own hand never does."""
    by = {"kind": RequesterKind.KONNECTOR, "name": "edf"}
    reads = [_read(at, _MONDAY, item=1 + at // 2, **by) for at in range(4)]  # type: ignore[arg-type]  # one dictionary for two types

    assert _odd(reads) == [(0, Oddity.FIRST), (2, Oddity.FIRST)]


def test_a_read_at_an_hour_without_reads_stands_out() -> None:
    """Only after a hundred reads: before, nobody knows what is usual."""
    night = _MONDAY + 400 * _DAY_MS + 17 * _HOUR_MS

    assert _odd([*_daily(99), _read(99, night)]) == []
    assert _odd([*_daily(100), _read(100, night)]) == [(100, Oddity.ODD_HOUR)]


def test_many_items_within_a_minute_stand_out() -> None:
    """Twenty of them; an export, which does so by its nature, does not."""
    reads = [_read(at, _MONDAY + at * 1000, item=at) for at in range(25)]
    slow = [_read(at, _MONDAY + at * 4000, item=at) for at in range(25)]
    export = [read._replace(kind=RequesterKind.EXPORT) for read in reads]

    assert _odd(reads) == [(19, Oddity.BURST)]
    assert _odd(slow) == []
    assert _odd(export) == []

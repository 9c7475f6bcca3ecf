"""The index of the log finds what the log holds, and no more leaves the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clisk_vault import log_rows
from clisk_vault.access_record import (
    AccessRecord,
    Outcome,
    RequesterKind,
    Use,
)
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.ids import GrantId, ItemId
from clisk_vault.log_index import LogIndex, find_in
from clisk_vault.log_page import PAGE_ENTRIES, LogFilter, LogPage, PageBuilder
from tests.vault.logs import KONNECTOR, PERSON, World, make_world

_ITEMS = [ItemId(bytes([n]) * 16) for n in range(3)]
_GRANTS = [GrantId(bytes([n]) * 16) for n in range(2)]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.session.close()


_FILTERS = st.builds(
    LogFilter,
    outcome=st.none() | st.sampled_from(Outcome),
    kind=st.none() | st.sampled_from(RequesterKind),
    use=st.none() | st.sampled_from(Use),
    item=st.none() | st.sampled_from(_ITEMS),
    name=st.none() | st.sampled_from(["demo", "terminal", "nobody"]),
    origin=st.none() | st.sampled_from(["https://a.example", "https://c.example"]),
    grant=st.none() | st.sampled_from(_GRANTS),
    purpose=st.none() | st.sampled_from(["log", "CHECK", "nothing"]),
    since_ms=st.none() | st.integers(0, 9),
    until_ms=st.none() | st.integers(0, 9),
)


def _fits(record: AccessRecord, wanted: LogFilter) -> bool:
    """Say the same as the index, without columns."""
    pairs = (
        (wanted.outcome, record.outcome),
        (wanted.kind, record.who.kind),
        (wanted.use, record.use),
        (wanted.item, record.item),
        (wanted.name, record.who.name),
        (wanted.origin, record.origin),
        (wanted.grant, record.grant),
    )
    return (
        all(asked is None or asked == has for asked, has in pairs)
        and (wanted.purpose or "").casefold() in record.purpose.casefold()
        and (wanted.since_ms is None or record.time_ms >= wanted.since_ms)
        and (wanted.until_ms is None or record.time_ms < wanted.until_ms)
    )


@given(
    st.lists(
        st.none()
        | st.fixed_dictionaries(
            {
                "outcome": st.sampled_from(Outcome),
                "who": st.sampled_from([PERSON, KONNECTOR]),
                "purpose": st.sampled_from(["log in", "weekly check", "Log out"]),
                "time_ms": st.integers(0, 9),
                "item": st.none() | st.sampled_from(_ITEMS),
                "origin": st.none() | st.sampled_from(["https://a.example", "x"]),
                "grant": st.none() | st.sampled_from(_GRANTS),
                "use": st.sampled_from([Use.SHOW, Use.FILL, Use.HEALTH]),
            }
        ),
        max_size=20,
    ),
    _FILTERS,
    st.none() | st.integers(0, 25),
)
def test_a_page_finds_what_a_look_at_every_record_finds(
    rows: list[dict[str, object] | None], wanted: LogFilter, before: int | None
) -> None:
    """Whatever is asked for, in whatever page, before whatever entry."""
    page, records = PageBuilder(0), []
    for fields in rows:
        record = None
        if fields is not None:
            record = AccessRecord(device=bytes(16), **fields)  # type: ignore[arg-type]
        records.append(record)
        page.add(record, 0 if record is None else record.time_ms)

    found = page.page().matches(wanted, before=before)

    assert found == [
        at
        for at, record in reversed(list(enumerate(records)))
        if record is not None
        and _fits(record, wanted)
        and (before is None or at < before)
    ]


def _grow(world: World, entries: int) -> None:
    """Append records of two items in turns until there are so many entries."""
    size = world.log.size
    world.log.append_many(
        [world.record(item=_ITEMS[at % 2]) for at in range(size, entries)]
    )


def _opened_from(world: World, index: LogIndex) -> list[int]:
    """Return from which entries *index* goes on opening, from now on."""
    starts: list[int] = []
    real = world.log.entries

    def entries(start: int = 0, end: int | None = None) -> Iterator[object]:
        starts.append(start)
        return real(start, end)

    index._log.entries = entries  # type: ignore[method-assign,assignment]
    return starts


def test_pages_survive_the_process_and_find_the_same(world: World) -> None:
    """After a restart the index is read from disk; new entries are taken in."""
    _grow(world, 2 * PAGE_ENTRIES + 10)
    wanted = LogFilter(item=_ITEMS[1])
    before = LogIndex(world.session, world.log).find(wanted)

    again = LogIndex(world.session, world.reopened())
    opened = _opened_from(world, again)

    assert again.find(wanted) == before
    assert opened[0] == 2 * PAGE_ENTRIES, "the rest came from the pages"
    assert len(before) == PAGE_ENTRIES + 5
    world.log.append(world.record(item=_ITEMS[1]))
    assert again.find(wanted, limit=1) == [2 * PAGE_ENTRIES + 10]


def test_a_page_that_is_not_full_is_kept_too_and_goes_on(world: World) -> None:
    """The first list of a session opens few entries, however the log ends."""
    wanted = LogFilter(item=_ITEMS[1])
    _grow(world, PAGE_ENTRIES + 300)
    LogIndex(world.session, world.log).find(wanted)
    _grow(world, PAGE_ENTRIES + 310)
    before = LogIndex(world.session, world.log).find(wanted)

    again = LogIndex(world.session, world.reopened())
    starts = _opened_from(world, again)

    assert again.find(wanted) == before
    assert starts[0] == PAGE_ENTRIES + 300, "the rest came from the pages"
    _grow(world, 2 * PAGE_ENTRIES + 1)
    assert len(again.find(wanted)) == PAGE_ENTRIES
    pages = [number for number, _ in log_rows.read_index(world.storage, 1)]
    assert pages == [0, 1], "the one that was begun is full now"


@pytest.mark.parametrize("spoilt", ["flipped", "of more entries", "of fewer"])
def test_a_begun_page_that_was_changed_is_made_anew(world: World, spoilt: str) -> None:
    """Hiding reads by editing the last page fails as with a full one."""
    _grow(world, 300)
    wanted = LogFilter(outcome=Outcome.GRANTED)
    before = LogIndex(world.session, world.log).find(wanted)
    ((number, sealed),) = log_rows.read_index(world.storage, 1)
    assert number == -300
    log_rows.drop_begun_page(world.storage, 1)
    moved = {"flipped": -300, "of more entries": -301, "of fewer": -200}[spoilt]
    if spoilt == "flipped":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    log_rows.write_index(world.storage, 1, moved, sealed)

    assert LogIndex(world.session, world.reopened()).find(wanted) == before


def test_a_log_without_an_index_is_searched_to_the_same_end(world: World) -> None:
    """From the newest back, opening no more than it takes."""
    _grow(world, PAGE_ENTRIES + 50)
    index = LogIndex(world.session, world.log)
    for wanted in (LogFilter(), LogFilter(item=_ITEMS[0])):
        for before, limit in ((None, None), (None, 3), (PAGE_ENTRIES, 40), (1, 5)):
            found = find_in(world.log, wanted, before=before, limit=limit)
            assert found == index.find(wanted, before=before, limit=limit)


def test_a_list_goes_on_where_it_ended(world: World) -> None:
    """Pages of a list, one after the other, are the whole list."""
    _grow(world, 50)
    index = LogIndex(world.session, world.log)
    wanted = LogFilter(item=_ITEMS[0])
    pages, before = list[int](), None
    while found := index.find(wanted, before=before, limit=7):
        pages += found
        before = found[-1]

    assert pages == index.find(wanted)


@pytest.mark.parametrize("spoilt", ["flipped", "of another page", "of another log"])
def test_a_page_that_was_changed_is_made_anew(world: World, spoilt: str) -> None:
    """Hiding reads from the list by editing the index fails: the log is asked."""
    _grow(world, 2 * PAGE_ENTRIES + 1)
    wanted = LogFilter(outcome=Outcome.GRANTED)
    before = LogIndex(world.session, world.log).find(wanted)
    (_, first), (_, second) = log_rows.read_index(world.storage, 1)
    row = log_rows.index_row(1, 1, os.urandom(32))
    changed = {
        "flipped": second[:-1] + bytes([second[-1] ^ 1]),
        "of another page": first,
        "of another log": world.session.table("log_index").seal(
            row, LogPage.parse(_opened(world, 0, first), 0, PAGE_ENTRIES).encode()
        ),
    }
    log_rows.write_index(world.storage, 1, 1, changed[spoilt])

    assert LogIndex(world.session, world.reopened()).find(wanted) == before


def _opened(world: World, page: int, sealed: bytes) -> bytes:
    last = world.log.leaf_hash((page + 1) * PAGE_ENTRIES - 1)
    row = log_rows.index_row(1, page, last)
    return world.session.table("log_index").open(row, sealed)


def test_an_index_that_cannot_be_written_is_still_used(world: World) -> None:
    """A read-only file costs time, and hides nothing."""
    _grow(world, PAGE_ENTRIES + 1)
    world.storage.execute("PRAGMA query_only = ON")
    index = LogIndex(world.session, world.log)

    assert len(index.find(LogFilter())) == PAGE_ENTRIES
    assert log_rows.read_index(world.storage, 1) == []
    world.storage.execute("PRAGMA query_only = OFF")


def test_a_changed_entry_is_not_listed_and_said(world: World) -> None:
    """What the index would take in must be what its leaf commits to."""
    _grow(world, 5)
    world.execute("UPDATE log_entry SET ciphertext = x'00' WHERE position & 7 = 3")

    with pytest.raises(TamperedError, match="entry 3"):
        LogIndex(world.session, world.reopened()).find(LogFilter())


def test_what_was_undone_is_not_listed(world: World) -> None:
    """A record that a failed transaction took back leaves the index too."""
    index = LogIndex(world.session, world.log)
    with pytest.raises(RuntimeError), world.storage.transaction():
        world.log.append(world.record())
        assert index.find(LogFilter()) == [1]
        raise RuntimeError

    assert index.find(LogFilter()) == []


def test_the_index_says_nothing_in_the_file_but_how_many_entries_there_are(
    tmp_path: Path,
) -> None:
    """Pages are sealed, and as long whatever they hold."""
    lengths = set()
    for number, items in enumerate((1, PAGE_ENTRIES)):
        folder = tmp_path / str(number)
        folder.mkdir()
        world = make_world(folder)
        world.log.append_many(
            [
                world.record(item=ItemId((at % items).to_bytes(16)), purpose="planted")
                for at in range(PAGE_ENTRIES)
            ]
        )
        LogIndex(world.session, world.log).find(LogFilter())
        ((_, sealed),) = log_rows.read_index(world.storage, 1)
        page = LogPage.parse(_opened(world, 0, sealed), 0, PAGE_ENTRIES)
        planted = page.matches(LogFilter(purpose="planted"), before=None)
        assert len(planted) == PAGE_ENTRIES - 1, "it is in there, sealed"
        assert b"planted" not in sealed
        lengths.add(len(sealed))
        world.session.close()

    assert len(lengths) == 1


@given(st.binary(max_size=80))
def test_a_page_of_another_shape_is_refused(data: bytes) -> None:
    """Bytes that this program did not write are no page."""
    with pytest.raises(FormatError):
        LogPage.parse(data, 0, 1)


@settings(max_examples=10)
@given(st.integers(1, 40), st.sampled_from([1, 300, PAGE_ENTRIES]))
def test_a_page_is_read_back_as_written(kinds: int, entries: int) -> None:
    """Parsing inverts encoding, of a page that is full and of one that is not."""
    builder = PageBuilder(0)
    for at in range(entries):
        record = AccessRecord(
            Outcome.GRANTED,
            PERSON,
            f"purpose {at % kinds}",
            bytes(16),  # type: ignore[arg-type]  # any id will do
            at,
        )
        builder.add(record, at)
    page = builder.page()

    again = LogPage.parse(page.encode(), 0, entries)

    assert again.encode() == page.encode()
    wanted = LogFilter(purpose="purpose 0")
    assert again.matches(wanted, before=None) == page.matches(wanted, before=None)


def test_a_tally_counts_each_kind_of_read_and_its_latest_time(world: World) -> None:
    """What did X read, in one table."""
    for item in (0, 0, 1):
        world.log.append(world.record(item=_ITEMS[item]))
    last = world.record(Outcome.REFUSED, item=_ITEMS[1])
    world.log.append(last)

    tally = LogIndex(world.session, world.log).tally(LogFilter(name="demo"))

    counts = {(read.item, Outcome(read.outcome)): n for read, (n, _) in tally.items()}
    assert counts == {
        (_ITEMS[0], Outcome.GRANTED): 2,
        (_ITEMS[1], Outcome.GRANTED): 1,
        (_ITEMS[1], Outcome.REFUSED): 1,
    }
    assert max(latest for _, latest in tally.values()) == last.time_ms

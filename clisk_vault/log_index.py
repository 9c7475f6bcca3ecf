"""A short form of this device's access log, for lists, filters and counts.

Opening 100,000 entries takes seconds. The index holds what filters ask for, in
columns, a page for each 1,024 entries: sealed on disk like every local row, opened
once a session. It only says where to look; what is shown comes from the entries,
checked against their leaves.

Spec: protocol/access-log.md §10.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from clisk_vault import log_rows
from clisk_vault.access_log import FIRST_SLOT, AccessLog
from clisk_vault.access_record import AccessRecord, Outcome
from clisk_vault.errors import FormatError, StoreError, TamperedError
from clisk_vault.ids import GrantId
from clisk_vault.log_page import (
    PAGE_ENTRIES,
    LogFilter,
    LogPage,
    PageBuilder,
    Read,
    Times,
)
from clisk_vault.log_summary import Moment
from clisk_vault.log_view import LogView
from clisk_vault.session import Session
from clisk_vault.steps import Steps

# So many entries at most are opened one by one on the first use of a session.
_KEPT_EACH = 128
_EACH_STEP = 64


class LogIndex:
    """Finds entries and counts uses. Follows the log: each call takes in what is new.

    Every method raises TamperedError, FormatError or UnsupportedError where an entry
    that is new since the last call is not what its leaf commits to.
    """

    def __init__(self, session: Session, log: AccessLog) -> None:
        self._session = session
        self._log = log
        self._origin = ""
        self._pages: list[LogPage] = []
        self._tail = PageBuilder(0)
        # Up to which entry there are pages on disk.
        self._kept = 0
        self._generation: object = None

    def find(
        self, wanted: LogFilter, *, before: int | None = None, limit: int | None = None
    ) -> list[int]:
        """Return the indexes of the records that match, newest first.

        *before*: only those with a lower index, for the next page of a list.
        """
        if wanted.device not in {None, self._session.device_id}:
            return []
        self._refresh()
        found: list[int] = []
        for page in self._newest_first():
            for index in page.matches(wanted, before=before):
                found.append(index)
                if len(found) == limit:
                    return found
        return found

    def count(self, wanted: LogFilter) -> int:
        """Return how many records match."""
        return len(self.find(wanted))

    def tally(self, wanted: LogFilter) -> dict[Read, Times]:
        """Return how often, and when last, each of the reads that match happened."""
        self._refresh()
        found: dict[Read, Times] = {}
        if wanted.device in {None, self._session.device_id}:
            for page in self._newest_first():
                page.tally(page.matches(wanted, before=None), found)
        return found

    def moments(self, wanted: LogFilter) -> Iterator[Moment]:
        """Yield the records that match, oldest first, as a summary needs them."""
        if wanted.device not in {None, self._session.device_id}:
            return
        self._refresh()
        for page in reversed(list(self._newest_first())):
            yield from page.moments(reversed(page.matches(wanted, before=None)))

    def uses(self, grant: GrantId) -> int:
        """Return how many reads this grant has covered on this device."""
        return self.count(LogFilter(grant=grant, outcome=Outcome.GRANTED))

    def latest_ms(self) -> int:
        """Return the latest time that any entry bears, or 0."""
        self._refresh()
        return max((page.latest_ms for page in self._newest_first()), default=0)

    def first_since(self, since_ms: int) -> int | None:
        """Return the first entry, record or mark, of this time or a later one."""
        self._refresh()
        for page in (*self._pages, self._tail.page()):
            for at, time_ms in enumerate(page.times):
                if time_ms >= since_ms:
                    return page.start + at
        return None

    def restored_ms(self) -> int | None:
        """Return when this device went on from a copy of itself, if it ever did."""
        if self._log.slot == FIRST_SLOT:
            return None
        # Where the first was erased, the next is later: more is refused, not less.
        contents = (entry.content for entry in self._log.entries())
        return next(each.time_ms for each in contents if each is not None)

    def forget(self) -> None:
        """Drop what is held in memory."""
        self._pages, self._tail, self._kept = [], PageBuilder(0), 0
        self._origin = ""

    def _newest_first(self) -> Iterator[LogPage]:
        yield self._tail.page()
        yield from reversed(self._pages)

    # --- following the log

    def catching_up(self) -> Steps[None]:
        """Take in what the log has and the index has not yet, in steps.

        Whoever asks the index meanwhile has it take in the rest at once; so a step
        begins where the index ends by then.
        """
        while self._refresh(_EACH_STEP):
            yield self._tail.end

    def _refresh(self, most: int | None = None) -> bool:
        """Take in at most so many entries; return whether there are more."""
        generation = self._session.storage.generation
        if self._origin != self._log.origin or generation != self._generation:
            # Another log, or something was undone or written by another process.
            self.forget()
            self._origin, self._generation = self._log.origin, generation
            self._load()
        if self._tail.end > self._log.size:
            raise FormatError("access log: shorter than it was")
        end = None if most is None else self._tail.end + most
        for entry in self._log.entries(self._tail.end, end):
            content = entry.content
            record = content if isinstance(content, AccessRecord) else None
            self._tail.add(record, 0 if content is None else content.time_ms)
            if self._tail.full:
                page = self._tail.page()
                self._pages.append(page)
                self._tail = PageBuilder(page.end)
                self._keep(page)
        more = self._tail.end < self._log.size
        if not more and self._tail.end - self._kept >= _KEPT_EACH:
            self._keep(self._tail.page())
        return more

    # --- on disk

    def _keep(self, page: LogPage) -> None:
        self._kept = page.end
        # Only a short cut: where nothing can be written, it is made anew next time.
        with suppress(StoreError), self._session.storage.transaction():
            log_rows.drop_begun_page(self._session.storage, self._log.slot)
            full = page.end - page.start == PAGE_ENTRIES
            number = page.start // PAGE_ENTRIES if full else -page.end
            seal = self._session.table("log_index")
            sealed = seal.seal(self._row(number, page.end), page.encode())
            log_rows.write_index(self._session.storage, self._log.slot, number, sealed)

    def _row(self, number: int, end: int) -> bytes:
        # Bound to the last leaf: a page of another history does not open.
        last = self._log.leaf_hash(end - 1)
        return log_rows.index_row(self._log.slot, number, last)

    def _load(self) -> None:
        """Take the pages on disk, up to the first that does not fit the log."""
        seal = self._session.table("log_index")
        size = self._log.size
        for number, sealed in log_rows.read_index(
            self._session.storage, self._log.slot
        ):
            start = self._tail.end
            end = (number + 1) * PAGE_ENTRIES if number >= 0 else -number
            if not start < end <= min(start + PAGE_ENTRIES, size):
                break
            try:
                opened = seal.open(self._row(number, end), sealed)
                page = LogPage.parse(opened, start, end)
            except (FormatError, TamperedError):
                break
            self._kept = end
            if number < 0:
                self._tail = PageBuilder.resume(page)
                break
            self._pages.append(page)
            self._tail = PageBuilder(end)


def find_in(
    log: LogView,
    wanted: LogFilter,
    *,
    before: int | None = None,
    limit: int | None = None,
) -> list[int]:
    """Return what LogIndex.find() does, of a log that has no index here.

    Opens entries from the newest back, no more of them than it takes.

    Raises:
        TamperedError, FormatError, UnsupportedError: an entry cannot be trusted.
    """
    found: list[int] = []
    for page in _pages_of(log, before=before):
        found += page.matches(wanted, before=before)
        if limit is not None and len(found) >= limit:
            break
    return found[:limit]


def moments_in(log: LogView, wanted: LogFilter) -> list[Moment]:
    """Return what LogIndex.moments() yields, of a log that has no index here.

    Opens every entry. Raises as find_in().
    """
    found: list[Moment] = []
    for page in _pages_of(log):
        found += page.moments(page.matches(wanted, before=None))
    return found[::-1]


def tally_log(log: LogView) -> dict[Read, Times]:
    """Return how often, and when last, each kind of read in *log* happened.

    Opens every entry: for logs of other devices, which have no index here. Raises as
    find_in().
    """
    found: dict[Read, Times] = {}
    for page in _pages_of(log):
        page.tally(page.matches(LogFilter(), before=None), found)
    return found


def _pages_of(log: LogView, *, before: int | None = None) -> Iterator[LogPage]:
    """Yield pages of *log* that are made as they are asked for, the newest first."""
    end = log.size if before is None else min(before, log.size)
    while end:
        builder = PageBuilder(max(0, end - PAGE_ENTRIES))
        for entry in log.entries(builder.end, end):
            content = entry.content
            record = content if isinstance(content, AccessRecord) else None
            builder.add(record, 0 if content is None else content.time_ms)
        page = builder.page()
        yield page
        end = page.start

"""Telling the other devices of this one's log: protocol/access-log.md §11.2.

Seldom, and only when there is something to witness: a log that grew by nothing but
countersignatures is not told of, or each answer would be a reason for the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from clisk_vault.access_log import AccessLog
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_leaf import MAX_GROUP, Leaf, LeafType, LogRow
from clisk_vault.log_message import LogNews
from clisk_vault.log_rows import OwnLog
from clisk_vault.log_view import split_origin
from clisk_vault.merkle import Tree
from clisk_vault.peer_logs import PeerLogs
from clisk_vault.session import Session

# One envelope holds this much of a log; a head's group is never split.
MAX_NEWS_BYTES = 48 << 10
EVERY_MS = 60 * 60 * 1000
HEARTBEAT_MS = 24 * 60 * 60 * 1000


class LogTeller:
    """What there is to say of this device's logs, and of others' that it has seen."""

    def __init__(self, session: Session, log: AccessLog) -> None:
        self._session = session
        self._log = log

    @property
    def _peers(self) -> PeerLogs:
        return PeerLogs(self._session.storage)

    def has_answers(self) -> bool:
        """Tell whether something is to be said, whatever the hour."""
        return self._peers.has_messages()

    def next_messages(self, *, now: bool) -> list[bytes]:
        """Return what is to be said next, and take it as said: one envelope's worth.

        Joins the caller's transaction. Answers come first. News of the own log come
        once an hour, so that the number of envelopes does not tell the number of
        reads, or at once if a person asks for it.

        Args:
            now: a person asks.
        """
        with self._session.storage.transaction():
            return self._peers.take_messages(MAX_NEWS_BYTES) or self._news(now=now)

    def _news(self, *, now: bool) -> list[bytes]:
        self._beat()
        for slot, origin in self._log.names().items():
            if split_origin(origin)[0] != self._session.device_id:
                continue  # of an identity that this device had before
            source = OwnLog(self._session.storage, slot, origin)
            news = self._news_of(source, now=now)
            if news is not None:
                return [news.encode()]
        return []

    def _news_of(self, source: OwnLog, *, now: bool) -> LogNews | None:
        time_ms, told = self._session.clock(), self._peers.told(source.slot)
        if told is None:
            # The clock of the hour starts when the log is first looked at.
            told = 0, time_ms
            self._peers.keep_told(source.slot, *told)
        old, told_ms = told
        size = source.size
        due = now or abs(time_ms - told_ms) >= EVERY_MS
        if not due or old >= size or not _is_worth_telling(source, old):
            return None
        rows = list(_portion(source, old))
        if not rows:
            return None
        end = rows[-1].seq + 1
        # Not before the last portion is the hour over.
        self._peers.keep_told(source.slot, end, time_ms if end == size else 0)
        proof = (
            Tree(row.leaf_hash for row in source.rows(end=end)).consistency_proof(
                old, end
            )
            if old
            else []
        )
        number = split_origin(source.origin)[1]
        return LogNews(number, old, tuple(proof), tuple(rows), last=end == size)

    def _beat(self) -> None:
        """Write a heartbeat when nothing was written for a day."""
        size = self._log.size
        try:
            last = next(self._log.entries(size - 1, size), None)
        except (FormatError, TamperedError, UnsupportedError):
            return  # verifying names it
        content = None if last is None else last.content
        since_ms = self._session.clock() - (content.time_ms if content else 0)
        if since_ms >= HEARTBEAT_MS:
            self._log.mark_heartbeat()


def _is_worth_telling(source: OwnLog, old: int) -> bool:
    """Tell whether anything but countersignatures was written since."""
    return any(_type(row) is not LeafType.WITNESS for row in source.rows(old))


def _type(row: LogRow) -> LeafType | None:
    try:
        return Leaf.parse(row.leaf).type
    except (FormatError, UnsupportedError):
        return None


def _portion(source: OwnLog, old: int) -> Iterator[LogRow]:
    """Yield whole groups from *old* on, up to what one envelope holds."""
    group: list[LogRow] = []
    taken = size = 0
    for row in source.rows(old):
        group.append(row)
        size += len(row.leaf) + len(row.ciphertext or b"") + len(row.head or b"")
        if row.head is None:
            continue
        if taken and (size > MAX_NEWS_BYTES or taken + len(group) > 4 * MAX_GROUP):
            return
        yield from group
        taken, group = taken + len(group), []

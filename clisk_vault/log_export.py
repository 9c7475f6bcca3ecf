"""Exporting the access log: on record first, opened then (log-bundle.md §2).

Opening an entry gives away who read what, so it is a read like any other and
leaves its own records before the first entry is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from clisk_vault.access_log import AccessLog, first_key
from clisk_vault.access_record import (
    MAX_TEXT_CHARS,
    AccessRecord,
    Outcome,
    Requester,
    RequesterKind,
    Use,
)
from clisk_vault.errors import (
    CallerError,
    FormatError,
    LogDamagedError,
    ReadRefused,
    StoreError,
    UnrecordedError,
)
from clisk_vault.log_bundle import BundleFacts, LogKeys, runs
from clisk_vault.log_bundle_write import check_free, writing_bundle
from clisk_vault.log_entry import Opening
from clisk_vault.log_leaf import LogRow
from clisk_vault.log_view import split_origin
from clisk_vault.note import NoteKey, SignatureLine, UnverifiedNote
from clisk_vault.session import Session
from clisk_vault.steps import Steps, finish

_BEFORE, _AFTER = "open entries ", " of the access log"
_MAX_RUNS_CHARS = MAX_TEXT_CHARS - len(_BEFORE) - len(_AFTER)


def export_log(
    session: Session,
    log: AccessLog,
    folder: Path,
    *,
    who: str,
    peers: Sequence[NoteKey] = (),
    open_entries: Iterable[int] = (),
    seen: Sequence[UnverifiedNote] = (),
) -> BundleFacts:
    """Write the log at once; arguments and errors as exporting_log()."""
    return finish(
        exporting_log(
            session,
            log,
            folder,
            who=who,
            peers=peers,
            open_entries=open_entries,
            seen=seen,
        )
    )


def exporting_log(
    session: Session,
    log: AccessLog,
    folder: Path,
    *,
    who: str,
    peers: Sequence[NoteKey] = (),
    open_entries: Iterable[int] = (),
    seen: Sequence[UnverifiedNote] = (),
) -> Steps[BundleFacts]:
    """Write the log of this device to a new *folder*, for somebody outside.

    It is the log as it was when the first entry was read; what is added between two
    steps is not in it.

    Args:
        session: the unlocked vault that *log* belongs to.
        log: the log.
        folder: where; must not exist.
        who: the name of the program or person that exports, for the record.
        peers: countersigning keys of the vault's other devices.
        open_entries: indexes of the entries whose contents are to be shown.
        seen: countersigned heads that other devices gave back.

    Raises:
        ReadRefused: the record could not be written; nothing was opened.
        CallerError: no such entry; or called within a transaction.
        TamperedError: an entry to be opened is not what its leaf commits to.
        StoreError, LogDamagedError: as writing_bundle().
    """
    wanted = sorted(set(open_entries))
    if wanted and not 0 <= wanted[0] <= wanted[-1] < log.size:
        raise CallerError(
            f"access log: no such entry; it has {log.size}", advice="clisk log list"
        )
    check_free(folder)
    openings = (yield from _open(session, log, wanted, who)) if wanted else {}
    facts = BundleFacts(log.origin, log.size)
    number = split_origin(log.origin)[1]
    enrolled = NoteKey(log.origin, first_key(session.secrets.public, number))
    yield from writing_bundle(
        _with_cosignatures(log.rows(end=facts.size), seen),
        folder,
        facts=facts,
        keys=LogKeys(enrolled, tuple(peers)),
        openings=openings,
        seen=_others(log, seen, facts.size),
    )
    return facts


def _with_cosignatures(
    rows: Iterable[LogRow], seen: Sequence[UnverifiedNote]
) -> Iterator[LogRow]:
    """Yield *rows*, below each head the countersignatures that came back for it.

    So a proof of one entry, which holds one head, carries them too.
    """
    lines: dict[str, list[SignatureLine]] = {}
    for note in seen:
        lines.setdefault(note.text, []).extend(note.lines)
    for row in rows:
        head = None if row.head is None else _parsed(row.head)
        added = [] if head is None else lines.get(head.text, [])
        more = [one for one in added if head and one not in head.lines]
        if head is None or not more:
            yield row
            continue
        # The log's own line stays the first, and each line stands once.
        whole = UnverifiedNote(head.text, (*head.lines, *dict.fromkeys(more)))
        yield replace(row, head=whole.encode())


def _others(
    log: AccessLog, seen: Sequence[UnverifiedNote], size: int
) -> list[UnverifiedNote]:
    """Return those of *seen* that are no head of this log as it is here."""
    texts = {note.text for note in seen}
    for row in log.rows(end=size) if texts else ():
        head = None if row.head is None else _parsed(row.head)
        if head is not None:
            texts.discard(head.text)
    return [note for note in seen if note.text in texts]


def _parsed(head: bytes) -> UnverifiedNote | None:
    try:
        return UnverifiedNote.parse(head)
    except FormatError:
        return None


def _open(
    session: Session, log: AccessLog, wanted: Sequence[int], who: str
) -> Steps[dict[int, Opening]]:
    """Make the records durable, then open."""
    if session.storage.in_transaction:
        raise CallerError("log export: within a transaction")
    requester = Requester(RequesterKind.EXPORT, who)
    records = [
        AccessRecord(
            Outcome.GRANTED,
            requester,
            purpose,
            session.device_id,
            session.clock(),
            use=Use.OPEN_LOG,
        )
        for purpose in _purposes(wanted)
    ]
    origin = log.origin
    try:
        log.append_many(records)
    except (StoreError, LogDamagedError) as err:
        raise UnrecordedError(
            f"the access log cannot be written, so nothing is opened ({err})",
            advice=err.advice,
        ) from err
    openings = dict[int, Opening]()
    for index in wanted:
        if log.origin != origin:
            raise ReadRefused(
                "the access log was damaged and has begun anew, so nothing is opened",
                advice="see what is wrong with: clisk log verify",
            )
        openings[index] = log.open_entry(index)
        yield 0
    return openings


def _purposes(wanted: Sequence[int]) -> list[str]:
    """Return which entries are opened, in as many texts as records can hold."""
    lines: list[str] = []
    for run in runs(wanted):
        if lines and len(lines[-1]) + len(run) + 2 <= _MAX_RUNS_CHARS:
            lines[-1] += f", {run}"
        else:
            lines.append(run)
    return [f"{_BEFORE}{line}{_AFTER}" for line in lines]

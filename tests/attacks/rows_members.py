"""attacks.md 3.2: bytes that a member's device signed, made to break a document.

The relay cannot do this: it signs nothing, and what is not signed never gets to the
parser. The weak model is a replica that hands automerge whatever comes.
"""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from automerge.core import ROOT, Document, ScalarType

from clisk_sync.envelope_content import ItemChange
from clisk_vault import cbor, leb128
from clisk_vault.change_chunk import parse_change
from clisk_vault.document import EntryDocument
from clisk_vault.errors import FormatError
from tests.attacks import ours
from tests.attacks.given import empty_document
from tests.attacks.stage import Row, Stage, Verdict, story, told
from tests.attacks.weak_model import WeakServer
from tests.sync.world import Forger
from tests.vault import test_change_chunk, test_document, test_item, test_replica
from tests.vault.items import A, change, stamp
from tests.vault.made import Family
from tests.vault.test_change_chunk import mutants, rechecked

_R = Verdict.REFUSED
_TITLE = {f"title/{stamp()}": "x"}


# The weak replica


def _base() -> bytes:
    document = Document(b"\x01" * 16)
    with document.transaction() as transaction:
        transaction.put(ROOT, "title/old", ScalarType.Str, "stays")
    return document.save()


def _naive(saved: bytes, data: bytes) -> bytes:
    """Apply *data* as somebody would who has read no further than the manual."""
    return Document.load(saved + data).save()


def is_broken_by_a_mutant(_: WeakServer) -> str:
    """A change is taken, and then the document loads no more: issues 567, 675."""
    saved = _base()
    for data in mutants(4000, seed=3):
        try:
            after = _naive(saved, data)
        except BaseException:  # noqa: BLE001, S112  # a panic is no Exception
            continue
        try:
            Document.load(after)
        except BaseException:  # noqa: BLE001  # as above
            return "a document that is saved and never loads again"
    raise AssertionError("no mutant did")


_PANICS = """
from automerge.core import ROOT, Document, ScalarType
try:
    Document().transaction().put(ROOT, "count", ScalarType.Counter, 1)
except Exception:
    pass
print("went on")
"""


def is_passed_by_a_panic(_: WeakServer) -> str:
    """A Rust panic goes past every `except Exception`: here, that of a counter.

    In a process of its own, for there it ends it.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _PANICS], capture_output=True, text=True, check=False
    )
    assert "panicked" in ran.stderr
    assert ran.returncode != 0
    assert ran.stdout == ""
    return "the whole program"


def inflates_anything(_: WeakServer) -> str:
    """Fifty kilobytes become fifty megabytes."""
    bomb = zlib.compress(bytes(50_000_000), 9)
    assert len(bomb) < 1 << 16
    assert len(zlib.decompress(bomb)) == 50_000_000
    return "a thousand times the memory"


def expands_runs(_: WeakServer) -> str:
    """A run says how long it is, and is believed."""
    run = leb128.unsigned(1 << 20)
    count = _read(run)[0]
    assert len([0] * count) == 1 << 20
    assert len(run) < 4
    return "a million operations for three bytes"


def _read(data: bytes) -> tuple[int, int]:
    value = 0
    for at, each in enumerate(data):
        value |= (each & 127) << 7 * at
        if each < 128:
            return value, at + 1
    raise AssertionError("cut short")


def is_stuck_by_a_copied_actor(_: WeakServer) -> str:
    """Two sessions with one actor: the document takes neither any more."""
    one = change({f"title/{stamp(ms=1)}": "one"})
    two = change({f"title/{stamp(ms=2)}": "two"})
    saved = _naive(_base(), one)
    with pytest.raises(Exception, match="duplicate"):
        Document.load(saved + two)
    return "a document that is stuck"


def queues_in_silence(_: WeakServer) -> str:
    """What lacks its dependencies is accepted, and never seen."""
    first = change({f"title/{stamp(ms=1)}": "one"})
    second = change(
        {f"title/{stamp(ms=2)}": "two"},
        seq=2,
        start_op=2,
        deps=(parse_change(first).hash,),
    )
    document = Document.load(_base() + second)
    assert list(document.keys(ROOT)) == ["title/old"]
    return "a change that is lost in silence"


def lets_the_future_win(_: WeakServer) -> str:
    """The newest time wins, so the year 9999 wins for ever."""
    values = {253_402_300_799: "by the thief"}
    for now in range(1_700_000_000, 1_700_000_005):
        values[now] = "edited by its owner"
    assert values[max(values)] == "by the thief"
    return "a value that nobody can change any more"


def parses_what_nobody_signed(server: WeakServer) -> str:
    """Junk of any size goes straight to the parser."""
    relay, parsed = server.relay, 0
    relay.lie("envelopes", relay.oversize(2 << 20), relay.inflate_bomb(1 << 24))
    for data in server.list():
        parsed += 1
        with suppress(BaseException):  # what it makes of it is its own
            Document.load(data)
    assert parsed == 2
    return "the parser, reached by anybody"


def compares_all_with_all(_: WeakServer) -> str:
    """Conflicts found by comparing each with each."""
    values = range(1500)
    compared = sum(1 for one in values for other in values if one < other)
    assert compared > 1_000_000
    return "a million comparisons for 1,500 values"


def nests_without_end(_: WeakServer) -> str:
    """A reader that calls itself for each level."""

    def depth(data: bytes) -> int:
        return 1 + depth(data[1:]) if data[:1] == b"\x81" else 0

    try:
        depth(b"\x81" * 100_000)
    except RecursionError:
        return "the stack"
    raise AssertionError("it went in")


def keeps_all_that_waits(_: WeakServer) -> str:
    """Changes whose dependencies never come, kept for ever."""
    waiting = [change(_TITLE, seq=number) for number in range(2, 1000)]
    assert sum(map(len, waiting)) > 100_000
    return "as much of the disk as is asked for"


def takes_want_of_memory_for_damage(_: WeakServer) -> str:
    """Whatever fails is damage, and what is damaged is begun anew."""

    def load(_: bytes) -> bytes:
        raise MemoryError

    saved = _base()
    try:
        load(saved)
    except BaseException:  # noqa: BLE001  # the naive way
        saved = b""
    assert saved == b""
    return "the document, thrown away"


# Ours


def set_aside(bad: Callable[[], bytes]) -> Callable[[Stage], None]:
    """Return a play: signed by a member, it is kept with its author, and no more."""

    @story
    async def play(on: Stage) -> None:
        laptop, phone = await on.pair()
        before = phone.titles()
        mark = laptop.engine.frontier.chain(laptop.id).mark
        marks = laptop.engine.frontier.marks(laptop.engine.membership.devices)
        good = change({f"title/{stamp(laptop.id)}": "good one"})
        forger = Forger.of(laptop)
        poison = forger.envelope(
            mark.number + 1,
            mark.hash,
            marks=marks,
            changes=(ItemChange(ours.ITEM, bad()),),
        )
        assert good
        await laptop.transport.honest.append(poison)
        report = await phone.sync()
        assert report.quarantined == 1
        assert phone.titles() == before
        (kept,) = phone.vault.replica.quarantine()
        assert kept.author == laptop.id
        phone.write("goes on")
        await phone.sync()
        phone.restart()
        assert phone.titles() == sorted([*before, "goes on"])

    return play


def both(*plays: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Return a play of all of them."""

    def play(on: Stage) -> None:
        for each in plays:
            each(on)

    return play


def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(bytes(50_000_000)) + packer.flush()
    head = b"\x85\x6f\x4a\x83" + bytes(4) + b"\x02" + leb128.unsigned(len(packed))
    return rechecked(head + packed)


def _mutant() -> bytes:
    return mutants(1, seed=11)[0]


def deep_nesting_is_refused(_: Stage) -> None:
    """At its head, before anything is built."""
    for depth in (100, 100_000):
        try:
            cbor.parse(b"\x81" * depth + b"\x00", max_bytes=1 << 20)
        except FormatError:
            continue
        raise AssertionError("it went in")


@story
async def huge_junk_reaches_no_parser(on: Stage) -> None:
    """Unsigned junk of any kind: told, and the document library is not called."""
    laptop, phone = await on.pair()
    calls: list[object] = []
    real = EntryDocument.__init__

    def counting(self: EntryDocument, *args: Any) -> None:
        calls.append(args)
        real(self, *args)

    on.patch.setattr(EntryDocument, "__init__", counting)
    on.relay.lie(
        "envelopes", on.relay.oversize(2 << 20), on.relay.inflate_bomb(1 << 24)
    )
    await on.refuses(phone, "RelayMisbehaved")
    assert calls == []
    on.relay.behave()
    laptop.write("a real one")
    await laptop.sync()
    await phone.sync()
    assert calls, "or this counts nothing"


_DOC = {"document": empty_document}


def _apply(document: EntryDocument) -> object:
    return document.apply(change({f"title/{stamp(ms=2)}": "x"}), author=A)


def _pair(on: Stage) -> object:
    family = Family()
    return family.device(on.folder / "a.db"), family.device(on.folder / "b.db")


MEMBERS = (
    Row("3.2-deflate", "a compressed change", "packs 50 MB into 50 kB", (), inflates_anything, _R, "FormatError", both(told(test_change_chunk.test_an_inflate_bomb_is_refused_unopened), set_aside(_bomb))),
    Row("3.2-runs", "a million operations", "names a run of 2^20 to 2^62", (), expands_runs, _R, "FormatError", both(*(told(test_change_chunk.test_a_run_length_bomb_is_refused_unexpanded, count=count) for count in (2**20, 2**62)))),
    Row("3.2-heads", "a document that never loads again", "damages a change, its checksum made right", (), is_broken_by_a_mutant, _R, "FormatError", both(told(test_document.test_mutated_changes_never_break_a_document), told(test_document.test_a_save_that_would_load_as_another_document_is_refused))),
    Row("3.2-panic", "a panic of the library", "finds a change that makes it panic", (), is_passed_by_a_panic, _R, "FormatError", told(test_document.test_a_panic_of_the_library_ends_here, **_DOC, method="receive_sync_message", use=lambda _: _apply, error=lambda _: test_document.PanicException("index 3"))),
    Row("3.2-mutant", "any damaged change", "damages a change, its checksum made right", (), is_broken_by_a_mutant, _R, "FormatError", set_aside(_mutant)),
    Row("3.2-actor", "one actor, two contents", "signs two changes at one number of one session", (), is_stuck_by_a_copied_actor, _R, "EquivocationError", told(test_document.test_one_number_with_two_contents_is_equivocation, **_DOC)),
    Row("3.2-missing", "a change before its time", "leaves out what a change builds on", (), queues_in_silence, Verdict.DETECTED, "kept apart until it can be applied", told(test_document.test_a_change_before_its_time_waits, **_DOC)),
    Row("3.2-flood", "no end of what waits", "sends changes whose dependencies never come", (), keeps_all_that_waits, _R, "bounded and told", told(test_replica.test_a_flood_of_what_waits_is_bounded, pair=_pair)),
    Row("3.2-conflicts", "ten thousand values at once", "writes one field as many devices", (), compares_all_with_all, _R, "shown, and settled in steps", told(test_item.test_ten_thousand_concurrent_values_resolve_fast)),
    Row("3.2-counter", "lists, numbers and counters", "writes what makes a reader panic", (), is_passed_by_a_panic, _R, "FormatError", told(test_document.test_a_document_of_more_than_entries_is_refused)),
    Row("3.2-nesting", "deep nesting", "nests 100,000 levels", (), nests_without_end, _R, "FormatError", deep_nesting_is_refused),
    Row("3.2-future", "a time in the future", "dates a value in the year 2999", (), lets_the_future_win, _R, "the next edit wins", told(test_item.test_a_future_stamp_does_not_win_for_ever)),
    Row("3.2-memory", "want of memory taken for damage", "grows a document past all bounds", (), takes_want_of_memory_for_damage, _R, "CostLimitError", told(test_document.test_a_document_over_16_mib_is_refused_unread)),
    Row("3.2-junk", "junk that nobody signed", "gives two megabytes, and a bomb, for envelopes", ("oversize", "inflate-bomb"), parses_what_nobody_signed, _R, "RelayMisbehaved", huge_junk_reaches_no_parser),
)  # fmt: skip

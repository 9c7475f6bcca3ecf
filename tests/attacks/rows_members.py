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
from types import SimpleNamespace
from typing import Any

import pytest
from automerge.core import ROOT, Document, ObjType, ScalarType

from clisk_sync.envelope_content import ItemChange
from clisk_sync.report import SyncReport
from clisk_vault import cbor, leb128, replica
from clisk_vault.change_chunk import ActorId, ChangeHash, hash_of, parse_change
from clisk_vault.document import Applied, EntryDocument, author_of, new_actor
from clisk_vault.errors import FormatError, OutOfMemoryError
from clisk_vault.hlc import END_OF_TIME_MS, HybridClock
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item_write import compose, next_stamp
from clisk_vault.replica import Quarantined
from tests.attacks import ours
from tests.attacks.given import empty_document
from tests.attacks.stage import Row, Stage, Verdict, beliefs, story, told
from tests.attacks.weak_model import WeakServer
from tests.sync.world import Device, Forger
from tests.vault import test_change_chunk, test_document, test_item
from tests.vault.items import A, change, seeded, stamp
from tests.vault.test_change_chunk import mutants, rechecked, run_length_bomb

_R = Verdict.REFUSED
_TITLE = {f"title/{stamp()}": "x"}
_OTHER = ItemId(bytes(range(16, 32)))


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


def takes_two_spellings(_: WeakServer) -> str:
    """Automerge takes another spelling of a change, and saves its own: issue 567."""
    saved = _naive(_base(), _other_spelling(new_actor(A)))
    with pytest.raises(Exception, match="mismatching heads"):
        Document.load(saved)
    return "a document that is saved and never loads again"


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
    """Changes whose dependencies never come, kept for ever and never seen."""
    document, small = Document.load(_base()), len(_base())
    missing = parse_change(change(_TITLE)).hash
    waiting = [
        change(_TITLE, actor=new_actor(A, seeded(at)), start_op=2, deps=(missing,))
        for at in range(1000)
    ]
    saved = Document.load(document.save() + b"".join(waiting)).save()
    assert list(Document.load(saved).keys(ROOT)) == ["title/old"]
    assert len(saved) - small > 100_000
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


async def _poisoned(
    laptop: Device, phone: Device, *changes: bytes, item: ItemId = ours.ITEM
) -> SyncReport:
    """Return what the phone makes of *changes* that the laptop's stolen key signed."""
    mark = laptop.engine.frontier.chain(laptop.id).mark
    marks = laptop.engine.frontier.marks(laptop.engine.membership.devices)
    poison = Forger.of(laptop).envelope(
        mark.number + 1,
        mark.hash,
        marks=marks,
        changes=tuple(ItemChange(item, each) for each in changes),
    )
    await laptop.transport.honest.append(poison)
    return await phone.sync()


async def _goes_on(phone: Device, before: list[str]) -> None:
    """The vault opens, takes what its person writes, and has all that it had."""
    phone.write("goes on")
    await phone.sync()
    phone.restart()
    assert phone.titles() == sorted([*before, "goes on"])


def set_aside(bad: Callable[[ActorId], bytes], reason: str) -> Callable[[Stage], None]:
    """Return a play: signed by a member, it is kept with its author, and no more.

    *bad* gets a session that is rightly the member's: nothing else is wrong.
    """

    @story
    async def play(on: Stage) -> None:
        laptop, phone = await on.pair()
        before = phone.titles()
        report = await _poisoned(laptop, phone, bad(new_actor(laptop.id)))
        assert (report.quarantined, report.alerts) == (1, ())
        assert phone.titles() == before
        (kept,) = phone.vault.replica.quarantine()
        assert kept.author == laptop.id
        assert reason in kept.reason, kept.reason
        await _goes_on(phone, before)

    return play


@story
async def a_good_one_is_taken(on: Stage) -> None:
    """The control of all these: with nothing wrong, the same change is an item."""
    laptop, phone = await on.pair()
    good = _titled(new_actor(laptop.id), laptop.id)
    report = await _poisoned(laptop, phone, good)
    assert (report.quarantined, report.orphans) == (0, 0)
    assert len(phone.vault.replica.held(ours.ITEM)) == 1


@story
async def mutants_break_nothing(on: Stage) -> None:
    """Two hundred damaged changes, each in an item of its own: all else opens."""
    laptop, phone = await on.pair()
    before, kept = phone.titles(), 0
    actor = new_actor(laptop.id)
    for at, data in enumerate(mutants(200, seed=11, actor=actor, by=laptop.id)):
        item = ItemId(at.to_bytes(16))
        kept += isinstance(
            phone.vault.replica.apply(laptop.id, item, data), Quarantined
        )
    assert kept > 100
    report = await _poisoned(
        laptop, phone, *mutants(60, seed=12, actor=actor, by=laptop.id)
    )
    assert report.quarantined > 30
    phone.restart()
    assert set(before) <= set(phone.titles())
    for each in phone.vault.overviews():
        phone.vault.view(each.item)
    await _goes_on(phone, phone.titles())


@story
async def a_copied_session_is_told(on: Stage) -> None:
    """Two contents at one number of one session: the first stays, the other is kept."""
    laptop, phone = await on.pair()
    before, actor = phone.titles(), new_actor(laptop.id)
    one, two = (_titled(actor, laptop.id, ms=ms) for ms in (1, 2))
    report = await _poisoned(laptop, phone, one, two)
    assert report.quarantined == 1
    assert [each.hash for each in phone.vault.replica.held(ours.ITEM)] == [hash_of(one)]
    (kept,) = phone.vault.replica.quarantine()
    assert (kept.author, "its number" in kept.reason) == (laptop.id, True)
    # Nor does a session of the phone's own pass for the laptop's.
    await phone.sync()
    foreign = _titled(new_actor(phone.id), laptop.id)
    mark = phone.engine.frontier.chain(laptop.id).mark
    marks = phone.engine.frontier.said[laptop.id].claim.marks
    borrowed = Forger.of(laptop).envelope(
        mark.number + 1,
        mark.hash,
        marks=dict(marks),
        changes=(ItemChange(_OTHER, foreign),),
    )
    await laptop.transport.honest.append(borrowed)
    assert (await phone.sync()).quarantined == 1
    assert phone.vault.replica.held(_OTHER) == []
    assert set(before) <= set(phone.titles())
    await _goes_on(phone, phone.titles())


@story
async def a_change_before_its_time_waits(on: Stage) -> None:
    """It is kept apart, and alive once what it builds on has come."""
    laptop, phone = await on.pair()
    before, actor = phone.titles(), new_actor(laptop.id)
    first = _titled(actor, laptop.id, ms=1)
    second = change(
        {f"title/{stamp(laptop.id, ms=2)}": "the later title"},
        actor=actor,
        seq=2,
        start_op=2,
        deps=(hash_of(first),),
    )
    report = await _poisoned(laptop, phone, second)
    assert (report.orphans, report.quarantined) == (1, 0)
    assert phone.titles() == before
    phone.restart()
    assert phone.vault.replica.orphans() == 1
    came = phone.vault.replica.apply(laptop.id, ours.ITEM, first)
    assert isinstance(came, Applied)
    assert phone.vault.replica.orphans() == 0
    assert len(phone.vault.replica.held(ours.ITEM)) == 2


@story
async def a_flood_of_what_waits_is_bounded(on: Stage) -> None:
    """So many wait, the rest is refused by name and kept in part."""
    laptop, phone = await on.pair()
    on.patch.setattr(replica, "MAX_ORPHANS", 3)
    before, missing = phone.titles(), ChangeHash(bytes(32))
    report = await _poisoned(
        laptop,
        phone,
        *(
            change(
                {f"title/{stamp(laptop.id, ms=at)}": "x"},
                actor=new_actor(laptop.id),
                start_op=2,
                deps=(missing,),
            )
            for at in range(9)
        ),
    )
    assert (report.orphans, report.quarantined) == (3, 6)
    assert phone.vault.replica.orphans() == 3
    await _goes_on(phone, before)


@story
async def the_next_edit_wins_over_the_future(on: Stage) -> None:
    """What is dated 2999 is shown until its person writes, and then no more."""
    laptop, phone = await on.pair()
    thief = HybridClock(laptop.id, lambda: END_OF_TIME_MS - 10)
    now = next_stamp(phone.vault.view(on.item), thief)
    held = phone.vault.replica.held(on.item)
    entries = compose(phone.vault.view(on.item), now, {"title": "by the thief"})
    start = max(parse_change(each.change).max_op for each in held) + 1
    later = change(
        entries,
        actor=new_actor(laptop.id),
        start_op=start,
        deps=tuple(sorted(each.hash for each in held)[-1:]),
    )
    report = await _poisoned(laptop, phone, later, item=on.item)
    assert report.quarantined == 0
    assert "by the thief" in phone.titles()
    phone.vault.edit(on.item, {"title": "Planted Savings Bank"})
    assert "by the thief" not in phone.titles()
    assert not phone.vault.view(on.item).conflicts
    await phone.sync()
    phone.restart()
    assert "Planted Savings Bank" in phone.titles()


@story
async def want_of_memory_is_no_damage(on: Stage) -> None:
    """Told as what it is: nothing is set aside, blamed or begun anew."""
    laptop, phone = await on.pair()
    laptop.vault.edit(on.item, {"title": "Planted Savings Bank, edited"})
    await laptop.sync()
    before, held = beliefs(phone), phone.vault.replica.held(on.item)

    def fails(_: bytes) -> None:
        raise MemoryError

    with on.patch.context() as patch:
        there = SimpleNamespace(load=fails)
        patch.setattr("clisk_vault.document.Document", there)
        with pytest.raises(OutOfMemoryError):
            await phone.sync()
    assert beliefs(phone) == before
    assert phone.vault.replica.held(on.item) == held
    assert phone.vault.replica.quarantine() == []
    await on.heals(laptop, phone)
    assert "Planted Savings Bank, edited" in phone.titles()


@story
async def a_panic_costs_its_change_alone(on: Stage) -> None:
    """In a device's own sync: kept with its author, and all else goes on."""
    laptop, phone = await on.pair()
    before, real = phone.titles(), EntryDocument._receive

    def panics(self: EntryDocument, admitted: list[Any]) -> None:
        if any("panic" in str(each.entries) for each in admitted):
            with self._guarded("change"):
                raise test_document.PanicException("index 3")
        real(self, admitted)

    on.patch.setattr(EntryDocument, "_receive", panics)
    bad, good = (
        change({f"title/{stamp(laptop.id)}": title}, actor=new_actor(laptop.id))
        for title in ("panic now", "a good one")
    )
    report = await _poisoned(laptop, phone, bad, good)
    assert (report.quarantined, report.alerts) == (1, ())
    (kept,) = phone.vault.replica.quarantine()
    assert (kept.author, kept.item_id) == (laptop.id, ours.ITEM)
    assert "refused by the document library" in kept.reason
    assert [each.hash for each in phone.vault.replica.held(ours.ITEM)] == [
        hash_of(good)
    ]
    await _goes_on(phone, sorted([*before, "a good one"]))


def both(*plays: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Return a play of all of them, one act after the other."""

    def play(on: Stage) -> None:
        for each in plays:
            each(on.afresh())

    return play


def _titled(actor: ActorId, device: DeviceId, *, ms: int = 0) -> bytes:
    return change({f"title/{stamp(device, ms=ms)}": "a title"}, actor=actor)


def _bomb(actor: ActorId) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(bytes(50_000_000)) + packer.flush()
    head = _titled(actor, author_of(actor))[:8] + b"\x02"
    return rechecked(head + leb128.unsigned(len(packed)) + packed)


def _run(count: int) -> Callable[[ActorId], bytes]:
    return lambda actor: run_length_bomb(_titled(actor, author_of(actor)), count)


def _wrong_checksum(actor: ActorId) -> bytes:
    data = _titled(actor, author_of(actor))
    return data[:4] + bytes(4) + data[8:]


def _other_spelling(actor: ActorId) -> bytes:
    """Return the same change with its one entry in a run where a literal belongs."""
    data = _titled(actor, author_of(actor))
    honest, other = b"\x42\x02", b"\x01\x7f\x01"
    assert data.count(other) == 1
    assert honest in data
    # A run of one, where a literal of one is the spelling: RLE allows both.
    return rechecked(data.replace(other, b"\x01\x01\x01"))


def _foreign(put: Callable[[Any], object]) -> Callable[[ActorId], bytes]:
    """Return what makes a change with a value that has no place in an item."""

    def make(actor: ActorId) -> bytes:
        document = Document(actor)
        with document.transaction() as transaction:
            put(transaction)
        (made,) = document.get_changes([])
        return bytes(made.bytes)

    return make


@story
async def deep_nesting_is_refused(on: Stage) -> None:
    """At its head, before anything is built: alone, and inside a signed envelope."""
    for depth in (100, 100_000):
        try:
            cbor.parse(b"\x81" * depth + b"\x00", max_bytes=1 << 20)
        except FormatError:
            continue
        raise AssertionError("it went in")
    laptop, phone = await on.pair()
    before = phone.titles()
    mark = laptop.engine.frontier.chain(laptop.id).mark
    nested = Forger.of(laptop).envelope(
        mark.number + 1, mark.hash, content=b"\x81" * 60_000 + b"\x00"
    )
    await laptop.transport.honest.append(nested)
    report = await phone.sync()
    assert [each.author for each in report.set_aside] == [laptop.id]
    assert phone.titles() == before
    assert phone.engine.frontier.chain(laptop.id).mark.number == mark.number + 1
    await _goes_on(phone, before)


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
_FOREIGN: tuple[Callable[[Any], object], ...] = (
    lambda each: each.put(ROOT, "title/x", ScalarType.Int, 3),
    lambda each: each.put(ROOT, "title/x", ScalarType.Boolean, True),
    lambda each: each.put_object(ROOT, "title/x", ObjType.List),
)


def _apply(document: EntryDocument) -> object:
    return document.apply(change({f"title/{stamp(ms=2)}": "x"}), author=A)


MEMBERS = (
    Row("3.2-deflate", "a compressed change", "packs 50 MB into 50 kB", (), inflates_anything, _R, "FormatError", both(told(test_change_chunk.test_an_inflate_bomb_is_refused_unopened), set_aside(_bomb, "compressed"))),
    Row("3.2-runs", "a million operations", "names a run of 2^20 to 2^62", (), expands_runs, _R, "FormatError", both(*(told(test_change_chunk.test_a_run_length_bomb_is_refused_unexpanded, count=count) for count in (2**20, 2**62)), set_aside(_run(1 << 40), "1024 entries"))),
    Row("3.2-heads", "a document that never loads again", "damages a change, its checksum made right", (), is_broken_by_a_mutant, _R, "FormatError", both(told(test_document.test_mutated_changes_never_break_a_document), told(test_document.test_a_save_that_would_load_as_another_document_is_refused), mutants_break_nothing)),
    Row("3.2-panic", "a panic of the library", "finds a change that makes it panic", (), is_passed_by_a_panic, _R, "FormatError", both(told(test_document.test_a_panic_of_the_library_ends_here, **_DOC, method="receive_sync_message", use=lambda _: _apply, error=lambda _: test_document.PanicException("index 3")), a_panic_costs_its_change_alone)),
    Row("3.2-spelling", "one change in two spellings", "writes a run where a literal belongs, or no right checksum", (), takes_two_spellings, _R, "FormatError", both(a_good_one_is_taken, set_aside(_other_spelling, "spelling"), set_aside(_wrong_checksum, "checksum"))),
    Row("3.2-actor", "one actor, two contents", "signs two changes at one number of one session", (), is_stuck_by_a_copied_actor, _R, "EquivocationError", both(told(test_document.test_one_number_with_two_contents_is_equivocation, **_DOC), a_copied_session_is_told)),
    Row("3.2-missing", "a change before its time", "leaves out what a change builds on", (), queues_in_silence, Verdict.DETECTED, "kept apart until it can be applied", both(told(test_document.test_a_change_before_its_time_waits, **_DOC), a_change_before_its_time_waits)),
    Row("3.2-flood", "no end of what waits", "sends changes whose dependencies never come", (), keeps_all_that_waits, _R, "CrowdedError", a_flood_of_what_waits_is_bounded),
    Row("3.2-conflicts", "ten thousand values at once", "writes one field as many devices", (), compares_all_with_all, _R, "shown, and settled in steps", told(test_item.test_ten_thousand_concurrent_values_resolve_fast)),
    Row("3.2-counter", "lists, numbers and counters", "writes what makes a reader panic", (), is_passed_by_a_panic, _R, "FormatError", both(told(test_document.test_a_document_of_more_than_entries_is_refused), *(set_aside(_foreign(put), "change") for put in _FOREIGN))),
    Row("3.2-nesting", "deep nesting", "nests 100,000 levels", (), nests_without_end, _R, "FormatError", deep_nesting_is_refused),
    Row("3.2-future", "a time in the future", "dates a value in the year 2999", (), lets_the_future_win, _R, "the next edit wins", both(told(test_item.test_a_future_stamp_does_not_win_for_ever), the_next_edit_wins_over_the_future)),
    Row("3.2-memory", "want of memory taken for damage", "makes memory run out over a document", (), takes_want_of_memory_for_damage, _R, "OutOfMemoryError", both(told(test_document.test_a_document_over_16_mib_is_refused_unread), want_of_memory_is_no_damage)),
    Row("3.2-junk", "junk that nobody signed", "gives two megabytes, and a bomb, for envelopes", ("oversize", "inflate-bomb"), parses_what_nobody_signed, _R, "RelayMisbehaved", huge_junk_reaches_no_parser),
)  # fmt: skip

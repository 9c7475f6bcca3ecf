"""Attacks by a member's stolen key, on a real device and on a weak one at once.

The relay cannot do this: it signs nothing, and what is not signed never gets to the
parser. Both devices read the same envelopes from the same relay; the weak one shows
that these bytes do what they are for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from automerge.core import Document

from clisk_sync.report import SyncReport
from clisk_vault import cbor
from clisk_vault.change_chunk import hash_of, parse_change
from clisk_vault.document import Applied, EntryDocument, new_actor
from clisk_vault.errors import FormatError, OutOfMemoryError
from clisk_vault.hlc import END_OF_TIME_MS, HybridClock
from clisk_vault.ids import ItemId
from clisk_vault.item_write import compose, next_stamp
from tests.attacks import poison
from tests.attacks.pen import Pen
from tests.attacks.poison import Maker, titled
from tests.attacks.stage import TITLE, Stage, beliefs, story
from tests.attacks.weak_device import WeakDevice
from tests.sync.world import Device
from tests.vault import test_document
from tests.vault.items import change, stamp
from tests.vault.test_change_chunk import mutants

ITEM, OTHER = ItemId(bytes(range(16))), ItemId(bytes(range(16, 32)))
Harm: TypeAlias = Callable[[WeakDevice], Awaitable[str]]


async def as_weak(phone: Device) -> WeakDevice:
    """Return the phone without its guards, as far as the phone is."""
    weak = WeakDevice(phone)
    await weak.sync()
    assert weak.titles() == phone.titles(), "or it falls for something else"
    return weak


async def _poisoned(
    on: Stage, laptop: Device, phone: Device, *changes: bytes, item: ItemId = ITEM
) -> SyncReport:
    """Return what the phone makes of *changes* that the laptop's stolen key signed."""
    await Pen(on, laptop, phone).sign_all((item, each) for each in changes)
    return await phone.sync()


async def goes_on(phone: Device, before: list[str]) -> None:
    """The vault opens, takes what its person writes, and has all that it had."""
    phone.write("goes on")
    await phone.sync()
    phone.restart()
    assert phone.titles() == sorted([*before, "goes on"])


def set_aside(
    bad: Maker, reason: str, harm: Harm | None = None
) -> Callable[[Stage], None]:
    """Return a play: signed by a member, it is kept with its author, and no more.

    *bad* gets a session that is rightly the member's: nothing else is wrong. *harm*
    is what it does to the weak device.
    """

    @story
    async def play(on: Stage) -> None:
        laptop, phone = await on.pair()
        weak, before = await as_weak(phone), phone.titles()
        report = await _poisoned(on, laptop, phone, bad(new_actor(laptop.id)))
        assert (report.quarantined, report.alerts) == (1, ())
        assert phone.titles() == before
        (kept,) = phone.vault.replica.quarantine()
        assert kept.author == laptop.id
        assert reason in kept.reason, kept.reason
        if harm is not None:
            on.gave.append(await harm(weak))
        await goes_on(phone, before)

    return play


# What becomes of the weak device


async def inflates(weak: WeakDevice) -> str:
    """Fifty kilobytes become fifty megabytes."""
    await weak.sync()
    title = weak.title(ITEM)
    assert isinstance(title, str)
    assert len(title) == poison.INFLATED
    return "a thousand times the memory"


def performs(count: int) -> Harm:
    """Return a harm: all of the operations are in the document."""

    async def harm(weak: WeakDevice) -> str:
        await weak.sync()
        assert weak.operations(ITEM) == count
        return f"{count:,} operations for some hundred bytes"

    return harm


async def panics(weak: WeakDevice) -> str:
    """It is taken and saved; whoever reads the item then is gone.

    A Rust panic is no Exception: no `except Exception` holds it.
    """
    await weak.sync()
    assert ITEM in weak.documents
    with pytest.raises(BaseException) as told:  # noqa: PT011  # not importable
        weak.titles()
    assert told.type.__name__ == "PanicException"
    assert not issubclass(told.type, Exception)
    return "the whole program"


async def never_loads_again(weak: WeakDevice) -> str:
    """It is taken and saved, in the library's own spelling: issue 567."""
    await weak.sync()
    with pytest.raises(Exception, match="mismatching heads"):
        Document.load(weak.documents[ITEM])
    return "a document that is saved and never loads again"


async def overflows(weak: WeakDevice) -> str:
    """A reader that calls itself for each level has no more room to."""
    with pytest.raises(RecursionError):
        await weak.sync()
    return "the stack"


# Plays


@story
async def a_good_one_is_taken(on: Stage) -> None:
    """The control of all these: with nothing wrong, the same change is an item."""
    laptop, phone = await on.pair()
    weak = await as_weak(phone)
    good = titled(new_actor(laptop.id), laptop.id)
    report = await _poisoned(on, laptop, phone, good)
    assert (report.quarantined, report.orphans) == (0, 0)
    assert len(phone.vault.replica.held(ITEM)) == 1
    await weak.sync()
    assert weak.title(ITEM) == "a title"


@story
async def mutants_break_nothing(on: Stage) -> None:
    """Damaged changes, each for an item of its own: all that is here opens."""
    laptop, phone = await on.pair()
    pen = Pen(on, laptop, phone)
    items = await many_items(pen, laptop, 600)
    await phone.sync()
    weak, before = await as_weak(phone), phone.titles()
    damaged = mutants(len(items), seed=8, actor=new_actor(laptop.id), by=laptop.id)
    await pen.sign_all(zip(items, damaged, strict=True))
    report = await phone.sync()
    assert report.quarantined > 200
    phone.restart()
    assert len(phone.titles()) == len(before)
    for each in phone.vault.overviews():
        phone.vault.view(each.item)
    await weak.sync()
    stuck = [
        each for each in items if each in weak.documents and not _loads(weak, each)
    ]
    assert stuck, "or these are harmless"
    on.gave.append("a document that is saved and never loads again")
    await goes_on(phone, phone.titles())


async def many_items(pen: Pen, laptop: Device, count: int) -> list[ItemId]:
    """Return items that the thief has written honestly, for what comes next."""
    items = [ItemId(at.to_bytes(16)) for at in range(1, count + 1)]
    sessions = (new_actor(laptop.id) for _ in items)
    honest = (titled(each, laptop.id) for each in sessions)
    await pen.sign_all(zip(items, honest, strict=True))
    return items


def _loads(weak: WeakDevice, item: ItemId) -> bool:
    try:
        Document.load(weak.documents[item])
    except Exception:  # noqa: BLE001  # whatever it is, it does not load
        return False
    return True


def many_mutants_break_nothing(on: Stage) -> None:
    """At length, on documents alone: each is refused, or saves and loads again."""
    count = 100_000 if on.long else 3000
    test_document.mutants_break_no_document(count)
    on.ran.append(f"{count:,} damaged changes")


@story
async def a_copied_session_is_told(on: Stage) -> None:
    """Two contents at one number of one session: the first stays, the other is kept."""
    laptop, phone = await on.pair()
    weak, before = await as_weak(phone), phone.titles()
    actor, pen = new_actor(laptop.id), Pen(on, laptop, phone)
    one, two = (titled(actor, laptop.id, ms=ms) for ms in (1, 2))
    await pen.sign((ITEM, one), (ITEM, two))
    report = await phone.sync()
    assert report.quarantined == 1
    assert [each.hash for each in phone.vault.replica.held(ITEM)] == [hash_of(one)]
    (kept,) = phone.vault.replica.quarantine()
    assert (kept.author, "its number" in kept.reason) == (laptop.id, True)
    await weak.sync()
    assert "duplicate" in str(weak.lost[ITEM])
    assert ITEM not in weak.documents
    on.gave.append("the document, thrown away")
    # Nor does a session of the phone's own pass for the laptop's.
    await pen.sign((OTHER, titled(new_actor(phone.id), laptop.id)))
    assert (await phone.sync()).quarantined == 1
    assert phone.vault.replica.held(OTHER) == []
    assert set(before) <= set(phone.titles())
    await goes_on(phone, phone.titles())


@story
async def a_change_before_its_time_waits(on: Stage) -> None:
    """It is kept apart, and alive once what it builds on has come."""
    laptop, phone = await on.pair()
    weak, before = await as_weak(phone), phone.titles()
    actor = new_actor(laptop.id)
    first = titled(actor, laptop.id, ms=1)
    second = change(
        {f"title/{stamp(laptop.id, ms=2)}": "the later title"},
        actor=actor,
        seq=2,
        start_op=2,
        deps=(hash_of(first),),
    )
    report = await _poisoned(on, laptop, phone, second, item=on.item)
    assert (report.orphans, report.quarantined) == (1, 0)
    assert phone.titles() == before
    await weak.sync()
    assert (weak.titles(), weak.lost) == (before, {}), "nor is it told that it waits"
    on.gave.append("a change that is lost in silence")
    phone.restart()
    assert phone.vault.replica.orphans() == 1
    came = phone.vault.replica.apply(laptop.id, on.item, first)
    assert isinstance(came, Applied)
    assert phone.vault.replica.orphans() == 0
    assert "the later title" in phone.titles()


@story
async def the_next_edit_wins_over_the_future(on: Stage) -> None:
    """What is dated 2999 is shown until its person writes, and then no more."""
    laptop, phone = await on.pair()
    weak = await as_weak(phone)
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
    report = await _poisoned(on, laptop, phone, later, item=on.item)
    assert report.quarantined == 0
    assert "by the thief" in phone.titles()
    phone.vault.edit(on.item, {"title": TITLE})
    assert "by the thief" not in phone.titles()
    assert not phone.vault.view(on.item).conflicts
    await phone.sync()
    phone.restart()
    assert TITLE in phone.titles()
    await weak.sync()
    assert len(weak.dated(on.item)) == 3, "the edit came, and is not shown"
    assert weak.title(on.item) == "by the thief"
    on.gave.append("a value that nobody can change any more")


@story
async def want_of_memory_is_no_damage(on: Stage) -> None:
    """Told as what it is: nothing is set aside, blamed or begun anew."""
    laptop, phone = await on.pair()
    weak = await as_weak(phone)
    edited = f"{TITLE}, edited"
    laptop.vault.edit(on.item, {"title": edited})
    await laptop.sync()
    before, held = beliefs(phone), phone.vault.replica.held(on.item)

    def fails(_: bytes) -> None:
        raise MemoryError

    with on.patch.context() as patch:
        there = SimpleNamespace(load=fails)
        for module in ("clisk_vault.document", "tests.attacks.weak_device"):
            patch.setattr(f"{module}.Document", there)
        with pytest.raises(OutOfMemoryError):
            await phone.sync()
        await weak.sync()
    assert on.item not in weak.documents
    assert isinstance(weak.lost[on.item], MemoryError)
    on.gave.append("the document, thrown away")
    assert beliefs(phone) == before
    assert phone.vault.replica.held(on.item) == held
    assert phone.vault.replica.quarantine() == []
    await on.heals(laptop, phone)
    assert edited in phone.titles()


@story
async def a_panic_costs_its_change_alone(on: Stage) -> None:
    """In a device's own sync: kept with its author, and all else goes on.

    No bytes are known that make the library panic and pass our own parser, so here
    the library does it at a word.
    """
    laptop, phone = await on.pair()
    before, real = phone.titles(), EntryDocument._receive

    def panics_at_a_word(self: EntryDocument, admitted: list[Any]) -> None:
        if any("panic" in str(each.entries) for each in admitted):
            with self._guarded("change"):
                raise test_document.PanicException("index 3")
        real(self, admitted)

    on.patch.setattr(EntryDocument, "_receive", panics_at_a_word)
    bad, good = (
        change({f"title/{stamp(laptop.id)}": title}, actor=new_actor(laptop.id))
        for title in ("panic now", "a good one")
    )
    report = await _poisoned(on, laptop, phone, bad, good)
    assert (report.quarantined, report.alerts) == (1, ())
    (kept,) = phone.vault.replica.quarantine()
    assert (kept.author, kept.item_id) == (laptop.id, ITEM)
    assert "refused by the document library" in kept.reason
    assert [each.hash for each in phone.vault.replica.held(ITEM)] == [hash_of(good)]
    await goes_on(phone, sorted([*before, "a good one"]))


@story
async def deep_nesting_is_refused(on: Stage) -> None:
    """At its head, before anything is built: alone, and inside a signed envelope."""
    for depth in (100, 100_000):
        with pytest.raises(FormatError):
            cbor.parse(b"\x81" * depth + b"\x00", max_bytes=1 << 20)
    laptop, phone = await on.pair()
    weak, before = await as_weak(phone), phone.titles()
    number = phone.engine.frontier.chain(laptop.id).mark.number + 1
    await Pen(on, laptop, phone).sign(content=b"\x81" * 100_000 + b"\x00")
    report = await phone.sync()
    assert [each.author for each in report.set_aside] == [laptop.id]
    assert phone.titles() == before
    assert phone.engine.frontier.chain(laptop.id).mark.number == number
    on.gave.append(await overflows(weak))
    await goes_on(phone, before)


@story
async def huge_junk_reaches_no_parser(on: Stage) -> None:
    """Unsigned junk of any kind: told, and the document library is not called."""
    laptop, phone = await on.pair()
    weak = await as_weak(phone)
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
    parsed = weak.parsed
    await weak.sync()
    assert weak.parsed == parsed + 2
    on.gave.append("the parser, reached by anybody")
    on.relay.behave()
    laptop.write("a real one")
    await laptop.sync()
    await phone.sync()
    assert calls, "or this counts nothing"

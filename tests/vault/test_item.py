"""protocol/item.md §5 and §6: what an item shows, and what a write adds to it."""

from __future__ import annotations

import random

import pytest

from clisk_vault.change_chunk import MAX_CHANGE_BYTES, encode_change
from clisk_vault.document import new_actor
from clisk_vault.entry import MAX_SEEN, REMOVED, Entries, EntryValue, parse_seen
from clisk_vault.errors import CallerError
from clisk_vault.hlc import END_OF_TIME_MS, HybridClock, Stamp
from clisk_vault.ids import DeviceId
from clisk_vault.item import ItemView
from clisk_vault.item_types import new_element_ids
from clisk_vault.item_write import choose, compose, in_changes, next_stamp
from tests.long_runs import LONG
from tests.steps import steps
from tests.vault.items import NOON, A, B, Writer, seeded, stamp

_SEALED = b"\x82\x01\x58\x60 sealed"


def _conflict(field: str = "title") -> tuple[Writer, Writer]:
    """Return two devices that changed *field* apart and then heard of each other."""
    first, second = Writer(A), Writer(B, now=lambda: NOON + 5)
    values: tuple[EntryValue, EntryValue] = ("a", "b")
    if field == "password":
        values = (_SEALED + b"a", _SEALED + b"b")
    first.write({field: values[0]})
    second.write({field: values[1]})
    first.hear(second)
    second.hear(first)
    return first, second


def test_the_view_is_a_function_of_the_entries_alone() -> None:
    """The order in which entries came shows nowhere."""
    first, _ = _conflict()
    first.write({"username": "alice", "uri.0a0a0a0a.value": "https://a"})
    entries = list(first.document.entries().items())

    shuffled = random.Random(3).sample(entries, len(entries))

    assert ItemView.from_entries(dict(shuffled)) == first.view()


def test_a_secret_shows_when_and_never_what() -> None:
    """No view, however printed, holds a sealed value."""
    writer = Writer(A)
    written = writer.write({"password": _SEALED, "title": "GitHub"})

    view = writer.view()

    assert view.fields["password"].current.stamp == written
    assert view.fields["password"].secret
    assert view.text("password") is None
    assert view.has("password")
    assert "sealed" not in repr(view)


def test_two_changes_of_one_password_meet_and_neither_is_lost() -> None:
    """Both are shown on both devices, the newer one first."""
    first, second = _conflict("password")

    for view in (first.view(), second.view()):
        (field,) = view.conflicts
        assert [version.stamp.device for version in field.conflicts] == [B, A]
        assert field.current == field.conflicts[0]


def test_choosing_settles_a_conflict_without_opening_a_seal() -> None:
    """The chosen value is current, the other history, on both devices."""
    first, second = _conflict("password")
    older = first.view().fields["password"].conflicts[1]

    now = next_stamp(first.view(), first.clock)
    first.add(choose(first.view(), now, "password", older.stamp))
    second.hear(first)

    for view in (first.view(), second.view()):
        field = view.fields["password"]
        assert not view.conflicts
        assert field.current.source == older.stamp
        assert field.current.secret
        assert len(field.history) == 2


def test_a_new_value_settles_a_conflict() -> None:
    """A write that saw both supersedes both, by one mark for the other device."""
    first, second = _conflict()

    second.write({"title": "c"})
    first.hear(second)

    assert not first.view().conflicts
    assert first.view().title == "c"
    assert [v.text for v in first.view().fields["title"].history] == ["b", "a"]


def test_settled_apart_is_a_conflict_again() -> None:
    """Two devices that settle at once, differently, are asked once more."""
    first, second = _conflict()

    first.write({"title": "c"})
    second.write({"title": "d"})
    first.hear(second)

    conflict = first.view().fields["title"].conflicts
    assert {version.text for version in conflict} == {"c", "d"}


def test_choosing_a_choice_names_the_value_itself() -> None:
    """A choice of a choice is one step from its value, however long the chain."""
    writer = Writer(A)
    original = writer.write({"title": "first"})
    writer.write({"title": "second"})
    chosen = original
    for _ in range(3):
        now = next_stamp(writer.view(), writer.clock)
        writer.add(choose(writer.view(), now, "title", chosen))
        chosen = now

    current = writer.view().fields["title"].current

    assert current.source == original
    assert current.text == "first"


def test_choosing_what_is_not_there_is_the_callers_fault() -> None:
    """A version, and a field, have to exist to be chosen."""
    writer = Writer(A)
    writer.write({"title": "x"})

    for field in ("title", "username"):
        with pytest.raises(CallerError, match="no such version"):
            choose(writer.view(), stamp(ms=9), field, stamp(B))


def test_a_future_stamp_does_not_win_for_ever() -> None:
    """A value from the year 2999 loses to the next person who edits it."""
    future = Writer(B, now=lambda: END_OF_TIME_MS - 10)
    future.write({"title": "future"})
    writer = Writer(A)
    writer.hear(future)
    assert writer.view().title == "future"

    writer.write({"title": "now"})

    assert writer.view().title == "now"
    assert not writer.view().conflicts
    assert writer.view().changed_ms == NOON


def test_a_device_that_set_its_clock_back_still_supersedes_itself() -> None:
    """Its own later write wins over its own earlier one, dated later."""
    moment = [NOON + 10**9]
    writer = Writer(A, now=lambda: moment[0])
    writer.write({"title": "ahead"})
    moment[0] = NOON

    restarted = HybridClock(A, lambda: NOON)
    now = next_stamp(writer.view(), restarted)
    writer.add(compose(writer.view(), now, {"title": "right"}))

    assert writer.view().title == "right"


def test_a_removed_field_is_gone_and_kept() -> None:
    """Removing is a version: the old value is history."""
    writer = Writer(A)
    writer.write({"username": "alice"})
    writer.write({"username": REMOVED})

    view = writer.view()

    assert view.text("username") is None
    assert not view.has("username")
    assert [v.text for v in view.fields["username"].history] == ["alice"]


def test_trash_is_a_field_like_any_other() -> None:
    """Into the trash and out again; the item itself is never deleted."""
    writer = Writer(A)
    writer.write({"title": "x", "trashed": "true"})
    assert writer.view().trashed

    writer.write({"trashed": REMOVED})

    assert not writer.view().trashed


def test_one_devices_word_is_enough_to_ask_for_the_passphrase() -> None:
    """Attack: a device that took the question away, apart, does not settle it."""
    first, second = Writer(A), Writer(B, now=lambda: NOON + 5)
    first.write({"reprompt": "true"})
    second.hear(first)
    first.write({"reprompt": "true"})
    second.write({"reprompt": REMOVED})
    first.hear(second)

    view = first.view()

    assert view.text("reprompt") is None, "the newest says no"
    assert view.asks_passphrase
    first.write({"reprompt": REMOVED})
    assert not first.view().asks_passphrase, "the control: it saw both"


def test_elements_keep_the_order_they_were_written_in() -> None:
    """Those written at once by their ids; later ones after them."""
    writer = Writer(A)
    ids = new_element_ids(3, seeded())
    writer.write({f"uri.{at}.value": f"https://{n}" for n, at in enumerate(ids)})
    (late,) = new_element_ids(1, lambda _: bytes(4))
    writer.write({f"uri.{late}.value": "https://late"})
    writer.write({f"uri.{ids[0]}.match": "exact"})
    writer.write({f"uri.{ids[1]}.value": REMOVED})

    uris = writer.view().elements("uri")

    assert [uri.text("value") for uri in uris] == [
        "https://0",
        "https://2",
        "https://late",
    ]
    assert uris[0].text("match") == "exact"
    assert uris[1].text("match") is None


def test_a_tag_that_two_devices_add_is_one_tag() -> None:
    """Tags are a set."""
    first, second = Writer(A), Writer(B)
    first.write({"tag.00000001.name": "work", "tag.00000002.name": "bank"})
    second.write({"tag.00000003.name": "work"})
    first.hear(second)

    assert first.view().tags == ("bank", "work")


def test_an_imported_item_keeps_its_dates_until_it_is_edited() -> None:
    """The dates of the source stand; a later edit is dated by its stamp."""
    writer = Writer(A)
    writer.write(
        {
            "title": "x",
            "created": "2019-03-01T10:00:00.000Z",
            "changed": "2026-11-23T06:00:20.685Z",
        }
    )
    assert writer.view().created_ms == 1_551_434_400_000
    assert writer.view().changed_ms == 1_795_413_620_685

    later = Writer(B, now=lambda: NOON + 86_400_000)
    later.hear(writer)
    later.write({"title": "y"})

    assert later.view().created_ms == 1_551_434_400_000
    assert later.view().changed_ms == NOON + 86_400_000


@pytest.mark.parametrize("text", ["yesterday", "2019-03-01T10:00:00", ""])
def test_a_date_that_is_none_falls_back_to_the_stamp(text: str) -> None:
    """What a source calls a date is kept, and trusted only if it is one."""
    writer = Writer(A)
    writer.write({"created": text, "changed": text})

    assert writer.view().created_ms == writer.view().changed_ms == NOON
    assert writer.view().text("created") == text


def test_an_item_from_a_later_version_is_shown_as_it_is() -> None:
    """Types and fields that are not in the tables are kept."""
    writer = Writer(A)
    writer.write({"type": "bank-account", "bank.iban": _SEALED, "bank.name": "x"})

    view = writer.view()

    assert view.type == "bank-account"
    assert view.known_type is None
    assert view.fields["bank.iban"].secret
    assert view.text("bank.name") == "x"


def _flood(count: int) -> dict[str, EntryValue]:
    """Return values of one field, each by a device that has seen no other."""
    source = random.Random(1)
    return {
        f"title/{Stamp(NOON + at, 0, DeviceId(source.randbytes(16)))}": f"{at}"
        for at in range(count)
    }


def _settled(entries: dict[str, EntryValue]) -> dict[str, EntryValue]:
    view = ItemView.from_entries(entries)
    now = next_stamp(view, HybridClock(A, lambda: NOON))
    return compose(view, now, {"title": "settled"})


def concurrent_values_are_settled(count: int) -> None:
    """See that *count* of them are all shown, and settled in steps."""
    entries = _flood(count)

    written = _settled(entries)

    assert len(ItemView.from_entries(entries).fields["title"].conflicts) == count
    (seen,) = (each for key, each in written.items() if key.startswith("title~seen/"))
    assert len(parse_seen(seen)) == MAX_SEEN
    after = ItemView.from_entries({**entries, **written}).fields["title"]
    assert len(after.heads) == count - MAX_SEEN + 1


def test_a_flood_of_concurrent_values_is_settled_in_steps() -> None:
    """All are shown, and each write sees as many of them as it may name."""
    concurrent_values_are_settled(100_000 if LONG else 10_000)


def test_a_flood_of_concurrent_values_costs_so_much_each() -> None:
    """Four times as many are four times the work, in steps of the interpreter."""
    few, many = (_flood(count) for count in (1500, 6000))

    assert steps(lambda: _settled(many)) < 4.4 * steps(lambda: _settled(few))


def test_control_the_count_tells_all_from_all_with_all() -> None:
    """Or it would show nothing: four times as many are sixteen times the work."""

    def compare(count: int) -> int:
        values = range(count)
        return steps(lambda: [one < other for one in values for other in values])

    assert compare(400) > 15 * compare(100)


def test_a_name_that_is_no_fields_is_the_callers_fault() -> None:
    """A program that makes up field names hears of it before anything is written."""
    with pytest.raises(CallerError, match="not a field name"):
        compose(ItemView({}), stamp(), {"Title!": "x"})


def test_a_large_write_is_split_into_changes_that_fit() -> None:
    """An import of much text goes out as several changes, nothing left out."""
    entries: Entries = {
        f"extra.{at:08x}.data/{stamp()}": bytes(40_000) for at in range(4)
    } | {f"later.{at}/{stamp()}": "" for at in range(2500)}

    parts = list(in_changes(entries))

    assert {key: value for part in parts for key, value in part.items()} == entries
    for part in parts:
        data = encode_change(
            actor=new_actor(A), seq=1, start_op=1, deps=(), entries=part
        )
        assert len(data) <= MAX_CHANGE_BYTES
        assert len(part) <= 1024

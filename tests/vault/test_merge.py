"""Merging is a union: in any order, any grouping, any number of times."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from automerge.core import Document, Message
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import document as document_module
from clisk_vault.document import Applied, EntryDocument, Orphan, Refused, new_actor
from clisk_vault.entry import REMOVED, EntryValue
from clisk_vault.errors import EquivocationError, FormatError, UnsupportedError
from clisk_vault.item import ItemView
from clisk_vault.merge import merge_changes
from tests.vault.items import NOON, A, B, C, Writer, change, seeded, stamp

_READER = new_actor(C, seeded(9))
_VALUES = st.one_of(st.sampled_from(["x", "y", ""]), st.just(REMOVED))
# Fields of all kinds: of every item, of one type, and parts of elements.
_FIELDS = (
    "title",
    "folder",
    "archived",
    "card.valid_from",
    "custom.0a1b2c3d.section",
    "attachment.0a1b2c3d.name",
)
_WRITE = st.tuples(
    st.just("write"), st.integers(0, 2), st.sampled_from(_FIELDS), _VALUES
)
_HEAR = st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 2), st.just(""))
_STEPS = st.lists(st.one_of(_WRITE, _HEAR), min_size=1, max_size=25)


class Story:
    """Three devices that wrote and heard of each other, each with its own clock."""

    def __init__(self, steps: list[tuple[Any, ...]]) -> None:
        # B's clock is a century ahead, C's ten days behind.
        skews = (0, 100 * 365 * 86_400_000, -10 * 86_400_000)
        self.writers = [
            Writer(device, now=lambda skew=skew: NOON + skew)  # type: ignore[misc]  # bound early
            for device, skew in zip((A, B, C), skews, strict=True)
        ]
        self.saw: dict[str, set[str]] = {}
        for step in steps:
            self._take(*step)
        self.changes = [sent for writer in self.writers for sent in writer.sent]

    def _take(self, kind: str, who: int, what: Any, value: EntryValue) -> None:
        writer = self.writers[who]
        if kind == "hear":
            writer.document.apply_many(self.writers[what].sent)
            return
        before = set(writer.document.entries())
        written = writer.write({what: value})
        # The model: a version saw all versions of its field that stood there.
        self.saw[f"{what}/{written}"] = {
            key for key in before if key.startswith(f"{what}/")
        }

    def heads(self, field: str) -> set[str]:
        """Return the versions that no other saw, by the model."""
        versions = {key for key in self.saw if key.startswith(f"{field}/")}
        return versions - set().union(*(self.saw[key] for key in versions))


@given(steps=_STEPS, data=st.data())
def test_any_order_with_repeats_gives_one_document(
    steps: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    """Commutative, associative, idempotent; and nothing that was written is lost."""
    story = Story(steps)
    once = merge_changes(None, story.changes, actor=_READER)
    saved = None
    waiting = data.draw(st.permutations([*story.changes, *story.changes]))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        merged = merge_changes(saved, waiting[:size], actor=_READER)
        saved = merged.saved
        orphans = [
            signed
            for signed, outcome in zip(waiting[:size], merged.outcomes, strict=True)
            if isinstance(outcome, Orphan)
        ]
        assert not any(isinstance(each, Refused) for each in merged.outcomes)
        waiting = [*waiting[size:], *orphans]

    everything = merge_changes(saved, [], actor=_READER).entries

    assert everything == once.entries
    assert ItemView.from_entries(everything) == ItemView.from_entries(once.entries)
    written = [dict(writer.document.entries()) for writer in story.writers]
    assert all(each.items() <= everything.items() for each in written)
    assert story.saw.keys() <= everything.keys()


@given(steps=_STEPS)
def test_heads_are_what_nobody_saw(steps: list[tuple[Any, ...]]) -> None:
    """The entries alone tell which versions saw which, whatever the clocks said."""
    story = Story(steps)
    merged = merge_changes(None, story.changes, actor=_READER)

    for name, view in ItemView.from_entries(merged.entries).fields.items():
        heads = {f"{name}/{version.stamp}" for version in view.heads}
        assert heads == story.heads(name)
        assert len(view.versions) == sum(
            key.startswith(f"{name}/") for key in story.saw
        )


@given(steps=_STEPS)
def test_devices_that_heard_everything_agree(steps: list[tuple[Any, ...]]) -> None:
    """After a full exchange all show the same item; a settled one stays settled."""
    story = Story(steps)
    for writer in story.writers:
        merge_all(writer, story.changes)

    views = [writer.view() for writer in story.writers]

    assert views[0] == views[1] == views[2]
    for field in views[0].conflicts:
        story.writers[0].write({field.name: "settled"})
    assert not story.writers[0].view().conflicts


def merge_all(writer: Writer, changes: list[tuple[Any, bytes]]) -> None:
    """Apply until nothing waits."""
    while any(isinstance(o, Orphan) for o in writer.document.apply_many(changes)):
        pass


def test_one_refused_change_costs_the_others_nothing() -> None:
    """Each outcome stands where its change stood; the rest is in."""
    first = change({f"title/{stamp()}": "x"})
    fork = change({f"title/{stamp(ms=1)}": "y"})
    unknown = first[:8] + b"\x09" + first[9:]
    other = change({f"title/{stamp(B)}": "z"}, actor=new_actor(B))

    merged = merge_changes(
        None,
        [(A, first), (A, fork), (A, b"junk"), (A, unknown), (B, other)],
        actor=_READER,
    )

    kinds = [type(outcome) for outcome in merged.outcomes]
    assert kinds == [Applied, Refused, Refused, Refused, Applied]
    errors = [o.error for o in merged.outcomes if isinstance(o, Refused)]
    expected = (EquivocationError, FormatError, UnsupportedError)
    assert [type(error) for error in errors] == list(expected)
    assert set(merged.entries.values()) == {"x", "z"}


def test_what_waits_for_another_of_the_same_call_goes_in() -> None:
    """A batch in reverse order leaves no orphan."""
    writer = Writer(A)
    for at in range(5):
        writer.write({"title": f"{at}"})

    merged = merge_changes(None, writer.sent[::-1], actor=_READER)

    assert all(isinstance(outcome, Applied) for outcome in merged.outcomes)
    assert merged.entries == writer.document.entries()


def test_nothing_new_leaves_the_saved_bytes_alone() -> None:
    """A caller sees by identity that there is nothing to write."""
    writer = Writer(A)
    writer.write({"title": "x"})
    saved = writer.document.save()

    assert merge_changes(saved, writer.sent, actor=_READER).saved is saved
    assert merge_changes(None, [], actor=_READER).saved is None


@pytest.mark.parametrize("new", [True, False])
def test_a_change_that_breaks_the_library_spoils_no_other(
    monkeypatch: pytest.MonkeyPatch, *, new: bool
) -> None:
    """If the library fails on what passed all checks, just that change is refused."""
    good = change({f"title/{stamp()}": "x"})
    bad = change({f"title/{stamp(B)}": "boom"}, actor=new_actor(B))
    later = change({f"title/{stamp(C)}": "z"}, actor=new_actor(C, seeded()))

    saved = None if new else EntryDocument.new(_READER).save()

    def fragile(library: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def call(data: bytes) -> Any:
            if b"boom" in data:
                raise ValueError("the library")
            return library(data)

        return call

    double = SimpleNamespace(decode=fragile(Message.decode))
    monkeypatch.setattr(document_module, "Message", double)
    # Changes of a new document meet the library when it is saved.

    class Loads:
        load = staticmethod(fragile(Document.load))

        def __new__(cls) -> Any:
            return Document()

    monkeypatch.setattr(document_module, "Document", Loads)

    merged = merge_changes(saved, [(A, good), (B, bad), (C, later)], actor=_READER)

    kinds = [type(outcome) for outcome in merged.outcomes]
    assert kinds == [Applied, Refused, Applied]
    assert set(merged.entries.values()) == {"x", "z"}
    assert merged.saved is not None
    assert EntryDocument.load(merged.saved, _READER).entries() == merged.entries


def test_a_damaged_document_is_an_error_of_its_own() -> None:
    """Bytes that are no document are not blamed on the changes."""
    with pytest.raises(FormatError):
        merge_changes(b"junk", [(A, change({f"title/{stamp()}": "x"}))], actor=_READER)

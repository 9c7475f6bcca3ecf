"""protocol/item.md §4: what goes into a document, and what is refused at its door."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from automerge.core import ROOT, Document, Message, ScalarType

from clisk_vault import document as document_module
from clisk_vault.change_chunk import MAX_CHANGE_BYTES, ChangeHash, parse_change
from clisk_vault.document import (
    MAX_DOCUMENT_BYTES,
    Applied,
    EntryDocument,
    Orphan,
    author_of,
    new_actor,
)
from clisk_vault.entry import REMOVED, EntryValue
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    EquivocationError,
    FormatError,
    OutOfMemoryError,
    VaultError,
)
from tests.long_runs import LONG
from tests.vault.items import A, B, Writer, change, seeded, stamp
from tests.vault.test_change_chunk import mutants, rechecked


def _title(at: int, text: str = "x") -> dict[str, EntryValue]:
    return {f"title/{stamp(ms=at)}": text}


@pytest.fixture
def document() -> EntryDocument:
    """An empty document, loaded at device B: the library has it in its hands."""
    actor = new_actor(B, seeded(2))
    return EntryDocument.load(EntryDocument.new(actor).save(), actor)


def test_what_is_written_is_there_after_a_reload() -> None:
    """Text, bytes and empty bytes come back as they went in."""
    entries: dict[str, EntryValue] = {
        f"title/{stamp()}": "Größe 🔑",
        f"password/{stamp()}": bytes(range(256)),
        f"username/{stamp()}": REMOVED,
        f"folder/{stamp()}": "",
    }
    written = EntryDocument.new(new_actor(A))
    written.write(entries)

    loaded = EntryDocument.load(written.save(), new_actor(A))

    assert loaded.entries() == entries
    assert loaded.heads() == written.heads()


def test_a_written_change_brings_another_device_the_same(
    document: EntryDocument,
) -> None:
    """What write() returns is what apply() takes."""
    first = EntryDocument.new(new_actor(A))

    sent = first.write(_title(1))
    outcome = document.apply(sent.data, author=A)

    assert isinstance(outcome, Applied)
    assert outcome.entries == _title(1)
    assert document.entries() == first.entries()
    assert document.save()


def test_sessions_differ_and_name_their_device() -> None:
    """Each unlock is an actor of its own, bound to its device by its first half."""
    first, second = new_actor(A), new_actor(A)

    assert first != second
    assert author_of(first) == author_of(second) == A


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param({}, id="nothing"),
        pytest.param({f"title/{stamp(B)}": "x"}, id="another device's stamp"),
        pytest.param({"title": "x"}, id="no stamp"),
        pytest.param({f"password/{stamp()}": "x"}, id="a secret in the clear"),
        pytest.param({f"title/{stamp()}": "\ud800"}, id="not Unicode"),
        pytest.param({f"later/{stamp()}": bytes(49_153)}, id="a large value"),
        pytest.param(
            {f"later.{at}/{stamp()}": bytes(40_000) for at in "ab"}, id="a large write"
        ),
        pytest.param(
            {f"later.{at}/{stamp()}": b"" for at in range(1025)}, id="many entries"
        ),
    ],
)
def test_a_bad_write_is_the_callers_fault_and_changes_nothing(
    entries: dict[str, EntryValue],
) -> None:
    """The document stays as it was, and usable."""
    document = EntryDocument.new(new_actor(A))

    with pytest.raises(CallerError) as caught:
        document.write(entries)

    assert "\ud800" not in str(caught.value)
    assert document.entries() == {}
    document.write(_title(1))


def test_nothing_is_ever_overwritten() -> None:
    """A key that stands is not written again, by us or by anybody."""
    document = EntryDocument.new(new_actor(A))
    first = document.write(_title(1, "first"))

    with pytest.raises(CallerError, match="stands already"):
        document.write(_title(1, "second"))
    other_session = change(
        _title(1, "second"), start_op=2, deps=(first.hash,), actor=new_actor(A)
    )
    with pytest.raises(EquivocationError, match="key that stands"):
        document.apply(other_session, author=A)

    assert document.entries() == _title(1, "first")


def test_one_number_with_two_contents_is_equivocation(document: EntryDocument) -> None:
    """A cloned or lying session is told from a repeated change."""
    document.apply(change(_title(1)), author=A)

    assert document.apply(change(_title(1)), author=A).hash
    with pytest.raises(EquivocationError, match="number"):
        document.apply(change(_title(2)), author=A)

    assert document.entries() == _title(1)
    assert document.save()


def test_a_change_before_its_time_waits(document: EntryDocument) -> None:
    """Missing dependencies are named, and the document is as if it never came."""
    first = parse_change(change(_title(1)))
    second = change(_title(2), seq=2, start_op=2, deps=(first.hash,))

    waiting = document.apply(second, author=A)

    assert isinstance(waiting, Orphan)
    assert waiting.missing == {first.hash}
    assert document.entries() == {}
    document.apply(first.data, author=A)
    assert isinstance(document.apply(second, author=A), Applied)
    assert document.entries() == {**_title(1), **_title(2)}


@pytest.mark.parametrize(
    ("place", "match"),
    [
        ({"seq": 3, "start_op": 2}, "gap"),
        ({"seq": 2, "start_op": 9}, "does not start after"),
        ({"seq": 2, "start_op": 1}, "does not start after"),
        ({"seq": 2, "start_op": 1, "deps": ()}, "own session's last"),
    ],
)
def test_a_change_out_of_its_place_is_refused(
    place: dict[str, Any], match: str, document: EntryDocument
) -> None:
    """Numbers and operations continue what the change says it has seen."""
    first = parse_change(change(_title(1)))
    document.apply(first.data, author=A)

    bad = change(_title(2), **{"deps": (first.hash,), **place})
    with pytest.raises(FormatError, match=match):
        document.apply(bad, author=A)

    assert document.entries() == _title(1)


def test_another_devices_session_is_refused(document: EntryDocument) -> None:
    """B cannot write on in a session of A's, whatever B signs."""
    with pytest.raises(FormatError, match="another device"):
        document.apply(change({f"title/{stamp(B)}": "x"}), author=B)


def mutants_break_no_document(count: int) -> None:
    """See that damage that is another valid change goes in and saves."""
    writer = EntryDocument.new(new_actor(B))
    writer.write({f"title/{stamp(B)}": "stays"})
    saved = writer.save()
    taken = 0
    for data in mutants(count, seed=7):
        document = EntryDocument.load(saved, new_actor(B))
        try:
            outcome = document.apply(data, author=A)
        except VaultError:
            assert document.entries(), "refused before the library saw it"
            continue
        if isinstance(outcome, Applied):
            taken += 1
            again = EntryDocument.load(document.save(), new_actor(B))
            assert again.entries() == {**writer.entries(), **outcome.entries}
    assert taken, "some damage gives another valid change, or this checks nothing"


def test_mutated_changes_never_break_a_document() -> None:
    """Damage that is another valid change goes in and saves; all else is refused."""
    mutants_break_no_document(100_000 if LONG else 3000)


class PanicException(BaseException):  # as pyo3 names it
    """Stands in for a Rust panic: past every `except Exception`."""


class _Fails:
    """Passes everything on to a document, but for one method that fails."""

    def __init__(self, real: Document, method: str, error: BaseException) -> None:
        self._real, self._method, self._error = real, method, error

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            return self._fail
        return getattr(self._real, name)

    def _fail(self, *_: object) -> None:
        raise self._error


@pytest.mark.parametrize("error", [PanicException("index 3"), Exception("index 3")])
@pytest.mark.parametrize(
    ("method", "use"),
    [
        (
            "receive_sync_message",
            lambda document: document.apply(change(_title(2)), author=A),
        ),
        (
            "receive_sync_message",
            lambda document: document.write({f"title/{stamp(B)}": "x"}),
        ),
        ("save", lambda document: document.save()),
    ],
)
def test_a_panic_of_the_library_ends_here(
    method: str,
    use: Callable[[EntryDocument], object],
    error: BaseException,
    document: EntryDocument,
) -> None:
    """It is a FormatError that quotes nothing, and the object is of no further use."""
    document._document = _Fails(document._document, method, error)  # type: ignore[assignment]  # a double

    with pytest.raises(FormatError, match="refused by the document library") as caught:
        use(document)

    assert "index 3" not in str(caught.value)
    assert caught.value.__suppress_context__
    for again in (use, EntryDocument.entries, EntryDocument.save):
        with pytest.raises(CallerError, match="load it again"):
            again(document)


def test_want_of_memory_is_not_taken_for_damage(document: EntryDocument) -> None:
    """It is named as what it is: whoever keeps damage aside must not keep this."""
    double = _Fails(document._document, "receive_sync_message", MemoryError())
    document._document = double  # type: ignore[assignment]  # a double

    with pytest.raises(OutOfMemoryError, match="no memory is left"):
        document.apply(change(_title(2)), author=A)


def test_an_interrupt_is_no_fault_of_the_library(document: EntryDocument) -> None:
    """Ctrl-C passes through, and what it left half done is not used again."""
    double = _Fails(document._document, "save", KeyboardInterrupt())
    document._document = double  # type: ignore[assignment]  # a double

    with pytest.raises(KeyboardInterrupt):
        document.save()

    with pytest.raises(CallerError, match="load it again"):
        document.entries()


def test_a_change_that_the_library_drops_in_silence_is_noticed(
    document: EntryDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library says nothing about what it does not take."""
    empty = Message.decode(b"\x42\0\0\0\0")
    monkeypatch.setattr(
        document_module, "Message", SimpleNamespace(decode=lambda _: empty)
    )

    with pytest.raises(FormatError, match="did not take it"):
        document.apply(change(_title(1)), author=A)


def test_a_save_that_would_load_as_another_document_is_refused() -> None:
    """Bytes replace the stored ones only if they hold just what stood here."""
    document = EntryDocument.new(new_actor(A))
    document.write(_title(1, "right"))
    other = EntryDocument.new(new_actor(A))
    other.write(_title(1, "wrong"))

    class Lies:
        def save(self) -> bytes:
            return other.save()

    loaded = EntryDocument.load(document.save(), new_actor(A))
    loaded._document = Lies()  # type: ignore[assignment]  # a double
    document._loose = other._loose

    for each in (loaded, document):
        with pytest.raises(FormatError, match="load as another"):
            each.save()


@pytest.mark.parametrize("count", range(1, 8))
def test_a_new_document_is_saved_as_its_changes_and_goes_on(count: int) -> None:
    """Few changes or many: what is loaded is the same, and takes the next one."""
    writer, document = EntryDocument.new(new_actor(A)), EntryDocument.new(new_actor(B))
    for number in range(count):
        data = writer.write(_title(number + 1)).data
        document.apply(data, author=A)

    loaded = EntryDocument.load(document.save(), new_actor(B))

    assert loaded.entries() == document.entries() == writer.entries()
    assert loaded.heads() == writer.heads()
    later = writer.write(_title(99)).data
    for each in (loaded, document):
        each.apply(later, author=A)
        again = EntryDocument.load(each.save(), new_actor(B))
        assert again.entries() == writer.entries()


def test_a_document_that_grew_too_large_is_not_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What could not be loaded again never replaces what can."""
    document = EntryDocument.new(new_actor(A))
    document.write({f"later/{stamp()}": random.Random(1).randbytes(1000)})
    monkeypatch.setattr(document_module, "MAX_DOCUMENT_BYTES", 1000)

    with pytest.raises(CostLimitError, match="too large"):
        document.save()


@pytest.mark.parametrize("data", [b"", b"\0", b"\x85\x6f\x4a\x83", bytes(500)])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    """Damaged bytes are a FormatError; nothing at all is no empty document."""
    with pytest.raises(FormatError):
        EntryDocument.load(data, new_actor(A))


def test_a_document_over_16_mib_is_refused_unread() -> None:
    """The reader's limit."""
    with pytest.raises(CostLimitError):
        EntryDocument.load(bytes(MAX_DOCUMENT_BYTES + 1), new_actor(A))


def test_a_damaged_document_never_gets_past_load() -> None:
    """Whatever the library does with damage, panics too, is a FormatError."""
    writer = EntryDocument.new(new_actor(A, seeded()))
    writer.write({f"title/{stamp()}": "x", f"password/{stamp()}": bytes(40)})
    saved, source, refused = writer.save(), random.Random(5), 0
    for _ in range(1500):
        damaged = bytearray(saved)
        damaged[source.randrange(8, len(saved))] ^= 1 << source.randrange(8)
        try:
            EntryDocument.load(rechecked(bytes(damaged)), new_actor(A))
        except FormatError:
            refused += 1
    assert refused


def test_a_document_of_more_than_entries_is_refused() -> None:
    """Lists, numbers and counters have no place in an item."""
    foreign = Document(new_actor(A))
    with foreign.transaction() as transaction:
        transaction.put(ROOT, "n", ScalarType.Int, 3)

    with pytest.raises(FormatError, match="more than text and bytes"):
        EntryDocument.load(foreign.save(), new_actor(A))


def test_more_heads_than_fit_into_a_change_do_not_wedge_a_document() -> None:
    """After a flood of concurrent changes a device writes on, and others follow."""
    writer, reader = Writer(B), Writer(A)
    writer.write({"title": "own"})
    flood = [
        (A, change({**_title(at), **_title(1000 + at)}, actor=new_actor(A, seeded(at))))
        for at in range(1000)
    ]
    writer.document.apply_many(flood)

    writer.write({"title": "later"})
    writer.write({"title": "latest"})

    reader.document.apply_many(flood)
    early = reader.document.apply(writer.sent[1][1], author=B)
    assert isinstance(early, Orphan), "it names its own session's last change"
    reader.hear(writer)
    assert reader.document.entries() == writer.document.entries()
    assert reader.view().title == "latest"
    assert all(len(data) < MAX_CHANGE_BYTES for _, data in writer.sent)
    assert reader.document.save()


def test_hashes_are_those_of_the_library() -> None:
    """Dependencies written by us are found by any automerge."""
    document = EntryDocument.new(new_actor(A))
    first = document.write(_title(1))
    second = document.write(_title(2))

    library = Document.load(document.save())

    assert second.deps == (first.hash,)
    assert [ChangeHash(h) for h in library.get_heads()] == [second.hash]

"""attacks.md 3.2: bytes that a member's device signed, made to break a document."""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from tests.attacks import ours_floods, poison
from tests.attacks import ours_members as ours
from tests.attacks.given import empty_document
from tests.attacks.ours_members import set_aside
from tests.attacks.stage import Row, Verdict, both, told
from tests.vault import test_change_chunk, test_document, test_item
from tests.vault.items import A, change, stamp

_S, _R, _D = Verdict.SET_ASIDE, Verdict.REFUSED, Verdict.DETECTED
_PEN = ("thief's-bytes",)
_DOC = {"document": empty_document}
_PANIC = {
    **_DOC,
    "method": "receive_sync_message",
    "use": lambda _: (
        lambda document: document.apply(change({f"title/{stamp(ms=2)}": "x"}), author=A)
    ),
    "error": lambda _: test_document.PanicException("index 3"),
}
_NO_VALUE = "neither text nor bytes"

MEMBERS = (
    Row("3.2-deflate", "a compressed change", "packs 50 MB into 50 kB", _PEN, None, _S, "compressed", both(told(test_change_chunk.test_an_inflate_bomb_is_refused_unopened), set_aside(poison.bomb, "compressed", ours.inflates))),
    Row("3.2-runs", "a million operations", "names a run of ten thousand to 2^62, which a hundred bytes can", _PEN, None, _S, "not 1 to 1024 entries", both(*(told(test_change_chunk.test_a_run_length_bomb_is_refused_unexpanded, count=count) for count in (2**20, 2**62)), set_aside(poison.claimed_run(1 << 40), "1024 entries"), set_aside(poison.one_key, "1024 entries", ours.performs(poison.ONE_KEY)), ours_floods.a_long_list_is_not_made)),
    Row("3.2-heads", "a document that never loads again", "damages a change, its checksum made right", _PEN, None, _S, "not the one accepted spelling", both(told(test_document.test_a_save_that_would_load_as_another_document_is_refused), ours.many_mutants_break_nothing, ours.mutants_break_nothing)),
    Row("3.2-panic", "a panic of the library", "writes a value of a type that nobody knows", _PEN, None, _S, _NO_VALUE, both(told(test_document.test_a_panic_of_the_library_ends_here, **_PANIC), ours.a_panic_costs_its_change_alone, set_aside(poison.value_of(poison.UNKNOWN), _NO_VALUE, ours.panics))),
    Row("3.2-spelling", "one change in two spellings", "writes a run where a literal belongs, or no right checksum", _PEN, None, _S, "not the one accepted spelling", both(ours.a_good_one_is_taken, set_aside(poison.other_spelling, "spelling", ours.never_loads_again), set_aside(poison.wrong_checksum, "checksum"))),
    Row("3.2-actor", "one actor, two contents", "signs two changes at one number of one session", _PEN, None, _S, "its number is that of another change", both(told(test_document.test_one_number_with_two_contents_is_equivocation, **_DOC), ours.a_copied_session_is_told)),
    Row("3.2-missing", "a change before its time", "leaves out what a change builds on", _PEN, None, _D, "kept apart until it can be applied", both(told(test_document.test_a_change_before_its_time_waits, **_DOC), ours.a_change_before_its_time_waits)),
    Row("3.2-flood", "no end of what waits", "sends changes whose dependencies never come", _PEN, None, _S, "of its device wait already", ours_floods.a_flood_of_what_waits_is_bounded),
    Row("3.2-conflicts", "no end of values at once", "writes one field without end, or as all members that there can be", _PEN, None, _R, "shown, and settled by an edit", both(ours_floods.no_number_of_values_costs_more_each, ours_floods.as_many_members_as_there_can_be, ours_floods.a_flood_of_values_is_settled)),
    Row("3.2-counter", "lists, numbers and counters", "writes what makes a reader panic", _PEN, None, _S, _NO_VALUE, both(told(test_document.test_a_document_of_more_than_entries_is_refused), *(set_aside(each, "change") for each in poison.FOREIGN), set_aside(poison.value_of(poison.COUNTER), _NO_VALUE, ours.panics))),
    Row("3.2-nesting", "deep nesting", "nests 100,000 levels", _PEN, None, _S, "nested deeper than 16", ours.deep_nesting_is_refused),
    Row("3.2-future", "a time in the future", "dates a value in the year 2999", _PEN, None, _R, "the next edit wins", both(told(test_item.test_a_future_stamp_does_not_win_for_ever), ours.the_next_edit_wins_over_the_future)),
    Row("3.2-memory", "want of memory taken for damage", "makes memory run out over a document", (), None, _R, "OutOfMemoryError", both(told(test_document.test_a_document_over_16_mib_is_refused_unread), ours.want_of_memory_is_no_damage), control="memory is made to run out under both; the envelope is an honest one"),
    Row("3.2-junk", "junk that nobody signed", "gives two megabytes, and a bomb, for envelopes", ("oversize", "inflate-bomb"), None, _R, "RelayMisbehaved", ours.huge_junk_reaches_no_parser),
)  # fmt: skip

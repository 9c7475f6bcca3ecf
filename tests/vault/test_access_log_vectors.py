"""protocol/access-log.md: each published case, and good ones against the CDDL."""

from __future__ import annotations

from typing import Any

import pytest

from clisk_vault import cbor
from clisk_vault.access_record import encode_content, parse_content
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import TamperedError
from clisk_vault.keys import EpochSecret, LogEntryKey
from clisk_vault.log_entry import (
    EntryPlace,
    Opening,
    commit,
    derive_log_key,
    open_entry,
    pad,
)
from clisk_vault.log_fork import ForkEvidence
from clisk_vault.log_leaf import Leaf, LeafType, LogRow
from clisk_vault.log_message import parse_log_message
from clisk_vault.log_walk import LogWalk
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.primitives import VerifyKey
from clisk_vault.verdict import Found, merge_runs
from tests.vectors import Vector, check_cddl, load_vectors, refusal

PAGE = "access-log"


def _leaf(case: Vector) -> None:
    leaf = Leaf.parse(case.raw("leaf"))
    assert leaf.encode() == case.raw("leaf")
    assert leaf.type.name.lower().replace("_", "-") == case["type"]
    assert leaf.seq == case["seq"]
    check_cddl(case.raw("leaf"), page=PAGE, rule="leaf")


def _content(case: Vector) -> None:
    content = parse_content(case.raw("content"))
    assert encode_content(content) == case.raw("content")
    check_cddl(case.raw("content"), page=PAGE, rule="content")


def _sealed(case: Vector) -> None:
    place = EntryPlace(
        case["origin"], case["seq"], LeafType(case["type"]), case["epoch"]
    )
    key = derive_log_key(
        EpochSecret(case.raw("epoch_secret")), origin=place.origin, epoch=place.epoch
    )
    opening = open_entry(key, case.raw("ciphertext"), place=place)
    content = opening.check(case.raw("commitment"))
    assert opening.key == LogEntryKey(case.raw("entry_key"))
    assert encode_content(content) == case.raw("content")
    assert commit(opening.key, pad(case.raw("content"))) == case.raw("commitment")
    check_cddl(place.context(), page=PAGE, rule="entry-context")
    context = cbor.encode([place.origin, place.epoch])
    check_cddl(context, page=PAGE, rule="log-key-context")


def _opening(case: Vector) -> None:
    opening = Opening(LogEntryKey(case.raw("entry_key")), case.raw("padded"))
    content = opening.check(Leaf.parse(case.raw("leaf")).commitment)
    assert encode_content(content) == case.raw("content")


def _head(case: Vector) -> None:
    note = UnverifiedNote.parse(case.raw("head"))
    head = Checkpoint.parse(note.text)
    note.verify([NoteKey(case["origin"], VerifyKey(case.raw("public")))])
    assert head == Checkpoint(case["origin"], case["size"], case.raw("root"))
    assert note.encode() == case.raw("head")


def _log(case: Vector) -> None:
    walk = LogWalk(case["origin"], VerifyKey(case.raw("enrolled")))
    for entry in case["entries"]:
        walk.take(_row(entry))
    walk.finish()
    found = merge_runs(walk.findings)
    assert list(map(_words, found)) == case["findings"]
    if found:
        raise TamperedError("; ".join(map(str, found)))


def _row(entry: dict[str, Any]) -> LogRow:
    ciphertext, head = entry["ciphertext"], entry["head"]
    return LogRow(
        entry["seq"],
        bytes.fromhex(entry["leaf"]),
        bytes.fromhex(entry["leaf_hash"]),
        entry["epoch"],
        None if ciphertext is None else bytes.fromhex(ciphertext),
        None if head is None else head.encode(),
    )


def _words(found: Found) -> str:
    run = "" if found.first == found.last else f"-{found.last}"
    return f"{found.kind.value} {found.first}{run}"


def _message(case: Vector) -> None:
    message = parse_log_message(case.raw("message"))
    assert message.encode() == case.raw("message")
    check_cddl(case.raw("message"), page=PAGE, rule="log-message")


def _evidence(case: Vector) -> None:
    found = ForkEvidence.parse(case.raw("evidence"))
    assert found.check() == case["origin"]
    assert found.encode() == case.raw("evidence")
    check_cddl(case.raw("evidence"), page=PAGE, rule="fork-evidence")


KINDS = {
    "message": _message,
    "evidence": _evidence,
    "leaf": _leaf,
    "content": _content,
    "sealed": _sealed,
    "opening": _opening,
    "head": _head,
    "log": _log,
}


@pytest.mark.parametrize("case", load_vectors(PAGE), ids=str)
def test_each_case_gives_its_result(case: Vector) -> None:
    """The program reads, refuses and finds what another implementation does."""
    run = KINDS[case["kind"]]
    if case.result == "ok":
        run(case)
    else:
        with pytest.raises(refusal(case.result)):
            run(case)

"""What checking an access log came to: protocol/access-log.md §9.

Never a bare yes: an intact log still says how far anyone but this device could
vouch for it, and a fault is named, not called an attack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn


class Level(StrEnum):
    """Who could have noticed a change."""

    WITNESSED = "witnessed"
    SEALED = "sealed"
    UNANCHORED = "unanchored"


class Finding(StrEnum):
    """What is wrong; at one place, they are told in this order."""

    MISSING_ENTRY = "missing entry"
    WRONG_ORDER = "wrong order"
    WRONG_PLACE = "wrong place"
    UNKNOWN_LEAF = "unknown leaf"
    EDITED_LEAF = "edited leaf"
    EDITED_LEAF_HASH = "edited leaf hash"
    EDITED_CONTENT = "edited content"
    MISSING_CONTENT = "missing content"
    UNREADABLE_CONTENT = "unreadable content"
    BROKEN_COMMITMENT = "broken commitment"
    MISSING_HEAD = "missing head"
    EDITED_HEAD = "edited head"
    UNKNOWN_KEY = "unknown key"
    UNCHECKED_HEAD = "unchecked head"
    TRUNCATED = "truncated"
    WRONG_SIGNER = "wrong signer"
    FORKED = "forked"
    BAD_COSIGNATURE = "bad cosignature"
    UNKNOWN_LOG = "unknown log"
    BAD_PROOF = "bad proof"
    FORK_EVIDENCE = "fork evidence"
    RESTORED = "restored"
    DAMAGED = "damaged"


# The sentence takes the place, an entry's index or a head's size, as {at}.
_SAYS = {
    Finding.EDITED_LEAF: "edited leaf {at}: not the one that its head signed",
    Finding.EDITED_LEAF_HASH: "edited hash of leaf {at}: the leaf itself is as signed",
    Finding.EDITED_CONTENT: "edited content of entry {at}: not what its leaf names",
    Finding.MISSING_CONTENT: "the content of entry {at} is missing",
    Finding.UNREADABLE_CONTENT: "the content of entry {at} does not open",
    Finding.BROKEN_COMMITMENT: "the content of entry {at} is not what its leaf "
    "commits to",
    Finding.UNKNOWN_LEAF: "leaf {at} is of a version or type not known here",
    Finding.WRONG_PLACE: "entry {at} is of a type that does not belong there",
    Finding.WRONG_ORDER: "wrong order: entry {at} holds another entry's leaf",
    Finding.MISSING_ENTRY: "missing: entry {at}",
    Finding.MISSING_HEAD: "missing: head {at}",
    Finding.EDITED_HEAD: "edited head {at}: not as it was signed",
    Finding.UNKNOWN_KEY: "unknown key at head {at}: not the key that the log named "
    "for it",
    Finding.UNCHECKED_HEAD: "head {at} cannot be checked, because of what is wrong "
    "before it",
    Finding.TRUNCATED: "truncated: head {at} missing",
    Finding.WRONG_SIGNER: "the key kept for the head after {at} is missing or not the "
    "one that the log names: entries were cut off, or the key was changed",
    Finding.FORKED: "forked: another device countersigned a different head {at}",
    Finding.BAD_COSIGNATURE: "a countersignature of head {at} is not valid",
    Finding.UNKNOWN_LOG: "entries of log number {at}, which this device never began",
    Finding.BAD_PROOF: "the proof of entry {at} does not lead to a head of this log",
    Finding.FORK_EVIDENCE: "forked: entry {at} exists twice, both signed; the evidence "
    "is kept: clisk log evidence",
    Finding.RESTORED: "restored: the device was put back from an older copy, and head "
    "{at} of the newer one is not here",
    Finding.DAMAGED: "damaged: at head {at} the device found this log changed on its "
    "disk, and began another",
}


class Notice(StrEnum):
    """Worth knowing, and no fault."""

    CLOCK_MOVED = "clock moved"
    AFTER_RESTORE = "begun after a restore"
    AFTER_DAMAGE = "begun after damage"
    PRUNED = "pruned"


_NOTES = {
    Notice.AFTER_RESTORE: "entry {at} begins this log because the device found itself "
    "restored from an older copy; nothing says that anybody tampered",
    Notice.AFTER_DAMAGE: "entry {at} begins this log because the one before was "
    "damaged on the device's disk",
    Notice.PRUNED: "what entry {at} said was erased by the retention policy, on record",
    Notice.CLOCK_MOVED: "the clock stood earlier at entry {at} than at the one before",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, at an entry's index or a head's size, or at a run of them."""

    kind: Finding | Notice
    first: int
    last: int

    def __str__(self) -> str:
        at = str(self.first)
        if self.last != self.first:
            at = f"{self.first} to {self.last}"
        template = (
            _SAYS[self.kind] if isinstance(self.kind, Finding) else _NOTES[self.kind]
        )
        return template.format(at=at)

    def to_json(self) -> dict[str, str | int]:
        """Return the finding for programs."""
        return {
            "kind": self.kind.value,
            "first": self.first,
            "last": self.last,
            "says": str(self),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level that a log reaches, and everything that is wrong with it."""

    origin: str
    size: int
    level: Level
    findings: tuple[Found, ...]
    notices: tuple[Found, ...] = ()
    witnessed_size: int = 0
    witnesses: tuple[str, ...] = ()

    def __bool__(self) -> NoReturn:
        """Refuse to be a yes or a no: the level matters as much as the findings."""
        raise TypeError("a verdict is not a yes or no: read level and findings")

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong, as far as *level* can tell."""
        return not self.findings

    def sentences(self) -> list[str]:
        """Return the verdict in plain words, the most important first."""
        return [
            *self.fault_sentences(),
            self._level_sentence(),
            *self.note_sentences(),
        ]

    def note_sentences(self) -> list[str]:
        """Return in plain words what is worth knowing and no fault."""
        return [f"Note: {found}." for found in self.notices]

    def fault_sentences(self) -> list[str]:
        """Return in plain words what is wrong, or that nothing is."""
        count = f"{self.size} {'entry' if self.size == 1 else 'entries'}"
        if self.findings:
            opening = f"The access log ({count}) is not as it was written."
        else:
            opening = f"Nothing was found wrong with the access log ({count})."
        return [opening, *(f"{_capital(str(found))}." for found in self.findings)]

    def _level_sentence(self) -> str:
        if self.level is Level.WITNESSED:
            after = self.size - self.witnessed_size
            return (
                f"Witnessed: {', '.join(self.witnesses)} countersigned "
                f"{self.witnessed_size} entries. "
                f"Of the {after} after them, cutting off the last could go unnoticed."
            )
        if self.level is Level.SEALED:
            return (
                "Sealed: another device holds the key that this log began with, but "
                "none has countersigned it yet. A change to an old entry is noticed; "
                "entries cut off at the end, with the file put back, may not be."
            )
        return (
            "Unanchored: no other device has seen this log. A change to an old entry "
            "is noticed; nobody could tell if the whole vault file were put back from "
            "an older copy. Pair a second device to have a witness."
        )

    def to_json(self) -> dict[str, object]:
        """Return the verdict for programs."""
        return {
            "origin": self.origin,
            "size": self.size,
            "level": self.level.value,
            "intact": self.intact,
            "witnessed_size": self.witnessed_size,
            "witnesses": list(self.witnesses),
            "findings": [found.to_json() for found in self.findings],
            "notices": [found.to_json() for found in self.notices],
            "sentences": self.sentences(),
        }


def merge_runs(found: Iterable[Found]) -> tuple[Found, ...]:
    """Return what was found, each run of neighbours as one, in order of place."""
    runs: dict[Finding | Notice, list[Found]] = {}
    for one in found:
        of_kind = runs.setdefault(one.kind, [])
        if of_kind and of_kind[-1].last <= one.first <= of_kind[-1].last + 1:
            of_kind[-1] = Found(one.kind, of_kind[-1].first, one.last)
        else:
            of_kind.append(one)
    order = [*Finding, *Notice]
    return tuple(
        sorted(
            (one for of_kind in runs.values() for one in of_kind),
            key=lambda one: (one.first, order.index(one.kind)),
        )
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]

"""Many changes into one document, with one load and one save.

Spec: protocol/item.md §4.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clisk_vault.change_chunk import ActorId
from clisk_vault.document import (
    Applied,
    EntryDocument,
    Orphan,
    Outcome,
    Refused,
    Signed,
)
from clisk_vault.entry import Entries
from clisk_vault.errors import UnsupportedError, UntrustedInputError


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of each change, in the order given, and the document after all."""

    outcomes: tuple[Outcome, ...]
    saved: bytes | None
    entries: Entries


def merge_changes(
    saved: bytes | None, changes: Sequence[Signed], *, actor: ActorId
) -> Merged:
    """Return the document *saved* (None: a new one) with *changes* brought in.

    One refused change costs the others nothing. What waits for another change
    of the same call is applied after it. `saved` of the result is the argument
    itself if nothing changed, so the caller need not write it.

    Raises:
        FormatError: *saved* is not a document.
    """
    document = _open(saved, actor)
    try:
        outcomes = _settle(changes, document.apply_many)
        after = document.save() if any(map(_adds, outcomes)) else saved
    except UntrustedInputError:
        # The library failed on a change that passed all checks. Which one it was
        # shows when each goes in alone, proven before the next.
        return _merge_singly(saved, changes, actor)
    return Merged(outcomes, after, document.entries())


def _open(saved: bytes | None, actor: ActorId) -> EntryDocument:
    if saved is None:
        return EntryDocument.new(actor)
    return EntryDocument.load(saved, actor)


def _adds(outcome: Outcome) -> bool:
    return isinstance(outcome, Applied) and bool(outcome.entries)


def _settle(
    changes: Sequence[Signed], apply: Callable[[list[Signed]], list[Outcome]]
) -> tuple[Outcome, ...]:
    """Apply all, and what waited again, until nothing more goes in."""
    outcomes: dict[int, Outcome] = {}
    waiting = list(range(len(changes)))
    while waiting:
        results = apply([changes[index] for index in waiting])
        outcomes.update(zip(waiting, results, strict=True))
        orphans = [i for i in waiting if isinstance(outcomes[i], Orphan)]
        if len(orphans) == len(waiting):
            break
        waiting = orphans
    return tuple(outcomes[index] for index in range(len(changes)))


def _merge_singly(
    saved: bytes | None, changes: Sequence[Signed], actor: ActorId
) -> Merged:
    def apply_one(signed: Signed) -> Outcome:
        nonlocal saved
        document = _open(saved, actor)
        try:
            (outcome,) = document.apply_many([signed])
            if _adds(outcome):
                saved = document.save()
        except (UntrustedInputError, UnsupportedError) as err:
            return Refused(err)
        return outcome

    outcomes = _settle(changes, lambda batch: [apply_one(each) for each in batch])
    return Merged(outcomes, saved, _open(saved, actor).entries())

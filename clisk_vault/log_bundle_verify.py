"""Checking a log bundle without a vault: protocol/log-bundle.md §5.

The walk is the one that the device itself does (log_walk.py); what an entry says
comes out only where that walk vouches for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clisk_vault.access_record import Content
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_bundle import choose_keys
from clisk_vault.log_bundle_read import UnverifiedBundle
from clisk_vault.log_kind import fits
from clisk_vault.log_leaf import Leaf, LogRow
from clisk_vault.log_walk import LogWalk
from clisk_vault.log_witness import Witnessed, sizes_seen, weigh
from clisk_vault.merkle import check_inclusion, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.verdict import Finding, Level, Verdict, merge_runs


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """An entry that was opened, and is what the log committed to then."""

    index: int
    type: str
    content: Content


@dataclass(frozen=True, slots=True)
class BundleVerdict:
    """What checking a bundle came to, and what its opened entries say."""

    verdict: Verdict
    shown: tuple[OpenedEntry, ...]
    withheld: tuple[int, ...]
    """Entries that were opened and are not shown: nothing vouches for them."""

    def sentences(self) -> list[str]:
        """Return the outcome in plain words, the most important first."""
        said = [*self.verdict.fault_sentences(), _level(self.verdict)]
        said += self.verdict.note_sentences()
        if self.withheld:
            said.append(
                f"{len(self.withheld)} opened entries are not shown: nothing vouches "
                "for what they say."
            )
        return said

    def to_json(self) -> dict[str, object]:
        """Return the outcome for programs."""
        return {
            **self.verdict.to_json(),
            "sentences": self.sentences(),
            "shown": [
                {"index": one.index, "type": one.type, **one.content.to_json()}
                for one in self.shown
            ],
            "withheld": list(self.withheld),
        }


def verify_bundle(
    bundle: UnverifiedBundle,
    keys: Iterable[NoteKey],
    *,
    seen: Sequence[UnverifiedNote] = (),
    on_entry: Callable[[], None] = _nothing,
) -> BundleVerdict:
    """Check *bundle* from its enrolled key to its end; never stops early.

    Args:
        bundle: what read_bundle() returned.
        keys: from anybody but whoever made the bundle. One is the log's enrolled
            key; countersigning keys are those of the vault's other devices.
        seen: countersigned heads that those devices handed over themselves: whoever
            made the bundle can have left them out of it.
        on_entry: called for each entry, for those who show progress.

    Raises:
        TamperedError: none of *keys* is for this log.
        FormatError, StoreError: the files changed since they were read.

    Spec: protocol/log-bundle.md §5. Vectors: log-bundle/.
    """
    facts, heads = (
        bundle.facts,
        dict.fromkeys(proof.head for proof in bundle.proofs.values()),
    )
    seen = (*seen, *bundle.seen)
    chosen = choose_keys(keys, origin=facts.origin)
    walk = LogWalk(
        facts.origin,
        chosen.enrolled.public,
        wanted=sizes_seen(seen),
        contents=False,
    )
    opened: list[tuple[LogRow, Leaf]] = []
    places: dict[bytes, int] = {}
    sure = 0
    for row, leaf in walk.take_all(bundle.rows()):
        if row.head is not None:
            if row.head in heads:
                places[row.head] = row.seq + 1
            if not walk.findings:
                sure = row.seq + 1
        # Without its leaf the walk has named what is wrong, and it is not shown.
        if row.seq in bundle.openings and leaf is not None:
            opened.append((row, leaf))
        on_entry()
    walk.finish()
    witnessed = weigh(walk, chosen.peers, seen)
    if any(found.kind is Finding.FORKED for found in walk.findings):
        sure = min(sure, witnessed.size)
    judged = [_judge(walk, bundle, row, leaf, places) for row, leaf in opened]
    shown = tuple(one for one in judged if one is not None and one.index < sure)
    withheld = bundle.openings.keys() - {one.index for one in shown}
    return BundleVerdict(_verdict(walk, witnessed), shown, tuple(sorted(withheld)))


def _judge(
    walk: LogWalk,
    bundle: UnverifiedBundle,
    row: LogRow,
    leaf: Leaf,
    places: dict[bytes, int],
) -> OpenedEntry | None:
    """Check opening and proof of an entry; return it if nothing is wrong."""
    at, before = row.seq, len(walk.findings)
    _check_proof(walk, bundle, row, places)
    try:
        content = bundle.openings[at].check(leaf.commitment)
    except TamperedError:
        walk.find(Finding.BROKEN_COMMITMENT, at)
        return None
    except (FormatError, UnsupportedError):
        walk.find(Finding.UNREADABLE_CONTENT, at)
        return None
    device = bundle.facts.origin.split("/")[1]
    if not fits(leaf.type, content) or content.device.hex() != device:
        walk.find(Finding.WRONG_PLACE, at)
    if len(walk.findings) > before:
        return None
    return OpenedEntry(at, leaf.type.name.lower().replace("_", "-"), content)


def _check_proof(
    walk: LogWalk, bundle: UnverifiedBundle, row: LogRow, places: dict[bytes, int]
) -> None:
    proof = bundle.proofs[row.seq]
    try:
        head = Checkpoint.parse(UnverifiedNote.parse(proof.head).text)
        if proof.index != row.seq or places.get(proof.head) != head.size:
            raise FormatError("proof: of another entry, or in a head of another log")
        check_inclusion(
            leaf_hash(row.leaf),
            index=row.seq,
            size=head.size,
            proof=proof.path,
            root=head.root,
        )
    except (FormatError, TamperedError):
        walk.find(Finding.BAD_PROOF, row.seq)


def _verdict(walk: LogWalk, witnessed: Witnessed) -> Verdict:
    return Verdict(
        walk.origin,
        walk.count,
        witnessed.level,
        merge_runs(walk.findings),
        merge_runs(walk.notices),
        witnessed.size,
        witnessed.names,
    )


def _level(verdict: Verdict) -> str:
    if verdict.level is Level.WITNESSED:
        after = verdict.size - verdict.witnessed_size
        return (
            f"Witnessed: {', '.join(verdict.witnesses)} countersigned "
            f"{verdict.witnessed_size} entries. Of the {after} after them, some may be "
            "cut off at the end, or added by whoever had the device's key by then."
        )
    if verdict.level is Level.SEALED:
        return (
            "Sealed: no device whose key was given has countersigned this log. Old "
            "entries are as they were written; newer ones may be cut off at the end, "
            "or added by whoever had the device's key by then."
        )
    return (
        "Unanchored: no key of another device was given. Old entries are as they were "
        "written; newer ones may be cut off at the end, or added by whoever had the "
        "device's key by then."
    )

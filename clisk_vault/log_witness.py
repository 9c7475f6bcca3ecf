"""What other devices saw of a log: protocol/access-log.md §7.

A head that a peer countersigned cannot be taken back: cut off, it is missed;
changed, it is a fork that anyone can check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import TamperedError
from clisk_vault.log_walk import LogWalk
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.verdict import Finding, Level


@dataclass(frozen=True, slots=True)
class Witnessed:
    """How far peers vouch for a log."""

    level: Level
    size: int
    names: tuple[str, ...]


def sizes_seen(seen: Iterable[UnverifiedNote]) -> frozenset[int]:
    """Return the sizes at which a walk must remember its root."""
    return frozenset(Checkpoint.parse(note.text).size for note in seen)


def weigh(
    walk: LogWalk, peers: Sequence[NoteKey], seen: Iterable[UnverifiedNote]
) -> Witnessed:
    """Hold a finished *walk* against what *peers* countersigned.

    *seen* are heads of this log that came back from other devices; those that
    are kept with the log were collected by the walk.
    """
    if not peers:
        return Witnessed(Level.UNANCHORED, 0, ())
    good: dict[str, int] = {}
    for note, is_ours in [(n, True) for n in walk.cosigned] + [
        (n, False) for n in seen
    ]:
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != walk.origin:
            continue
        names = _cosigners(walk, note, checkpoint.size, peers)
        if names and (is_ours or _agrees(walk, checkpoint)):
            good |= {name: max(checkpoint.size, good.get(name, 0)) for name in names}
    if not good:
        return Witnessed(Level.SEALED, 0, ())
    size = max(good.values())
    names = sorted(name for name, seen_size in good.items() if seen_size == size)
    return Witnessed(Level.WITNESSED, size, tuple(names))


def _cosigners(
    walk: LogWalk, note: UnverifiedNote, size: int, peers: Sequence[NoteKey]
) -> list[str]:
    """Return the peers whose countersignature of *note* is good."""
    names = []
    for line in note.lines:
        for peer in peers:
            if (line.name, line.key_id) != (peer.name, peer.id):
                continue
            try:
                peer.check(note.text, line.signature)
            except TamperedError:
                walk.find(Finding.BAD_COSIGNATURE, size)
            else:
                names.append(peer.name)
    return names


def _agrees(walk: LogWalk, head: Checkpoint) -> bool:
    """Hold a head that a peer vouches for against the log; say what differs."""
    if head.size > walk.size:
        walk.find(Finding.TRUNCATED, walk.size + 1, head.size)
        return False
    root = walk.roots.get(head.size)
    if root is not None and root != head.root:
        walk.find(Finding.FORKED, head.size)
    return root == head.root

"""What a thief can make of a log: the table that the scoreboard runs through.

The thief took all files after entry t: t entries, every key that lay on the disk,
and with them the signing key of the next head. *old* is an entry half way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from attacks.victim import Victim
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.log_entry import Opening, pad
from clisk_vault.log_leaf import Leaf, LeafType, LogRow, Restart
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote, sign_line
from clisk_vault.primitives import SigningKey

Rows = list[LogRow]
_MADE_UP = bytes([1] * 32)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the thief hands over as the device's log."""

    rows: Rows
    origin: str
    openings: Mapping[int, Opening] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thief:
    """All files of a device after *t* entries, and the key of its next head."""

    victim: Victim
    other: Victim
    t: int

    @property
    def rows(self) -> Rows:
        return list(self.victim.rows[: self.t])

    @property
    def key(self) -> SigningKey:
        return self.victim.keys[self.t]

    @property
    def old(self) -> int:
        """An entry that was written well before the theft."""
        return self.t // 2

    def own_key(self, number: int) -> SigningKey:
        """Return a key that the thief made."""
        return SigningKey(number.to_bytes(32))

    def show(self, rows: Rows) -> Shown:
        """Return *rows* as this device's log, numbered as they lie."""
        return Shown(
            [replace(row, seq=at) for at, row in enumerate(rows)], self.victim.origin
        )

    def edited(self, at: int, **changes: object) -> LogRow:
        """Return entry *at* with another leaf, and the hash of it."""
        return _with_leaf(self.rows[at], **changes)

    def put(self, at: int, row: LogRow) -> Rows:
        rows = self.rows
        rows[at] = row
        return rows

    def head(self, rows: Sequence[LogRow], key: SigningKey) -> bytes:
        """Return a head over *rows* by *key*."""
        return _head(self.victim.origin, rows, key)

    def resealed(self, rows: Rows, *, start: int, key: SigningKey) -> Rows:
        """Return *rows* with each head from *start* on signed by one *key*."""
        return [
            replace(row, head=self.head(rows[: at + 1], key)) if at >= start else row
            for at, row in enumerate(rows)
        ]

    def continued(self, rows: Rows, count: int) -> Rows:
        """Return *rows* with false entries added: the stolen key, then own ones."""
        rows, key = list(rows), self.key
        for number in range(1, count + 1):
            following = self.own_key(number)
            leaf = Leaf(
                LeafType.READ, len(rows), following.public(), _MADE_UP, _MADE_UP
            )
            data = leaf.encode()
            rows.append(LogRow(len(rows), data, leaf_hash(data), 1, None, None))
            rows[-1] = replace(rows[-1], head=self.head(rows, key))
            key = following
        return rows


def _with_leaf(row: LogRow, **changes: object) -> LogRow:
    leaf = replace(Leaf.parse(row.leaf), **changes).encode()  # type: ignore[arg-type]
    return replace(row, leaf=leaf, leaf_hash=leaf_hash(leaf))


def _head(origin: str, rows: Sequence[LogRow], key: SigningKey) -> bytes:
    tree = Frontier(row.leaf_hash for row in rows)
    text = Checkpoint(origin, tree.size, tree.root()).encode()
    line = sign_line(text, by=NoteKey(origin, key.public()), key=key)
    return UnverifiedNote(text, (line,)).encode()


def _renumbered(rows: Rows) -> Rows:
    return [_with_leaf(row, seq=at) for at, row in enumerate(rows)]


def _unsealed(rows: Rows, *, keep: int = -1) -> Rows:
    return [
        row if at == keep else replace(row, head=None) for at, row in enumerate(rows)
    ]


# --- the attacks


def _edit(thief: Thief) -> Shown:
    return thief.show(
        thief.put(thief.old, thief.edited(thief.old, commitment=_MADE_UP))
    )


def _edit_keep_hash(thief: Thief) -> Shown:
    row = thief.edited(thief.old, commitment=_MADE_UP)
    kept = replace(row, leaf_hash=thief.rows[thief.old].leaf_hash)
    return thief.show(thief.put(thief.old, kept))


def _delete(thief: Thief) -> Shown:
    return thief.show([*thief.rows[: thief.old], *thief.rows[thief.old + 1 :]])


def _delete_and_reseal(thief: Thief) -> Shown:
    rows = _renumbered([*thief.rows[: thief.old], *thief.rows[thief.old + 1 :]])
    return thief.show(thief.resealed(rows, start=thief.old, key=thief.key))


def _reorder(thief: Thief) -> Shown:
    rows, at = thief.rows, thief.old
    # The heads stay where they were: only what was logged changes places.
    rows[at - 1], rows[at] = (
        replace(rows[at], head=rows[at - 1].head),
        replace(rows[at - 1], head=rows[at].head),
    )
    return thief.show(rows)


def _reorder_and_reseal(thief: Thief) -> Shown:
    rows, at = thief.rows, thief.old
    rows[at - 1], rows[at] = rows[at], rows[at - 1]
    return thief.show(thief.resealed(_renumbered(rows), start=at - 1, key=thief.key))


def _reseal_all(thief: Thief) -> Shown:
    rows = thief.put(thief.old, thief.edited(thief.old, commitment=_MADE_UP))
    return thief.show(thief.resealed(rows, start=0, key=thief.key))


def _reseal_later(thief: Thief) -> Shown:
    rows = thief.put(thief.old, thief.edited(thief.old, commitment=_MADE_UP))
    return thief.show(thief.resealed(rows, start=thief.old, key=thief.key))


def _reseal_named(thief: Thief) -> Shown:
    """The edited entry names the stolen key, so later heads seem to be due to it."""
    rows = [
        _with_leaf(row, next=thief.key.public()) if at >= thief.old else row
        for at, row in enumerate(thief.rows)
    ]
    return thief.show(thief.resealed(rows, start=thief.old, key=thief.key))


def _unseal(thief: Thief) -> Shown:
    return thief.show(_unsealed(thief.rows))


def _unseal_one(thief: Thief) -> Shown:
    rows, at = thief.rows, thief.old
    return thief.show(thief.put(at, replace(rows[at], head=None)))


def _newest_head_only(thief: Thief) -> Shown:
    rows = _unsealed(thief.put(thief.old, thief.edited(thief.old, commitment=_MADE_UP)))
    rows[-1] = replace(rows[-1], head=thief.head(rows, thief.key))
    return thief.show(rows)


def _one_head_over_all(thief: Thief) -> Shown:
    """Every leaf names one next key, as if all had been logged at once."""
    rows = thief.put(thief.old, thief.edited(thief.old, commitment=_MADE_UP))
    rows = _unsealed([_with_leaf(row, next=thief.own_key(1).public()) for row in rows])
    rows[-1] = replace(rows[-1], head=thief.head(rows, thief.key))
    return thief.show(rows)


def _truncate_and_continue(thief: Thief) -> Shown:
    return thief.show(thief.continued(thief.rows[: thief.old], 5))


def _truncate_and_stop(thief: Thief) -> Shown:
    return thief.show(thief.rows[: thief.old])


def _truncate_by_one(thief: Thief) -> Shown:
    return thief.show(thief.rows[:-1])


def _older_copy(thief: Thief) -> Shown:
    return thief.show(thief.rows)


def _come_back(thief: Thief) -> Shown | None:
    """All files once more, long after: the stolen key has been used by then."""
    rows = list(thief.victim.rows)
    if thief.t == len(rows):
        return None
    rows[thief.t] = _with_leaf(rows[thief.t], commitment=_MADE_UP)
    head = thief.head(rows[: thief.t + 1], thief.key)
    rows[thief.t] = replace(rows[thief.t], head=head)
    return thief.show(rows) if thief.t + 1 < len(rows) else None


def _append_one(thief: Thief) -> Shown:
    return thief.show(thief.continued(thief.rows, 1))


def _append_many(thief: Thief) -> Shown:
    return thief.show(thief.continued(thief.rows, 30))


def _other_device(thief: Thief) -> Shown:
    return thief.show(list(thief.other.rows[: thief.t]))


def _other_device_as_itself(thief: Thief) -> Shown:
    return Shown(list(thief.other.rows[: thief.t]), thief.other.origin)


def _other_device_renamed(thief: Thief) -> Shown:
    """Another device's entries, resealed under this one's name."""
    rows = list(thief.other.rows[: thief.t])
    return thief.show(thief.resealed(rows, start=0, key=thief.key))


def _made_up(thief: Thief) -> Shown:
    """A log of the thief's own from the first head on."""
    following = thief.own_key(1).public()
    leaf = Leaf(LeafType.GENESIS, 0, following, _MADE_UP, _MADE_UP).encode()
    first = LogRow(0, leaf, leaf_hash(leaf), 1, None, None)
    first = replace(first, head=thief.head([first], thief.own_key(2)))
    return thief.show([first])


def _begin_anew(thief: Thief, key: SigningKey) -> Shown:
    """A log that says that it goes on after a restore, its entries made up."""
    origin = thief.victim.following.name
    rows: Rows = []
    following = [thief.own_key(number) for number in (1, 2, 3)]
    for seq, (by, then) in enumerate(pairwise([key, *following])):
        leaf = Leaf(
            LeafType.READ if seq else LeafType.INCARNATION,
            seq,
            then.public(),
            _MADE_UP,
            _MADE_UP,
            None if seq else thief.rows[-1].head,
            None if seq else Restart.RESTORED,
        ).encode()
        row = LogRow(seq, leaf, leaf_hash(leaf), 1, None, None)
        rows.append(replace(row, head=_head(origin, [*rows, row], by)))
    return Shown(rows, origin)


def _begin_anew_with_log_key(thief: Thief) -> Shown:
    return _begin_anew(thief, thief.key)


def _begin_anew_with_identity(thief: Thief) -> Shown:
    return _begin_anew(thief, thief.victim.identity)


def _false_opening(thief: Thief) -> Shown:
    opening = thief.victim.openings[thief.old]
    false = Opening(opening.key, pad(b"nothing was read here"))
    return replace(thief.show(thief.rows), openings={thief.old: false})


def _swapped_opening(thief: Thief) -> Shown:
    return replace(
        thief.show(thief.rows),
        openings={thief.old: thief.victim.openings[thief.old - 1]},
    )


@dataclass(frozen=True, slots=True)
class Attack:
    """A row of the scoreboard; *because* explains each place where it succeeds."""

    name: str
    run: Callable[[Thief], Shown | None]
    """Returns None where there is nothing to attack in this way."""
    because: str = ""


_END = "an older state is a true one: only who remembers a newer head can tell"
_KEY = (
    "from the theft on the thief signs as the device: only a newer head that a peer "
    "saw can tell, and revoking the device ends it"
)
_ANEW = (
    "a log that begins anew begins under the device's own key, which is not erased: "
    "it says that another one came before it, of which nothing is hidden, and revoking "
    "the device ends it"
)
ATTACKS: tuple[Attack, ...] = (
    Attack("edit an old entry", _edit),
    Attack("edit an old entry, keep its hash", _edit_keep_hash),
    Attack("delete an old entry", _delete),
    Attack("delete an old entry, renumber, reseal from there", _delete_and_reseal),
    Attack("exchange two old entries", _reorder),
    Attack(
        "exchange two old entries, renumber, reseal from there", _reorder_and_reseal
    ),
    Attack("edit, reseal everything with the stolen key", _reseal_all),
    Attack("edit, reseal from there with the stolen key", _reseal_later),
    Attack("edit, name the stolen key, reseal from there", _reseal_named),
    Attack("unseal: drop every head", _unseal),
    Attack("drop one old head", _unseal_one),
    Attack("edit, show only the newest head, by the stolen key", _newest_head_only),
    Attack("edit, put everything under one head by the stolen key", _one_head_over_all),
    Attack("truncate to half and continue", _truncate_and_continue),
    Attack("truncate to half and stop", _truncate_and_stop, _END),
    Attack("cut off the last entry", _truncate_by_one, _END),
    Attack("show the log as it was at the theft", _older_copy, _END),
    Attack("come back later: edit what was logged next, keep the rest", _come_back),
    Attack("append a false entry with the stolen key", _append_one, _KEY),
    Attack("append thirty false entries", _append_many, _KEY),
    Attack("show another device's log as this one's", _other_device),
    Attack("show another device's log as its own", _other_device_as_itself),
    Attack("show another device's entries, resealed", _other_device_renamed),
    Attack("make up a whole log", _made_up),
    Attack("begin another log with the stolen key", _begin_anew_with_log_key),
    Attack(
        "begin another log with the device's own key", _begin_anew_with_identity, _ANEW
    ),
    Attack("open an entry with another text", _false_opening),
    Attack("open an entry with another entry's text", _swapped_opening),
)

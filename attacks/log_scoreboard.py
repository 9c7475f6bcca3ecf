"""Runs every attack at every theft, past every kind of outsider, by two verifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attacks.log_attacks import ATTACKS, Attack, Shown, Thief
from attacks.log_peer import PeerDevice
from attacks.victim import ENTRIES, Victim, make_victim
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_bundle import BundleFacts, LogKeys, runs
from clisk_vault.log_bundle_read import read_bundle
from clisk_vault.log_bundle_verify import verify_bundle
from clisk_vault.log_bundle_write import write_bundle
from clisk_vault.merkle import Tree, check_inclusion
from clisk_vault.note import NoteKey, UnverifiedNote
from scripts import go_programs

# With fewer than three entries the one half way is the newest, and not an old one.
THEFTS = tuple(range(3, ENTRIES + 1))
# A few that lie at, before and behind what the peers saw: for tests.
FEW_THEFTS = (4, 20, 40, 41, 60)


@dataclass(frozen=True, slots=True)
class Outsider:
    """Who checks: with a peer's key or without, and with a head that it handed over."""

    name: str
    knows_peer: bool = False
    saw: int | None = None


OUTSIDERS = (
    Outsider("no peer"),
    Outsider("a peer's key, none of its heads", knows_peer=True),
    Outsider("a peer saw 20", knows_peer=True, saw=20),
    Outsider("a peer saw 40", knows_peer=True, saw=40),
    Outsider("a peer saw 60", knows_peer=True, saw=ENTRIES),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verifier made of a bundle: accepted or not, and at which level."""

    accepted: bool
    level: str = ""
    witnessed_size: int = 0


# Another device of the vault, told in sync what an outsider is shown.
PEERS = (20, 40)


REJECTED = Outcome(accepted=False)
Judge = Callable[[Path, Sequence[NoteKey], UnverifiedNote | None], Outcome]


def judge_in_python(
    folder: Path, keys: Sequence[NoteKey], seen: UnverifiedNote | None
) -> Outcome:
    """Return what our own verifier says."""
    heads = [] if seen is None else [seen]
    try:
        outcome = verify_bundle(read_bundle(folder), keys, seen=heads)
    except (FormatError, TamperedError, UnsupportedError):
        return REJECTED
    verdict = outcome.verdict
    if verdict.findings:
        return REJECTED
    return Outcome(
        accepted=True,
        level=verdict.level.value,
        witnessed_size=verdict.witnessed_size,
    )


def judge_in_go(
    folder: Path, keys: Sequence[NoteKey], seen: UnverifiedNote | None
) -> Outcome:
    """Return what the independent verifier says."""
    key_file, head_file = folder.with_suffix(".keys"), folder.with_suffix(".head")
    key_file.write_text("".join(f"{key.encode()}\n" for key in keys), encoding="utf-8")
    if seen is not None:
        head_file.write_bytes(seen.encode())
    answer = go_programs.verify_bundle(
        folder, key_file, seen=None if seen is None else head_file
    )
    if not answer.accepted:
        return REJECTED
    return Outcome(
        accepted=True,
        level=answer.fields["level"],
        witnessed_size=answer.fields["witnessed_size"],
    )


JUDGES: dict[str, Judge] = {"python": judge_in_python, "go": judge_in_go}


@dataclass(frozen=True, slots=True)
class Result:
    """One attack after one theft, before one outsider, by each verifier."""

    attack: Attack
    theft: int
    outsider: Outsider
    outcomes: dict[str, Outcome]

    @property
    def agreed(self) -> bool:
        """Whether all verifiers said the same."""
        return len(set(self.outcomes.values())) == 1

    @property
    def accepted(self) -> bool:
        """Whether any verifier accepted."""
        return any(outcome.accepted for outcome in self.outcomes.values())

    @property
    def unexplained(self) -> bool:
        """Whether it was accepted and nobody has said why that cannot be helped."""
        return self.accepted and not self.attack.because


@dataclass(frozen=True, slots=True)
class PeerResult:
    """One attack after one theft, told to another device of the vault."""

    attack: Attack
    theft: int
    holds: int
    accepted: bool

    @property
    def unexplained(self) -> bool:
        """Whether it was countersigned and nobody has said why."""
        return self.accepted and not self.attack.because


def play_to_peers(
    folder: Path,
    *,
    thefts: Iterable[int] = THEFTS,
    attacks: Sequence[Attack] = ATTACKS,
) -> Iterator[PeerResult]:
    """Yield what another device makes of each attack; files go to *folder*."""
    victim, other = make_victim(folder), make_victim(folder, name="phone")
    peers = [PeerDevice(folder, victim, holds) for holds in PEERS]
    for theft in thefts:
        thief = Thief(victim, other, theft)
        for attack in attacks:
            shown = attack.run(thief)
            if shown is None:
                continue
            for peer in peers:
                deceived = peer.is_deceived(shown)
                yield PeerResult(attack, theft, peer.holds, deceived)
    for peer in peers:
        peer.close()


def play(
    folder: Path,
    *,
    judges: Sequence[str] = tuple(JUDGES),
    thefts: Iterable[int] = THEFTS,
    attacks: Sequence[Attack] = ATTACKS,
) -> Iterator[Result]:
    """Yield the result of every attack; files go to *folder*."""
    victim, other = make_victim(folder), make_victim(folder, name="phone")
    for theft in thefts:
        thief = Thief(victim, other, theft)
        for number, attack in enumerate(attacks):
            bundle = folder / f"{theft}-{number}"
            shown = attack.run(thief)
            if shown is None:
                continue
            hand_over(shown, bundle, victim)
            for outsider in OUTSIDERS:
                keys = [victim.enrolled, victim.following]
                if outsider.knows_peer:
                    keys.append(victim.peer)
                seen = outsider.saw and victim.seen_by_peer(outsider.saw)
                yield Result(
                    attack,
                    theft,
                    outsider,
                    {name: JUDGES[name](bundle, keys, seen or None) for name in judges},
                )


def newest_head_alone(folder: Path, *, theft: int) -> bool:
    """Return what a careless verifier says of an old entry that was edited.

    It takes the newest head, the key that the entry before names for it, and an
    inclusion proof: an ordinary tlog-proof. No verifier of ours does that.
    """
    victim = make_victim(folder)
    thief = Thief(victim, victim, theft)
    rows = thief.put(thief.old, thief.edited(thief.old, commitment=bytes(32)))
    head = UnverifiedNote.parse(thief.head(rows, thief.key))
    tree = Tree(row.leaf_hash for row in rows)
    try:
        head.verify([NoteKey(victim.origin, thief.key.public())])
        check_inclusion(
            rows[thief.old].leaf_hash,
            index=thief.old,
            size=theft,
            proof=tree.inclusion_proof(thief.old, theft),
            root=Checkpoint.parse(head.text).root,
        )
    except (FormatError, TamperedError):
        return False
    return True


def hand_over(shown: Shown, folder: Path, victim: Victim) -> None:
    """Write what the thief shows as a bundle of the right shape."""
    own = {key.name: key for key in (victim.enrolled, victim.following)}
    enrolled = own.get(shown.origin, NoteKey(shown.origin, victim.enrolled.public))
    write_bundle(
        shown.rows,
        folder,
        facts=BundleFacts(shown.origin, len(shown.rows)),
        keys=LogKeys(enrolled, (victim.peer,)),
        openings=shown.openings,
    )


def cell(results: Sequence[Result] | Sequence[PeerResult]) -> str:
    """Say what came of one attack before one outsider, over all thefts."""
    accepted = [one.theft for one in results if one.accepted]
    if not accepted:
        return "rejected"
    if len(accepted) == len(results):
        return "**accepted**"
    tried = [one.theft for one in results]
    places = [tried.index(theft) for theft in accepted]
    spans = [
        "-".join(str(tried[int(end)]) for end in run.split("-")) for run in runs(places)
    ]
    return f"**accepted** after {', '.join(spans)}"

"""What sync has found, in plain words, with what to do next.

`{who}` stands for the device whose chain it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """One finding: what it means, and the next step."""

    says: str
    next: str


_COMPARE: Final = (
    "compare `clisk sync code` on both devices; if it stays different, use another"
    " relay"
)

_WORDS: Final[dict[str, Words]] = {
    "RollbackDetected": Words(
        "the relay was set back: it no longer has what it had of {who}",
        "nothing is lost here, and this device sends its part again; ask who runs it",
    ),
    "MembershipRollback": Words(
        "the relay was set back: it gives fewer membership records than before",
        "nothing is lost here; ask who runs the relay what happened",
    ),
    "ReplayedEnvelope": Words(
        "the relay gave something of {who} a second time",
        "it was ignored; if it goes on, ask who runs the relay",
    ),
    "GapError": Words(
        "something of {who} is missing in what the relay gives",
        "it is asked for again at each sync; if it stays missing: " + _COMPARE,
    ),
    "UnknownEpoch": Words(
        "something of {who} is sealed with a key that the relay has not given",
        "it is asked for again at each sync; if it stays: " + _COMPARE,
    ),
    "ForkDetected": Words(
        "{who} has two histories: it was copied, or somebody else writes with its keys",
        "keep the evidence: clisk sync evidence --to FILE; then revoke that device",
    ),
    "PreviousMismatch": Words(
        "{who} goes on from a history that this device never saw",
        "keep the evidence: clisk sync evidence --to FILE; then revoke that device",
    ),
    "FrontierRegression": Words(
        "{who} knows less than it knew before: it may be an old backup of itself",
        "look at that device; if it was restored, run there: clisk devices renew",
    ),
    "AfterTheCut": Words(
        "{who} was revoked and still writes; what it wrote is kept apart, unread",
        "nothing of it is applied; look through what changed shortly before",
    ),
    "StaleEpoch": Words(
        "{who} writes under a key that a revoked device may know",
        "update the program on that device, and change what it has stored since",
    ),
    "Withheld": Words(
        "another device has news of {who} that the relay does not give",
        _COMPARE,
    ),
    "RecordsWithheld": Words(
        "another device knows a change of members that the relay does not give",
        _COMPARE,
    ),
    "MembershipFork": Words(
        "two devices were told two different lists of members",
        "pair nothing and revoke nothing; keep the evidence, and " + _COMPARE,
    ),
    "CloneDetected": Words(
        "this vault was restored from a backup, or copied: the relay has newer news of"
        " this very device",
        "nothing is sent until it has an identity of its own: clisk devices renew",
    ),
    "ForeignEnvelope": Words(
        "the relay gave something of another vault",
        "nothing of it was read; ask who runs the relay",
    ),
    "NotAMember": Words(
        "the relay gave something that a stranger wrote",
        "nothing of it was read; ask who runs the relay",
    ),
    "RelayMisbehaved": Words(
        "the relay gave something that its protocol does not allow",
        "check the address, and ask who runs the relay",
    ),
    "TamperedError": Words(
        "the relay gave something that was changed on its way",
        "nothing of it was read; ask who runs the relay",
    ),
    "MembershipError": Words(
        "the relay gave a membership record that must not be believed",
        "nothing changed here; pair nothing over this relay until it is clear why",
    ),
    "SnapshotForged": Words(
        "the relay gave a snapshot that no member has made, or spoilt it",
        "nothing of it was taken, nothing is deleted for it; ask who runs the relay",
    ),
    "SnapshotReplayed": Words(
        "the relay gives an older snapshot than it gave before",
        "nothing is lost here; ask who runs the relay",
    ),
    "SnapshotFork": Words(
        "two devices were shown two different snapshots",
        "keep the evidence: clisk sync evidence --to FILE; and " + _COMPARE,
    ),
    "SnapshotContradicted": Words(
        "a snapshot covers other things than this device has verified",
        "nothing of it was taken; look at the device that made it",
    ),
    "SnapshotUnproven": Words(
        "a snapshot says more of a device than that device has signed for",
        "it is looked at again at each sync; if it stays: " + _COMPARE,
    ),
    "SnapshotInvents": Words(
        "a snapshot holds something that no device ever sent",
        "nothing of it was taken; revoke the device that made it: clisk devices",
    ),
    "SnapshotDrops": Words(
        "a snapshot leaves out something that it should hold",
        "nothing is deleted for it; revoke the device that made it: clisk devices",
    ),
    "SnapshotWithheld": Words(
        "another device made a snapshot that the relay does not give",
        "it is asked for again at each sync; if it stays: " + _COMPARE,
    ),
    "DeletedEarly": Words(
        "the relay deleted news before this device had signed that it has them",
        "the snapshot was taken instead, and nothing of yours is lost; ask who runs it",
    ),
    "KitUsed": Words(
        "a recovery kit let {who} in",
        "if that was not you: revoke both, then change every password",
    ),
}


def words_for(kind: str, who: str, *, otherwise: Words) -> Words:
    """Return the plain words for a finding, or *otherwise* where there are none."""
    known = _WORDS.get(kind, otherwise)
    return Words(known.says.replace("{who}", who), known.next)

"""Vectors of protocol/envelope.md §7: what a relay gives, and what is found.

The reader is the laptop. Each step is an envelope, or a membership record that the
reader learns of; `finds` names what disagrees.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol.build.common import Cases, Cbor, Json, cases
from protocol.build.envelope import Draft, content
from protocol.build.epochs import revoke_body
from protocol.build.family import (
    LAPTOP,
    PHONE,
    TABLET,
    Device,
    family,
    genesis,
    signed,
    with_changes,
)
from protocol.build.family import record_hash as digest

Step = tuple[bytes, list[str]]
_REVOCATIONS: set[bytes] = set()


def build() -> None:
    """Write every case of the page."""
    with cases("frontier") as write:
        _chains(write)
        _claims(write)
        _cuts(write)


def _write(write: Cases, name: str, says: str, *steps: Step) -> None:
    clean = not any(finds for _, finds in steps)
    told: list[Json] = [{_what(data): data, "finds": finds} for data, finds in steps]
    write(
        name,
        spec="envelope.md §7",
        says=says,
        vault=digest(genesis()),
        records=list(family()),
        reader=LAPTOP.id,
        steps=told,
        result="ok" if clean else "tampered",
    )


def _what(data: bytes) -> str:
    return "record" if data in _REVOCATIONS else "envelope"


def _revocation(number: int, digest_of_last: bytes) -> bytes:
    """Return the record by which the laptop revokes the tablet at that cut."""
    cut = {1: TABLET.id, 2: number, 3: digest_of_last}
    record = signed(with_changes(revoke_body(list(family())), {13: cut}), LAPTOP)
    _REVOCATIONS.add(record)
    return record


def _chain(author: Device, length: int, **inside: Any) -> list[bytes]:
    """Return an honest chain of that many envelopes."""
    chain: list[bytes] = []
    for number in range(1, length + 1):
        previous = digest(chain[-1]) if chain else bytes(32)
        draft = Draft(author, number, previous, content(clock_ms=number, **inside))
        chain.append(draft.signed())
    return chain


def _chains(write: Cases) -> None:
    one, two, three = _chain(PHONE, 3)
    first_tablet = _chain(TABLET, 1)[0]
    _write(write, "honest", "a chain in its order", (one, []), (two, []), (three, []))
    says = "two chains, mixed"
    _write(write, "mixed", says, (one, []), (first_tablet, []), (two, []))
    again = ["ReplayedEnvelope"]
    _write(write, "replay", "one envelope twice", (one, []), (one, again))
    says = "an old one after newer ones"
    _write(write, "replay_late", says, (one, []), (two, []), (one, again), (three, []))
    says = "the second missing; taken when it comes"
    gap = ["GapError"]
    _write(write, "gap", says, (one, []), (three, gap), (two, []), (three, []))
    _write(write, "gap_at_start", "the first missing", (two, gap), (one, []), (two, []))
    other = Draft(PHONE, 2, digest(one), content(clock_ms=99)).signed()
    fork = ["ForkDetected"]
    _write(
        write, "fork", "two envelopes at number 2", (one, []), (two, []), (other, fork)
    )
    on_other = Draft(PHONE, 3, digest(other), content()).signed()
    says = "the third builds on another second"
    mismatch = ["PreviousMismatch"]
    _write(write, "mismatch", says, (one, []), (two, []), (on_other, mismatch))
    own = _chain(LAPTOP, 1)[0]
    _write(write, "clone", "an own envelope never written", (own, ["CloneDetected"]))
    later = Draft(PHONE, 2, digest(one), content(), epoch=2).signed()
    back = Draft(PHONE, 3, digest(later), content(), epoch=1).signed()
    regression = ["FrontierRegression"]
    says = "back to an earlier epoch"
    _write(write, "epoch_back", says, (one, []), (later, []), (back, regression))


def _claims(write: Cases) -> None:
    phone = _chain(PHONE, 2)

    def tablet(number: int, previous: bytes, **inside: Any) -> bytes:
        before = digest(previous) if previous else bytes(32)
        return Draft(TABLET, number, before, content(**inside)).signed()

    def mark(number: int, envelope: bytes) -> dict[bytes, Cbor]:
        return {PHONE.id: [number, digest(envelope)]}

    knows = tablet(1, b"", marks=mark(1, phone[0]))
    says = "a claim that agrees"
    _write(write, "claim_agrees", says, (phone[0], []), (knows, []))
    ahead = tablet(1, b"", marks=mark(2, phone[1]))
    says = "a claim of what has not come: withheld, until it comes"
    steps: list[Step] = [(phone[0], []), (ahead, ["Withheld"]), (phone[1], [])]
    _write(write, "withheld", says, *steps)
    other = Draft(PHONE, 1, bytes(32), content(clock_ms=99)).signed()
    differs = tablet(1, b"", marks=mark(1, other))
    says = "a claim of another envelope than the one held"
    _write(write, "claim_differs", says, (phone[0], []), (differs, ["ForkDetected"]))
    says = "the other envelope comes after the claim"
    late: list[Step] = [(differs, ["Withheld"]), (phone[0], ["ForkDetected"])]
    _write(write, "claim_differs_before", says, *late)
    forgets = tablet(2, knows)
    back = ["FrontierRegression"]
    says = "a claim that lacks a device named before"
    _write(write, "claim_lacks", says, (phone[0], []), (knows, []), (forgets, back))
    both = tablet(1, b"", marks=mark(2, phone[1]))
    lower = tablet(2, both, marks=mark(1, phone[0]))
    says = "a claim with a lower number than before"
    known: list[Step] = [(phone[0], []), (phone[1], []), (both, []), (lower, back)]
    _write(write, "claim_lower", says, *known)
    low = tablet(2, knows, marks=mark(1, phone[0]), height=1)
    says = "a claim of fewer members than before"
    _write(write, "claim_members", says, (phone[0], []), (knows, []), (low, back))
    own: dict[bytes, Cbor] = {LAPTOP.id: [1, bytes(range(32))]}
    says = "a claim of own envelopes never written"
    _write(write, "claim_clone", says, (tablet(1, b"", marks=own), ["CloneDetected"]))
    wrong = replace(
        Draft(TABLET, 1, bytes(32)), inside={**content(), 3: [2, bytes(range(32))]}
    )
    says = "another membership record at a height held"
    _write(write, "claim_record", says, (wrong.signed(), ["MembershipFork"]))
    more = replace(
        Draft(TABLET, 1, bytes(32)), inside={**content(), 3: [3, bytes(range(32))]}
    )
    says = "a membership record that has not come"
    _write(write, "claim_record_ahead", says, (more.signed(), ["RecordsWithheld"]))


def _cuts(write: Cases) -> None:
    one, two, three = _chain(TABLET, 3)
    other = Draft(TABLET, 2, digest(one), content(clock_ms=99)).signed()
    at_two = _revocation(2, digest(two))
    after, fork, withheld = ["AfterTheCut"], ["ForkDetected"], ["Withheld"]
    says = "revoked at what is held; what it writes after that does not count"
    held: list[Step] = [(one, []), (two, []), (at_two, []), (three, after)]
    _write(write, "cut", says, *held)
    says = "what counts comes after the revocation, and counts"
    late: list[Step] = [(at_two, withheld), (one, withheld), (two, []), (three, after)]
    _write(write, "cut_before_its_envelopes", says, *late)
    says = "more was taken in than counts"
    more: list[Step] = [(one, []), (two, []), (three, []), (at_two, after)]
    _write(write, "cut_behind_what_is_held", says, *more)
    says = "the revocation names another envelope than the one held"
    forged = _revocation(2, digest(other))
    _write(write, "cut_forged", says, (one, []), (two, []), (forged, fork))
    says = "another envelope is given at the cut than the one that it names"
    given: list[Step] = [(at_two, withheld), (one, withheld), (other, fork)]
    _write(write, "cut_other_given", says, *given)
    says = "none of its envelopes counts"
    _write(write, "cut_at_0", says, (_revocation(0, bytes(32)), []), (one, after))
    says = "another device has taken in what does not count"
    marks: dict[bytes, Cbor] = {TABLET.id: [3, digest(three)]}
    claims = Draft(PHONE, 1, bytes(32), content(marks=marks)).signed()
    took: list[Step] = [(one, []), (two, []), (at_two, []), (claims, after)]
    _write(write, "cut_and_a_claim_behind_it", says, *took)

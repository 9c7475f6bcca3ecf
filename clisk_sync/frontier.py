"""What this device has verified of every chain: protocol/envelope.md §6.5 and §7.

Pure: no disk, no network, no clock. A `Frontier` never changes; each step gives
the next one, which holds at least as much. What disagrees gets a name and its
evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypedDict

from clisk_sync.envelope import Envelope, Header
from clisk_sync.envelope_content import Claim, Mark
from clisk_sync.errors import (
    AfterTheCut,
    CloneDetected,
    CoveredEnvelope,
    ForkDetected,
    FrontierRegression,
    GapError,
    MembershipFork,
    PeerError,
    PreviousMismatch,
    RecordsWithheld,
    ReplayedEnvelope,
    StaleEpoch,
    Withheld,
)
from clisk_sync.membership import Head, Membership
from clisk_sync.transport import NO_HASH
from clisk_vault.ids import DeviceId, EnvelopeHash


class History(Protocol):
    """The envelopes kept on this device."""

    def hash_of(self, device: DeviceId, number: int) -> EnvelopeHash | None:
        """Return the hash of the envelope kept at *number*, None if none is."""
        ...

    def bytes_of(self, device: DeviceId, number: int) -> bytes | None:
        """Return that envelope as it stands on the relay, while it is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """The newest verified envelope of one device."""

    mark: Mark
    epoch: int
    # By the author's clock, and by ours: the age of the news.
    written_ms: int
    received_ms: int


_NO_CHAIN = Chain(Mark(0, EnvelopeHash(NO_HASH)), 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Said:
    """What an author claimed so far, and the number of its newest envelope."""

    claim: Claim
    number: int


@dataclass(frozen=True, slots=True)
class Missing:
    """An envelope that a peer has and we do not, and since when we know."""

    number: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Frontier:
    """All chains, all claims, and what is missing between them."""

    own: DeviceId
    chains: Mapping[DeviceId, Chain] = field(default_factory=dict)
    said: Mapping[DeviceId, Said] = field(default_factory=dict)
    missing: Mapping[DeviceId, Missing] = field(default_factory=dict)
    missing_record: Missing | None = None

    def chain(self, device: DeviceId) -> Chain:
        """Return the chain of *device*; number 0 is none."""
        return self.chains.get(device, _NO_CHAIN)

    def marks(self, devices: Mapping[DeviceId, object]) -> dict[DeviceId, Mark]:
        """Return what to claim: the marks of those of *devices* heard of."""
        return {
            device: chain.mark
            for device, chain in self.chains.items()
            if device != self.own and device in devices
        }

    def check_next(self, envelope: Envelope, history: History) -> None:
        """Refuse every envelope but its author's next one (§6 step 5).

        Raises:
            ReplayedEnvelope, ForkDetected, GapError, PreviousMismatch,
            FrontierRegression, CloneDetected: as §7 says.
        """
        header, held = envelope.header, self.chain(envelope.header.author)
        where = _where(header)
        if header.number <= held.mark.number:
            ours = history.hash_of(header.author, header.number)
            if ours == envelope.hash:
                raise ReplayedEnvelope("seen before", **where)
            if ours is None:
                raise CoveredEnvelope("a snapshot took its place here", **where)
            kept = history.bytes_of(header.author, header.number)
            raise ForkDetected(
                "another one bears this number",
                evidence=_evidence(kept, envelope.data),
                **where,
            )
        if header.author == self.own:
            raise CloneDetected(
                "the relay holds it, this device never wrote it",
                evidence=(envelope.data,),
                **where,
            )
        if header.number > held.mark.number + 1:
            raise GapError(f"the one after {held.mark.number} is missing", **where)
        if header.previous != held.mark.hash:
            kept = history.bytes_of(header.author, held.mark.number)
            raise PreviousMismatch(
                "builds on another envelope than the one held",
                evidence=_evidence(kept, envelope.data),
                **where,
            )
        if header.epoch < held.epoch:
            raise FrontierRegression(
                "goes back to an earlier epoch", evidence=(envelope.data,), **where
            )

    def take(self, envelope: Envelope, *, written_ms: int, now_ms: int) -> Frontier:
        """Return the frontier with *envelope*, which check_next() let pass.

        *written_ms* is 0 where the inside could not be read.
        """
        header = envelope.header
        chain = Chain(
            Mark(header.number, envelope.hash), header.epoch, written_ms, now_ms
        )
        missing = dict(self.missing)
        awaited = missing.get(header.author)
        if awaited is not None and awaited.number <= header.number:
            del missing[header.author]
        return replace(
            self, chains={**self.chains, header.author: chain}, missing=missing
        )

    def disputes(self, envelope: Envelope, history: History) -> list[PeerError]:
        """Return a fork for each author that claimed another hash for *envelope*."""
        header, found = envelope.header, list[PeerError]()
        for author, said in self.said.items():
            mark = said.claim.marks.get(header.author)
            if mark is None or mark.number != header.number:
                continue
            if mark.hash != envelope.hash:
                witness = history.bytes_of(author, said.number)
                found.append(
                    _disputed(header.author, mark.number, envelope.data, witness)
                )
        return found

    def hear(
        self,
        envelope: Envelope,
        claim: Claim,
        history: History,
        *,
        membership: Membership,
        now_ms: int,
    ) -> tuple[Frontier, list[PeerError]]:
        """Return the frontier after *claim* of *envelope*, and what disagrees.

        A claim changes no chain: it can only tell what is missing or forked.
        """
        author, active = envelope.header.author, membership.devices
        found: list[PeerError] = [*self._regressions(envelope, claim, history, active)]
        missing = dict(self.missing)
        for device, mark in claim.marks.items():
            cut = membership.cut(device)
            if device not in active and cut is None:
                continue  # its record is missing too, and that is said below
            if cut is not None and mark.number > cut.number:
                found.append(_after_cut(device, mark.number, envelope.data))
                continue
            held = history.hash_of(device, mark.number)
            if held is None and mark.number <= self.chain(device).mark.number:
                continue  # a snapshot took its place here
            if held is None and device == self.own:
                found.append(_cloned(device, mark, envelope.data))
            elif held is None:
                awaited = missing.get(device, Missing(0, now_ms))
                number = max(awaited.number, mark.number)
                missing[device] = replace(awaited, number=number)
            elif held != mark.hash:
                kept = history.bytes_of(device, mark.number)
                found.append(_disputed(device, mark.number, kept, envelope.data))
        found.extend(_record_disputes(envelope, claim, membership))
        found.extend(_stale_epoch(envelope, claim, membership))
        said = Said(self._forward(author, claim, active), envelope.header.number)
        after = replace(self, said={**self.said, author: said}, missing=missing)
        return after.await_records(membership, now_ms=now_ms), found

    def expecting(
        self, marks: Mapping[DeviceId, Mark], head: Head, *, now_ms: int
    ) -> Frontier:
        """Return the frontier that misses *marks* until it has them.

        They came with the pairing, from a device that this one trusts: its word is
        kept as if it were our own.
        """
        missing = {
            device: Missing(mark.number, now_ms)
            for device, mark in marks.items()
            if mark.number > self.chain(device).mark.number
        }
        said = Said(Claim(marks, head.height, head.hash), 0)
        return replace(
            self,
            missing={**self.missing, **missing},
            said={**self.said, self.own: said},
        )

    def jump(self, ahead: Mapping[DeviceId, Chain]) -> Frontier:
        """Return the frontier whose chains *ahead* a snapshot has moved forward."""
        missing = {
            device: each
            for device, each in self.missing.items()
            if device not in ahead or ahead[device].mark.number < each.number
        }
        return replace(self, chains={**self.chains, **ahead}, missing=missing)

    def await_records(self, membership: Membership, *, now_ms: int) -> Frontier:
        """Return the frontier with what it lacks of the membership known or settled."""
        claimed = max(
            (said.claim.membership_height for said in self.said.values()), default=0
        )
        if claimed <= membership.head.height:
            return replace(self, missing_record=None)
        since_ms = self.missing_record.since_ms if self.missing_record else now_ms
        return replace(self, missing_record=Missing(claimed, since_ms))

    def _forward(
        self, author: DeviceId, claim: Claim, active: Mapping[DeviceId, object]
    ) -> Claim:
        """Return the most that *author* ever claimed: a claim never moves back."""
        before = self.said.get(author)
        if before is None:
            return claim
        marks = {
            device: mark
            for device, mark in {**claim.marks, **before.claim.marks}.items()
            if device in active
        }
        for device, mark in claim.marks.items():
            if device in marks and mark.number > marks[device].number:
                marks[device] = mark
        newest = max(claim, before.claim, key=lambda said: said.membership_height)
        return replace(newest, marks=marks)

    def _regressions(
        self,
        envelope: Envelope,
        claim: Claim,
        history: History,
        active: Mapping[DeviceId, object],
    ) -> Iterator[FrontierRegression]:
        before = self.said.get(envelope.header.author)
        if before is None:
            return
        evidence = _evidence(
            history.bytes_of(envelope.header.author, before.number), envelope.data
        )
        where = _where(envelope.header)
        for device, mark in before.claim.marks.items():
            now = claim.marks.get(device)
            if device in active and (now is None or now.number < mark.number):
                yield FrontierRegression(
                    "its author had verified more before", evidence=evidence, **where
                )
            elif device in active and now is not None and _differs(now, mark):
                yield FrontierRegression(
                    "its author had verified another one", evidence=evidence, **where
                )
        if claim.membership_height < before.claim.membership_height:
            yield FrontierRegression(
                "its author knew more members before", evidence=evidence, **where
            )

    def withheld(self) -> list[PeerError]:
        """Return an alert for each thing that a peer has and we do not."""
        found: list[PeerError] = [
            Withheld(
                "another device has it, the relay does not give it",
                device=device,
                number=missing.number,
                since_ms=missing.since_ms,
            )
            for device, missing in self.missing.items()
        ]
        if (record := self.missing_record) is not None:
            found.append(
                RecordsWithheld(height=record.number, since_ms=record.since_ms)
            )
        return found


class _Where(TypedDict):
    device: DeviceId
    number: int


def _where(header: Header) -> _Where:
    return _Where(device=header.author, number=header.number)


def _evidence(*envelopes: bytes | None) -> tuple[bytes, ...]:
    return tuple(data for data in envelopes if data is not None)


def _differs(one: Mark, other: Mark) -> bool:
    return one.number == other.number and one.hash != other.hash


def _disputed(
    device: DeviceId, number: int, kept: bytes | None, witness: bytes | None
) -> ForkDetected:
    return ForkDetected(
        "another device has verified another one at this number",
        device=device,
        number=number,
        evidence=_evidence(kept, witness),
    )


def _after_cut(device: DeviceId, number: int, witness: bytes) -> AfterTheCut:
    return AfterTheCut(
        "another device has taken it in, though its author is revoked",
        device=device,
        number=number,
        evidence=(witness,),
    )


def _stale_epoch(
    envelope: Envelope, claim: Claim, membership: Membership
) -> Iterator[StaleEpoch]:
    """Yield what an author wrote in an epoch that it knew to be over."""
    height = claim.membership_height
    if height > membership.head.height:
        return
    if envelope.header.epoch < membership.epoch_at(height):
        yield StaleEpoch(
            "its author knew of a newer epoch",
            evidence=(envelope.data,),
            **_where(envelope.header),
        )


def _cloned(device: DeviceId, mark: Mark, witness: bytes) -> CloneDetected:
    return CloneDetected(
        "another device has verified it, this device never wrote it",
        device=device,
        number=mark.number,
        evidence=(witness,),
    )


def _record_disputes(
    envelope: Envelope, claim: Claim, membership: Membership
) -> Iterator[MembershipFork]:
    """Yield a fork when the author believes another record than we do."""
    height = claim.membership_height
    ours = membership.hash_at(height)
    if ours is not None and ours != claim.membership_hash:
        yield MembershipFork(
            height=height, ours=membership.records[height], theirs=envelope.data
        )

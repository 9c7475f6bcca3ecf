"""protocol/envelope.md §7: the frontier alone, without disk or network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.cuts import check_cut, heed_cuts
from clisk_sync.envelope import Envelope, parse_unverified_envelope
from clisk_sync.envelope_content import Mark, parse_content
from clisk_sync.errors import FrontierError, PeerError
from clisk_sync.frontier import Chain, Frontier
from clisk_sync.membership import Membership
from clisk_vault.ids import DeviceId, EnvelopeHash, VaultId
from clisk_vault.keys import EpochSecret
from tests.vectors import Vector, load_vectors

_SECRET = EpochSecret(
    load_vectors("envelope", where=lambda case: case.case == "heartbeat")[0].raw(
        "secret"
    )
)


@dataclass
class Reader:
    """The reader of a vector: a frontier, and a dictionary for a disk."""

    membership: Membership
    frontier: Frontier
    kept: dict[tuple[DeviceId, int], Envelope] = field(default_factory=dict)
    now_ms: int = 0

    @classmethod
    def of(cls, case: Vector) -> Reader:
        records = [bytes.fromhex(record) for record in case["records"]]
        membership = Membership.verify(VaultId(case.raw("vault")), records)
        return cls(membership, Frontier(DeviceId(case.raw("reader"))))

    def hash_of(self, device: DeviceId, number: int) -> EnvelopeHash | None:
        kept = self.kept.get((device, number))
        return kept.hash if kept else None

    def bytes_of(self, device: DeviceId, number: int) -> bytes | None:
        kept = self.kept.get((device, number))
        return kept.data if kept else None

    def learn(self, record: bytes) -> list[PeerError]:
        """Return what is found when a membership record comes."""
        self.now_ms += 1
        self.membership = self.membership.extend(record)
        self.frontier, found = heed_cuts(
            self.frontier, self.membership, self, now_ms=self.now_ms
        )
        return [*found, *self.frontier.withheld()]

    def receive(self, data: bytes) -> list[PeerError]:
        """Return what is found at this envelope: faults, and what is missing."""
        self.now_ms += 1
        unverified = parse_unverified_envelope(data)
        author = unverified.unverified_header.author
        envelope = unverified.verify(self.membership.known(author).public.signing)
        try:
            check_cut(envelope, self.frontier, self.membership)
            self.frontier.check_next(envelope, self)
        except FrontierError as found:
            return [found]
        self.kept[author, envelope.header.number] = envelope
        disputes = self.frontier.disputes(envelope, self)
        content = parse_content(envelope.open(_SECRET), author=author)
        taken = self.frontier.take(
            envelope, written_ms=content.clock_ms, now_ms=self.now_ms
        )
        self.frontier, found_in_claim = taken.hear(
            envelope,
            content.claim,
            self,
            membership=self.membership,
            now_ms=self.now_ms,
        )
        return [*disputes, *found_in_claim, *self.frontier.withheld()]


def _steps(case: Vector) -> list[tuple[bytes, list[str]]]:
    """Return the envelopes of a case, and what each is found to be."""
    return [
        (bytes.fromhex(step["envelope"]), step["finds"])
        for step in case["steps"]
        if "envelope" in step
    ]


_CASES = load_vectors("frontier")


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_frontier_vector(case: Vector) -> None:
    """Each envelope of each published sequence is found to be what is published."""
    reader = Reader.of(case)
    for step in case["steps"]:
        if "record" in step:
            found = reader.learn(bytes.fromhex(step["record"]))
        else:
            found = reader.receive(bytes.fromhex(step["envelope"]))
        assert [type(each).__name__ for each in found] == step["finds"]


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_signed_findings_carry_what_shows_them(case: Vector) -> None:
    """Forks, mismatches, regressions and clones come with signed bytes."""
    reader = Reader.of(case)
    for data, _ in _steps(case):
        for found in reader.receive(data):
            if type(found).__name__ in {
                "ForkDetected",
                "PreviousMismatch",
                "FrontierRegression",
                "CloneDetected",
            }:
                assert isinstance(found, FrontierError)
                assert found.evidence
                for evidence in found.evidence:
                    parse_unverified_envelope(evidence)


_HONEST = [data for data, _ in _steps(next(c for c in _CASES if c.case == "honest"))]
_MIXED = [data for data, _ in _steps(next(c for c in _CASES if c.case == "mixed"))]


def test_all_interleavings_end_where_order_ends() -> None:
    """However envelopes arrive, and however often, asking again leads to one end."""
    case = _CASES[0]
    ends = set()
    for order in itertools.permutations([*_HONEST, _MIXED[1]]):
        reader = Reader.of(case)
        # Each round takes one envelope at least, however bad the order.
        for _ in order:
            for data in order:
                reader.receive(data)
        ends.add(
            tuple(
                sorted(
                    (device, chain.mark.number, chain.mark.hash)
                    for device, chain in reader.frontier.chains.items()
                )
            )
        )

    assert len(ends) == 1


_POOL = sorted({data for case in _CASES for data, _ in _steps(case)})


@given(st.lists(st.sampled_from(_POOL), max_size=12))
def test_a_frontier_only_moves_forward(offered: list[bytes]) -> None:
    """Whatever a relay offers, nothing that was verified is lost or replaced."""
    reader = Reader.of(_CASES[0])
    for data in offered:
        before = reader.frontier
        kept = dict(reader.kept)

        reader.receive(data)

        for device, chain in before.chains.items():
            assert reader.frontier.chain(device).mark.number >= chain.mark.number
        for author, said in before.said.items():
            after = reader.frontier.said[author].claim
            assert after.membership_height >= said.claim.membership_height
            for device, mark in said.claim.marks.items():
                assert after.marks[device].number >= mark.number
        assert kept.items() <= reader.kept.items()


@given(st.lists(st.sampled_from(_POOL), max_size=12))
def test_a_chain_is_always_one_chain(offered: list[bytes]) -> None:
    """What was taken of a device is numbered from 1 and linked by hashes."""
    reader = Reader.of(_CASES[0])
    for data in offered:
        reader.receive(data)

    for (device, number), envelope in reader.kept.items():
        if number > 1:
            assert envelope.header.previous == reader.kept[device, number - 1].hash


_CLAIMING = next(case for case in _CASES if case.case == "withheld")


def _with_marks() -> tuple[bytes, DeviceId, Mark]:
    """Return an envelope that claims a mark which nobody gives, and that mark."""
    data, _ = next(step for step in _steps(_CLAIMING) if "Withheld" in step[1])
    unverified = parse_unverified_envelope(data)
    author = unverified.unverified_header.author
    membership = Reader.of(_CLAIMING).membership
    envelope = unverified.verify(membership.known(author).public.signing)
    claim = parse_content(envelope.open(_SECRET), author=author).claim
    ((device, mark),) = claim.marks.items()
    return data, device, mark


def _jumped(device: DeviceId, number: int) -> Reader:
    """Return a reader whose chain of *device* a snapshot has moved to *number*."""
    reader = Reader.of(_CLAIMING)
    mark = Mark(number, EnvelopeHash(bytes(32)))
    reader.frontier = reader.frontier.jump({device: Chain(mark, 1, 0, 0)})
    return reader


def _hear(reader: Reader, data: bytes) -> list[PeerError]:
    """Return what is found in the claim alone, and what is missing then."""
    unverified = parse_unverified_envelope(data)
    author = unverified.unverified_header.author
    envelope = unverified.verify(reader.membership.known(author).public.signing)
    claim = parse_content(envelope.open(_SECRET), author=author).claim
    reader.frontier, found = reader.frontier.hear(
        envelope, claim, reader, membership=reader.membership, now_ms=1
    )
    return [*found, *reader.frontier.withheld()]


def test_a_claim_on_what_a_snapshot_covers_asks_for_nothing() -> None:
    """The envelope is gone, its place is known: it is neither missing nor forked."""
    data, device, mark = _with_marks()

    assert _hear(_jumped(device, mark.number), data) == []
    assert _hear(_jumped(device, mark.number + 7), data) == []
    # The control: one further than what is covered is missed.
    assert _names(_hear(_jumped(device, mark.number - 1), data)) == ["Withheld"]
    assert _names(_hear(Reader.of(_CLAIMING), data)) == ["Withheld"]


def test_an_envelope_that_a_snapshot_covers_is_told_from_a_fork() -> None:
    """Nothing is held at its number, so nothing can be said of its hash."""
    for data in _HONEST:
        header = parse_unverified_envelope(data).unverified_header
        reader = _jumped(header.author, header.number)
        if header.author == reader.frontier.own:
            continue

        assert _names(reader.receive(data)) == ["CoveredEnvelope"]
        assert reader.kept == {}
    data = _HONEST[-1]
    header = parse_unverified_envelope(data).unverified_header
    reader = _jumped(header.author, header.number - 1)
    assert "CoveredEnvelope" not in _names(reader.receive(data))


def _names(found: list[PeerError]) -> list[str]:
    return [type(each).__name__ for each in found]

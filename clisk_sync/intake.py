"""Envelopes in: protocol/envelope.md §6, step by step.

Bytes that no member signed stop at step 4 and never reach the vault. One
transaction takes a handful of envelopes, with everything that follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from clisk_sync.cuts import check_cut, heed_cuts
from clisk_sync.envelope import (
    Envelope,
    Header,
    UnverifiedEnvelope,
    parse_unverified_envelope,
)
from clisk_sync.envelope_content import Content, parse_content
from clisk_sync.errors import (
    AfterTheCut,
    CloneDetected,
    CoveredEnvelope,
    ForeignEnvelope,
    ForkDetected,
    NotAMember,
    PeerError,
    RecordsWithheld,
    RelayMisbehaved,
    ReplayedEnvelope,
    SnapshotDrops,
    SnapshotFork,
    SyncError,
    UnknownEpoch,
)
from clisk_sync.frontier import Frontier
from clisk_sync.frontier_store import load_frontier, save_frontier
from clisk_sync.inbox import incoming
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.report import SetAside, Tally
from clisk_sync.snapshot_store import SnapshotStore
from clisk_vault.device import DevicePublic
from clisk_vault.document import Applied
from clisk_vault.errors import (
    FormatError,
    LogRestored,
    TamperedError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import DeviceId

# More changes than this are applied apart, many envelopes together.
_AT_ONCE: Final = 32
# Envelopes of revoked devices that are kept as evidence, and findings of any other
# kind: who holds a key may write without end.
_MAX_QUARANTINED: Final = 64
_MAX_FINDINGS: Final = 256
_Unreadable: TypeAlias = FormatError | UnsupportedError


@dataclass(frozen=True, slots=True)
class Offered:
    """What the relay gives at a position, offer or not readable: all a claim."""

    position: int
    envelope: UnverifiedEnvelope | _Unreadable

    @classmethod
    def parse(cls, position: int, data: bytes) -> Offered:
        """Return what *data* is; nothing is checked but its shape."""
        try:
            return cls(position, parse_unverified_envelope(data))
        except (FormatError, UnsupportedError) as err:
            return cls(position, err)

    def is_known_to(self, membership: Membership) -> bool:
        """Tell whether *membership* has the author and the epoch it names."""
        if not isinstance(self.envelope, UnverifiedEnvelope):
            return True
        header = self.envelope.unverified_header
        known = (
            header.author in membership.devices or header.author in membership.departed
        )
        return known and header.epoch <= membership.epoch


class Intake:
    """Takes envelopes into the vault, one verified step after another."""

    def __init__(
        self, vault: VaultPort, journal: Journal, clock: Callable[[], int]
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._clock = clock
        self.frontier = load_frontier(journal.storage, vault.secrets.public.id)

    def receive(
        self, offered: Sequence[Offered], membership: Membership, tally: Tally
    ) -> None:
        """Take what of *offered* may be believed, in one transaction.

        What may not be believed becomes an alert, and evidence where it is signed.
        """
        start = self.frontier
        try:
            with self._journal.storage.transaction():
                for offer in offered:
                    self._receive_one(offer, membership, tally)
                    cursor = max(offer.position, self._journal.state(State.CURSOR))
                    self._journal.set_state(State.CURSOR, cursor)
                save_frontier(self._journal.storage, start, self.frontier)
        except BaseException:
            self.frontier = start
            raise

    def save(self, frontier: Frontier) -> None:
        """Move to *frontier*; call it within a transaction that may still fail."""
        save_frontier(self._journal.storage, self.frontier, frontier)
        self.frontier = frontier

    def settle(self, membership: Membership, tally: Tally) -> None:
        """Note what *membership* has brought: missing records, and cuts."""
        with self._journal.storage.transaction():
            now_ms = self._clock()
            settled = self.frontier.await_records(membership, now_ms=now_ms)
            settled, found = heed_cuts(
                settled, membership, self._journal, now_ms=now_ms
            )
            self.save(settled)
            for each in found:
                self.note(each, tally)

    def note(self, found: SyncError | VaultError, tally: Tally) -> None:
        """Report *found*, and keep the evidence of it."""
        tally.alert(found)
        if isinstance(found, PeerError) and self._is_worth_keeping(found):
            self._journal.keep_evidence(found, self._clock())
        if isinstance(found, CloneDetected) or (
            isinstance(found, ForkDetected) and found.device == self.frontier.own
        ):
            self._journal.set_state(State.CLONED, 1)

    def close_log(self) -> None:
        """Let the vault know that this file is an older copy: once.

        At the end of a reading, for a witness may have closed the log with a newer
        head than the file has; that says more.
        """
        if self._journal.state(State.LOG_CLOSED):
            return
        with self._journal.storage.transaction():
            self._journal.set_state(State.LOG_CLOSED, 1)
            self._vault.found_restored()

    def _is_worth_keeping(self, found: PeerError) -> bool:
        """Tell whether there is room for one more of its kind."""
        most = _MAX_QUARANTINED if isinstance(found, AfterTheCut) else _MAX_FINDINGS
        return self._journal.count_evidence(type(found).__name__) < most

    def _receive_one(
        self, offer: Offered, membership: Membership, tally: Tally
    ) -> None:
        try:
            envelope = self._believe(offer, membership)
        except ReplayedEnvelope as again:
            self._place_again(offer.position, again, tally)
            if self._journal.bytes_of(again.device, again.number) is None:
                self._take_covered(offer, membership, tally)
        except CoveredEnvelope:
            self._take_covered(offer, membership, tally)
        except (PeerError, TamperedError, UnsupportedError) as refused:
            self._refuse(refused, tally)
            if isinstance(refused, UnknownEpoch) and not offer.is_known_to(membership):
                height = membership.head.height + 1
                since_ms = self._clock()
                self.note(RecordsWithheld(height=height, since_ms=since_ms), tally)
        else:
            self._take(offer.position, envelope, membership, tally)

    def _believe(self, offer: Offered, membership: Membership) -> Envelope:
        """Return the envelope at *offer* when it passes steps 1 to 6.

        Raises:
            PeerError, TamperedError, UnsupportedError: as the step says.
        """
        unverified = offer.envelope
        if isinstance(unverified, FormatError):  # 6.1
            raise RelayMisbehaved(
                f"position {offer.position}: not an envelope"
            ) from unverified
        if isinstance(unverified, UnsupportedError):
            raise unverified
        header = unverified.unverified_header
        if header.vault != self._vault.id:  # 6.2
            raise ForeignEnvelope(
                f"position {offer.position}: an envelope of another vault"
            )
        member = membership.known(header.author)  # 6.3
        envelope = unverified.verify(member.public.signing)  # 6.4
        check_cut(envelope, self.frontier, membership)  # 6.5
        self.frontier.check_next(envelope, self._journal)
        self._check_epoch(header, membership)  # 6.6
        return envelope

    def _check_epoch(self, header: Header, membership: Membership) -> None:
        if header.epoch in self._vault.epochs.numbers():
            return
        what = "secret is not here"
        if header.epoch > membership.epoch:
            what = "record the relay does not give"
        raise UnknownEpoch(
            f"sealed in an epoch whose {what}",
            device=header.author,
            number=header.number,
        )

    def _take_covered(
        self, offer: Offered, membership: Membership, tally: Tally
    ) -> None:
        """Bring in what a snapshot stands for; it should have been in there."""
        assert isinstance(offer.envelope, UnverifiedEnvelope)
        header = offer.envelope.unverified_header
        key = membership.known(header.author).public.signing
        envelope = offer.envelope.verify(key)
        content = self._open(envelope, tally)
        if content is None:
            return
        changes = incoming(header.author, content, membership)
        arrived = self._vault.replica.apply_all(changes)
        tally.count(arrived)
        if any(isinstance(each, Applied) and each.entries for each in arrived):
            store = SnapshotStore(self._journal.storage)
            taken = store.taken()
            lacking = SnapshotDrops(
                "lacks a change that an envelope has which it covers",
                height=0 if taken is None else taken.height,
                evidence=(store.body(), envelope.data),
            )
            self.note(lacking, tally)

    def _place_again(
        self, position: int, again: ReplayedEnvelope, tally: Tally
    ) -> None:
        """Note where a known envelope stands; standing twice is a replay."""
        known = self._journal.position_of(again.device, again.number)
        if known is None:
            self._journal.place(again.device, again.number, position)
        elif known != position:
            self._refuse(again, tally)

    def _refuse(self, found: SyncError | VaultError, tally: Tally) -> None:
        """Note what was not taken, and read all again: its place may be another's."""
        tally.refused += 1
        self.note(found, tally)
        self._journal.set_state(State.RESCAN, 1)

    def _take(
        self, position: int, envelope: Envelope, membership: Membership, tally: Tally
    ) -> None:
        """Make *envelope* part of the frontier, then of the vault."""
        now_ms = self._clock()
        self._journal.keep_envelope(envelope, position)  # 6.7
        disputes = self.frontier.disputes(envelope, self._journal)
        content = self._open(envelope, tally)  # 6.8
        written_ms = 0 if content is None else content.clock_ms
        self.frontier = self.frontier.take(
            envelope, written_ms=written_ms, now_ms=now_ms
        )
        tally.pulled += 1
        for found in disputes:
            self.note(found, tally)
        if content is not None:
            self._note_announced(envelope, content, tally)
            self._hear(envelope, content, membership, tally)
            self._hand_over(envelope, content, membership, tally)  # 6.10
            self._hear_of_logs(envelope, content, membership, tally)

    def _open(self, envelope: Envelope, tally: Tally) -> Content | None:
        """Return the inside, or set the envelope aside with the reason."""
        header = envelope.header
        try:
            plain = envelope.open(self._vault.epochs.secret(header.epoch))
            return parse_content(plain, author=header.author)
        except (FormatError, TamperedError, UnsupportedError) as err:
            aside = SetAside(header.author, header.number, str(err))
            self._journal.set_aside(aside.author, aside.number, aside.reason)
            tally.set_aside.append(aside)
            return None

    def _note_announced(
        self, envelope: Envelope, content: Content, tally: Tally
    ) -> None:
        """Keep word of a snapshot that is newer than the one taken."""
        told, store = content.announced, SnapshotStore(self._journal.storage)
        if told is None:
            return
        taken = store.taken()
        if taken is None or told.height > taken.height:
            store.keep_announced(envelope.header.author, told, self._clock())
        elif told.height == taken.height and told.hash != taken.hash:
            forked = SnapshotFork(
                "another one was announced than was taken here",
                height=told.height,
                evidence=(store.body(), envelope.data),
            )
            self.note(forked, tally)

    def _hear(
        self,
        envelope: Envelope,
        content: Content,
        membership: Membership,
        tally: Tally,
    ) -> None:
        self.frontier, found = self.frontier.hear(
            envelope,
            content.claim,
            self._journal,
            membership=membership,
            now_ms=self._clock(),
        )
        for each in found:
            self.note(each, tally)

    def _hear_of_logs(
        self,
        envelope: Envelope,
        content: Content,
        membership: Membership,
        tally: Tally,
    ) -> None:
        """Hand what is said of logs to the vault, within the same transaction."""
        if not content.messages:
            return

        def known(device: DeviceId) -> DevicePublic | None:
            try:
                return membership.known(device).public
            except NotAMember:
                return None

        author = membership.known(envelope.header.author).public
        for found in self._vault.witness.hear(author, content.messages, known):
            tally.alert(found)
            if isinstance(found, LogRestored):
                # The log has begun anew already; the chain must stop as well.
                self._journal.set_state(State.CLONED, 1)
                self._journal.set_state(State.LOG_CLOSED, 1)

    def _hand_over(
        self,
        envelope: Envelope,
        content: Content,
        membership: Membership,
        tally: Tally,
    ) -> None:
        """Apply few changes at once; leave many to the inbox, and their order to it."""
        header = envelope.header
        if len(content.changes) > _AT_ONCE or self._journal.count_deferred():
            self._journal.defer(header.author, header.number)
        elif content.changes:
            arrived = incoming(header.author, content, membership)
            tally.count(self._vault.replica.apply_all(arrived))

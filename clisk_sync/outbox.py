"""Envelopes out: protocol/envelope.md §8. Save, then send.

Sealing is one transaction; sending repeats the very bytes until the relay has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clisk_sync.envelope import Header, parse_unverified_envelope, seal_envelope
from clisk_sync.envelope_content import (
    MAX_BATCH_BYTES,
    MAX_BATCH_CHANGES,
    Announced,
    Claim,
    Content,
    ItemChange,
    Stream,
    encode_content,
)
from clisk_sync.frontier import Frontier
from clisk_sync.intake import Intake
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.report import Tally
from clisk_sync.transport import VaultTransport
from clisk_vault.errors import TamperedError
from clisk_vault.primitives import Random

HEARTBEAT_MS: Final = 24 * 60 * 60 * 1000


class Outbox:
    """Seals what is pending and sends what is sealed."""

    def __init__(
        self,
        vault: VaultPort,
        journal: Journal,
        intake: Intake,
        *,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._random = random
        self._own = vault.secrets.public.id

    def has_to_say(self) -> bool:
        """Tell whether a change or an answer waits; the hour of logs is not asked."""
        return (
            self._vault.replica.unsent() > 0
            or self._vault.teller.has_answers()
            or bool(self._journal.unsent(self._own))
        )

    def seal_next(
        self,
        membership: Membership,
        tally: Tally,
        *,
        speak: bool = False,
        tell_logs: bool = False,
    ) -> bool:
        """Put the oldest pending changes into one envelope, in one transaction.

        Where none are pending, what there is to say of logs. *speak*: say something
        in any case. *tell_logs*: do not wait for the hour at which the log is told.
        Returns whether anything was said.
        """
        before = self._intake.frontier
        try:
            with self._journal.storage.transaction():
                pending = self._vault.replica.pending(
                    MAX_BATCH_CHANGES, MAX_BATCH_BYTES
                )
                if not pending and (lost := self._vault.replica.unsent()):
                    tally.alert(
                        TamperedError(
                            f"{lost} unsent changes of this device cannot be read",
                            advice="the vault file is damaged: clisk doctor; the"
                            " other devices will not have what changed there",
                        )
                    )
                changes = tuple(
                    ItemChange(each.item_id, each.change) for each in pending
                )
                heard = any(
                    device != self._own and not member.dormant
                    for device, member in membership.devices.items()
                )
                due = speak or (heard and self._is_heartbeat_due(before))
                messages = (
                    ()
                    if changes
                    else tuple(self._vault.teller.next_messages(now=tell_logs))
                )
                if not changes and not messages and not due:
                    return False
                self._keep(membership, changes, messages)
                self._vault.replica.forget(each.rowid for each in pending)
        except BaseException:
            self._intake.frontier = before
            raise
        tally.changes_out += len(changes)
        return True

    async def send_all(self, transport: VaultTransport, tally: Tally) -> None:
        """Send every envelope that is not known to be on the relay, oldest first.

        Raises:
            TransportError: no answer; the rest is sent next time.
            RelayRefused: the relay says no; nothing is lost here.
        """
        for number in self._journal.unsent(self._own):
            data = self._journal.bytes_of(self._own, number)
            assert data is not None, "own envelopes are kept until they are sent"
            position = await transport.append(data)
            self._note_sent(number, position)
            tally.pushed += 1

    def announce(self, membership: Membership, told: Announced) -> None:
        """Put word of a snapshot into an envelope, within the caller's transaction."""
        self._keep(membership, (), told=told)

    def _note_sent(self, number: int, position: int) -> None:
        with self._journal.storage.transaction():
            self._journal.place(self._own, number, position)
            # What stands right behind the part that was read need not be read.
            if position == self._journal.state(State.CURSOR) + 1:
                self._journal.set_state(State.CURSOR, position)

    def _is_heartbeat_due(self, frontier: Frontier) -> bool:
        """Tell whether somebody may wonder: nothing was said here for a day.

        So silence means something: a device that is in use is heard of daily.
        """
        last = frontier.chain(self._own).received_ms
        return self._clock() - last >= HEARTBEAT_MS

    def _keep(
        self,
        membership: Membership,
        changes: tuple[ItemChange, ...],
        messages: tuple[bytes, ...] = (),
        told: Announced | None = None,
    ) -> None:
        """Seal one envelope, and keep it as the newest of the own chain."""
        frontier, now_ms = self._intake.frontier, self._clock()
        newest = frontier.chain(self._own).mark
        header = Header(
            vault=self._vault.id,
            author=self._own,
            number=newest.number + 1,
            previous=newest.hash,
            epoch=self._vault.epochs.current,
        )
        claim = Claim(
            frontier.marks(membership.devices),
            membership.head.height,
            membership.head.hash,
        )
        stream = Stream.ITEMS if changes else Stream.CONTROL
        if messages:
            stream = Stream.LOG
        secrets = self._vault.secrets
        data = seal_envelope(
            encode_content(Content(stream, claim, now_ms, changes, messages, told)),
            header,
            key=secrets.signing,
            secret=self._vault.epochs.secret(header.epoch),
            random=self._random,
        )
        envelope = parse_unverified_envelope(data).verify(secrets.public.signing)
        self._journal.keep_envelope(envelope, position=None)
        self._intake.save(frontier.take(envelope, written_ms=now_ms, now_ms=now_ms))

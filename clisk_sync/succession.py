"""A restored file goes on as another device: protocol/membership.md §5.5.

Rows only. What the old identity wrote and nobody got becomes unsent again; what
stands on the relay becomes the chain of a peer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.envelope_content import parse_content
from clisk_sync.errors import CloneDetected, ForkDetected
from clisk_sync.founding import clock_ms
from clisk_sync.frontier_store import load_frontier
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_vault.ids import DeviceId

# Findings about the own chain that say from which number on it is not ours alone.
_CONFLICTS: Final = frozenset({CloneDetected.__name__, ForkDetected.__name__})


def hand_over(
    vault: VaultPort,
    membership: Membership,
    *,
    clock: Callable[[], int] = clock_ms,
) -> None:
    """Make sync's rows those of the successor; call it in the file's transaction.

    *vault* is still open as the old device; *membership* has the successor.
    """
    journal, own = Journal(vault.storage), vault.secrets.public.id
    last = _last_common(journal, vault, own)
    _queue_again(journal, vault, membership, own, last)
    _cut_back(journal, own, last)
    journal.keep_membership(membership)
    for each in journal.evidence():
        if each.kind == CloneDetected.__name__ and each.device == own:
            # What there was to do about it is being done; the evidence stays.
            journal.acknowledge(each.id, clock())
    journal.set_state(State.CLONED, 0)
    journal.set_state(State.LOG_CLOSED, 0)
    journal.forget_positions()


def _last_common(journal: Journal, vault: VaultPort, own: DeviceId) -> int:
    """Return the last own number that only this copy of the device wrote."""
    newest = load_frontier(vault.storage, own).chain(own).mark.number
    conflicts = [
        each.number - 1
        for each in journal.evidence()
        if each.device == own and each.kind in _CONFLICTS
    ]
    return min([newest, *conflicts])


def _queue_again(
    journal: Journal,
    vault: VaultPort,
    membership: Membership,
    own: DeviceId,
    last: int,
) -> None:
    for data in journal.bodies_above(own, last):
        unverified = parse_unverified_envelope(data)
        envelope = unverified.verify(membership.known(own).public.signing)
        secret = vault.epochs.secret(envelope.header.epoch)
        for each in parse_content(envelope.open(secret), author=own).changes:
            vault.replica.resend(each.item, each.change)


def _cut_back(journal: Journal, own: DeviceId, last: int) -> None:
    """Leave of the own chain what is not in doubt, as that of any other device."""
    storage, digest = journal.storage, journal.hash_of(own, last)
    storage.execute(
        "DELETE FROM sync_envelope WHERE author = ? AND number > ?", (own, last)
    )
    storage.execute("DELETE FROM sync_said WHERE author = ?", (own,))
    storage.execute("DELETE FROM sync_claim WHERE author = ?", (own,))
    if digest is None:
        storage.execute("DELETE FROM sync_chain WHERE device = ?", (own,))
    else:
        # The epoch may only be too low here: what follows is checked all the same.
        storage.execute(
            "UPDATE sync_chain SET number = ?, hash = ?, epoch = 1 WHERE device = ?",
            (last, digest, own),
        )

"""Another device of the vault, which holds part of the log and hears the thief.

What an outsider is shown is one thing; what another device is told in sync is the
other. It has the true entries up to its last sync, and gives nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks.log_attacks import Shown
from attacks.victim import VAULT, Victim, repeatable
from clisk_vault.access_log import AccessLog
from clisk_vault.device import enrol
from clisk_vault.epochs import Epochs
from clisk_vault.keys import EpochSecret
from clisk_vault.log_leaf import Leaf, LogRow
from clisk_vault.log_message import MAX_ENTRIES, LogNews
from clisk_vault.log_view import split_origin
from clisk_vault.note import UnverifiedNote
from clisk_vault.session import Session
from clisk_vault.storage import Storage
from clisk_vault.witness import Witness


class _PutBack(Exception):
    """Undoes what an attack has done."""


class PeerDevice:
    """Holds the first *holds* entries of the victim's log."""

    def __init__(self, folder: Path, victim: Victim, holds: int) -> None:
        random = repeatable(f"peer {holds}")
        secrets, first_key = enrol(random)
        self.holds = holds
        self._victim = victim
        heads = [row.head for row in victim.rows if row.head is not None]
        self._true = {UnverifiedNote.parse(head).text for head in heads}
        self._storage = Storage.create(folder / f"peer-{holds}.db")
        session = Session(
            self._storage,
            secrets,
            VAULT,
            clock=lambda: 1_700_000_000_000,
            random=random,
        )
        epochs = Epochs(session)
        epochs.add(1, EpochSecret(random(32)))
        self._log = AccessLog.enrol(session, epochs, first_key)
        self._witness = Witness(session, self._log, epochs)
        if holds:
            alerts = self._tell(victim.rows[:holds], victim.origin)
            assert alerts == 0, "the true log is taken"

    def close(self) -> None:
        """Close the file."""
        self._storage.close()

    def is_deceived(self, shown: Shown) -> bool:
        """Tell it all that the thief shows, and say whether it signs what is not true.

        It is put back afterwards.
        """
        signed: set[str] = set()
        try:
            with self._storage.transaction():
                before = self._log.size
                self._tell(shown.rows, shown.origin)
                leaves = [Leaf.parse(row.leaf) for row in self._log.rows(before)]
                notes = [one.checkpoint for one in leaves if one.checkpoint is not None]
                signed = {UnverifiedNote.parse(note).text for note in notes}
                raise _PutBack
        except _PutBack:
            return not signed <= self._true

    def _tell(self, rows: Sequence[LogRow], origin: str) -> int:
        _, number = split_origin(origin)
        news = LogNews(number, 0, (), tuple(rows[:MAX_ENTRIES]), last=True)
        found = self._witness.hear(
            self._victim.public, [news.encode()], lambda _: self._victim.public
        )
        return len(found)

"""The epoch secrets this device holds: protocol/vault-file.md §4.2.

Where they come from and who else has them is membership's business.
"""

from __future__ import annotations

from clisk_vault.errors import CallerError, FormatError, TamperedError
from clisk_vault.keys import EpochSecret
from clisk_vault.session import Session

MAX_NUMBER = (1 << 32) - 1


class Epochs:
    """Secrets by number, sealed on disk; the highest number is the current one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._opened: dict[int, EpochSecret] = {}

    @property
    def current(self) -> int:
        """The number under which new things are sealed.

        Raises:
            FormatError: the file holds no epoch at all.
        """
        row = self._session.storage.one("SELECT max(number) FROM epoch")
        if row is None or not isinstance(row[0], int):
            raise FormatError("vault file: no epoch secret")
        return row[0]

    def numbers(self) -> list[int]:
        """Return the numbers of every epoch this device can open, oldest first."""
        rows = self._session.storage.all("SELECT number FROM epoch ORDER BY number")
        return [number for (number,) in rows if isinstance(number, int)]

    def secret(self, number: int) -> EpochSecret:
        """Return the secret of epoch *number*.

        Raises:
            CallerError: this device was never given it.
        """
        storage = self._session.storage
        known = self._opened.get(number)
        if known is not None:
            return known
        row = storage.one("SELECT sealed FROM epoch WHERE number = ?", (number,))
        if row is None or not isinstance(row[0], bytes):
            raise CallerError(
                f"epoch {number} is not known on this device",
                advice="synchronise, so that its secret can arrive",
            )
        secret = EpochSecret(self._session.table("epoch").open(_row(number), row[0]))
        self._opened[number] = secret
        return secret

    def add(self, number: int, secret: EpochSecret) -> None:
        """Keep *secret* as epoch *number*; adding the same again changes nothing.

        Raises:
            CallerError: a number out of range.
            TamperedError: another secret is known by that number.
        """
        if not 0 < number <= MAX_NUMBER:
            raise CallerError("epoch number out of range")
        storage = self._session.storage
        with storage.transaction():
            if number in self.numbers():
                if self.secret(number) != secret:
                    raise TamperedError(f"epoch {number}: a second, different secret")
                return
            sealed = self._session.table("epoch").seal(_row(number), secret.expose())
            storage.execute(
                "INSERT INTO epoch (number, sealed) VALUES (?, ?)", (number, sealed)
            )

    def forget_opened(self) -> None:
        """Drop the secrets held in memory; they are read from disk when needed."""
        self._opened.clear()


def _row(number: int) -> bytes:
    return number.to_bytes(4)

"""Where a run's credentials come from: an interface, never a vault.

The program gives the runner something with these few verbs. What is granted,
and the record of each read, are the source's: the runner asks and obeys.

Spec: protocol/konnector-bridge.md §5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from clisk_vault.keys import SecretText


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One field of the account: its name, and whether it is a secret."""

    name: str
    secret: bool
    # Granted by name to the konnector's code itself: it gets no handle for it.
    plaintext: bool = False


class ValueSource(Protocol):
    """Whoever gives values to a page, and has each read recorded."""

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        """Return one value, recorded before it returns.

        *origin* is the page that will get it (konnector_runner.origin), or None:
        the value is handed to the konnector's code, which is only ever asked for
        a field that is not secret, or is marked ``plaintext``.

        Raises:
            clisk_vault.errors.ReadRefused: not granted; that is recorded too.
        """
        ...


class CredentialSource(ValueSource, Protocol):
    """What the runner may ask about one account, for one konnector."""

    async def fields(self) -> Sequence[CredentialField]:
        """Return what the account has; nothing when there is no account yet."""
        ...

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        """Take note of what the konnector would like to have saved.

        Only a proposal: a person confirms it, and nothing is overwritten.
        """
        ...


class KonnectorSource(CredentialSource, Protocol):
    """What a whole run needs: also a place for what the konnector makes itself."""

    async def keep(self, name: str, value: SecretText) -> None:
        """Keep a value that the konnector itself made: a cookie, its account's data.

        It is kept beside the account, for this konnector alone; an earlier value
        under the same name stays in its history.
        """
        ...

    async def kept(self, name: str, *, purpose: str) -> SecretText | None:
        """Return what keep() was given, recorded before it returns, or None.

        Raises:
            clisk_vault.errors.ReadRefused: not granted; that is recorded too.
        """
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """One read, as the run's report tells it: never the value."""

    field: str
    origin: str | None
    purpose: str
    granted: bool

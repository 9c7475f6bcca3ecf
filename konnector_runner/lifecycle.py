"""The order of a run: who is asked for what, as the Cozy app does it.

Spec: protocol/konnector-bridge.md §8.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from konnector_runner.errors import FormatError, RunFailed
from konnector_runner.journal import Journal
from konnector_runner.konnector import Konnector
from konnector_runner.link import CallFailed
from konnector_runner.strict_json import Json, parse_json

_MAX_ACCOUNT = 256
_MAX_DATA = 64 * 1024
_NO_ACCOUNT = (
    "getUserDataFromWebsite did not return any sourceAccountIdentifier."
    " Cannot continue the execution."
)
# The first cozy-clisk with ensureNotAuthenticated().
_LOGS_OUT = (0, 10, 0)


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs for the account came to: ISO times and a code, or None."""

    last_execution: str | None = None
    last_success: str | None = None
    last_failure: str | None = None
    # What the last failure said, until a run is done again.
    last_error: str | None = None

    def trigger(self) -> dict[str, Json]:
        """Return the document that shouldFullSync reads."""
        told = {
            "last_execution": self.last_execution,
            "last_success": self.last_success,
            "last_failure": self.last_failure,
            "last_error": self.last_error,
        }
        state: Json = {name: said for name, said in told.items() if said is not None}
        return {"current_state": state}


class Pilot(Protocol):
    """What the lifecycle needs of the launcher."""

    async def ask_pilot(self, method: str, *args: Json) -> Json: ...


@dataclass(frozen=True, slots=True)
class Login:
    """Whose account the site is logged in to."""

    account: str
    document: dict[str, Json]


class Lifecycle:
    """Leads the pilot through login and, once it is the right account, fetch."""

    def __init__(
        self,
        konnector: Konnector,
        pilot: Pilot,
        journal: Journal,
        *,
        account: str | None,
        account_data: str | None,
        past: Past,
    ) -> None:
        self._konnector = konnector
        self._ask = pilot.ask_pilot
        self._journal = journal
        self._known = account
        self._data = _parse_data(account_data)
        self._past = past

    async def log_in(self) -> Login:
        """Return who is logged in, which is the known account if there is one.

        Raises:
            RunFailed: WRONG_ACCOUNT_IDENTIFIER, it stays somebody else.
            CallFailed: what the konnector threw.
        """
        account = await self._authenticate()
        if self._known not in {None, account}:
            # Somebody else is logged in on the site: out, and once again.
            self._journal.step("another account is logged in; logging out")
            if await self._can_log_out():
                await self._ask("ensureNotAuthenticated")
                account = await self._authenticate()
            if account != self._known:
                raise RunFailed(
                    "WRONG_ACCOUNT_IDENTIFIER",
                    "the site is logged in to another account than this one",
                    advice="log out on the site, or run for that account",
                )
        return Login(account, self._account_document(account))

    async def fetch(self, login: Login, existing: dict[str, Json]) -> None:
        """Let the konnector fetch; *existing* is what is there already."""
        manifest = self._konnector.manifest
        context: dict[str, Json] = {
            "manifest": manifest.raw,
            "account": login.document,
            # shouldFullSync reads current_state and flags, and throws without.
            "trigger": self._past.trigger(),
            "job": {},
            "flags": {},
            "sourceAccountIdentifier": login.account,
        }
        if "io.cozy.files" in manifest.permissions:
            context["existingFilesIndex"] = existing
        await self._ask("fetch", context)

    async def _authenticate(self) -> str:
        self._journal.step("logging in")
        account = None if self._known is None else self._account_document(self._known)
        trigger = self._past.trigger() if self._past.last_execution else {}
        await self._ask("ensureAuthenticated", {"account": account, "trigger": trigger})
        user = await self._ask("getUserDataFromWebsite")
        found = user.get("sourceAccountIdentifier") if isinstance(user, dict) else None
        if not isinstance(found, str) or not found:
            raise CallFailed(_NO_ACCOUNT)
        if len(found) > _MAX_ACCOUNT:
            raise CallFailed("sourceAccountIdentifier is too long")
        return found

    async def _can_log_out(self) -> bool:
        try:
            version = await self._ask("getCliskVersion")
        except CallFailed:
            version = None  # older than the method itself
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", str(version))
        if numbers and tuple(int(each) for each in numbers.groups()) >= _LOGS_OUT:
            return True
        self._journal.log(
            "warn",
            "the cozy-clisk version of this konnector is too low to log out:"
            " 0.10.0 is needed",
        )
        return False

    def _account_document(self, account: str) -> dict[str, Json]:
        slug = self._konnector.manifest.slug
        number = hashlib.sha256(f"{slug}\n{account}".encode()).hexdigest()[:32]
        document: dict[str, Json] = {
            "_id": number,
            "id": number,
            "_type": "io.cozy.accounts",
            "account_type": slug,
            "auth": {"accountName": account},
        }
        if self._data is not None:
            document["data"] = self._data
        return document


def _parse_data(text: str | None) -> Json:
    if text is None:
        return None
    try:
        return parse_json(text, max_characters=_MAX_DATA, what="account data")
    except FormatError:
        return None  # kept by hand, or spoilt: the konnector begins anew

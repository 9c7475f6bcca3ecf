"""What a konnector saves and asks back: files, bills, identity, account data.

Spec: protocol/konnector-bridge.md §4.7 and §7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from konnector_runner.arguments import (
    Method,
    list_argument,
    object_argument,
)
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.collect import Collector
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.journal import Journal
from konnector_runner.method_error import MethodError
from konnector_runner.query import run_query
from konnector_runner.strict_json import Json, encode_json

IDENTITY = "identity"
ACCOUNT_DATA = "account-data"
_MAX_KEPT = 64 * 1024
Download = Callable[[dict[str, Json]], Awaitable[str]]


class Saving:
    """Answers the pilot's calls that save something."""

    def __init__(
        self, desk: CredentialDesk, journal: Journal, download: Download
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._download = download
        # Known only once the site has said whose account it is.
        self.collector: Collector | None = None
        self.identity: Json = None
        self.account_data: Json = None

    def methods(self) -> dict[str, Method]:
        """Return the methods of the pilot's that are answered here."""
        return {
            "getCredentials": self._get_credentials,
            "queryAll": self._query_all,
            "saveAccountData": self._save_account_data,
            "saveBills": self._save_bills,
            "saveCredentials": self._save_credentials,
            "saveFiles": self._save_files,
            "saveIdentity": self._save_identity,
        }

    async def _get_credentials(self, _args: list[Json]) -> Json:
        return await self._desk.hand_out()

    async def _save_credentials(self, args: list[Json]) -> Nothing:
        if not args or args[0] is None:
            return NOTHING
        if await self._desk.propose(object_argument(args, 0, "saveCredentials")):
            self._journal.proposed()
        return NOTHING

    async def _save_files(self, args: list[Json]) -> Json:
        collector = self._need("saveFiles")
        if not args or args[0] is None:
            # Word for word what authors know from the Cozy app.
            raise MethodError("Savefiles : No list of files given")
        before = len(collector.saved)
        try:
            return await collector.save_files(
                list_argument(args, 0, "saveFiles"),
                object_argument(args, 1, "saveFiles"),
                self._download,
            )
        finally:
            self._journal.saved(collector.saved[before:])

    async def _save_bills(self, args: list[Json]) -> Json:
        return self._need("saveBills").save_bills(list_argument(args, 0, "saveBills"))

    async def _save_identity(self, args: list[Json]) -> Nothing:
        if not args or args[0] is None:
            # Konnectors pass on what they did not find; the Cozy app only warns.
            self._journal.log("warn", "saveIdentity: no identity was provided")
            return NOTHING
        identity = object_argument(args, 0, "saveIdentity")
        self.identity = identity
        await self._keep(IDENTITY, identity, "saveIdentity")
        return NOTHING

    async def _save_account_data(self, args: list[Json]) -> Nothing:
        data = object_argument(args, 0, "saveAccountData")
        self.account_data = data
        await self._keep(ACCOUNT_DATA, data, "saveAccountData")
        return NOTHING

    async def _query_all(self, args: list[Json]) -> Json:
        query = object_argument(args, 0, "queryAll")
        return run_query(query, self._documents)

    async def _keep(self, name: str, value: dict[str, Json], method: str) -> None:
        text = encode_json(value)
        if len(text) > _MAX_KEPT:
            raise MethodError(f"{method}: more than {_MAX_KEPT} characters")
        await self._desk.keep(name, text)

    def _documents(self, doctype: str) -> list[dict[str, Json]]:
        collector = self.collector
        match doctype:
            case "io.cozy.files":
                return collector.documents() if collector else []
            case "io.cozy.bills":
                return collector.bill_documents() if collector else []
            case "io.cozy.identities":
                if isinstance(self.identity, dict):
                    return [{"_type": doctype, "_id": IDENTITY, **self.identity}]
        return []

    def _need(self, method: str) -> Collector:
        if self.collector is None:
            raise MethodError(f"{method}: only from fetch(), when the account is known")
        return self.collector

"""Which tokens are in use: for every process on one database.

A token holds only if its seal does (auth.py) and its hash is kept in the
database: whoever steals a copy of that has the key of the seal and still no token.
The seal is checked first, so that junk costs no query.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.auth import Authority, Caller
from clisk_sync.relay.store import Brief, Store
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.primitives import sha256

_MOST_KNOWN: Final = 65_536


class Sessions:
    """Gives tokens and knows them again."""

    def __init__(self, authority: Authority, store: Store) -> None:
        self._authority = authority
        self._store = store
        self._known: OrderedDict[bytes, tuple[Caller, int]] = OrderedDict()

    async def begin(
        self, challenge: bytes, vault: VaultId, device: DeviceId, *, now: int
    ) -> tuple[str, int]:
        """Return a token for *device*, which answered *challenge*; and its end.

        Raises:
            AuthError: the challenge is not ours, too old, or was answered before.
        """
        until = self._authority.check_challenge(challenge)
        token, expires = self._authority.new_token(vault, device)
        kept = Brief(_digest(token), expires)
        answered = Brief(sha256(challenge), until)
        if not await self._store.sign_in(answered=answered, token=kept, now=now):
            raise refuse(Code.LOGIN_REFUSED)
        self._know(kept.hash, Caller(vault, device), expires)
        return token, expires

    async def caller(self, token: str) -> Caller:
        """Return whose token it is.

        Raises:
            AuthError: not ours, too old, or never given to anybody.
        """
        digest = _digest(token)
        known = self._known.get(digest)
        if known is not None and known[1] >= self._authority.now():
            return known[0]
        caller, expires = self._authority.check_token(token)
        if known is None and not await self._store.has_token(digest):
            raise refuse(Code.NOT_SIGNED_IN)
        self._know(digest, caller, expires)
        return caller

    def _know(self, digest: bytes, caller: Caller, expires: int) -> None:
        self._known[digest] = caller, expires
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


def _digest(token: str) -> bytes:
    try:
        return sha256(bytes.fromhex(token))
    except ValueError:
        raise refuse(Code.NOT_SIGNED_IN) from None

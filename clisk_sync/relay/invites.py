"""Invitations: who may bring a new vault to a relay that asks for one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.auth import now_ms
from clisk_sync.relay.store import Brief, Store
from clisk_vault.primitives import Random, sha256

_BYTES: Final = 16
_DAY_MS: Final = 86_400_000


async def make_invite(
    database: str | Path, *, days: int, random: Random = os.urandom
) -> str:
    """Return an invitation that founds one vault, within *days*.

    The database keeps its hash alone, so it is shown this once.

    Raises:
        CallerError, RelayRefused: as Store.open().
    """
    invite, now = random(_BYTES).hex(), now_ms()
    store = await Store.open(database)
    try:
        kept = Brief(invite_hash(invite), now + days * _DAY_MS)
        await store.add_invite(kept, now=now)
    finally:
        await store.close()
    return invite


def invite_hash(invite: str) -> bytes:
    """Return what the relay keeps of an invitation.

    Raises:
        RelayRefused: none, or not in its one spelling.
    """
    try:
        raw = bytes.fromhex(invite)
    except ValueError:
        raw = b""
    if len(raw) != _BYTES or raw.hex() != invite:
        raise refuse(Code.INVITE_NEEDED)
    return sha256(raw)

"""How one relay process is set up."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from clisk_sync.relay.auth import RelaySecret
from clisk_sync.relay.limits import Limits


def _new_secret() -> RelaySecret:
    return RelaySecret(os.urandom(RelaySecret.LENGTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the application needs to know.

    *origins* are the addresses under which devices reach this relay, spelt as
    `https://relay.example` or `http://127.0.0.1:8470`. They are never taken from
    a request: a relay that believed a Host header would accept a login that was
    signed for an impostor's address.
    """

    database: str | Path
    origins: frozenset[str]
    takes_new_vaults: bool = True
    limits: Limits = field(default_factory=Limits)
    secret: RelaySecret = field(default_factory=_new_secret)

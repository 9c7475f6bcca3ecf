"""How one relay process is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from clisk_sync.relay.limits import Limits


class Creation(StrEnum):
    """Who may bring a new vault. Those that are there go on in any case."""

    OPEN = "open"  # anybody
    INVITE = "invite"  # whoever holds an invitation
    CLOSED = "closed"  # nobody


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
    creation: Creation = Creation.OPEN
    # Whether /metrics answers others than this machine itself.
    shows_metrics_to_all: bool = False
    limits: Limits = field(default_factory=Limits)

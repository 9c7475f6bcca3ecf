"""One connected client, as operations see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from clisk import wire
from clisk.agent.admission import Admission
from clisk.agent.drafted_kit import DraftedKit
from clisk.agent.fill_session import FillSession
from clisk.agent.joining import Joining
from clisk.agent.konnector_session import KonnectorSession
from clisk.agent.staged_import import StagedBackup, StagedImport
from clisk.agent.tokens import TokenReads
from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId

SendEvent = Callable[[str, wire.Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That the passphrase was typed once more: until when it counts, by the agent's
    clock, and which opening of the vault it was for.
    """

    until: float
    times_opened: int


class Caller:
    """What one connection has, and what ends with it.

    ``konnector`` is set once and confines the connection from then on: the
    process that drives a konnector needs no other operation. ``fill`` does the same
    for the one that fills a login, and keeps its item.
    """

    def __init__(self, send_event: SendEvent) -> None:
        self.send_event = send_event
        self.quiet = False
        self.requester = Requester(RequesterKind.PERSON, "command line")
        self.konnector: KonnectorSession | None = None
        self.run: int | None = None
        self.fill: FillSession | None = None
        self.token: TokenReads | None = None
        self.confirmation: Confirmation | None = None
        self.admission: Admission | None = None
        self.joining: Joining | None = None
        self.kit: DraftedKit | None = None
        self.staged: StagedImport | None = None
        self.backing_up: tuple[ItemId, ...] | None = None
        self.restoring: StagedBackup | None = None
        self.exporting: tuple[str, tuple[ItemId, ...]] | None = None
        self.at_hang_up = AsyncExitStack()

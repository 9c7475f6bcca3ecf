"""One run of a konnector for the person: the agent's turn, the session, the browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from clisk.client import AgentClient
from clisk.credential_source import AgentSource
from clisk.passphrase_again import Again, ask_guarded
from clisk.wire import Message
from clisk_vault.ids import VaultId
from clisk_vault.keys import LocalKey
from clisk_vault.local_seal import TableSeal
from konnector_runner.browser_choice import BrowserChoice, find_browser, find_screen
from konnector_runner.events import EventKind, RunEvent, RunReport
from konnector_runner.konnector import Konnector
from konnector_runner.lifecycle import Past
from konnector_runner.profile_box import ProfileBox
from konnector_runner.run import run_konnector


@dataclass(frozen=True, slots=True)
class RunWish:
    """What a person, or a schedule, wants run, and how."""

    konnector: Konnector
    item: str
    folder: Path
    account: str | None = None
    show: bool = False
    wait: bool = False
    scheduled: bool = False
    trace: Path | None = None


async def run_with_agent(
    agent: AgentClient,
    wish: RunWish,
    on_event: Callable[[RunEvent], None],
    *,
    again: Again | None = None,
) -> tuple[RunReport, AgentSource]:
    """Run *wish* over *agent*, a connection that serves this run from now on.

    *again* gives the passphrase where the item asks for it.

    Raises:
        AgentRefusal: it is not its turn, or the vault is locked.
        RunnerError: as run_konnector().
    """
    konnector = wish.konnector
    opened: Message = {
        "konnector": konnector.manifest.slug,
        "digest": konnector.digest.hex(),
        "item": wish.item,
    }
    ask_guarded(agent, "konnector.open", opened, again=again)
    by = "schedule" if wish.scheduled else "person"
    begun = agent.call("konnector.begin", {"wait": wish.wait, "by": by})
    source = AgentSource(agent)

    def warn(text: str) -> None:
        on_event(RunEvent(EventKind.LOG, f"warn: {text}"))

    with _box(begun, warn).unpacked() as profile:
        report = await run_konnector(
            konnector,
            source,
            folder=wish.folder,
            trace=wish.trace,
            browser=BrowserChoice(
                executable=find_browser(),
                headless=not wish.show,
                screen=find_screen(),
                profile=profile,
            ),
            account=wish.account or cast(str | None, begun["account"]),
            past=Past(
                last_execution=cast(str | None, begun["last_execution"]),
                last_success=cast(str | None, begun["last_success"]),
                last_failure=cast(str | None, begun["last_failure"]),
                last_error=cast(str | None, begun["last_error"]),
            ),
            on_event=on_event,
        )
    agent.call("konnector.end", _ended(report))
    return report, source


class _BoxSeal:
    """Seals a session under the one key that the agent gave for it."""

    def __init__(self, seal: TableSeal) -> None:
        self._seal = seal

    def seal(self, plaintext: bytes) -> bytes:
        return self._seal.seal(b"profile", plaintext)

    def open(self, sealed: bytes) -> bytes:
        return self._seal.open(b"profile", sealed)


def _box(begun: Message, warn: Callable[[str], None]) -> ProfileBox:
    key = LocalKey(bytes.fromhex(str(begun["session_key"])))
    vault = VaultId(bytes.fromhex(str(begun["vault"])))
    seal = TableSeal(key, vault, str(begun["session_table"]))
    file = Path(str(begun["session_file"]))
    return ProfileBox(file, _BoxSeal(seal), warn=warn)


def _ended(report: RunReport) -> Message:
    error = report.error
    return {
        "outcome": report.outcome.value,
        "code": "" if error is None else error.code[:200],
        "message": "" if error is None else error.message[:500],
        "account": report.account,
        "saved": len(report.saved),
    }

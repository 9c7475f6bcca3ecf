"""konnector.begin, konnector.end, runs.*: runs of konnectors, and their sessions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.konnector_ledger import (
    Book,
    Ledger,
    RunRow,
    ScheduleRow,
    session_file,
    session_key,
    session_table,
)
from clisk.agent.konnector_session import KonnectorSession
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.errors import VaultError
from clisk_vault.ids import ItemId
from clisk_vault.vault import Vault

# After these a site might lock the account: protocol/konnector-bridge.md §8.
_HOLDING = ("LOGIN_FAILED", "USER_ACTION_NEEDED")


class BeginParams(Params):
    """Whether to wait for one's turn, and who started the run."""

    wait: bool = False
    by: Literal["person", "schedule"] = "person"


class BeginAnswer(Answer):
    """Which run it is, what came before, and what opens the browser's session."""

    run: int
    account: str | None
    last_execution: str | None
    last_success: str | None
    last_failure: str | None
    last_error: str | None
    vault: str
    session_file: str
    session_table: str
    session_key: str


@operation("konnector.begin", BeginParams, BeginAnswer)
async def begin(agent: Agent, caller: Caller, params: BeginParams) -> BeginAnswer:
    """Begin a run: one at a time for an account, until this connection ends.

    The key opens the browser session of this konnector and item, and nothing else.
    """
    session = caller.konnector
    if session is None:
        raise CliskError(
            "say which konnector runs first: konnector.open",
            advice="the program that asked is at fault: update it, or report it",
        )
    if caller.run is not None:
        raise CliskError(
            "this connection has a run already",
            advice="the program that asked is at fault: update it, or report it",
        )
    account = (session.name, session.item.hex())
    await agent.runs.enter(account, wait=params.wait)
    caller.at_hang_up.callback(agent.runs.leave, account)
    answer = await agent.vault(lambda vault: _begin(agent, vault, session, params.by))
    caller.run = answer.run
    caller.at_hang_up.push_async_callback(_cut_short, agent, answer.run)
    return answer


def _begin(
    agent: Agent,
    vault: Vault,
    session: KonnectorSession,
    by: Literal["person", "schedule"],
) -> BeginAnswer:
    ledger = Ledger(agent.folder, vault)
    key = (session.name, session.item.hex())
    if by == "schedule" and any(
        each.held and (each.konnector, each.item) == key
        for each in ledger.read().schedules
    ):
        raise CliskError(
            "the last run ended with something that a person has to do",
            advice="run it by hand once: clisk konnector run",
        )
    row = RunRow(
        number=0,
        konnector=session.name,
        item=session.item.hex(),
        started_ms=time.time_ns() // 1_000_000,
        by=by,
    )

    def work(book: Book) -> tuple[Book, tuple[int, Book]]:
        numbered = row.model_copy(update={"number": book.next_number})
        update = {"runs": (*book.runs, numbered), "next_number": book.next_number + 1}
        return book.model_copy(update=update), (numbered.number, book)

    number, before = ledger.change(work)
    past = [
        each
        for each in before.runs
        if (each.konnector, each.item) == (row.konnector, row.item)
    ]
    return BeginAnswer(
        run=number,
        account=next((r.account for r in reversed(past) if r.account), None),
        last_execution=_last(past, None),
        last_success=_last(past, "done"),
        last_failure=_last(past, "failed"),
        last_error=_last_error(past),
        vault=vault.id.hex(),
        session_file=str(session_file(agent.folder, session.name, session.item)),
        session_table=session_table(session.name, session.item),
        session_key=session_key(vault, session.name, session.item).hex(),
    )


class EndParams(Params):
    """What the run came to."""

    outcome: Literal["done", "failed"]
    code: str = Field(default="", max_length=200)
    message: str = Field(default="", max_length=500)
    account: str | None = Field(default=None, max_length=256)
    saved: int = Field(default=0, ge=0)


@operation("konnector.end", EndParams, Done)
async def end(agent: Agent, caller: Caller, params: EndParams) -> Done:
    """Write what the run of this connection came to."""
    number, caller.run = caller.run, None
    if number is None:
        raise CliskError(
            "this connection has no run",
            advice="the program that asked is at fault: update it, or report it",
        )
    await agent.vault(lambda vault: _end(agent, vault, number, params))
    return Done()


def _end(agent: Agent, vault: Vault, number: int, params: EndParams) -> None:
    def work(book: Book) -> tuple[Book, None]:
        runs = tuple(
            _ended(row, params) if row.number == number else row for row in book.runs
        )
        row = next((each for each in runs if each.number == number), None)
        schedules = tuple(_after(each, row) for each in book.schedules)
        return book.model_copy(update={"runs": runs, "schedules": schedules}), None

    Ledger(agent.folder, vault).change(work)


def _ended(row: RunRow, params: EndParams) -> RunRow:
    now_ms = time.time_ns() // 1_000_000
    return row.model_copy(
        update={
            **params.model_dump(),
            "seconds": round((now_ms - row.started_ms) / 1000, 1),
        }
    )


def _after(schedule: ScheduleRow, run: RunRow | None) -> ScheduleRow:
    """Hold a schedule after a run that a person has to mend, and let it go again."""
    if run is None or (schedule.konnector, schedule.item) != (run.konnector, run.item):
        return schedule
    holds = run.code.split(".")[0] in _HOLDING and run.code != (
        "USER_ACTION_NEEDED.CGU_FORM"
    )
    return schedule.model_copy(update={"held": run.code if holds else None})


async def _cut_short(agent: Agent, number: int) -> None:
    """Mark a run whose process went away without a word."""

    def work(book: Book) -> tuple[Book, None]:
        runs = tuple(
            row.model_copy(update={"outcome": "interrupted"})
            if row.number == number and row.outcome is None
            else row
            for row in book.runs
        )
        return book.model_copy(update={"runs": runs}), None

    try:
        await agent.vault(lambda vault: Ledger(agent.folder, vault).change(work))
    except VaultError:
        return


class RunLine(Answer):
    """One run, with the title of its item."""

    run: int
    konnector: str
    item: str
    title: str
    started_ms: int
    by: str
    outcome: str
    code: str
    message: str
    account: str | None
    saved: int
    seconds: float


class RunsAnswer(Answer):
    """The runs that are remembered, newest first."""

    runs: list[RunLine]


@operation("runs.list", NoParams, RunsAnswer)
async def list_runs(agent: Agent, _caller: Caller, _params: NoParams) -> RunsAnswer:
    """List the runs of konnectors on this device."""

    def work(vault: Vault) -> RunsAnswer:
        return RunsAnswer(
            runs=[
                RunLine(
                    run=row.number,
                    title=title_of(vault, row.item),
                    outcome=row.outcome or _unended(agent, row),
                    **row.model_dump(exclude={"number", "outcome"}),
                )
                for row in reversed(Ledger(agent.folder, vault).read().runs)
            ]
        )

    return await agent.vault(work)


def title_of(vault: Vault, item: str) -> str:
    """Return the title of an item by its id in hex, or nothing."""
    return vault.title(ItemId(bytes.fromhex(item))) or ""


def _unended(agent: Agent, row: RunRow) -> str:
    going = agent.runs.is_going((row.konnector, row.item))
    return "running" if going else "interrupted"


class ForgetParams(Params):
    """Whose sessions: a konnector's, for one item or for all."""

    konnector: str = Field(min_length=1, max_length=64)
    item: str | None = None


class ForgetAnswer(Answer):
    """How many sessions were wiped."""

    forgotten: int


@operation("runs.forget", ForgetParams, ForgetAnswer)
async def forget(agent: Agent, _caller: Caller, params: ForgetParams) -> ForgetAnswer:
    """Wipe the kept browser sessions of a konnector, and which account it was."""

    def work(vault: Vault) -> int:
        wanted = None if params.item is None else resolve_item(vault, params.item).hex()

        def meant(row: RunRow) -> bool:
            return row.konnector == params.konnector and wanted in (None, row.item)

        ledger = Ledger(agent.folder, vault)
        items = {row.item for row in ledger.read().runs if meant(row)}
        if wanted is not None:
            items.add(wanted)
        wiped = 0
        for item in items:
            if agent.runs.is_going((params.konnector, item)):
                raise CliskError(
                    "a run for this account is going on",
                    advice="stop it first, where it was started",
                )
        for item in items:
            path = session_file(
                agent.folder, params.konnector, resolve_item(vault, item)
            )
            if path.exists():
                path.unlink()
                wiped += 1

        def without(book: Book) -> tuple[Book, None]:
            runs = tuple(
                row.model_copy(update={"account": None}) if meant(row) else row
                for row in book.runs
            )
            return book.model_copy(update={"runs": runs}), None

        ledger.change(without)
        return wiped

    return ForgetAnswer(forgotten=await agent.vault(work))


def _last_error(rows: list[RunRow]) -> str | None:
    """Return what the newest run that ended said, if it failed."""
    ended = [row for row in rows if row.outcome in {"done", "failed"}]
    failed = ended and ended[-1].outcome == "failed"
    return (ended[-1].message or ended[-1].code) if failed else None


def _last(rows: list[RunRow], outcome: str | None) -> str | None:
    times = [r.started_ms for r in rows if outcome in (None, r.outcome)]
    if not times:
        return None
    return datetime.fromtimestamp(max(times) / 1000, UTC).isoformat()

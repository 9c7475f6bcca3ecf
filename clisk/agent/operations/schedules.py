"""schedules.*: which konnectors are run by themselves, and when."""

from __future__ import annotations

import time

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.konnector_ledger import Book, Ledger, ScheduleRow, why_waiting
from clisk.agent.operations.runs import title_of
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.vault import Vault

_MIN_EVERY = 15 * 60
_MAX_EVERY = 366 * 24 * 3600


class ScheduleParams(Params):
    """What is run, and how often."""

    konnector: str = Field(min_length=1, max_length=64)
    source: str = Field(min_length=1, max_length=4096)
    item: str = Field(min_length=1)
    folder: str | None = Field(default=None, max_length=4096)
    every_seconds: int = Field(ge=_MIN_EVERY, le=_MAX_EVERY)


class ScheduleLine(Answer):
    """One schedule, with the title of its item."""

    schedule: int
    konnector: str
    source: str
    item: str
    title: str
    folder: str | None
    every_seconds: int
    next_ms: int
    held: str | None


class SchedulesAnswer(Answer):
    """All schedules."""

    schedules: list[ScheduleLine]


@operation("schedules.add", ScheduleParams, Done)
async def schedule(agent: Agent, _caller: Caller, params: ScheduleParams) -> Done:
    """Run a konnector again and again, while the vault is open.

    A schedule that it has for the item already is replaced.
    """

    def work(vault: Vault) -> None:
        meant = resolve_item(vault, params.item)
        item = meant.hex()
        if vault.view(meant).asks_passphrase:
            raise CliskError(
                "the item asks for the passphrase again, and a schedule cannot type it",
                advice="run it by hand, or take that off: clisk edit ITEM"
                " --clear reprompt",
            )

        def add(book: Book) -> tuple[Book, None]:
            now_ms = time.time_ns() // 1_000_000
            row = ScheduleRow(
                number=book.next_number,
                next_ms=now_ms + params.every_seconds * 1000,
                **{**params.model_dump(), "item": item},
            )
            others = tuple(
                each
                for each in book.schedules
                if (each.konnector, each.item) != (row.konnector, row.item)
            )
            update = {
                "schedules": (*others, row),
                "next_number": book.next_number + 1,
            }
            return book.model_copy(update=update), None

        Ledger(agent.folder, vault).change(add)

    await agent.vault(work)
    return Done()


@operation("schedules.list", NoParams, SchedulesAnswer)
async def list_schedules(
    agent: Agent, _caller: Caller, _params: NoParams
) -> SchedulesAnswer:
    """List which konnectors are run when."""

    def work(vault: Vault) -> SchedulesAnswer:
        return SchedulesAnswer(
            schedules=[
                ScheduleLine(
                    schedule=row.number,
                    title=title_of(vault, row.item),
                    held=row.held or why_waiting(vault, row),
                    **row.model_dump(exclude={"number", "held"}),
                )
                for row in Ledger(agent.folder, vault).read().schedules
            ]
        )

    return await agent.vault(work)


class UnscheduleParams(Params):
    """Which schedule."""

    schedule: int


@operation("schedules.remove", UnscheduleParams, Done)
async def unschedule(agent: Agent, _caller: Caller, params: UnscheduleParams) -> Done:
    """Stop running a konnector by itself."""

    def work(vault: Vault) -> None:
        def remove(book: Book) -> tuple[Book, None]:
            left = tuple(s for s in book.schedules if s.number != params.schedule)
            if len(left) == len(book.schedules):
                raise CliskError(
                    "there is no such schedule",
                    advice="look at: clisk konnector schedules",
                )
            return book.model_copy(update={"schedules": left}), None

        Ledger(agent.folder, vault).change(remove)

    await agent.vault(work)
    return Done()

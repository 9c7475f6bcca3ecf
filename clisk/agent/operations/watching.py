"""watch, quiet: for clients that look without a person: news, and no use."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation

MAX_SECONDS = 60.0


class WatchParams(Params):
    """The beat that the client knows, and how long it is ready to wait."""

    seen: int = Field(ge=0, lt=1 << 53)
    seconds: float = Field(default=25.0, ge=0, le=MAX_SECONDS)


class WatchAnswer(Answer):
    """The beat now. *opened* counts the times that the vault was opened."""

    beat: int
    opened: int
    unlocked: bool


@operation("watch", WatchParams, WatchAnswer, counts_as_use=False)
async def watch(agent: Agent, _caller: Caller, params: WatchParams) -> WatchAnswer:
    """Wait until something may have changed; says that, never what."""
    beat = await agent.pulse.wait(params.seen, seconds=params.seconds)
    return WatchAnswer(beat=beat, opened=agent.times_opened, unlocked=agent.unlocked)


@operation("quiet", NoParams, Done, counts_as_use=False)
async def quiet(_agent: Agent, caller: Caller, _params: NoParams) -> Done:
    """Let nothing that this connection asks from now on count as use."""
    caller.quiet = True
    return Done()

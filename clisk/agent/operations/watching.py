"""introduce, watch: what a client that shows things says once, and how it waits."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, Params, operation
from clisk.errors import CliskError
from clisk_vault.access_record import Requester, RequesterKind

MAX_SECONDS = 60.0
# What a record of a read says that the person used.
_REQUESTERS = {
    "command line": Requester(RequesterKind.PERSON, "command line"),
    "terminal": Requester(RequesterKind.PERSON, "terminal"),
    "dashboard": Requester(RequesterKind.DASHBOARD, "dashboard"),
    "git": Requester(RequesterKind.PROGRAM, "git"),
    "docker": Requester(RequesterKind.PROGRAM, "docker"),
    "ssh": Requester(RequesterKind.PROGRAM, "ssh"),
}


class IntroduceParams(Params):
    """Through what the person asks. *quiet*: a program looks by itself."""

    program: str
    quiet: bool = False


class WatchParams(Params):
    """The beat that the client knows, and how long it is ready to wait."""

    seen: int = Field(ge=0, lt=1 << 53)
    seconds: float = Field(default=25.0, ge=0, le=MAX_SECONDS)


class WatchAnswer(Answer):
    """The beat now. *opened* counts the times that the vault was opened."""

    beat: int
    opened: int
    unlocked: bool


@operation("introduce", IntroduceParams, Done, counts_as_use=False)
async def introduce(_agent: Agent, caller: Caller, params: IntroduceParams) -> Done:
    """Say what this connection is, for the records; quiet: nothing counts as use."""
    if params.program not in _REQUESTERS:
        raise CliskError(
            "no such kind of client", advice=f"one of: {', '.join(_REQUESTERS)}"
        )
    caller.requester = _REQUESTERS[params.program]
    caller.quiet = params.quiet
    return Done()


@operation("watch", WatchParams, WatchAnswer, counts_as_use=False)
async def watch(agent: Agent, _caller: Caller, params: WatchParams) -> WatchAnswer:
    """Wait until something may have changed; says that, never what."""
    beat = await agent.pulse.wait(params.seen, seconds=params.seconds)
    return WatchAnswer(beat=beat, opened=agent.times_opened, unlocked=agent.unlocked)

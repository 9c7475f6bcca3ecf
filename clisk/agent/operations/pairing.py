"""pair.begin, pair.wait, pair.confirm: letting a device in, step by step.

The three belong to one connection: when it ends, so does the pairing.
"""

from __future__ import annotations

from pydantic import Field

from clisk.agent.admission import Admission
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.errors import CliskError
from clisk_sync.pairing import Newcomer


class OfferAnswer(Answer):
    """What to draw, and until when it holds. The url is a secret until then."""

    url: str
    expires_ms: int


class NewcomerAnswer(Answer):
    """Who asks to come in, or has come in."""

    name: str
    device: str


class ConfirmParams(Params):
    """What the person read on the new device."""

    digits: str = Field(max_length=32)


@operation("pair.begin", NoParams, OfferAnswer)
async def begin(agent: Agent, caller: Caller, _params: NoParams) -> OfferAnswer:
    """Make a pairing code."""
    if caller.admission is not None:
        raise CliskError(
            "this connection has a pairing already",
            advice="the program that asked is at fault: update it, or report it",
        )
    admission = await agent.sync(Admission.begin)
    caller.admission = admission

    async def end() -> None:
        await agent.thread.run_async(admission.end())

    caller.at_hang_up.push_async_callback(end)
    return OfferAnswer(url=admission.url, expires_ms=admission.expires_ms)


@operation("pair.wait", NoParams, NewcomerAnswer)
async def wait(agent: Agent, caller: Caller, _params: NoParams) -> NewcomerAnswer:
    """Wait until a device has knocked with the code."""
    admission = _admission(caller)
    return _newcomer(await agent.sync(lambda _driver: admission.wait()))


@operation("pair.confirm", ConfirmParams, NewcomerAnswer)
async def confirm(
    agent: Agent, caller: Caller, params: ConfirmParams
) -> NewcomerAnswer:
    """Let the device in, if the digits are the ones that it shows."""
    admission = _admission(caller)
    return _newcomer(await agent.sync(lambda _driver: admission.confirm(params.digits)))


def _admission(caller: Caller) -> Admission:
    if caller.admission is None:
        raise CliskError("no pairing was begun here", advice="clisk pair")
    return caller.admission


def _newcomer(newcomer: Newcomer) -> NewcomerAnswer:
    return NewcomerAnswer(name=newcomer.name, device=newcomer.device.id.hex())

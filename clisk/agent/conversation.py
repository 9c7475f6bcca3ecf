"""One client from its first request until it hangs up.

Implements protocol/agent.md §2 and §3; knows no operation by name.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pydantic import ValidationError

from clisk import wire
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.hardening import give_back_memory
from clisk.agent.journal import describe_fault, log
from clisk.agent.registry import OPERATIONS, Answer, Operation, Params
from clisk.errors import CliskError, WireError

_REQUEST_KEYS = {"v", "id", "op", "params"}
_KONNECTOR_OPERATIONS = "konnector."
_TOKEN_OPERATIONS = ("reveal", "totp")
_OLDER = "the agent may be older than this program: clisk agent stop, then unlock"
_FILL_OPERATIONS = ("fill.open", "fill.release", "fill.renew", "confirm")


# A list of some thousand items: what it took to write it is many times that.
_LARGE_BYTES = 1 << 20


class RequestError(CliskError):
    """A well-formed message that asks for something there is not."""

    default_advice = "the program that asked is at fault: update it, or report it"


class Conversation:
    """Answers one request after the other and notices when nobody listens."""

    def __init__(
        self, agent: Agent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._agent = agent
        self._reader = reader
        self._writer = writer
        self._caller = Caller(self._send_event)
        self._asked: int | None = None

    async def hold(self) -> None:
        """Answer until the client hangs up or sends what cannot be read on."""
        async with self._caller.at_hang_up:
            try:
                line = await self._next_line()
                while line is not None:
                    line = await self._answer(line)
            except WireError as err:
                self._asked = None
                await self._send(_as_error(err))

    async def _answer(self, line: bytes) -> bytes | None:
        """Answer *line* and return the one after it, or None: hung up."""
        work = asyncio.ensure_future(self._handle(line))
        following = asyncio.ensure_future(self._next_line())
        try:
            await asyncio.wait({work, following}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and following.result() is None:
                return None  # Ctrl-C in the client: nobody waits for the answer
            await self._send(await work)
            return await following
        finally:
            for task in (work, following):
                task.cancel()
            await asyncio.gather(work, following, return_exceptions=True)

    async def _next_line(self) -> bytes | None:
        try:
            return await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except asyncio.LimitOverrunError:
            raise WireError(f"a message is longer than {wire.MAX_LINE} bytes") from None

    async def _handle(self, line: bytes) -> wire.Message:
        self._asked = None
        name = "request"
        try:
            message = wire.parse_line(line)
            self._asked = _request_number(message)
            found = _operation(message)
            name = found.name
            # Before its parameters are looked at: a confined client learns nothing.
            _check_confinement(found, self._caller)
            params = _params(found, message)
            answer = await self._run(found, params)
        except Exception as err:  # noqa: BLE001 - every refusal becomes an answer
            log.info("%s refused: %s", name, type(err).__name__)
            return _as_error(err)
        log.info("%s done", name)
        return {"ok": answer.model_dump(mode="json")}

    async def _run(self, found: Operation, params: Params) -> Answer:
        # A script that reads by the clock must not keep the vault open for ever.
        by_itself = self._caller.quiet or self._caller.token is not None
        if not found.counts_as_use or by_itself:
            return await found.run(self._agent, self._caller, params)
        with self._agent.in_use():
            return await found.run(self._agent, self._caller, params)

    async def _send_event(self, event: str, data: wire.Message) -> None:
        await self._send({"event": event, "data": data})

    async def _send(self, message: wire.Message) -> None:
        line = wire.encode_line({"v": wire.VERSION, "id": self._asked, **message})
        if len(line) > _LARGE_BYTES:
            self._caller.at_hang_up.callback(give_back_memory)
        with suppress(ConnectionError):
            self._writer.write(line)
            await self._writer.drain()


def _request_number(message: wire.Message) -> int:
    number = message.get("id")
    if set(message) != _REQUEST_KEYS or type(number) is not int or number < 0:
        raise WireError("a request has v, a whole number id, op and params, only these")
    return number


def _operation(message: wire.Message) -> Operation:
    name = message["op"]
    found = OPERATIONS.get(name) if isinstance(name, str) else None
    if found is None:
        raise RequestError(
            "the agent has no such operation",
            advice=_OLDER,
        )
    return found


def _params(found: Operation, message: wire.Message) -> Params:
    try:
        return found.params.model_validate(message["params"])
    except ValidationError as err:
        raise RequestError(
            f"{found.name}: not allowed: {_places(err)}",
            advice=_advice(err),
        ) from None


def _advice(err: ValidationError) -> str:
    if any(fault["type"] == "extra_forbidden" for fault in err.errors()):
        return _OLDER
    return "it is empty, too long or not of its kind"


def _places(err: ValidationError) -> str:
    """Name the fields at fault; values and pydantic's texts may quote a secret."""
    faults = err.errors(include_input=False, include_url=False, include_context=False)
    return ", ".join(
        sorted(
            {
                ".".join(str(part) for part in fault["loc"]) or "params"
                for fault in faults
            }
        )
    )


def _check_confinement(found: Operation, caller: Caller) -> None:
    if caller.konnector and not found.name.startswith(_KONNECTOR_OPERATIONS):
        raise RequestError("this connection serves a konnector, and nothing else")
    if caller.token and found.name not in _TOKEN_OPERATIONS:
        raise RequestError("this connection reads with a token, and nothing else")
    if caller.fill and found.name not in _FILL_OPERATIONS:
        raise RequestError("this connection fills one login, and nothing else")


def _as_error(err: Exception) -> wire.Message:
    # Every tree of ours carries advice; anything else is a fault of the program.
    advice = getattr(err, "advice", None)
    if isinstance(advice, str):
        return {"error": type(err).__name__, "message": str(err), "advice": advice}
    log.error("fault: %s", describe_fault(err))
    return {
        "error": "InternalError",
        "message": f"the agent failed inside ({type(err).__name__})",
        "advice": "agent.log in the home folder says where",
    }

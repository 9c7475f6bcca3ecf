"""One conversation with one document's code. No browser, no clock, no waiting.

The runner is post-me's parent: it has shaken hands, it may call the methods of
the konnector, and it answers the calls that this side is allowed to make. A
document has one session; a message of another session is no message.

Spec: protocol/konnector-bridge.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from konnector_runner.bridge import (
    NOTHING,
    Call,
    Callback,
    Event,
    HandshakeRequest,
    HandshakeResponse,
    Message,
    Nothing,
    Response,
    SessionId,
)
from konnector_runner.strict_json import Json

# The in-page handshake makes the first call itself: setContentScriptType.
SET_TYPE_REQUEST = 0
_MAX_OPEN_CALLS = 256
_MAX_ERROR = 4096


@dataclass(frozen=True, slots=True)
class Send:
    """Post this message to the document."""

    message: Message


@dataclass(frozen=True, slots=True)
class Asked:
    """The konnector calls a method that it is allowed to call."""

    request: int
    method: str
    args: list[Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of ours returned; null and undefined are both None."""

    request: int
    value: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """A call of ours was rejected, with this text."""

    request: int
    error: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """The konnector sent an event."""

    name: str
    payload: Json = field(repr=False)


Effect = Send | Asked | Answered | Failed | Told


class Session:
    """What one message of the konnector's means, and what to answer."""

    def __init__(self, session: SessionId, *, methods: frozenset[str]) -> None:
        """*methods* is all that this side may call; the rest does not exist."""
        self.id = session
        self._methods = methods
        self._next_request = SET_TYPE_REQUEST + 1
        self._waiting = {SET_TYPE_REQUEST}
        self._open: set[int] = set()

    def call(self, method: str, args: list[Json]) -> Call:
        """Return the message that calls *method*; its request is waited for."""
        request = self._next_request
        self._next_request += 1
        self._waiting.add(request)
        return Call(self.id, request, method, args)

    def answer(self, request: int, result: Json | Nothing = NOTHING) -> Response:
        """Return the answer to a call of the konnector's."""
        self._open.discard(request)
        return Response(self.id, request, result)

    def refuse(self, request: int, message: str, *, plain: bool = False) -> Response:
        """Return the rejection of a call: an Error, or a *plain* string."""
        self._open.discard(request)
        error: Json = message if plain else {"name": "Error", "message": message}
        return Response(self.id, request, error=error)

    def event(self, name: str, payload: Json) -> Event:
        """Return an event for the konnector."""
        return Event(self.id, name, payload)

    def receive(self, message: Message) -> list[Effect]:
        """Return what *message* asks for, in order."""
        if message.session != self.id or type(message.session) is not type(self.id):
            return []
        match message:
            case Call(_, request, method, args):
                return self._on_call(request, method, args)
            case Response():
                return self._on_response(message)
            case Event(_, name, payload):
                return [Told(name, None if isinstance(payload, Nothing) else payload)]
            case HandshakeRequest() | HandshakeResponse() | Callback():
                # The handshake is over, and no function of ours ever crosses.
                return []

    def _on_call(self, request: int, method: str, args: list[Json]) -> list[Effect]:
        if request in self._open:
            return []  # the same number twice: the first one will be answered
        if method not in self._methods:
            says = f'The method "{method}" has not been implemented.'
            return [Send(self.refuse(request, says))]
        if len(self._open) >= _MAX_OPEN_CALLS:
            return [Send(self.refuse(request, "too many calls at once"))]
        self._open.add(request)
        return [Asked(request, method, args)]

    def _on_response(self, message: Response) -> list[Effect]:
        if message.request not in self._waiting:
            return []  # an answer to nothing
        self._waiting.remove(message.request)
        if not isinstance(message.error, Nothing):
            return [Failed(message.request, error_text(message.error))]
        value = None if isinstance(message.result, Nothing) else message.result
        return [Answered(message.request, value)]


def error_text(error: Json) -> str:
    """Return the text of whatever was thrown: a run's error is this text."""
    if isinstance(error, dict):
        error = error.get("message")
    if isinstance(error, str) and error:
        return error[:_MAX_ERROR]
    return "UNKNOWN_ERROR"

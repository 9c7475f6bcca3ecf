"""The messages between the runner and a konnector's code.

post-me 0.4.5 as cozy-clisk speaks it: one JSON text a message, read strictly
and within bounds. Nothing here knows a browser or a conversation.

Spec: protocol/konnector-bridge.md §3. Vectors: konnector-bridge/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from konnector_runner.errors import FormatError
from konnector_runner.strict_json import Json, encode_json, parse_json

# A file of 64 MiB, as the data: URI in which it crosses, and some room.
MAX_MESSAGE = 90 * 1024 * 1024
MAX_NAME = 256
_MAX_ID = 2**53
_MARK = "@post-me"


class Nothing(Enum):
    """JavaScript's undefined, where null would be something else."""

    NOTHING = auto()


NOTHING: Final = Nothing.NOTHING
SessionId = int | str


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    session: SessionId


@dataclass(frozen=True, slots=True)
class HandshakeResponse:
    session: SessionId


@dataclass(frozen=True, slots=True)
class Call:
    session: SessionId
    request: int
    method: str
    args: list[Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    session: SessionId
    request: int
    result: Json | Nothing = field(default=NOTHING, repr=False)
    error: Json | Nothing = field(default=NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    session: SessionId
    name: str
    payload: Json | Nothing = field(default=NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    session: SessionId
    request: int
    callback: int
    args: list[Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Note:
    """A message outside post-me: what it says is only a hint."""

    says: str


Message = HandshakeRequest | HandshakeResponse | Call | Response | Event | Callback


def parse_message(text: str, *, max_characters: int = MAX_MESSAGE) -> Message | Note:
    """Return the message that *text* spells.

    Unknown members are ignored, as post-me does; a known member of the wrong
    kind is not.

    Raises:
        FormatError: not JSON within bounds, or not a message.
    """
    value = parse_json(text, max_characters=max_characters)
    if not isinstance(value, dict):
        raise FormatError("message that is not an object")
    if value.get("type") != _MARK:
        says = value.get("message", "")
        return Note(says[:MAX_NAME] if isinstance(says, str) else "")
    action = value.get("action")
    parse = _PARSERS.get(action) if isinstance(action, str) else None
    if parse is None:
        raise FormatError("message with an action that post-me does not have")
    return parse(value)


def encode_message(message: Message) -> str:
    """Return the JSON text of *message*."""
    action, members = _members(message)
    value: dict[str, Json] = {"type": _MARK, "action": action}
    value["sessionId"] = message.session
    for name, member in members.items():
        if not isinstance(member, Nothing):
            value[name] = member
    return encode_json(value)


def _members(message: Message) -> tuple[str, dict[str, Json | Nothing]]:
    match message:
        case HandshakeRequest():
            return "handshake-request", {}
        case HandshakeResponse():
            return "handshake-response", {}
        case Call(_, request, method, args):
            return "call", {"requestId": request, "methodName": method, "args": args}
        case Response(_, request, result, error):
            return "response", {"requestId": request, "result": result, "error": error}
        case Event(_, name, payload):
            return "event", {"eventName": name, "payload": payload}
        case Callback(_, request, callback, args):
            return "callback", {
                "requestId": request,
                "callbackId": callback,
                "args": args,
            }


def _session(value: dict[str, Json]) -> SessionId:
    session = value.get("sessionId")
    if isinstance(session, str) and len(session) <= MAX_NAME:
        return session
    return _whole(value, "sessionId")


def _whole(value: dict[str, Json], name: str) -> int:
    number = value.get(name)
    # bool is an int to Python and not to JavaScript.
    if type(number) is not int or not 0 <= number < _MAX_ID:
        raise FormatError(f"{name} that is not a whole number")
    return number


def _name(value: dict[str, Json], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME:
        raise FormatError(f"{name} that is not a name")
    return text


def _args(value: dict[str, Json]) -> list[Json]:
    args = value.get("args")
    if not isinstance(args, list):
        raise FormatError("args that are not a list")
    return args


def _optional(value: dict[str, Json], name: str) -> Json | Nothing:
    return value.get(name, NOTHING)


def _parse_call(value: dict[str, Json]) -> Call:
    return Call(
        _session(value),
        _whole(value, "requestId"),
        _name(value, "methodName"),
        _args(value),
    )


def _parse_response(value: dict[str, Json]) -> Response:
    # post-me sends both members when a method threw undefined; a side that has
    # an error has failed, whatever else it says.
    return Response(
        _session(value),
        _whole(value, "requestId"),
        _optional(value, "result"),
        _optional(value, "error"),
    )


def _parse_event(value: dict[str, Json]) -> Event:
    return Event(
        _session(value), _name(value, "eventName"), _optional(value, "payload")
    )


def _parse_callback(value: dict[str, Json]) -> Callback:
    return Callback(
        _session(value),
        _whole(value, "requestId"),
        _whole(value, "callbackId"),
        _args(value),
    )


_PARSERS: dict[str, Callable[[dict[str, Json]], Message]] = {
    "handshake-request": lambda value: HandshakeRequest(_session(value)),
    "handshake-response": lambda value: HandshakeResponse(_session(value)),
    "call": _parse_call,
    "response": _parse_response,
    "event": _parse_event,
    "callback": _parse_callback,
}

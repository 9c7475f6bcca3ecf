"""The short end of the agent's socket: ask, wait, get the answer.

Standard library only, so that a command costs little more than a bare Python.
Implements protocol/agent.md for a client; knows no operation.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from clisk import wire
from clisk.errors import AgentAbsentError, AgentRefusal, HomeError, WireError
from clisk.home import Home

# As typing has it, but without the 5 ms that importing typing takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

OnEvent = Callable[[str, wire.Message], None]
_CONNECT_SECONDS = 10.0


class AgentClient:
    """One connection to the agent of one home folder."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._lines = stream.makefile("rb")
        self._asked = 0

    @classmethod
    def connect(cls, home: Home, *, answer_seconds: float | None = None) -> AgentClient:
        """Return a connection to the agent that listens in *home*.

        An operation may wait for a person, so answers have no deadline unless
        *answer_seconds* sets one; what comes later is a WireError.

        Raises:
            AgentAbsentError: nobody listens there.
        """
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(_CONNECT_SECONDS)
        try:
            stream.connect(home.socket_address())
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            stream.close()
            raise _absent(home) from None
        except OSError as err:
            stream.close()
            raise HomeError(
                f"the agent's socket: {err.strerror}",
                advice="look at that folder's permissions, or choose another --home",
            ) from err
        stream.settimeout(answer_seconds)
        return cls(stream)

    def call(
        self,
        operation: str,
        params: wire.Message | None = None,
        *,
        on_event: OnEvent | None = None,
    ) -> wire.Message:
        """Ask for *operation* and return its answer.

        Raises:
            AgentRefusal: the agent said no.
            WireError: it went away, or what came is no answer to this.
        """
        self._asked += 1
        self._send(
            {
                "v": wire.VERSION,
                "id": self._asked,
                "op": operation,
                "params": params or {},
            }
        )
        while True:
            message = self._receive()
            if message.get("id") not in (self._asked, None):
                raise WireError("the agent answered another question")
            answer = message.get("ok")
            if isinstance(answer, dict):
                return answer
            if "error" in message:
                raise _refusal(message)
            _pass_on(message, on_event)

    def _send(self, message: wire.Message) -> None:
        try:
            self._stream.sendall(wire.encode_line(message))
        except OSError:
            raise WireError("the agent went away", advice="clisk unlock") from None

    def _receive(self) -> wire.Message:
        try:
            line = self._lines.readline(wire.MAX_LINE + 1)
        except OSError:
            line = b""
        if not line:
            raise WireError(
                "the agent went away before it answered",
                advice="unlock again: clisk unlock; the reason is in agent.log",
            )
        return wire.parse_line(line)

    def close(self) -> None:
        """Hang up; the agent stops what it was still doing for this client.

        Another thread that waits for an answer is told that the agent went away.
        """
        try:  # noqa: SIM105 - contextlib costs `clisk get` a millisecond
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was faster
        self._lines.close()
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refusal(message: wire.Message) -> AgentRefusal:
    return AgentRefusal(
        str(message.get("error")),
        str(message.get("message", "refused")),
        advice=str(message.get("advice", "")),
    )


def _absent(home: Home) -> AgentAbsentError:
    # Not pathlib, which would cost every start of the program its import.
    if os.path.exists(home.vault):  # noqa: PTH110
        return AgentAbsentError()
    return AgentAbsentError(
        "there is no vault here", advice="make one: clisk init; or clisk join"
    )


def _pass_on(message: wire.Message, on_event: OnEvent | None) -> None:
    data = message.get("data")
    if not isinstance(message.get("event"), str) or not isinstance(data, dict):
        raise WireError("the agent sent neither an answer nor an event")
    if on_event is not None:
        on_event(str(message["event"]), data)

"""An agent for SSH clients: draft-ietf-sshm-ssh-agent, without keys of its own.

It holds no key: what is to be signed goes to the vault's agent, which records the
read before it signs. Knows the frames, what they ask, and who may connect.
"""
# Names come from clisk.home, which does without pathlib.
# ruff: noqa: PTH108

from __future__ import annotations

import base64
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from clisk import output
from clisk.agent.peer import peer_user
from clisk.asking import ask_passphrase
from clisk.client import AgentClient
from clisk.errors import CliskError, HomeError
from clisk.home import Home
from clisk.terminal import printable
from clisk.wire import Message
from clisk_vault.keys import SecretText

MAX_FRAME = 256 * 1024
MAX_CLIENTS = 32
_FAILURE = b"\x05"
_IDENTITIES_ASK, _IDENTITIES, _SIGN_ASK, _SIGNED = 11, b"\x0c", 13, b"\x0e"
_USERAUTH = 50  # RFC 4252 §5
_SIGNATURE_MAGIC = b"SSHSIG"  # OpenSSH's PROTOCOL.sshsig
_MAX_ADDRESS = 100

Ask = Callable[[str, str], bool]
"""Whether a person agrees: the item's id, and the question."""
AskPassphrase = Callable[[str], SecretText]
"""Has the passphrase typed, for a key that asks for it; the question."""


class FrameError(CliskError):
    """A client sent what is no message of the protocol."""

    default_advice = "the client that asked is at fault: update it, or report it"


class SshAgent:
    """Answers what SSH clients ask; *only*: these items' keys and no other."""

    def __init__(
        self,
        home: Home,
        ask: Ask,
        *,
        only: frozenset[str],
        ask_passphrase: AskPassphrase = ask_passphrase,
    ) -> None:
        self._home = home
        self._ask = ask
        self._ask_passphrase = ask_passphrase
        self._only = only
        # One question at a time: two on one terminal would be answered by one key.
        self._asking = threading.Lock()

    def answer(self, frame: bytes) -> bytes:
        """Return the answer to one message; what is not done is a failure."""
        try:
            if frame[:1] == bytes([_IDENTITIES_ASK]) and len(frame) == 1:
                return self._identities()
            if frame[:1] == bytes([_SIGN_ASK]):
                return self._sign(frame[1:])
        except CliskError as err:
            hint = f"; {err.advice}" if err.advice else ""
            output.say(f"clisk ssh-agent: {err}{hint}")
        return _FAILURE

    def keys(self) -> list[dict[str, Any]]:
        """Return the keys that are offered."""
        with self._connect() as vault:
            keys = cast(list[dict[str, Any]], vault.call("ssh.keys")["keys"])
        return [key for key in keys if not self._only or key["item"] in self._only]

    def _connect(self) -> AgentClient:
        vault = AgentClient.connect(self._home)
        vault.call("introduce", {"program": "ssh"})
        return vault

    def _identities(self) -> bytes:
        keys = self.keys()
        lines = [
            _string(base64.b64decode(key["public"])) + _string(key["title"].encode())
            for key in keys
        ]
        return _IDENTITIES + len(lines).to_bytes(4) + b"".join(lines)

    def _sign(self, rest: bytes) -> bytes:
        public, rest = _take(rest)
        data, rest = _take(rest)
        if len(rest) != 4:
            raise FrameError(
                "a client's request is cut short, or goes on after its end"
            )
        spelled = base64.b64encode(public).decode()
        key = next((key for key in self.keys() if key["public"] == spelled), None)
        if key is None:
            raise CliskError(
                "a client asked for a key that is not offered",
                advice="clisk list --type ssh-key shows the keys there are",
            )
        what = describe(data)
        typed = self._agreed(key, what)
        params: Message = {
            "public": spelled,
            "data": base64.b64encode(data).decode(),
            "flags": int.from_bytes(rest),
            "purpose": f"ssh: {what}",
        }
        with self._connect() as vault:
            if typed is not None:
                vault.call("confirm", {"passphrase": typed.expose()})
            signature = str(vault.call("ssh.sign", params)["signature"])
        return _SIGNED + _string(base64.b64decode(signature))

    def _agreed(self, key: dict[str, Any], what: str) -> SecretText | None:
        """Ask whether to sign; of a key that asks for the passphrase, return that.

        What was agreed before does not count for such a key: it asks each time.
        """
        question = f"sign with {printable(key['title'])}: {what}?"
        with self._asking:
            if key["asks_passphrase"]:
                return self._ask_passphrase(f"{question} Your passphrase")
            if not self._ask(key["item"], question):
                raise CliskError(
                    f"not signed: {what}",
                    advice="ask again, and say yes when you are asked",
                )
        return None


def describe(data: bytes) -> str:
    """Return in words what a signature is for, as far as *data* says it itself."""
    with suppress(FrameError, UnicodeDecodeError):
        if data.startswith(_SIGNATURE_MAGIC):
            namespace, _ = _take(data[len(_SIGNATURE_MAGIC) :])
            return f"signature for {printable(namespace.decode())[:60]}"
        _session, rest = _take(data)
        if rest[:1] == bytes([_USERAUTH]):
            user, _ = _take(rest[1:])
            return f"log in as {printable(user.decode())[:60]}"
    return "something unknown"


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    """Return the string that *data* begins with, and the rest."""
    length = int.from_bytes(data[:4])
    if len(data) < 4 or length > len(data) - 4:
        raise FrameError("a client's request is cut short")
    return data[4 : 4 + length], data[4 + length :]


class Server(socketserver.ThreadingUnixStreamServer):
    """Listens for the same user's clients, a bounded number at a time."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        path: str,
        agent: SshAgent,
        *,
        peer: Callable[[socket.socket], int | None] = peer_user,
    ) -> None:
        if len(os.fsencode(path)) > _MAX_ADDRESS:
            raise HomeError(
                "the path of the socket is too long", advice="name one: --socket PATH"
            )
        _clear(path)
        self.agent = agent
        self._peer = peer
        self._seats = threading.BoundedSemaphore(MAX_CLIENTS)
        before = os.umask(0o177)
        try:
            super().__init__(path, _Client)
        except OSError as err:
            raise HomeError(
                f"the socket cannot be made: {err.strerror}",
                advice="name another place: --socket PATH",
            ) from None
        finally:
            os.umask(before)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take nobody but the same user, and not too many; as the base class asks."""
        del client_address
        if self._peer(request) != os.getuid():
            output.say("clisk ssh-agent: hung up on a client of another user")
            return False
        if not self._seats.acquire(blocking=False):
            output.say("clisk ssh-agent: hung up on a client: too many at once")
            return False
        return True

    def leave(self) -> None:
        """Give a seat back."""
        self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say which class of error ended a client; the base class prints it whole."""
        del request, client_address
        fault = sys.exc_info()[0]
        output.say(
            f"clisk ssh-agent: a client ended with {getattr(fault, '__name__', '')}"
        )

    def close(self) -> None:
        """Listen no more."""
        self.server_close()
        with suppress(OSError):
            os.unlink(cast(str, self.server_address))


def _clear(path: str) -> None:
    """Take away the socket of an agent that died.

    Raises:
        HomeError: one listens there, or it is no socket.
    """
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except OSError as err:
        raise HomeError(
            f"the socket: {err.strerror}",
            advice="choose another path for it, in a folder of yours",
        ) from None
    finally:
        probe.close()
    raise HomeError(
        "an SSH agent listens there already", advice="stop it, or name --socket PATH"
    )


class _Client(socketserver.StreamRequestHandler):
    """One client: frame after frame until it hangs up or sends nonsense."""

    def handle(self) -> None:
        server = cast(Server, self.server)
        try:
            while (frame := self._frame()) is not None:
                self.wfile.write(_string(server.agent.answer(frame)))
        except ConnectionError:
            pass  # the client left
        finally:
            server.leave()

    def _frame(self) -> bytes | None:
        head = self.rfile.read(4)
        length = int.from_bytes(head)
        # Never a byte more than is allowed is read, whatever a head promises.
        if len(head) < 4 or not 0 < length <= MAX_FRAME:
            return None
        frame = self.rfile.read(length)
        return frame if len(frame) == length else None

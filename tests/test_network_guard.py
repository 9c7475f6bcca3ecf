"""The guard of conftest.py is itself tested: without it these calls would leave."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

# Documentation addresses (RFC 5737, RFC 3849) and a reserved name (RFC 2606):
# nobody is there, should the guard ever fail.
_ELSEWHERE = ["192.0.2.1", "2001:db8::1", "relay.invalid"]


def _refusal() -> pytest.RaisesExc[BaseException]:
    return pytest.RaisesExc(BaseException, match="off this machine")


@pytest.mark.parametrize("host", _ELSEWHERE)
def test_no_test_connects_to_another_machine(host: str) -> None:
    """A connection that would leave this machine fails before it is tried."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with socket.socket(family) as plain, _refusal():
        plain.connect((host, 9))


def test_no_test_sends_to_another_machine() -> None:
    """Neither does a datagram leave."""
    with socket.socket(type=socket.SOCK_DGRAM) as plain, _refusal():
        plain.sendto(b"", ("192.0.2.1", 9))


def test_no_test_looks_a_foreign_name_up() -> None:
    """Asking for a name is traffic too, from asyncio as from anywhere."""

    async def connect() -> None:
        await asyncio.open_connection("relay.invalid", 9)

    with _refusal():
        asyncio.run(connect())


def test_loopback_and_unix_sockets_work(tmp_path: Path) -> None:
    """What stays on this machine is left alone."""
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", 0)),
        (socket.AF_UNIX, str(tmp_path / "s")),
    ):
        with socket.socket(family) as server, socket.socket(family) as client:
            server.bind(address)
            server.listen()

            client.connect(server.getsockname())

"""Starting, stopping and reaching a relay process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from clisk_sync.errors import CallerError, RelayRefused, TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Limits, serve, start
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Family


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.0.2.1", "relay.example"],  # noqa: S104  # must be refused
)
def test_a_relay_stays_on_its_machine_unless_told(tmp_path: Path, host: str) -> None:
    """Listening beyond loopback needs the ugly word, and an origin besides."""
    with pytest.raises(CallerError, match="this machine only"):
        serve(database=tmp_path / "relay.db", host=host, port=0)
    with pytest.raises(CallerError, match="its own address"):
        serve(
            database=tmp_path / "relay.db",
            host=host,
            port=0,
            unsafe_listen_beyond_this_machine=True,
        )
    assert not (tmp_path / "relay.db").exists()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The second relay on one port says so."""

    async def run() -> None:
        async with start(database=tmp_path / "one.db") as running:
            with pytest.raises(CallerError, match="cannot listen"):
                async with start(database=tmp_path / "two.db", port=running.port):
                    pass

    asyncio.run(run())


def test_a_second_relay_on_one_file_is_refused(tmp_path: Path) -> None:
    """Nobody would wake those who wait at the other; once it has ended, one may."""
    database = tmp_path / "relay.db"

    async def run() -> None:
        async with start(database=database):
            with pytest.raises(CallerError, match="another relay runs"):
                async with start(database=database):
                    pass
        async with start(database=database):
            pass

    asyncio.run(run())


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A relay without its database does not start, and says why it did not."""
    (tmp_path / "relay.db").write_bytes(b"no database at all" * 100)

    async def run() -> None:
        async with start(database=tmp_path / "relay.db"):
            pass

    with pytest.raises(CallerError, match="database"):
        asyncio.run(run())


def test_a_relay_answers_under_each_name_of_this_machine(tmp_path: Path) -> None:
    """A device may dial localhost or 127.0.0.1: both are origins of the relay."""

    async def run() -> None:
        async with start(database=tmp_path / "relay.db") as running:
            family = Family.found()
            for host in ("127.0.0.1", "localhost"):
                async with HttpRelay(f"http://{host}:{running.port}") as relay:
                    transport = _transport(relay, family)
                    await transport.create(family.genesis)
                    assert await transport.records() == [family.genesis]

    asyncio.run(run())


def _transport(relay: HttpRelay, family: Family) -> HttpVaultTransport:
    secrets = family.founder.secrets
    return HttpVaultTransport(
        relay, family.vault, device=secrets.public.id, signing=secrets.signing
    )


def test_stopping_does_not_wait_for_those_who_wait(tmp_path: Path) -> None:
    """Long polls are woken when the relay goes down, and told to try again."""

    async def run() -> float:
        async with start(database=tmp_path / "relay.db") as running:
            relay = HttpRelay(running.url, retry=RetryPolicy(attempts=1))
            family = Family.found()
            transport = _transport(relay, family)
            await transport.create(family.genesis)
            await transport.records()
            waiting = asyncio.create_task(transport.wait(0, 60))
            while not waiting.done() and not await _listening(relay):
                pass
            began = asyncio.get_running_loop().time()
        with pytest.raises(TransportError):
            await waiting
        await relay.aclose()
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(run()) < 5


async def _listening(relay: HttpRelay) -> bool:
    """Give the long poll time to arrive: one round trip on another connection."""
    await relay.call("GET", "/healthz")
    return True


def test_half_a_request_is_not_waited_for(tmp_path: Path) -> None:
    """A connection whose request never gets whole is closed, first or later."""

    async def run() -> None:
        limits = Limits(request_seconds=0.1)
        async with start(database=tmp_path / "relay.db", limits=limits) as running:
            for before in (b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", running.port
                )
                writer.write(before)
                if before:
                    await reader.readuntil(b'"ok"}')
                writer.write(b"GET /healthz HTTP/1.1\r\nHost:")
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()
            # A whole request is served as ever, also late on a kept connection.
            async with HttpRelay(running.url) as relay:
                assert b"ok" in await relay.call("GET", "/healthz")

    asyncio.run(run())


@pytest.mark.parametrize(
    "flood",
    [
        b"GET /" + b"a" * 40_000,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 8000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a" * 40_000,
        b"POST /v1/vaults HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\na\r\n0\r\nX: " + b"a" * 40_000,
        b"GET /healthz HTTP/1.1\r\n\r\n" * 100,
    ],
    ids=["path", "header", "headers", "name", "trailer", "requests in advance"],
)
def test_a_head_is_bounded(tmp_path: Path, flood: bytes) -> None:
    """What the parser would keep for ever ends the connection; others go on."""

    async def run() -> None:
        async with start(database=tmp_path / "relay.db") as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            with contextlib.suppress(ConnectionError):
                writer.write(flood)
                answer = await reader.read()
                assert b"200" not in answer.partition(b"\r\n")[0]
            writer.close()
            async with HttpRelay(running.url) as relay:
                # As long a head as a device sends behind a proxy that adds much.
                token = "a" * 8000
                with pytest.raises(RelayRefused):
                    await relay.call("GET", f"/v1/vaults/{'a' * 64}/news", token=token)

    asyncio.run(run())


def test_a_body_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    """A connection that ends in the middle of an envelope stores none of it."""

    async def run() -> None:
        async with (
            start(database=tmp_path / "relay.db") as running,
            HttpRelay(running.url) as relay,
        ):
            family = Family.found()
            founder = _transport(relay, family)
            await founder.create(family.genesis)
            await founder.records()  # signs in
            envelope = family.founder.write(bytes(4000))
            for sent in (0, 1, len(envelope) // 2, len(envelope) - 1):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", running.port
                )
                head = (
                    f"POST /v1/vaults/{family.vault.hex()}/envelopes HTTP/1.1\r\n"
                    f"Host: a\r\nAuthorization: Bearer {founder._token}\r\n"
                    f"Content-Length: {len(envelope)}\r\n\r\n"
                )
                writer.write(head.encode() + envelope[:sent])
                writer.write_eof()
                assert b" 200 " not in await reader.read()
                writer.close()
                await writer.wait_closed()
            assert [entry async for entry in founder.read(0)] == []
            assert await founder.append(envelope) == 1

    asyncio.run(run())


def test_too_many_connections_are_turned_away(tmp_path: Path) -> None:
    """Above its limit of connections the relay says 503 and serves nobody new."""

    async def run() -> None:
        limits = Limits(connections=2)
        async with start(database=tmp_path / "relay.db", limits=limits) as running:
            held = [
                await asyncio.open_connection("127.0.0.1", running.port)
                for _ in range(3)
            ]
            retry = RetryPolicy(attempts=1)
            async with HttpRelay(running.url, retry=retry) as relay:
                with pytest.raises(TransportError):
                    await relay.call("GET", "/healthz")
            for _, writer in held:
                writer.close()
                await writer.wait_closed()

    asyncio.run(run())


_PROGRAM = """
    import sys
    from clisk_sync.relay import serve
    serve(
        database=sys.argv[1], port=0,
        on_started=lambda relay: print(relay.url, flush=True),
    )
    print("ended", flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_process_ends_when_told(tmp_path: Path, sent: signal.Signals) -> None:
    """It finishes, returns to its caller, and logs what it did as lines of JSON."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_PROGRAM), tmp_path / "relay.db"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            os.kill(process.pid, sent)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "ended\n")
    assert '"event":"started"' in err
    assert '"event":"stopped"' in err
    assert "Traceback" not in err

"""The HTTP client against a relay, or a network, that does its worst."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from clisk_sync.errors import (
    AuthError,
    CallerError,
    ConflictError,
    NumberTakenError,
    PeerError,
    QuotaError,
    RateError,
    RelayMisbehaved,
    RelayRefused,
    TransportError,
)
from clisk_sync.http_transport import HttpRelay
from clisk_sync.login import parse_unverified_login
from clisk_sync.refusals import TABLE, Code
from clisk_sync.relay_client import HttpMailboxTransport, HttpVaultTransport
from clisk_sync.retry import RetryPolicy
from clisk_sync.sequence import encode_entry, encode_record_item
from clisk_sync.testing import Family
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.primitives import SigningKey

_KEY = SigningKey(bytes(32))
_DEVICE = DeviceId(bytes(range(16)))
_VAULT = VaultId(bytes(range(32)))
_CHALLENGE = {"challenge": "ab" * 56, "expires_at": 1}
_TOKEN = {"token": "t" * 32, "expires_at": 1}

Answer: TypeAlias = bytes
Script: TypeAlias = "Callable[[Asked], Answer | Awaitable[Answer]]"


class Asked:
    """One request as the evil relay saw it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = line.split(" ")
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        self.body = body


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole HTTP answer."""
    fields = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{told}\r\n".encode() + body


def ok(value: Any, **headers: str) -> bytes:
    return http(200, json.dumps(value).encode(), **headers)


def no(code: str, status: int, **more: Any) -> bytes:
    body = {"error": code, "message": "type your password", "advice": "here"} | more
    return http(status, json.dumps(body).encode())


class Evil:
    """A server that answers as it is told and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                    asked = Asked(head, b"")
                    length = int(asked.headers.get("content-length", 0))
                    asked.body = await reader.readexactly(length)
                    self.asked.append(asked)
                    if not await self.tell(asked, writer):
                        break
        finally:
            writer.close()

    async def tell(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Answer; False ends the connection."""
        answer = self._script(asked)
        told = answer if isinstance(answer, bytes) else await answer
        writer.write(told)
        await writer.drain()
        return bool(told) and b"onnection: close" not in told

    def paths(self) -> list[str]:
        return [asked.path.rpartition("/")[2].partition("?")[0] for asked in self.asked]


@asynccontextmanager
async def listening(server: Evil) -> AsyncIterator[Evil]:
    sockets = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = sockets.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    async with sockets:
        try:
            yield server
        finally:
            for task in server.tasks:
                task.cancel()
            await asyncio.gather(*server.tasks, return_exceptions=True)


def evil(script: Script) -> AbstractAsyncContextManager[Evil]:
    return listening(Evil(script))


def signing_in(script: Script) -> Script:
    """Answer logins as an honest relay would, and the rest by *script*."""

    def answer(asked: Asked) -> Answer | Awaitable[Answer]:
        if asked.path == "/v1/challenges":
            return ok(_CHALLENGE)
        if asked.path.endswith("/tokens"):
            return ok(_TOKEN)
        return script(asked)

    return answer


class Pauses:
    """Notes the pauses of a retry policy and takes none."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def policy(self, attempts: int = 4) -> RetryPolicy:
        return RetryPolicy(attempts=attempts, sleep=self, jitter=lambda: 1.0)


def vault_of(relay: HttpRelay) -> HttpVaultTransport:
    return HttpVaultTransport(relay, _VAULT, device=_DEVICE, signing=_KEY)


def _run(
    script: Script,
    test: Callable[[HttpVaultTransport, Evil, Pauses], Awaitable[None]],
    *,
    attempts: int = 4,
) -> None:
    async def run() -> None:
        pauses = Pauses()
        async with (
            evil(signing_in(script)) as server,
            HttpRelay(server.url, retry=pauses.policy(attempts)) as relay,
        ):
            await test(vault_of(relay), server, pauses)

    asyncio.run(run())


async def _read(transport: HttpVaultTransport, after: int = 0) -> list[Any]:
    return [entry async for entry in transport.read(after)]


def test_the_login_names_the_address_that_was_dialled() -> None:
    """Whatever the relay says, the signature is for the origin in the URL."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        await transport.append(b"envelope")
        login = parse_unverified_login(server.asked[1].body)
        login.verify(_KEY.public())
        assert login.origin == server.url
        assert login.vault == _VAULT
        assert login.device == _DEVICE
        assert login.challenge.hex() == _CHALLENGE["challenge"]
        assert server.asked[2].headers["authorization"] == f"Bearer {'t' * 32}"

    _run(lambda _: ok({"position": 1}), test)


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "https://honest.example"},
        {"url": "https://honest.example"},
        {"capabilities": ["legacy"]},
    ],
)
def test_a_challenge_that_says_more_is_refused(more: dict[str, Any]) -> None:
    """No relay tells a device what to sign for, where to go or what to be."""

    async def run() -> None:
        async with (
            evil(lambda _: ok(_CHALLENGE | more)) as server,
            HttpRelay(server.url) as relay,
        ):
            with pytest.raises(RelayMisbehaved):
                await vault_of(relay).append(b"envelope")
            assert server.paths() == ["challenges"]

    asyncio.run(run())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """A token and an envelope go to the address that the person gave, or nowhere."""

    async def run() -> None:
        async with (
            evil(lambda _: ok({"position": 1})) as impostor,
            evil(signing_in(lambda _: http(status, Location=impostor.url))) as server,
            HttpRelay(server.url, retry=Pauses().policy()) as relay,
        ):
            with pytest.raises(RelayMisbehaved, match="elsewhere"):
                await vault_of(relay).append(b"envelope")
            assert impostor.asked == []

    asyncio.run(run())


def test_the_relays_words_never_reach_a_person() -> None:
    """A refusal is told in our words: a relay cannot ask for a password."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(QuotaError) as err:
            await transport.append(b"envelope")
        assert "password" not in f"{err.value} {err.value.advice}"
        assert str(err.value) == TABLE[Code.VAULT_FULL].message

    _run(lambda _: no("vault-full", 507), test)


_HEAD = {"number": 7, "hash": "cd" * 32}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (no("number-taken", 409, head=_HEAD), NumberTakenError),
        (no("out-of-order", 409, head=_HEAD), ConflictError),
        (no("not-a-member", 403), AuthError),
        (no("too-large", 413), RelayRefused),
        (no("bad-signature", 403), RelayRefused),
    ],
)
def test_a_refusal_is_final_and_named(answer: bytes, kind: type[RelayRefused]) -> None:
    """A relay that says no is not asked again."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(kind) as err:
            await transport.append(b"envelope")
        assert type(err.value) is kind
        if isinstance(err.value, ConflictError):
            assert (err.value.head_number, err.value.head_hash.hex()) == (7, "cd" * 32)
        assert server.paths().count("envelopes") == 1
        assert pauses.seconds == []

    _run(lambda _: answer, test)


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"{}"),
        http(200, b"not json"),
        http(200, b'{"position": -1}'),
        http(200, b'{"position": "1"}'),
        http(200, b"[" * 9000),
        http(200, b'"' + b"x" * (17 << 10) + b'"'),
        http(200, gzip.compress(b'{"position": 1}'), Content_Encoding="gzip"),
        http(403, b"<html>no</html>"),
        http(404, b""),
        no("such-a-code-there-is-not", 400),
        no("NOT A CODE", 400),
        no("number-taken", 409, head={"number": 7, "hash": "zz" * 32}),
        no("number-taken", 409, head={"number": -7, "hash": "cd" * 32}),
    ],
    ids=range(13),
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    """Junk, too much, compressed, or a refusal of no known kind."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved):
            await transport.append(b"envelope")

    _run(lambda _: answer, test)


def test_a_compressed_answer_is_not_inflated() -> None:
    """What nobody asked to be compressed is refused before a byte is inflated."""
    body = gzip.compress(bytes(10 << 20))

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved, match="compressed unasked"):
            await transport.append(b"envelope")
        assert server.asked[-1].headers["accept-encoding"] == "identity"

    _run(lambda _: http(200, body, Content_Encoding="gzip"), test)


_ENDLESS = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"


class Endless(Evil):
    """Answers a body that never ends."""

    sent = 0
    chunk = b""

    async def tell(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if asked.path == "/v1/challenges" or asked.path.endswith("/tokens"):
            return await super().tell(asked, writer)
        writer.write(_ENDLESS)
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(self.chunk), self.chunk))
            await writer.drain()
            self.sent += len(self.chunk)


@pytest.mark.parametrize(
    ("chunk", "doing", "most"),
    [
        # The sockets of one machine hold some megabytes besides.
        (b"[" * 1000, "append", 16 << 20),
        (encode_record_item(bytes(60_000)), "records", 64 << 20),
        (b"\x40" * 1000, "records", 16 << 20),
        (encode_entry(1, bytes(60_000)), "read", 16 << 20),
        (b"\x82\x01\x5a\x7f\xff\xff\xff" + bytes(1000), "read", 16 << 20),
    ],
    ids=["json", "records", "many records", "same position", "huge item"],
)
def test_a_body_without_end_is_cut(chunk: bytes, doing: str, most: int) -> None:
    """A relay that never stops sending does not fill the device's memory."""

    async def run() -> int:
        server = Endless(signing_in(lambda _: b""))
        server.chunk = chunk
        async with (
            listening(server),
            HttpRelay(server.url, retry=Pauses().policy()) as relay,
        ):
            transport = vault_of(relay)
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "append": lambda: transport.append(b"envelope"),
                "records": transport.records,
                "read": lambda: _read(transport),
            }
            with pytest.raises(RelayMisbehaved):
                await calls[doing]()
        return server.sent

    assert asyncio.run(run()) < most


@pytest.mark.parametrize(
    "page",
    [
        encode_entry(5, b"a") + encode_entry(5, b"b"),
        encode_entry(5, b"a") + encode_entry(4, b"b"),
        encode_entry(3, b"a"),
        encode_entry(0, b"a"),
        b"\x82\x04",
        b"\xff",
        encode_entry(4, b"a") + b"x",
        b"\x82\x18\x04\x41a",
    ],
    ids=range(8),
)
def test_a_page_that_breaks_the_protocol_is_refused(page: bytes) -> None:
    """Positions that do not rise, junk, a page cut short by its sender."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved):
            await _read(transport, after=3)

    _run(lambda _: http(200, page), test)


def test_a_page_of_countless_envelopes_is_refused() -> None:
    """A page is bounded in entries too: empty ones cost time and no bytes."""
    page = b"".join(encode_entry(position, b"") for position in range(1, 10_100))

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved, match="too long a page"):
            await _read(transport)

    _run(lambda _: http(200, page), test)


def test_reading_goes_on_where_the_connection_was_cut() -> None:
    """What arrived whole is used; reading continues after it and skips nothing."""
    entries = [encode_entry(position, bytes([position])) for position in range(1, 10)]

    def page(asked: Asked) -> bytes:
        after = int(asked.path.rpartition("=")[2])
        if after == 9:
            return http(200)
        whole = entries[after]
        half = entries[after + 1][:-1] if after < 8 else b""
        told = http(200, whole + half, Connection="close")
        return told.replace(b"Content-Length: ", b"Content-Length: 9") if half else told

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        found = await _read(transport)
        assert found == [(position, bytes([position])) for position in range(1, 10)]
        assert len(pauses.seconds) == 8

    _run(page, test)


def test_reading_that_makes_no_headway_gives_up() -> None:
    """A relay that cuts every page before its first envelope is left alone."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(TransportError):
            await _read(transport)
        assert len(pauses.seconds) == 3

    _run(lambda _: b"", test)


def test_reading_stops_at_the_head_that_the_relay_told() -> None:
    """One page is one request when the relay says that there is no more."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        assert await _read(transport) == [(1, b"a")]
        assert server.paths().count("envelopes") == 1

    _run(lambda _: http(200, encode_entry(1, b"a"), Clisk_Head="1"), test)


@pytest.mark.parametrize("failing", [b"", http(500), http(502, b"<html>"), http(429)])
@pytest.mark.parametrize("code", ["internal", "busy", "store-unavailable"])
def test_no_answer_is_asked_again(failing: bytes, code: str) -> None:
    """Cut connections and failing relays are tried again with growing pauses."""
    answers = [failing, no(code, 503), ok({"position": 5})]

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        assert await transport.append(b"envelope") == 5
        assert pauses.seconds == [0.25, 0.5]
        sent = [
            asked.body for asked in server.asked if asked.path.endswith("envelopes")
        ]
        assert sent == [b"envelope"] * 3

    _run(lambda _: answers.pop(0), test)


def test_a_relay_that_never_answers_is_given_up() -> None:
    """After so many attempts the error says that it is the connection."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(TransportError):
            await transport.append(b"envelope")
        assert pauses.seconds == [0.25, 0.5, 1.0]

    _run(lambda _: b"", test)


def test_nobody_there_is_no_answer() -> None:
    """A closed port, a name without address: retry, with advice, no traceback."""

    async def run() -> None:
        pauses = Pauses()
        async with HttpRelay("http://127.0.0.1:1", retry=pauses.policy()) as relay:
            with pytest.raises(TransportError, match="cannot be reached") as err:
                await vault_of(relay).append(b"envelope")
            assert "kept on this device" in err.value.advice
        assert len(pauses.seconds) == 3

    asyncio.run(run())


@pytest.mark.parametrize(("told", "pauses_taken"), [(3.0, [3.0]), (3600.0, [])])
def test_a_relay_says_when_to_come_back(told: float, pauses_taken: list[float]) -> None:
    """Its word is taken for a short pause; a long one is told to the caller."""
    answers = [no("too-fast", 429, retry_after_seconds=told), ok({"position": 5})]

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        if pauses_taken:
            assert await transport.append(b"envelope") == 5
        else:
            with pytest.raises(RateError) as err:
                await transport.append(b"envelope")
            assert err.value.retry_after_seconds == told
        assert pauses.seconds == pauses_taken

    _run(lambda _: answers.pop(0), test)


def test_an_expired_token_is_renewed_once() -> None:
    """One refusal of the token means signing in again, silently."""
    answers = [ok({"position": 1}), no("not-signed-in", 401), ok({"position": 2})]

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        assert await transport.append(b"one") == 1
        assert await transport.append(b"two") == 2
        assert server.paths().count("tokens") == 2

    _run(lambda _: answers.pop(0), test)


def test_a_relay_that_takes_no_token_is_not_asked_for_ever() -> None:
    """The second refusal in a row is told to the caller."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(AuthError):
            await transport.append(b"one")
        assert server.paths().count("tokens") == 2
        assert server.paths().count("envelopes") == 2

    _run(lambda _: no("not-signed-in", 401), test)


def test_calls_at_once_sign_in_once() -> None:
    """Ten calls on a fresh transport share one login."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        await asyncio.gather(*(transport.append(b"x") for _ in range(10)))
        assert server.paths().count("tokens") == 1

    _run(lambda _: ok({"position": 1}), test)


def test_a_relay_that_makes_another_vault_is_refused() -> None:
    """The vault id is the hash of the genesis record, whatever a relay answers."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved):
            await transport.create(Family.found().genesis)

    _run(
        lambda _: http(201, json.dumps({"vault": "ab" * 32, "created": True}).encode()),
        test,
    )


def test_an_eager_relay_does_not_make_us_spin() -> None:
    """A long poll that is answered at once with nothing is asked again slowly."""

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        assert await transport.wait(0, 1.2) is None
        assert server.paths().count("news") <= 4

    _run(lambda _: b"HTTP/1.1 204 X\r\n\r\n", test)


def test_news_that_is_cut_is_used_as_far_as_it_is_whole() -> None:
    """What arrived whole came in; nothing of it is no news but no answer."""
    entries = [encode_entry(position, bytes([position])) for position in (1, 2)]
    answers = [b"".join(entries)[:-1], entries[0][:-1]]

    def news(asked: Asked) -> bytes:
        told = http(200, answers.pop(0) if answers else b"", Connection="close")
        return told.replace(b"Content-Length: ", b"Content-Length: 9")

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        found = await transport.wait(0, 20, records=3)
        assert found is not None
        assert found.entries == ((1, b"\x01"),)
        assert server.asked[-1].path.endswith("&records=3")
        with pytest.raises(TransportError):
            await transport.wait(1, 20)

    _run(news, test)


def test_news_is_bounded_like_a_page() -> None:
    """Positions that do not rise, and a page above the bound, are refused."""
    again = encode_entry(7, b"x") * 2

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        with pytest.raises(RelayMisbehaved):
            await transport.wait(0, 20)
        with pytest.raises(RelayMisbehaved):
            await transport.wait(7, 20)

    _run(lambda _: http(200, again), test)


@pytest.mark.parametrize(
    "url",
    ["http://relay.example", "ftp://127.0.0.1", "https://a@relay.example", "relay", ""],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """Plain http beyond this machine, other schemes, users in the address."""
    with pytest.raises(CallerError) as err:
        HttpRelay(url)
    assert err.value.advice


def test_the_environment_does_not_redirect_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable does not send tokens elsewhere."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def test(transport: HttpVaultTransport, server: Evil, pauses: Pauses) -> None:
        assert await transport.append(b"envelope") == 1

    _run(lambda _: ok({"position": 1}), test)


@pytest.mark.parametrize("body", [b"", bytes(8193)])
def test_a_mailbox_body_is_checked_before_it_is_sent(body: bytes) -> None:
    """Empty and over-long messages are a fault of the caller."""

    async def run() -> None:
        async with evil(lambda _: http(204)) as server, HttpRelay(server.url) as relay:
            with pytest.raises(CallerError):
                await HttpMailboxTransport(relay).post(bytes(32), 0, body)
            assert server.asked == []

    asyncio.run(run())


def test_a_mailbox_message_is_bounded() -> None:
    """A relay that answers more than a mailbox may hold is refused."""

    async def run() -> None:
        async with (
            evil(lambda _: http(200, bytes(8193))) as server,
            HttpRelay(server.url) as relay,
        ):
            with pytest.raises(PeerError):
                await HttpMailboxTransport(relay).fetch(bytes(32), 0, 1)

    asyncio.run(run())


def test_waiting_can_be_cancelled() -> None:
    """Stopping in the middle of a long poll leaves nothing behind."""
    arrived = asyncio.Event()

    async def never(_asked: Asked) -> bytes:
        arrived.set()
        await asyncio.Event().wait()
        return b""

    async def run() -> None:
        async with (
            evil(signing_in(never)) as server,
            HttpRelay(server.url, retry=Pauses().policy()) as relay,
        ):
            waiting = asyncio.create_task(vault_of(relay).wait(0, 60))
            await arrived.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(run())


def test_pauses_grow_to_a_cap_and_are_spread() -> None:
    """Exponential, capped, and between half and all of that by chance."""
    low = RetryPolicy(base_seconds=1, cap_seconds=5, jitter=lambda: 0.0)
    high = RetryPolicy(base_seconds=1, cap_seconds=5, jitter=lambda: 1.0)
    assert [high.pause_seconds(n) for n in range(1, 6)] == [1, 2, 4, 5, 5]
    assert [low.pause_seconds(n) for n in range(1, 4)] == [0.5, 1, 2]

"""News by one answer that goes on, from a relay, or a network, that does its worst."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from clisk_sync import news_stream
from clisk_sync.errors import RelayMisbehaved, TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.sequence import encode_entry
from clisk_sync.transport import News
from tests.sync.test_http_transport import (
    Asked,
    Evil,
    Pauses,
    http,
    listening,
    signing_in,
    vault_of,
)

_LONG = 20.0
_HEAD = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _entry(position: int) -> bytes:
    return encode_entry(position, bytes([position]))


def _news(*positions: int) -> News:
    return News(tuple((position, bytes([position])) for position in positions))


class _Going(Evil):
    """Answers each question for news with the next of some lists of pieces.

    A piece goes out when the test takes it; a connection ends with its pieces.
    """

    def __init__(self, answers: Sequence[Sequence[bytes]]) -> None:
        super().__init__(signing_in(lambda _: http(204)))
        self._answers = iter(answers)
        self.go_on = asyncio.Semaphore(0)
        self.hung_up = asyncio.Event()

    async def tell(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        if "/news?" not in asked.path:
            return await super().tell(asked, writer)
        try:
            for piece in next(self._answers):
                await self.go_on.acquire()
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            self.hung_up.set()
        return False

    @property
    def questions(self) -> list[str]:
        """What was asked of the news, each time."""
        return [
            asked.path.partition("?")[2]
            for asked in self.asked
            if "/news?" in asked.path
        ]


def _run(
    answers: Sequence[Sequence[bytes]],
    test: Callable[[HttpVaultTransport, _Going], Awaitable[None]],
) -> None:
    async def run() -> None:
        async with (
            listening(_Going(answers)) as server,
            HttpRelay(server.url, retry=Pauses().policy()) as relay,
        ):
            assert isinstance(server, _Going)
            await test(vault_of(relay), server)

    asyncio.run(run())


def _let(server: _Going, pieces: int = 1) -> None:
    for _ in range(pieces):
        server.go_on.release()


def test_one_question_is_answered_again_and_again() -> None:
    """Each piece is news of its own; the end of the answer is a new question."""
    pieces = [_HEAD + _chunk(_entry(1)), _chunk(_entry(2) + _entry(4)), _END]

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG, records=3) == _news(1)
        _let(server)
        assert await transport.wait(1, _LONG, records=3) == _news(2, 4)
        assert len(server.questions) == 1
        _let(server, 2)
        assert await transport.wait(4, _LONG, records=3) == _news(5)
        first, second = server.questions
        assert first.startswith("after=0&")
        assert second.startswith("after=4&")
        assert second.endswith("&records=3")

    _run([pieces, [_HEAD + _chunk(_entry(5)) + _END]], test)


def test_an_item_in_two_pieces_is_one() -> None:
    """Nothing is given before it is whole."""
    item = _entry(1) + _entry(2)

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server, 2)
        assert await transport.wait(0, _LONG) == _news(1)
        _let(server)
        assert await transport.wait(1, _LONG) == _news(2)

    _run([[_HEAD, _chunk(item[:-1]), _chunk(item[-1:])]], test)


@pytest.mark.parametrize("asked", [{"after": 7}, {"records": 4}])
def test_an_answer_to_another_question_is_not_taken(asked: dict[str, int]) -> None:
    """Whoever reads on from elsewhere, or knows other records, asks anew."""
    question: dict[str, Any] = {"after": 1, "records": 3} | asked

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG, records=3) == _news(1)
        _let(server, 2)
        after, records = question["after"], question["records"]
        assert await transport.wait(after, _LONG, records=records) == _news(9)
        assert len(server.questions) == 2

    _run(
        [
            [_HEAD + _chunk(_entry(1)), _chunk(_entry(2))],
            [_HEAD + _chunk(_entry(9)) + _END],
        ],
        test,
    )


def test_an_answer_that_is_cut_is_asked_for_anew() -> None:
    """What came whole was given; the cut itself is nobody's trouble."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1)
        _let(server, 2)
        assert await transport.wait(1, _LONG) == _news(2)
        assert [each.partition("&")[0] for each in server.questions] == [
            "after=0",
            "after=1",
        ]

    _run(
        [
            [_HEAD + _chunk(_entry(1)), _chunk(_entry(2)[:-1])],
            [_HEAD + _chunk(_entry(2)) + _END],
        ],
        test,
    )


def test_positions_that_do_not_rise_across_pieces_are_refused() -> None:
    """The second piece is held to what the first one gave."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1)
        _let(server)
        with pytest.raises(RelayMisbehaved, match="rise"):
            await transport.wait(1, _LONG)

    _run([[_HEAD + _chunk(_entry(1)), _chunk(_entry(1))]], test)


def test_an_answer_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of many entries each are counted together."""
    monkeypatch.setattr("clisk_sync.page._MAX_ENTRIES", 3)

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1, 2)
        _let(server)
        with pytest.raises(RelayMisbehaved, match="too long"):
            await transport.wait(2, _LONG)

    _run(
        [
            [
                _HEAD + _chunk(_entry(1) + _entry(2)),
                _chunk(_entry(3) + _entry(4)),
            ]
        ],
        test,
    )


def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that sends a byte now and then, and never an item, is no answer."""
    monkeypatch.setattr(news_stream, "_LATE_SECONDS", 0.05)
    item = encode_entry(1, bytes(1000))

    async def trickle(server: _Going) -> None:
        while True:
            _let(server)
            await asyncio.sleep(0.001)

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        trickling = asyncio.create_task(trickle(server))
        with pytest.raises(TransportError, match="too long"):
            await transport.wait(0, 0.05)
        trickling.cancel()

    _run([[_HEAD, *(_chunk(item[at : at + 1]) for at in range(900))]], test)


def test_an_answer_that_ends_within_an_item_is_refused() -> None:
    """Cut by the relay itself, not by the network."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        with pytest.raises(RelayMisbehaved, match="cut short"):
            await transport.wait(0, _LONG)

    _run([[_HEAD + _chunk(_entry(1)[:-1]) + _END]], test)


def test_whoever_waits_less_long_than_an_answer_goes_on_asks_anew() -> None:
    """Else a question for now would take as long as an earlier one."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1)
        _let(server, 2)
        assert await transport.wait(1, 0) is None
        assert server.questions[-1] == "after=1&wait_ms=0"

    answers = [[_HEAD + _chunk(_entry(1)), _chunk(_entry(2))], [http(204)]]
    _run(answers, test)


def test_to_stop_waiting_hangs_up() -> None:
    """Cancelled in mid-answer: the connection is let go, the next wait asks anew."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1)
        waiting = asyncio.create_task(transport.wait(1, _LONG))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not server.hung_up.is_set():
            _let(server)
            await asyncio.sleep(0)
        _let(server)
        assert await transport.wait(1, _LONG) == _news(2)

    endless = [_HEAD + _chunk(_entry(1)), *([_chunk(b"\x82")] * 9999)]
    _run([endless, [_HEAD + _chunk(_entry(2)) + _END]], test)


def test_two_who_wait_at_once_each_get_the_news() -> None:
    """An answer is read by one of them; the other asks for itself."""

    async def test(transport: HttpVaultTransport, server: _Going) -> None:
        _let(server)
        assert await transport.wait(0, _LONG) == _news(1)
        both = [asyncio.create_task(transport.wait(1, _LONG)) for _ in range(2)]
        while len(server.questions) < 2:  # noqa: ASYNC110  # no event tells a test
            await asyncio.sleep(0)
        _let(server, 2)
        assert [await each for each in both] == [_news(2), _news(2)]

    _run(
        [
            [_HEAD + _chunk(_entry(1)), _chunk(_entry(2))],
            [_HEAD + _chunk(_entry(2)) + _END],
        ],
        test,
    )

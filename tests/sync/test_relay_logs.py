"""What a relay writes down, and what it never does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_sync.relay.logs import JsonLines, logger
from tests.sync.relay_kit import here


class Lines(logging.Handler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_logs_hold_no_payload_token_or_id(tmp_path: Path, lines: list[str]) -> None:
    """Each request is a line of JSON; nothing that was planted is in any of them."""
    planted: list[str] = []

    async def run() -> None:
        async with here(tmp_path) as relay:
            family, token = await relay.found()
            mailbox = bytes(range(32)).hex()
            envelope = family.founder.write(b"planted payload")
            await relay.append(family.founder, token, envelope)
            await relay.append(family.founder, token, b"planted junk")
            await relay.get(f"/v1/vaults/{family.vault.hex()}/records", token)
            await relay.get(
                f"/v1/vaults/{family.vault.hex()}/news?after=77", "bad0token"
            )
            await relay.client.put(f"/v1/mailboxes/{mailbox}/0", content=b"planted box")
            await relay.get("/v1/planted-path?planted=query")
            device = family.founder.secrets.public.id
            planted.extend(
                [token, token[:16], "bad0token", "planted", mailbox, mailbox[:16]]
            )
            for secret in (family.vault, device, envelope[-64:]):
                planted.extend([secret.hex(), secret.hex()[:12], repr(secret)[2:14]])

    asyncio.run(run())

    assert len(lines) == 9
    for line in lines:
        told = json.loads(line)
        assert {"at", "event", "does", "method", "status", "ms"} <= told.keys()
        for secret in planted:
            assert secret not in line


def test_a_failure_is_logged_without_its_words(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it failed and what kind it was; its message may quote input."""

    async def fail(_genesis: bytes, _invite: str) -> None:
        raise RuntimeError("planted")

    async def run() -> None:
        async with here(tmp_path) as relay:
            monkeypatch.setattr(relay.relay, "create", fail)
            await relay.post("/v1/vaults", b"x")

    asyncio.run(run())

    failure, request = map(json.loads, lines)
    assert failure["kind"] == "RuntimeError"
    assert failure["where"][-1].startswith("fail:")
    assert (request["status"], request["code"]) == (500, "internal")
    assert "planted" not in "".join(lines)

"""The figures that a relay shows, to whom, and what they never say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from clisk_sync.relay.routes import ROUTES
from tests.sync.relay_kit import ORIGIN, Here, here, refusal_of


async def _figures(relay: Here) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await relay.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_happens_is_counted(tmp_path: Path) -> None:
    """Requests by route and status, refusals by code, commits, what waits."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            family, token = await relay.found()
            for _ in range(3):
                await relay.append(family.founder, token, family.founder.write())
            await relay.append(family.founder, token, b"junk")
            await relay.get("/nowhere")
            found = await _figures(relay)

        def value(name: str, **labels: str) -> float:
            return found[f"clisk_relay_{name}", frozenset(labels.items())]

        assert value("requests_total", does="append_envelope", status="200") == 3
        assert value("requests_total", does="append_envelope", status="400") == 1
        assert value("refusals_total", code="malformed") == 1
        assert value("commit_envelopes_sum") == 3
        assert value("request_seconds_count", does="append_envelope") == 4
        assert value("sent_bytes_total") > 0
        assert value("waiting") == value("queued") == 0
        assert value("serving") == 1  # this very request
        assert value("members") == 1

    asyncio.run(run())


def test_figures_name_nobody(tmp_path: Path) -> None:
    """Labels come from closed lists: what a client wrote is in none of them."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            family, token = await relay.found()
            await relay.get(f"/v1/vaults/{family.vault.hex()}/records", token)
            await relay.get("/planted/path?planted=query")
            await relay.client.request("PLANTED", "/v1/vaults")
            text = (await relay.get("/metrics")).text
            found = await _figures(relay)

        planted = [family.vault.hex(), token, "planted", "PLANTED", "127.0.0.1"]
        planted.append(family.founder.secrets.public.id.hex())
        assert [each for each in planted if each[:12] in text] == []
        labels = {name for _, pairs in found for name, _ in pairs}
        assert labels <= {"does", "status", "code", "le"}
        routes = {route.endpoint.__name__ for route in ROUTES} | {"nothing"}
        assert {v for _, pairs in found for k, v in pairs if k == "does"} <= routes

    asyncio.run(run())


@pytest.mark.parametrize(
    ("client", "headers", "shown"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.0.2.7", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, False),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, False),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.7"}, False),
        ("127.0.0.1", {"Via": "1.1 caddy"}, False),
    ],
)
def test_figures_are_for_this_machine(
    tmp_path: Path, client: str, headers: dict[str, str], shown: bool
) -> None:
    """Neither a stranger nor a stranger's request through a proxy gets them."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            transport = httpx.ASGITransport(relay.app, client=(client, 1))
            async with httpx.AsyncClient(
                transport=transport, base_url=ORIGIN
            ) as asking:
                answer = await asking.get("/metrics", headers=headers)
            assert (answer.status_code == 200) == shown
            if not shown:
                assert refusal_of(answer) == "no-such-route"

    asyncio.run(run())

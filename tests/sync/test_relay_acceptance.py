"""Both transports pass the acceptance suite of the interface."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import start
from clisk_sync.relay_client import HttpMailboxTransport, HttpVaultTransport
from clisk_sync.testing import ACCEPTANCE, Acceptance, MemoryRelay
from clisk_vault.device import DeviceSecrets
from clisk_vault.ids import VaultId

_by_name = pytest.mark.parametrize(
    "check", ACCEPTANCE, ids=[check.__name__ for check in ACCEPTANCE]
)


class OverHttp:
    """A real relay, as the suite wants to reach it."""

    def __init__(self, relay: HttpRelay) -> None:
        self._relay = relay

    def vault(self, vault: VaultId, device: DeviceSecrets) -> HttpVaultTransport:
        return HttpVaultTransport(
            self._relay, vault, device=device.public.id, signing=device.signing
        )

    def mailboxes(self) -> HttpMailboxTransport:
        return HttpMailboxTransport(self._relay)


@_by_name
def test_memory_transport(check: Acceptance) -> None:
    """The relay in memory does what every transport must do."""

    async def run() -> None:
        await check(MemoryRelay())

    asyncio.run(run())


@_by_name
def test_http_transport(check: Acceptance, tmp_path: Path) -> None:
    """A real relay over HTTP does what every transport must do."""

    async def run() -> None:
        async with (
            start(database=tmp_path / "relay.db") as running,
            HttpRelay(running.url) as relay,
        ):
            await check(OverHttp(relay))

    asyncio.run(run())

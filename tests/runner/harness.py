"""Runs a test's konnector against a test's site with credentials in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clisk_vault.errors import ReadRefused
from clisk_vault.keys import SecretText
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.credentials import CredentialField
from konnector_runner.events import RunEvent, RunReport
from konnector_runner.konnector import Konnector
from konnector_runner.limits import RunLimits
from konnector_runner.manifest import parse_manifest
from konnector_runner.run import run_konnector
from tests.runner.site import Site

SECRET = "correct-horse/päss+wörd 7"
LOGIN = "marie@example.test"
BUNDLE = Path(__file__).with_name("konnectors.bundle.js")
MANIFEST: dict[str, Any] = {
    "type": "konnector",
    "slug": "test",
    "name": "Test",
    "version": "1",
    "clientSide": True,
    "permissions": {"files": {"type": "io.cozy.files"}},
}


class MemorySource:
    """One account in memory: the password is granted on the origins given."""

    def __init__(
        self,
        *origins: str,
        on_release: Callable[[], Awaitable[None]] | None = None,
        values: Mapping[str, str] | None = None,
        plaintext: Sequence[str] = (),
    ) -> None:
        self._plaintext = plaintext
        self._origins = origins
        self._on_release = on_release
        values = {"login": LOGIN, "password": SECRET} if values is None else values
        self._values = values
        self.asked: list[tuple[str, str | None]] = []
        self.proposed: list[dict[str, str]] = []
        self.own: dict[str, str] = {}

    async def fields(self) -> Sequence[CredentialField]:
        return [
            CredentialField(name, name == "password", name in self._plaintext)
            for name in self._values
        ]

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        self.asked.append((field, origin))
        if self._on_release is not None and field == "password":
            await self._on_release()
        in_clear = origin is None and field in self._plaintext
        if field == "password" and not in_clear and origin not in self._origins:
            raise ReadRefused("password is not granted there")
        return SecretText(self._values[field])

    async def keep(self, name: str, value: SecretText) -> None:
        self.own[name] = value.expose()

    async def kept(self, name: str, *, purpose: str) -> SecretText | None:
        assert purpose
        return SecretText(self.own[name]) if name in self.own else None

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        self.proposed.append({name: text.expose() for name, text in values.items()})


def konnector(site: Site | None, methods: str, **manifest: Any) -> Konnector:
    """Return a konnector with *methods*, the inside of a JavaScript object.

    Those whose name begins with "work" are exposed in the worker.
    """
    if not BUNDLE.is_file():
        pytest.fail("run scripts/setup_konnectors.sh (make setup does)")
    names = {"BANK": site.bank, "EVIL": site.evil} if site else {}
    constants = "".join(f"const {k} = {json.dumps(v)};" for k, v in names.items())
    tail = f"""
    {constants}
    const METHODS = {{ {methods} }};
    runKonnector(METHODS, Object.keys(METHODS).filter(name => name.startsWith('work')))
    """
    bundle = BUNDLE.read_text(encoding="utf-8") + tail
    return raw_konnector(bundle, **manifest)


def raw_konnector(bundle: str, **manifest: Any) -> Konnector:
    """Return a konnector with just this main.js."""
    return Konnector(
        parse_manifest(json.dumps({**MANIFEST, **manifest})),
        bundle,
        hashlib.sha256(bundle.encode()).digest(),
    )


def run(
    tested: Konnector,
    source: MemorySource,
    folder: Path,
    *,
    events: list[RunEvent] | None = None,
    limits: RunLimits | None = None,
    account: str | None = None,
) -> RunReport:
    """Run to the end; what it says is in *events* too."""
    heard: list[RunEvent] = [] if events is None else events
    return asyncio.run(
        run_konnector(
            tested,
            source,
            folder=folder,
            browser=BrowserChoice(),
            account=account,
            on_event=heard.append,
            limits=limits or RunLimits(run_seconds=60),
        )
    )

"""A browser a module, and one dashboard for tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.dashboard.browsing import chromium
from tests.dashboard.world import Shown, Visitor, dashboard, visitor
from tests.program.world import device


@contextmanager
def _open_vault(folder: Path) -> Iterator[Shown]:
    with device(folder / "laptop") as laptop:
        laptop.init()
        laptop.add_login("GitHub", "planted-secret-1", "--username", "alice")
        with dashboard(laptop) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a Chromium; each test opens a context of its own in it.

    No longer than a module: while it is there its event loop runs in this thread,
    and another module's asyncio.run() would be refused.
    """
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Give a dashboard over an open vault with one login, shared by a module."""
    with _open_vault(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="module")
def somebody(shown: Shown) -> Visitor:
    """Return who opened its link."""
    return visitor(shown)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Shown]:
    """Give a dashboard of the test's own: it may lock it, or use up its link."""
    with _open_vault(tmp_path) as running:
        yield running

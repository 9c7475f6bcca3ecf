"""A vault to test on: made.py has the parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_vault.vault import Vault
from tests.vault.made import FakeClock, Family


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands still until the test moves it."""
    return FakeClock()


@pytest.fixture
def vault_path(tmp_path: Path) -> Path:
    """Return where the `vault` fixture keeps its file."""
    return tmp_path / "vault.db"


@pytest.fixture
def vault(vault_path: Path, clock: FakeClock) -> Iterator[Vault]:
    """Yield a new, unlocked vault of one device."""
    made = Family().device(vault_path, clock)
    yield made
    made.lock()


@pytest.fixture
def pair(tmp_path: Path, clock: FakeClock) -> Iterator[tuple[Vault, Vault]]:
    """Yield two unlocked devices of one vault."""
    family = Family()
    laptop = family.device(tmp_path / "laptop.db", clock)
    phone = family.device(tmp_path / "phone.db", clock)
    yield laptop, phone
    laptop.lock()
    phone.lock()

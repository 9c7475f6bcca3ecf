"""A keychain that two processes share: PYTHON_KEYRING_BACKEND names it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeychain(KeyringBackend):
    """Keeps what it is given in the file that TEST_KEYCHAIN names."""

    priority = 5

    def _read(self) -> dict[str, str]:
        path = Path(os.environ["TEST_KEYCHAIN"])
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def _write(self, held: dict[str, str]) -> None:
        Path(os.environ["TEST_KEYCHAIN"]).write_text(json.dumps(held))

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._read(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        held = self._read()
        if held.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("none")
        self._write(held)

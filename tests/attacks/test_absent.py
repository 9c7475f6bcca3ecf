"""Surfaces that other vaults have and this one does not: shown to be absent.

Escrow and recovery groups, single sign-on and its key servers, policies and versions
of the server, icons, and a login at unlock: attacks on them have nothing to attack.
"""

from __future__ import annotations

import ast
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_sync.relay_answers import Answer
from clisk_vault.vault import Vault
from tests.vault.made import CHEAP_LIMITS, PASSPHRASE, Family, add_login

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("clisk", "clisk_sync", "clisk_vault", "konnector_runner")
_ABSENT = re.compile(
    r"escrow|sso|single.sign|connector.url|key.connector|admin|polic|kdf|iteration"
    r"|argon|password|passphrase|version|capabilit|cipher|legacy|icon|favicon",
    re.IGNORECASE,
)
# What opens a connection, and where that may stand: each with its destination.
_CLIENTS = {"httpx", "aiohttp", "requests", "urllib3", "websockets", "http.client"}
_MAY_CALL = {
    "clisk_sync/http_transport.py": "the relay that a person named",
    "clisk/breach_service.py": "the breach list, when a person asks (k-anonymous)",
    "konnector_runner/mock_server.py": "a test's own server, on this device alone",
}


def _names_of(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "properties":
                yield from value
            yield from _names_of(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names_of(each)


def test_no_answer_of_a_relay_has_a_place_for_a_command() -> None:
    """Of all members of all answers none is a key, a policy, a cost or a version."""
    schema = json.loads((_ROOT / "protocol/schemas/relay-api.json").read_text())

    members = set(_names_of(schema))

    assert {name for name in members if _ABSENT.search(name)} == set()
    assert "position" in members, "or this reads nothing"
    for model in Answer.__subclasses__():
        assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("page", ["envelope", "membership", "pairing", "snapshot"])
def test_no_message_type_can_carry_one(page: str) -> None:
    """Neither can anything else that crosses a relay, by its CDDL."""
    grammar = (_ROOT / "protocol" / "cddl" / f"{page}.cddl").read_text()
    code = re.sub(r";.*", "", grammar)
    assert "bstr" in code, "or this reads nothing"
    assert not re.search(r"escrow|admin|polic|kdf|iteration|legacy|icon", code)


def _opens_connections(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        found |= {
            name
            for name in names
            if name in _CLIENTS or name.startswith("urllib.request")
        }
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = node.func.attr
            if called in {"open_connection", "create_connection"}:
                found.add(called)
    return found


def test_nothing_calls_out_but_what_is_listed() -> None:
    """No icon is fetched, no policy asked for: whoever can call out is listed."""
    callers = {
        path.relative_to(_ROOT).as_posix(): found
        for package in _PACKAGES
        for path in sorted((_ROOT / package).rglob("*.py"))
        if (found := _opens_connections(ast.parse(path.read_text())))
    }

    assert callers.keys() == _MAY_CALL.keys(), callers


def test_unlocking_and_reading_touch_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one socket is made: there is no login, and nobody to be lied to by."""
    vault = Family().device(tmp_path / "v.db")
    item = add_login(vault)
    vault.lock()
    made: list[object] = []

    class Counted(socket.socket):
        def __init__(self, *args: object, **kwargs: object) -> None:
            made.append(args)
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(socket, "socket", Counted)
    again = Vault.unlock(tmp_path / "v.db", PASSPHRASE, limits=CHEAP_LIMITS)
    again.view(item)
    again.find("bank")

    assert made == []
    with socket.socket():
        assert len(made) == 1, "or this counts nothing"
    again.lock()

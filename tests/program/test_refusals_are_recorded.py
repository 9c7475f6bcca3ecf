"""Requests that end before there is a value to ask for leave a record too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.program.world import Device, device

_PLANTED = "planted-secret-typed-as-a-title"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init()
        laptop.add_login("Bank", "planted one")
        laptop.add_login("Bank two", "planted two")
        yield laptop


def _newest(laptop: Device) -> dict[str, Any]:
    row: dict[str, Any] = laptop.ask("log", "list", "--limit", "1")["records"][0]
    return row


@pytest.mark.parametrize(
    ("words", "use", "why"),
    [
        (("get", _PLANTED, "-f", "password"), "show", "no one such item"),
        (("get", "Bank two", "-f", _PLANTED), "show", "no such value of the item"),
        (("totp", _PLANTED), "totp", "no one such item"),
        (("totp", "Bank two"), "totp", "no such value of the item"),
        (("attach", "get", "Bank two", _PLANTED), "attachment", "no such value"),
        (("history", _PLANTED, "--show", "1", "-f", "password"), "history", "no one"),
        (
            ("history", "Bank two", "--show", "1", "-f", _PLANTED),
            "history",
            "no such value",
        ),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else None,
)
def test_what_was_not_found_is_recorded_and_not_what_was_typed(
    laptop: Device, words: tuple[str, ...], use: str, why: str
) -> None:
    """A password typed where a title belongs does not end up in the log."""
    before = laptop.ask("log", "list")["records"]
    said = laptop.run(*words)
    assert said.code == 1, said.err

    after = laptop.ask("log", "list")["records"]
    (row,) = after[len(before) :]
    assert (row["outcome"], row["use"]) == ("refused", use)
    assert why in row["purpose"]
    assert row["title"] == ("Bank two" if "value" in why else None)
    assert _PLANTED not in laptop.ok("log", "list", "--json")


def test_looking_at_a_history_in_vain_is_no_read(laptop: Device) -> None:
    """It opens nothing: only who asks for a value of it leaves a record."""
    before = laptop.ask("log", "list")["records"]

    for words in ((_PLANTED,), ("Bank two", "-f", _PLANTED)):
        assert laptop.run("history", *words).code == 1

    assert laptop.ask("log", "list")["records"] == before


def test_wrong_passphrases_are_recorded(laptop: Device) -> None:
    """At once while the vault is open; counted, and recorded at the next unlock."""
    laptop.run("unlock", "--passphrase-fd", "0", given="not it")
    row = _newest(laptop)
    assert (row["outcome"], row["use"]) == ("refused", "unlock")
    assert row["purpose"] == "a wrong passphrase while the vault was open"

    laptop.unlock()  # so that none of the next has to wait
    laptop.ok("lock")
    for _ in range(2):
        laptop.run("unlock", "--passphrase-fd", "0", given="not it")
    laptop.unlock()
    assert (
        _newest(laptop)["purpose"] == "2 wrong passphrases while the vault was locked"
    )
    size = len(laptop.ask("log", "list")["records"])
    laptop.ok("lock")
    laptop.unlock()
    assert len(laptop.ask("log", "list")["records"]) == size, "recorded once"
    assert laptop.ask("log", "verify")["intact"]


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (("grants", "revoke", "abc"), "grant id", "clisk grants list"),
        (("grants", "show", "nobody"), "nobody is meant", "clisk grants list"),
        (("log", "list", "--device", "nobody"), "no device is meant", "clisk devices"),
        (("log", "show", "9999"), "there is no entry 9999", "clisk log list"),
        (("log", "prune"), "no retention policy", "clisk log retention"),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each, tuple) else None,
)
def test_what_is_asked_of_log_and_grants_in_vain_has_a_next_step(
    laptop: Device, words: tuple[str, ...], says: str, hint: str
) -> None:
    """The refusal says what was meant, and the hint where to look."""
    said = laptop.run(*words)

    assert said.code == 1
    assert says in said.err
    assert hint in said.err


def test_no_grants_and_what_stands_out_are_said_in_words(laptop: Device) -> None:
    """An empty list says so; a refused read is summed up with its reason."""
    assert "no grants" in laptop.run("grants", "list").err
    laptop.run("get", "nothing at all", "-f", "password")

    (line,) = [
        line
        for line in laptop.ok("log", "summary").splitlines()
        if line.endswith("no one such item") and "person command line" in line
    ][-1:]
    assert line.startswith("refused: entry ")

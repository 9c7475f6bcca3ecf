"""That the French pages are French, also where the agent or a package below speaks."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import clisk.agent
import clisk_sync
import clisk_vault
from clisk.agent.alert_words import _WORDS
from clisk.agent.registry import OPERATIONS
from clisk.dashboard import told, words
from clisk.errors import AgentRefusal, CliskError
from clisk_sync.errors import SyncError
from clisk_vault.access_record import Outcome, RequesterKind, Use
from clisk_vault.errors import VaultError
from clisk_vault.health import Fault
from clisk_vault.item_types import ITEM_TYPES
from clisk_vault.log_summary import Oddity
from clisk_vault.verdict import _NOTES, _SAYS, Level
from konnector_runner.errors import RunnerError

_ROOT = Path(words.__file__).parents[2]
_DASHBOARD = _ROOT / "clisk" / "dashboard"
# These say many things under one code, so that each of their sentences is translated.
_GENERAL = {"CliskError", "UsageError", "CallerError", "ReadRefused", "HomeError"}
# What the operations lean on, beside the modules that they stand in.
_BELOW = [
    *(
        f"clisk/agent/{name}.py"
        for name in ("drafting", "checking", "resolve", "labels")
    ),
    *(f"clisk/agent/{name}.py" for name in ("places",)),
    *(f"clisk/agent/{name}.py" for name in ("log_choice", "patience", "run_queue")),
    *(
        "clisk/times.py",
        "clisk/granting.py",
        "clisk/agent/konnector_ledger.py",
    ),
    *(f"clisk_vault/{name}.py" for name in ("generator", "duplicates", "reveal")),
    *(f"clisk_vault/{name}.py" for name in ("attachment", "attachment_store")),
    *(f"clisk_vault/{name}.py" for name in ("draft", "grants")),
]
_FRENCH = words.words_in("fr")


def _raw() -> dict[str, dict[str, object]]:
    path = _DASHBOARD / "strings" / "told.fr.json"
    found: dict[str, dict[str, object]] = json.loads(path.read_text())
    return found


def _asked() -> set[str]:
    """Return every operation that a page asks for, by its name in the source."""
    text = "".join(path.read_text() for path in _DASHBOARD.rglob("*.py"))
    return {name for name in OPERATIONS if f'"{name}"' in text}


def _sources() -> list[Path]:
    modules = {OPERATIONS[name].run.__module__ for name in _asked()}
    return [
        # What it says in the terminal before it serves is English, as the terminal is.
        *(path for path in _DASHBOARD.rglob("*.py") if path.name != "serve.py"),
        *(_ROOT / f"{name.replace('.', '/')}.py" for name in sorted(modules)),
        *(_ROOT / path for path in _BELOW),
    ]


def _template(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}"
            for part in node.values
        )
    return None


def _refusals(source: Path) -> Iterator[tuple[str, str]]:
    """Yield code and text of each refusal of a general kind, and of its advice."""
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        code = getattr(node.func, "id", "")
        if code in _GENERAL:
            advice = (each.value for each in node.keywords if each.arg == "advice")
            for part in (node.args[0], *advice):
                if (text := _template(part)) is not None:
                    yield code, text


@pytest.fixture(scope="module", autouse=True)
def everything() -> None:
    """Import what has refusals: a class that was not imported cannot be counted."""
    for package in (clisk.agent, clisk_vault, clisk_sync):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "alembic" not in each.name and "migrations" not in each.name:
                importlib.import_module(each.name)


def test_every_refusal_that_a_page_can_meet_is_said_in_french() -> None:
    """Of the general kinds by its sentence: of pages, operations, and below."""
    sources = _sources()
    known = _raw()["sentences"]

    missing = {
        f"{path.name}: {text}"
        for path in sources
        for _code, text in _refusals(path)
        if text not in known
    }

    assert len(_asked()) > 40, "the positive control"
    assert missing == set()


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)


def test_every_code_of_a_refusal_is_said_in_french() -> None:
    """All classes of the four trees but those that always say more themselves."""
    roots: tuple[type[Exception], ...] = (
        CliskError,
        VaultError,
        SyncError,
        RunnerError,
    )
    codes = {
        each.__name__
        for root in roots
        for each in _below(root)
        if each.__module__.startswith(("clisk", "konnector_runner"))
        and not each.__name__.startswith("_")
        and "commands" not in each.__module__
    }
    codes -= {*(root.__name__ for root in roots), "AgentRefusal"}
    # Of a konnector's own code, which a page never meets as a refusal.
    codes -= {"CallFailed", "MethodError"}

    assert codes - _raw()["errors"].keys() == set()


def test_every_alert_and_every_finding_is_said_in_french() -> None:
    """What they say, and the next step; with the name or number where it stands."""
    said = [each for one in _WORDS.values() for each in (one.says, one.next)]
    said += [*_SAYS.values(), *_NOTES.values()]

    for each in said:
        text = each.replace("{who}", "“phone”").replace("{at}", "3 to 5")
        french = _FRENCH.told(text)
        assert french != text, text
        assert ("phone" in french) == ("{who}" in each), french
        assert ("3–5" in french) == ("{at}" in each), french


def test_every_kind_has_a_name_in_both_languages() -> None:
    """Fields, uses, readers, outcomes, faults, alerts: as their own lists have them."""
    needed = {
        *(f"field.{spec.name}" for kind in ITEM_TYPES.values() for spec in kind.fields),
        *(f"type.{name}" for name in ITEM_TYPES),
        *(f"alert.{name}" for name in _WORDS),
        *(f"use.{use.word}" for use in Use),
        *(f"kind.{kind.name.lower()}" for kind in RequesterKind),
        *(f"outcome.{outcome.name.lower()}" for outcome in Outcome),
        *(f"fault.{fault.value}" for fault in Fault),
        *(f"odd.{odd.value}" for odd in Oddity),
        *(f"level.{level.value}" for level in Level),
        *(f"level_says.{level.value}" for level in Level),
    }

    for language in words.LANGUAGES:
        spoken = words.words_in(language)
        assert {key for key in needed if not spoken.has(key)} == set()


def test_a_translation_has_the_places_of_what_it_translates() -> None:
    """As many, so that no name is lost and nothing fails to be filled in."""
    for said, french in _raw()["sentences"].items():
        assert said.count("{}") == str(french).count("{}"), said


def test_no_sentence_is_kept_that_nobody_says() -> None:
    """A sentence that was changed in the source is to be changed here too."""
    texts = {text for path in _every_source() for text in _strings(path)}
    texts |= {each for one in _WORDS.values() for each in (one.says, one.next)}
    spoken = {re.sub(r"{\w+}", "{}", text) for text in texts}

    unsaid = _raw()["sentences"].keys() - spoken

    assert unsaid == set()


def _every_source() -> Iterator[Path]:
    for name in ("clisk", "clisk_vault", "clisk_sync", "konnector_runner"):
        yield from (_ROOT / name).rglob("*.py")


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.expr) and (text := _template(node)) is not None:
            yield text


@pytest.mark.parametrize(
    ("err", "french"),
    [
        (
            AgentRefusal("PassphraseError", "wrong passphrase", advice=""),
            "Phrase de passe incorrecte.",
        ),
        (AgentRefusal("CliskError", "at most 5 schedules", advice=""), "au plus 5"),
        (AgentRefusal("FromTheFuture", "new words", advice="do this"), "new words"),
    ],
)
def test_a_refusal_is_said_by_its_sentence_its_code_or_as_it_came(
    err: AgentRefusal, french: str
) -> None:
    """English is better than nothing: a newer agent may say something new."""
    assert _FRENCH.told(err).startswith(french)
    assert words.words_in("en").told(err) == str(err)


def test_a_name_with_braces_is_put_in_as_it_is() -> None:
    """What others wrote is never a template of ours."""
    said = _WORDS["ForkDetected"].says.replace("{who}", "{0} {x}")

    assert _FRENCH.told(said).startswith("{0} {x} a deux historiques")


def test_what_a_refusal_is_called_is_its_class() -> None:
    """The agent's name of it where it came over the socket."""
    assert told.code_of(AgentRefusal("StoreError", "x", advice="")) == "StoreError"
    assert told.code_of(VaultError("x")) == "VaultError"

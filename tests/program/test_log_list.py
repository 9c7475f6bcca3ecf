"""`clisk log list` and `clisk log show`: filters, pages, times and proofs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clisk.errors import UsageError
from clisk.times import moment_ms
from tests.program.world import Device, device

_NOW = 1_800_000_000_000


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Return a device on which two items were read, five times in all."""
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init()
        laptop.add_login("Bank", "planted one")
        laptop.add_login("Shop", "planted two")
        for title in ("Bank", "Shop", "Bank", "Bank", "Shop"):
            laptop.ok("get", title, "--field", "password")
        yield laptop


def _indexes(laptop: Device, *words: str) -> list[int]:
    return [row["index"] for row in laptop.ask("log", "list", *words)["records"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), [1, 2, 3, 4, 5]),
        (("--item", "Shop"), [2, 5]),
        (("--limit", "2"), [4, 5]),
        (("--limit", "2", "--before", "4"), [2, 3]),
        (("--item", "Bank", "--limit", "1", "--before", "4"), [3]),
        (("--outcome", "refused"), []),
        (("--outcome", "granted", "--who", "person", "--use", "show"), [1, 2, 3, 4, 5]),
        (("--who", "konnector"), []),
        (("--konnector", "edf"), []),
        (("--use", "copy"), []),
        (("--purpose", "CLISK get"), [1, 2, 3, 4, 5]),
        (("--origin", "https://bank.example"), []),
        (("--grant", "00" * 16), []),
        (("--since", "1h"), [1, 2, 3, 4, 5]),
        (("--until", "1h"), []),
        (("--since", "2020-01-01", "--until", "2021-01-01T10:00"), []),
    ],
    ids=str,
)
def test_the_list_shows_what_was_asked_for(
    laptop: Device, words: tuple[str, ...], found: list[int]
) -> None:
    """Every filter by itself and some together; newest last."""
    assert _indexes(laptop, *words) == found


def test_a_longer_list_says_how_to_go_on(laptop: Device) -> None:
    """In JSON and in words; the last page does not."""
    answer = laptop.ask("log", "list", "--limit", "3")
    assert answer["before"] == 3
    said = laptop.run("log", "list", "--limit", "3")
    assert said.err == "there are more: --before 3\n"
    assert laptop.ask("log", "list", "--before", "3")["before"] is None


def test_a_log_is_chosen_by_device_and_number(laptop: Device) -> None:
    """By id or name; what is not there is refused with where to look."""
    own = laptop.ask("log", "list")["records"][0]
    name = laptop.ask("log", "list")["logs"][0]["device_name"]
    for words in (own["device"], own["device"][:6], name):
        assert len(_indexes(laptop, "--device", words)) == 5
    assert len(_indexes(laptop, "--incarnation", "1")) == 5
    assert len(_indexes(laptop, "--all-devices")) == 5
    shown = laptop.ask("log", "show", "2", "--device", name, "--incarnation", "1")
    assert shown == laptop.ask("log", "show", "2")

    for verb in (("list",), ("show", "2")):
        said = laptop.run("log", *verb, "--device", "00" * 16)
        assert (said.code, "hint: look at: clisk devices" in said.err) == (1, True)
        said = laptop.run("log", *verb, "--incarnation", "2")
        assert (said.code, "come with: clisk sync" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("--outcome", "planted"), 1, "hint: one of: granted, refused, failed"),
        (("--who", "planted"), 1, "hint: one of: person, dashboard"),
        (("--use", "planted"), 1, "hint: one of: show, copy"),
        (("--since", "planted"), 2, "hint: say 12h, 30d"),
        (("--grant", "planted"), 1, "error: grant id"),
        (("--item", "planted"), 1, "hint: look at: clisk list"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_with_a_hint(
    laptop: Device, words: tuple[str, ...], code: int, hint: str
) -> None:
    """Each says what it takes; none repeats what was given."""
    said = laptop.run("log", "list", *words)

    assert (said.code, hint in said.err) == (code, True), said.err
    assert "planted" not in said.err


def test_an_entry_is_shown_with_how_it_is_proved(laptop: Device) -> None:
    """Which head closes it, that the newest head's tree has it, who countersigned."""
    shown = laptop.ok("log", "show", "2")

    assert "used to\tshow\n" in shown
    assert "proof\tclosed by head 3, in the tree of the newest (6), " in shown
    assert "countersigned by nobody\n" in shown
    proof = laptop.ask("log", "show", "2")["proof"]
    assert proof == {
        "head": 3,
        "newest_head": 6,
        "included": True,
        "witnesses": [],
    }
    said = laptop.run("log", "show", "99")
    assert (said.code, "hint: clisk log list" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", _NOW - 7 * 86_400_000),
        ("12h", _NOW - 12 * 3_600_000),
        ("30m", _NOW - 30 * 60_000),
        ("2w", _NOW - 14 * 86_400_000),
        ("999999w", 0),
        ("2026-03-01T08:30+00:00", datetime(2026, 3, 1, 8, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1).astimezone()),
        ("1950-01-01", 0),
    ],
)
def test_a_moment_is_a_span_back_or_a_date(text: str, moment: int | datetime) -> None:
    """Spans count back from now; dates are local unless they say otherwise."""
    if isinstance(moment, datetime):
        moment = int(moment.timestamp() * 1000)

    assert moment_ms(text, option="--since", now_ms=_NOW) == moment


@pytest.mark.parametrize("text", ["", "d", "7y", "-1d", "7 d", "yesterday", "1e3"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    """With the option's name and examples."""
    with pytest.raises(UsageError, match="--until: not a time"):
        moment_ms(text, option="--until")


def test_old_entries_are_erased_by_a_written_policy_and_told_as_such(
    tmp_path: Path,
) -> None:
    """Refused without a policy; told beforehand; then said by list, show and verify."""
    with device(tmp_path / "home") as laptop:
        laptop.init()
        laptop.add_login("Bank", "planted")
        for _ in range(4):
            laptop.ok("get", "Bank", "--field", "password")
        said = laptop.run("log", "prune")
        assert said.code == 1
        assert "hint: write one: clisk log retention --keep-days 365" in said.err
        assert laptop.ok("log", "retention") == "no policy: everything is kept\n"

        laptop.ok("log", "retention", "--keep-entries", "2")
        assert laptop.ok("log", "retention") == "keep entries\t2\n"
        dry = laptop.run("log", "prune", "--dry-run")
        assert dry.out == "the contents of 3 entries before 3 would be erased\n"
        assert len(_indexes(laptop)) == 4
        pruned = laptop.run("log", "prune")
        assert pruned.out == "the contents of 3 entries before 3 were erased\n"
        assert pruned.err == "policy: keep the newest 2 entries\n"

        assert _indexes(laptop) == [3, 4]
        shown = laptop.ok("log", "show", "1")
        assert "says\terased by the retention policy\n" in shown
        assert "proof\tclosed by head 2, in the tree of the newest (6), " in shown
        assert "type\tprune\n" in laptop.ok("log", "show", "5")
        verified = laptop.ok("log", "verify")
        assert "what entry 0 to 2 said was erased by the retention policy" in verified
        opened = laptop.run(
            "log", "export", "--to", str(tmp_path / "bundle"), "--open", "1"
        )
        assert (opened.code, "was erased by the retention policy" in opened.err) == (
            1,
            True,
        )
        laptop.ok("log", "export", "--to", str(tmp_path / "bundle"), "--open", "4")
        keys = tmp_path / "keys"
        keys.write_text(laptop.ok("log", "keys"))
        laptop.ok("log", "verify-bundle", str(tmp_path / "bundle"), "--keys", str(keys))

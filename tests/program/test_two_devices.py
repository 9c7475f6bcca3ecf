"""Two devices and a relay, by the command line alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program.world import (
    PASSPHRASE,
    Device,
    begin_pairing,
    device,
    edit_offline,
    pair,
    relay,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Pair:
    """A laptop and a phone that are members of one vault."""

    laptop: Device
    phone: Device
    folder: Path


@pytest.fixture(scope="module", name="both")
def _both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("both")
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        phone = stack.enter_context(device(folder / "phone"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("GitHub", "planted-1")
        member, newcomer = pair(laptop, phone, folder)
        assert member.code == 0, member
        assert newcomer.code == 0, newcomer
        assert "It will read ALL passwords of this vault" in member.err
        yield Pair(laptop, phone, folder)


def test_the_phone_has_the_vault(both: Pair) -> None:
    """What the laptop stored is on the phone, and both know of both."""
    assert both.phone.ok("get", "GitHub", "-f", "password") == "planted-1\n"
    for each in (both.laptop, both.phone):
        names = [row["name"] for row in each.ask("devices")["devices"]]
        assert names == ["laptop", "phone"]


def test_the_picture_is_gone_after_use(both: Pair) -> None:
    """The code was a secret: its picture is not left behind."""
    assert not list(both.folder.glob("code.png*"))


def test_two_changes_at_once_are_shown_and_settled(both: Pair) -> None:
    """A change made on each device before they met: neither is lost."""
    laptop, phone = both.laptop, both.phone
    item = laptop.add_login("Shared", "first")
    laptop.ok("sync")
    phone.ok("sync")
    for each in (laptop, phone):
        each.ok("agent", "stop")  # offline: nothing travels in between
    edit_offline(laptop, "Shared", "by-laptop")
    edit_offline(phone, "Shared", "by-phone")
    for each in (laptop, phone):
        each.unlock()
    for each in (laptop, phone, laptop):
        each.ok("sync")

    (conflict,) = laptop.ask("conflicts")["conflicts"]

    assert (conflict["item"], conflict["field"]) == (item, "password")
    about = ("--settle", item, "--field", "password")
    values = {
        each["device_name"]: laptop.ok("conflicts", *about, "--show", each["version"])
        for each in conflict["versions"]
    }
    assert values == {"laptop": "by-laptop\n", "phone": "by-phone\n"}
    keep = next(v for v in conflict["versions"] if v["device_name"] == "laptop")
    laptop.ok("conflicts", *about, "--keep", keep["version"])
    laptop.ok("sync")
    phone.ok("sync")
    for each in (laptop, phone):
        assert each.ask("conflicts") == {"conflicts": []}
        assert each.ok("get", item, "-f", "password") == "by-laptop\n"


def test_wrong_digits_let_nobody_in(both: Pair, tmp_path: Path) -> None:
    """A script has one try; the stranger is told, and no vault is made for it."""
    with device(tmp_path / "stranger") as stranger:
        pairing = begin_pairing(both.laptop, stranger, tmp_path)
        wrong = f"{(int(pairing.digits.replace(' ', '')) + 1) % 1_000_000:06}"
        pairing.type(wrong)
        member, newcomer = pairing.end()

    assert member.code == 1
    assert newcomer.code == 1
    assert "Traceback" not in member.err + newcomer.err
    assert not (tmp_path / "stranger" / "vault.sqlite").exists()
    names = [row["name"] for row in both.laptop.ask("devices")["devices"]]
    assert names == ["laptop", "phone"]


def test_a_code_that_is_none_is_refused(tmp_path: Path) -> None:
    """Neither a picture without a code nor a text that is none gets anywhere."""
    (tmp_path / "empty.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with device(tmp_path / "phone") as phone:
        picture = phone.run(
            *("join", str(tmp_path / "empty.png"), "--passphrase-fd", "0"),
            given=PASSPHRASE,
        )
        assert picture.code == 1
        assert picture.err.startswith("error: picture: ")
        both = phone.run("join", "--url-fd", "0", str(tmp_path / "empty.png"))
        assert both.code == 2


def test_the_log_is_witnessed_once_another_device_was_told(both: Pair) -> None:
    """With a second member the verdict rises: that one countersigns what it is told."""
    for each in (both.laptop, both.phone, both.laptop):
        each.ok("sync")

    assert both.laptop.ask("log", "verify")["level"] == "witnessed"

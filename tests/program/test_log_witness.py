"""Two devices witness each other, by the command line alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from clisk_vault.note import KeyKind, NoteKey
from tests.program.world import Device, device, pair, relay

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Pair:
    """A laptop and a phone that are members of one vault."""

    laptop: Device
    phone: Device
    folder: Path

    def sync(self) -> None:
        for each in (self.laptop, self.phone, self.laptop, self.phone):
            each.ok("sync")


@pytest.fixture(scope="module", name="both")
def _both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("witness")
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        phone = stack.enter_context(device(folder / "phone"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("GitHub", "planted-1")
        laptop.add_login("Shop", "planted-2")
        pair(laptop, phone, folder)
        phone.ok("get", "Shop", "-f", "password")
        found = Pair(laptop, phone, folder)
        found.sync()
        yield found


def test_a_log_is_witnessed_by_the_other_device(both: Pair) -> None:
    """The verdict says by whom, in the name that a person gave."""
    answer = both.phone.ask("log", "verify")
    assert (answer["level"], answer["intact"]) == ("witnessed", True)
    assert answer["witnesses"] == ["laptop"]
    assert "Witnessed: laptop countersigned" in both.phone.ok("log", "verify")


def test_all_devices_are_verified_anywhere(both: Pair) -> None:
    """What of the phone's log has come here is checked here."""
    answer = both.laptop.ask("log", "verify", "--all-devices")
    (phone,) = answer["others"]
    assert phone["device_name"] == "phone"
    assert (phone["level"], phone["intact"]) == ("witnessed", True)
    assert answer["all_intact"]
    assert answer["unheard"] == []
    assert "phone, " in both.laptop.ok("log", "verify", "--all-devices")


def test_the_phone_s_reads_are_listed_on_the_laptop(both: Pair) -> None:
    """What has come here, opened and checked, and shown with whose it is."""
    (read,) = both.laptop.ask("log", "list", "--device", "phone")["records"]
    assert (read["title"], read["field"]) == ("Shop", "password")
    shown = both.laptop.ask("log", "show", str(read["index"]), "--device", "phone")
    assert shown["record"] == read
    assert (shown["proof"]["included"], shown["proof"]["witnesses"]) == (
        True,
        ["laptop"],
    )
    assert both.phone.ask("log", "list")["records"] == [read], "the same at home"


def test_the_reads_of_all_devices_are_one_list(both: Pair) -> None:
    """Each line says which log it is of; a number alone would not do."""
    both.laptop.ok("get", "GitHub", "-f", "password")
    answer = both.laptop.ask("log", "list", "--all-devices")
    names = {each["device"]: each["device_name"] for each in answer["logs"]}
    assert {names[each["device"]] for each in answer["records"]} == {"laptop", "phone"}
    assert "phone 1" in both.laptop.ok("log", "list", "--all-devices")
    newest = both.laptop.ask("log", "list", "--all-devices", "--limit", "1")
    assert newest["records"] == answer["records"][-1:]
    assert (newest["before"], newest["more"]) == (None, True)
    said = both.laptop.run("log", "list", "--all-devices", "--before", "3")
    assert (said.code, "hint: choose one: --device" in said.err) == (1, True)


def test_a_bundle_carries_the_countersignatures(both: Pair) -> None:
    """Somebody with the keys alone sees that another device vouches."""
    bundle, keys = both.folder / "bundle", both.folder / "keys"
    both.phone.ok("log", "export", "--to", str(bundle))
    keys.write_text(both.laptop.ok("log", "keys"), encoding="utf-8")
    answer = both.phone.ask("log", "verify-bundle", str(bundle), "--keys", str(keys))
    assert answer["level"] == "witnessed"
    # A head from the witness itself stands against a bundle that leaves it out.
    head = both.folder / "head"
    head.write_text(both.laptop.ok("log", "heads", "phone"), encoding="utf-8")
    again = both.phone.ask(
        "log", "verify-bundle", str(bundle), "--keys", str(keys), "--seen", str(head)
    )
    assert again["level"] == "witnessed"


def test_keys_are_of_two_kinds_and_of_both_devices(both: Pair) -> None:
    """The witnesses' keys are cosign keys, not those that sign envelopes."""
    answer = both.laptop.ask("log", "keys")
    kinds = {NoteKey.parse(each).kind for each in answer["witnesses"]}
    assert kinds == {KeyKind.COSIGNATURE}
    assert len(answer["logs"]) == len(answer["witnesses"]) == 2


def test_there_is_no_evidence_where_nothing_forked(both: Pair) -> None:
    """Said plainly, with nothing on stdout but in JSON."""
    said = both.laptop.run("log", "evidence")
    assert (said.code, said.out) == (0, "")
    assert "no log was shown in two ways" in said.err
    assert both.laptop.ask("log", "evidence") == {"forks": []}
    folder = both.folder / "forks"
    both.laptop.ok("log", "evidence", "--to", str(folder))
    again = both.laptop.run("log", "evidence", "--to", str(folder))
    assert again.code == 1
    assert "hint: name a folder that does not exist yet" in again.err


def test_a_head_of_an_unknown_device_is_refused(both: Pair) -> None:
    """With the next step."""
    said = both.laptop.run("log", "heads", "nobody")
    assert said.code == 1
    assert "hint: look at: clisk devices" in said.err
    own = both.laptop.run("log", "heads", "laptop")
    assert own.code == 1
    assert "has countersigned no head" in own.err


def test_what_a_revoked_device_read_is_told_from_its_own_log(both: Pair) -> None:
    """The last, for the phone is gone afterwards: what it read comes first."""
    answer = both.laptop.ask("devices", "revoke", "phone", "--yes")
    first, second = answer["could_read"]
    assert (first["title"], first["reads"]) == ("Shop", 1)
    assert (second["title"], second["reads"]) == ("GitHub", 0)
    assert answer["reads_known_ms"] is not None
    reads = both.laptop.ask("log", "verify", "--all-devices")
    (phone,) = reads["others"]
    assert phone["intact"]
    # Whoever is revoked vouches for nothing any more.
    assert reads["level"] == "unanchored"

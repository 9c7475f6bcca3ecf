"""What a person is told of relay and devices: status, alerts, codes, backups."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program.world import (
    PASSPHRASE,
    Device,
    Said,
    begin_pairing,
    device,
    pair,
    relay,
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Two:
    """A laptop and a phone that have heard of each other."""

    folder: Path
    url: str
    laptop: Device
    phone: Device


@pytest.fixture(name="two")
def _two(tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        url = stack.enter_context(relay(tmp_path / "relay"))
        laptop = stack.enter_context(device(tmp_path / "laptop"))
        phone = stack.enter_context(device(tmp_path / "phone"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("First", "planted-1")
        for said in pair(laptop, phone, tmp_path):
            assert said.code == 0, said
        laptop.ok("sync")
        yield Two(tmp_path, url, laptop, phone)


def _settle(*devices: Device) -> None:
    for each in devices * 2:
        each.ok("sync")


def test_a_restored_laptop_goes_on_as_another(two: Two) -> None:
    """Backup, loss, restore: noticed, told in plain words, renewed; nothing is lost."""
    laptop, phone = two.laptop, two.phone
    vault = laptop.home / "vault.sqlite"
    laptop.ok("agent", "stop")
    shutil.copy(vault, two.folder / "backup.sqlite")
    laptop.unlock()
    laptop.add_login("After the backup", "planted-2")
    _settle(laptop, phone)

    laptop.ok("agent", "stop")
    for suffix in ("-wal", "-shm"):
        vault.with_name(vault.name + suffix).unlink(missing_ok=True)
    shutil.copy(two.folder / "backup.sqlite", vault)
    # No relay in reach: what is written now is only here.
    laptop.unlock()
    told = laptop.run("sync")
    assert told.code == 0, told
    assert "restored from a backup or copied" in told.err
    assert "clisk devices renew" in told.err
    laptop.add_login("Only in the copy", "planted-3")

    status = laptop.ask("sync", "status")
    (alert,) = status["alerts"]
    assert (status["state"], alert["kind"]) == ("restored", "CloneDetected")
    assert status["unsent"] == 1
    shown = laptop.ok("sync", "status")
    assert "state\trestored from a backup, or copied: nothing is sent" in shown
    assert "  next: nothing is sent until it has an identity of its own" in shown
    wrong = laptop.run("devices", "renew", "--passphrase-fd", "0", given="not it")
    assert (wrong.code, wrong.out) == (1, "")

    before = laptop.ask("status")["device_id"]
    renewed = laptop.ask("devices", "renew", "--passphrase-fd", "0", given=PASSPHRASE)
    assert (renewed["before"], renewed["unsent"]) == (before, 0)
    _settle(phone, laptop)
    for each in (laptop, phone):
        titles = {row["title"] for row in each.ask("list")["items"]}
        assert titles == {"First", "After the backup", "Only in the copy"}
        assert each.ok("get", "Only in the copy", "-f", "password") == "planted-3\n"
        listed = each.ask("devices")
        assert {row["name"] for row in listed["devices"]} == {"laptop", "phone"}
        assert [row["device"] for row in listed["revoked"]] == [before]
    status = laptop.ask("sync", "status")
    assert (status["state"], status["alerts"]) == ("ok", [])
    assert status["acknowledged"] > 0, "what was found stays as evidence"
    assert "nothing new was found" in laptop.ok("sync", "status")
    again = laptop.run("devices", "renew", "--passphrase-fd", "0", given=PASSPHRASE)
    assert (again.code, again.out) == (1, "")
    assert "not restored from a backup" in again.err
    laptop.ok("lock")
    laptop.unlock()
    assert laptop.run("log", "verify").code == 0


def test_two_screens_show_one_code(two: Two) -> None:
    """Equal when both have heard all; shown without any relay."""
    _settle(two.laptop, two.phone, two.laptop)
    one = two.laptop.ok("sync", "code")
    assert re.fullmatch(r"(\d{5} ){5}\d{5}\n", one)
    assert two.phone.ok("sync", "code") == one
    two.laptop.add_login("More", "x")
    two.laptop.ok("sync")
    assert two.laptop.ask("sync", "code")["code"] + "\n" != one
    # The phone may sync by itself in the background: it is asked until it has it.
    two.phone.ok("sync")
    two.laptop.ok("sync")
    assert two.phone.ok("sync", "code") == two.laptop.ok("sync", "code")


def test_status_says_what_is_wrong_and_what_to_do(two: Two) -> None:
    """A relay that does not answer, ages of news, and alerts that are seen."""
    laptop = two.laptop
    status = laptop.ask("sync", "status")
    assert status["relay"] == two.url
    assert status["last_contact_ms"] > 0
    assert (status["trouble"], status["alerts"], status["state"]) == (None, [], "ok")
    rows = {row["name"]: row for row in status["devices"]}
    assert rows["laptop"]["this"]
    assert rows["phone"]["heard_ms"] > 0
    assert not rows["phone"]["quiet"]

    assert "state\tin step" in laptop.ok("sync", "status")

    assert laptop.run("sync", "--relay", "http://127.0.0.1:9").code == 1
    trouble = laptop.ask("sync", "status")["trouble"]
    assert trouble["error"] == "TransportError"
    shown = laptop.ok("sync", "status")
    assert "state\tas of the last contact: syncing has failed since" in shown
    assert "trouble\t" in shown
    assert "next step\t" in shown
    assert "nothing was found against the relay or a device" in shown

    nothing = laptop.run("sync", "seen", "7")
    assert (nothing.code, nothing.out) == (1, "")
    assert "there is no alert 7" in nothing.err
    assert laptop.run("sync", "seen").err == "seen: 0 alerts\n"


def test_evidence_is_written_and_checked(two: Two) -> None:
    """A file that anybody checks without a vault; what is no evidence is refused."""
    file = two.folder / "found.clisk"
    two.laptop.ok("sync", "evidence", "--to", str(file))
    again = two.laptop.run("sync", "evidence", "--to", str(file))
    assert again.code == 2
    nowhere = Device(two.folder / "nowhere")
    checked = nowhere.ask("sync", "evidence", "--check", str(file))
    assert checked["vault_id"] == two.laptop.ask("status")["vault_id"]
    assert checked["findings"] == []
    assert b"laptop" not in file.read_bytes()
    file.write_bytes(file.read_bytes()[:-1])
    refused = nowhere.run("sync", "evidence", "--check", str(file))
    assert (refused.code, refused.out) == (1, "")
    assert nowhere.run("sync", "evidence").code == 2


def test_digits_by_descriptor_have_one_try_and_say_so(tmp_path: Path) -> None:
    """No tries are promised that a descriptor that was read cannot give."""
    with ExitStack() as stack:
        url = stack.enter_context(relay(tmp_path / "relay"))
        laptop = stack.enter_context(device(tmp_path / "laptop"))
        phone = stack.enter_context(device(tmp_path / "phone"))
        laptop.init("--name", "laptop", "--relay", url)
        pairing = begin_pairing(laptop, phone, tmp_path)
        wrong = "000000" if pairing.digits != "000 000" else "000001"
        pairing.type(wrong)
        member, newcomer = pairing.end()

    assert (member.code, member.out) == (1, "")
    assert "--code-fd has one try, and the pairing is over" in member.err
    assert "left" not in member.err
    assert newcomer.code == 1


def test_an_invitation_opens_a_relay_that_asks_for_one(tmp_path: Path) -> None:
    """Without: refused by name. With one: by init, or by sync later."""
    database = tmp_path / "relay" / "relay.sqlite"
    with ExitStack() as stack:
        url = stack.enter_context(
            relay(tmp_path / "relay", options=("--creation", "invite"))
        )
        laptop = stack.enter_context(device(tmp_path / "laptop"))
        tablet = stack.enter_context(device(tmp_path / "tablet"))
        codes = [_invite(laptop, database) for _ in range(2)]
        laptop.init("--name", "laptop", "--relay", url, "--invite", codes[0])
        laptop.ok("sync")
        assert laptop.ask("sync", "status")["trouble"] is None

        tablet.init("--name", "tablet", "--relay", url)
        refused = tablet.run("sync")
        assert refused.code == 1
        assert "hint: " in refused.err
        assert tablet.ask("sync", "status")["trouble"]["message"] in refused.err
        malformed = tablet.run("sync", "--relay", url, "--invite", "planted")
        assert (malformed.code, malformed.out) == (1, "")
        assert "an invitation is 32 digits" in malformed.err
        tablet.ok("sync", "--relay", url, "--invite", codes[1])
        alone = tablet.run("sync", "--invite", codes[1])
        assert alone.code == 2


def _invite(one: Device, database: Path) -> str:
    done = subprocess.run(
        one.argv("relay", "--database", str(database), "invite"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Said(done.returncode, done.stdout, done.stderr).code == 0
    return done.stdout.strip()


def test_fork_evidence_of_a_log_is_shown_with_what_to_do(two: Two) -> None:
    """Two heads of the phone's log that say different things: told, kept, explained."""
    laptop = two.laptop
    rows = {row["name"]: row for row in laptop.ask("sync", "status")["devices"]}
    vault, phone = laptop.ask("status")["vault_id"], rows["phone"]["device"]
    origin = f"{vault[:32]}/{phone}/1"
    assert laptop.ask("sync", "status")["alerts"] == []
    with contextlib.closing(sqlite3.connect(laptop.home / "vault.sqlite")) as file:
        file.execute(
            "INSERT INTO log_evidence (origin, size, found_ms, evidence)"
            " VALUES (?, 7, 1700000000000, x'00')",
            (origin,),
        )
        file.commit()

    (alert,) = laptop.ask("sync", "status")["alerts"]
    shown = laptop.ok("sync", "status")

    assert (alert["kind"], alert["device_name"]) == ("LogForked", "phone")
    assert "entry 7 of its access log exists twice, both signed" in shown
    assert "clisk log verify --all-devices" in shown

"""A backup made, checked and restored, and every way in which it is refused."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.program.world import PASSPHRASE, Device, Said, descriptor, device

OWN = "the backup's own passphrase"
SECRET, EARLIER = "s3cret-Pa55word", "s3cret-before"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Yield a device with a login that has a history, a file and a folder."""
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "scan.pdf").write_bytes(bytes(range(256)) * 300)
    with device(folder / "home") as made:
        made.init()
        made.add_login("Shop", EARLIER)
        made.ok("edit", "Shop", "--read", "password=0", given=SECRET)
        made.ok("attach", "add", "Shop", str(folder / "scan.pdf"))
        yield made


@pytest.fixture(scope="module")
def backup(laptop: Device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a backup of it."""
    target = tmp_path_factory.mktemp("backup") / "vault.age"
    said = _create(laptop, target)
    assert said.code == 0, said
    return target


def _create(laptop: Device, target: Path, *words: str) -> Said:
    with descriptor(OWN) as fd:
        return laptop.run(
            *("backup", "create", str(target), "--passphrase-fd", "0"),
            *("--file-passphrase-fd", str(fd), *words),
            given=PASSPHRASE,
            fds=(fd,),
        )


def _restore(target: Device, file: Path, own: str = OWN) -> Said:
    with descriptor(own) as fd:
        return target.run(
            *("backup", "restore", str(file), "--passphrase-fd", "0"),
            *("--file-passphrase-fd", str(fd), "--unlock-seconds", "0"),
            given="a new passphrase",
            fds=(fd,),
        )


def _check(laptop: Device, file: Path, own: str = OWN) -> Said:
    return laptop.run(
        *("backup", "check", str(file), "--json", "--file-passphrase-fd", "0"),
        given=own,
    )


def test_a_backup_is_sealed_private_and_recorded(laptop: Device, backup: Path) -> None:
    """Nothing can be read in it; the log says that everything was read for it."""
    data = backup.read_bytes()

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert data.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert SECRET.encode() not in data
    entries = laptop.ok("log", "list", "--json")
    assert '"use": "backup"' in entries


def test_a_backup_is_checked_without_a_vault(tmp_path: Path, backup: Path) -> None:
    """Counts of what is in it, and nothing of what it says."""
    said = _check(Device(tmp_path / "nowhere"), backup)

    facts = json.loads(said.out)
    assert (facts["items"], facts["files"]) == (1, 1)
    assert SECRET not in said.out
    assert not (tmp_path / "nowhere").exists()


def test_a_restored_backup_is_a_new_vault_with_everything(
    laptop: Device, backup: Path, tmp_path: Path
) -> None:
    """Items, history, files: all there; and an identity of its own: no clone."""
    with device(tmp_path / "home") as phone:
        said = _restore(phone, backup)
        assert said.code == 0, said

        assert phone.ok("get", "Shop", "-f", "password") == f"{SECRET}\n"
        history = phone.ok("history", "Shop", "-f", "password", "--show", "2")
        assert EARLIER in history
        phone.ok("attach", "get", "Shop", "scan.pdf", "-o", str(tmp_path / "scan.pdf"))
        assert (tmp_path / "scan.pdf").read_bytes() == bytes(range(256)) * 300
        old, new = laptop.ask("status"), phone.ask("status")
        assert old["vault_id"] != new["vault_id"]
        assert old["device_id"] != new["device_id"]
        phone.ok("log", "verify")


def test_a_backup_never_replaces_a_vault(
    laptop: Device, backup: Path, tmp_path: Path
) -> None:
    """Neither the vault that it came from, nor another."""
    before = laptop.ask("status")["vault_id"]

    said = _restore(laptop, backup)

    assert said.code == 1
    assert "never replaces" in said.err
    assert laptop.ask("status")["vault_id"] == before


def test_the_agent_itself_refuses_to_restore_over_a_vault(laptop: Device) -> None:
    """The command is not the only guard."""
    from clisk.client import AgentClient
    from clisk.errors import AgentRefusal
    from clisk.home import Home

    with AgentClient.connect(Home(str(laptop.home))) as agent:
        with pytest.raises(AgentRefusal, match="already"):
            agent.call("restore.part", {"data": "", "first": True})
        with pytest.raises(AgentRefusal, match="no backup was begun"):
            agent.call("backup.part", {"start": 0})


def test_a_wrong_passphrase_is_said(laptop: Device, backup: Path) -> None:
    """A person is asked again, and told nothing else."""
    said = _check(laptop, backup, own="wrong")

    assert (said.code, said.out) == (1, "")
    assert "passphrase does not open it" in said.err


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.999])
def test_a_tampered_backup_is_refused(
    laptop: Device, backup: Path, tmp_path: Path, place: float
) -> None:
    """Age's header and body alike: one changed bit, and nothing is restored."""
    data = bytearray(backup.read_bytes())
    data[int(place * len(data))] ^= 1
    spoilt = tmp_path / "spoilt.age"
    spoilt.write_bytes(data)

    said = _check(laptop, spoilt)

    assert (said.code, said.out) == (1, "")
    assert "Traceback" not in said.err


def test_a_scrypt_bomb_in_the_header(
    laptop: Device, backup: Path, tmp_path: Path
) -> None:
    """A work factor over the bound is refused before any of the work."""
    data = backup.read_bytes()
    line = data.split(b"\n")[1]
    bomb = tmp_path / "bomb.age"
    bomb.write_bytes(data.replace(line, line.rsplit(b" ", 1)[0] + b" 40", 1))

    said = _check(laptop, bomb)

    assert said.code == 1
    assert "scrypt with more than" in said.err


def test_a_backup_to_a_public_key_needs_no_passphrase(
    laptop: Device, tmp_path: Path
) -> None:
    """Only the identity opens it."""
    identity = pyrage.x25519.Identity.generate()
    target = tmp_path / "vault.age"
    said = laptop.run(
        *("backup", "create", str(target), "--passphrase-fd", "0"),
        *("--recipient", str(identity.to_public())),
        given=PASSPHRASE,
    )
    assert said.code == 0, said

    good = _identity_check(laptop, target, str(identity))
    bad = _identity_check(laptop, target, str(pyrage.x25519.Identity.generate()))

    assert json.loads(good.out)["items"] == 1
    assert bad.code == 1
    assert "does not open it" in bad.err


def _identity_check(laptop: Device, target: Path, identity: str) -> Said:
    return laptop.run(
        "backup", "check", str(target), "--json", "--identity-fd", "0", given=identity
    )


def test_a_bad_recipient_is_refused_before_anything_is_read(
    laptop: Device, tmp_path: Path
) -> None:
    """A typing error costs no entry in the log."""
    before = _log_size(laptop)

    said = laptop.run(
        *("backup", "create", str(tmp_path / "x"), "--passphrase-fd", "0"),
        *("--recipient", "age1nonsense"),
        given=PASSPHRASE,
    )

    assert said.code == 1
    assert _log_size(laptop) == before
    assert not list(tmp_path.iterdir())


def _log_size(laptop: Device) -> Any:
    return laptop.ok("log", "list", "--json")

"""A vault that needs a secret of the system's keyring beside its passphrase."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from clisk import keychain
from clisk.agent import renewal
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import KeychainError
from clisk_sync.errors import TransportError
from clisk_vault.device import DevicePublic
from clisk_vault.errors import StoreError
from clisk_vault.ids import DeviceId
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault
from clisk_vault.vault_file import KeyringSecret
from tests.program import file_keychain
from tests.program.test_agent_vault import Room, caller, in_a_room
from tests.program.world import PASSPHRASE, Device, Said, descriptor, device

_RC = """\
[backend]
default-keyring=file_keychain.FileKeychain
keyring-path={folder}
"""


class Desktop:
    """A session with a keyring, which the agent finds by its configuration."""

    def __init__(self, folder: Path) -> None:
        self.keychain = folder / "keychain"
        rc = folder / "config" / "python_keyring" / "keyringrc.cfg"
        rc.parent.mkdir(parents=True)
        rc.write_text(_RC.format(folder=Path(file_keychain.__file__).parent))
        self.env: Mapping[str, str] = {
            "XDG_CONFIG_HOME": str(folder / "config"),
            "TEST_KEYCHAIN": str(self.keychain),
        }

    @property
    def held(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.keychain.read_text())
        return found


@pytest.fixture(name="desktop")
def _desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path)


@pytest.fixture(name="laptop")
def _laptop(tmp_path: Path, desktop: Desktop) -> Iterator[Device]:
    with device(tmp_path / "home") as made:
        said = made.run(
            *("init", "--unlock-seconds", "0", "--passphrase-fd", "0"),
            "--with-keyring",
            given=PASSPHRASE,
            env=desktop.env,
        )
        assert said.code == 0, said
        yield made


def _unlock(laptop: Device, env: Mapping[str, str]) -> Said:
    laptop.run("agent", "stop")
    words = ("unlock", "--passphrase-fd", "0")
    return laptop.run(*words, given=PASSPHRASE, env=env)


def _switch(laptop: Device, how: str, passphrase: str = PASSPHRASE) -> Said:
    with descriptor(passphrase) as old:
        return laptop.run("passphrase", how, "--old-fd", str(old), fds=(old,))


def test_the_keyrings_secret_and_the_passphrase_open_it(
    laptop: Device, desktop: Desktop
) -> None:
    """Both are there: it opens, and says of itself that it needs both."""
    assert _unlock(laptop, desktop.env).code == 0

    assert laptop.ask("status")["keyring"] is True
    assert "keyring\tneeded to unlock" in laptop.ok("status")
    ((_name, secret),) = desktop.held.items()
    assert len(bytes.fromhex(secret)) == 32


def test_a_stolen_file_does_not_open_by_the_passphrase(
    laptop: Device, desktop: Desktop, tmp_path: Path
) -> None:
    """On another system, whose keyring holds nothing, or another secret."""
    laptop.run("agent", "stop")
    stolen = tmp_path / "stolen"
    shutil.copytree(laptop.home, stolen, ignore=shutil.ignore_patterns("*.sock"))

    with device(stolen) as thief:
        bare = {**desktop.env, "TEST_KEYCHAIN": str(tmp_path / "thief")}
        said = _unlock(thief, bare)
        assert said.code == 1
        assert (
            "also needs a secret of the system's keyring, which holds none" in said.err
        )
        assert "hint: " in said.err

        (name,) = desktop.held
        (tmp_path / "thief").write_text(json.dumps({name: "00" * 32}))
        said = _unlock(thief, bare)
        assert (said.code, "passphrase" in said.err) == (1, True)

        # The control: with the secret itself the very same file opens.
        assert _unlock(thief, desktop.env).code == 0


def test_the_secret_is_switched_off_and_on_again(
    laptop: Device, desktop: Desktop, tmp_path: Path
) -> None:
    """The passphrase stays; the keyring holds nothing, then another secret."""
    (first,) = desktop.held.values()

    assert _switch(laptop, "--without-keyring").code == 0
    assert desktop.held == {}
    assert _unlock(laptop, {"XDG_CONFIG_HOME": str(tmp_path)}).code == 0
    laptop.run("agent", "stop")

    assert _unlock(laptop, desktop.env).code == 0
    assert _switch(laptop, "--with-keyring").code == 0
    (second,) = desktop.held.values()
    assert second != first
    assert _unlock(laptop, desktop.env).code == 0


def test_a_wrong_passphrase_switches_nothing(laptop: Device, desktop: Desktop) -> None:
    """Neither off, which would lose the secret, nor on, which would leave one."""
    before = desktop.held
    assert _switch(laptop, "--without-keyring", "wrong").code == 1
    assert desktop.held == before

    assert _switch(laptop, "--without-keyring").code == 0
    assert _switch(laptop, "--with-keyring", "wrong").code == 1
    assert desktop.held == {}


@pytest.fixture(name="kept")
def _kept(monkeypatch: pytest.MonkeyPatch) -> dict[DeviceId, KeyringSecret]:
    """Return what the keyring of this very process holds."""
    kept: dict[DeviceId, KeyringSecret] = {}
    monkeypatch.setattr(
        keychain, "save_secret", lambda _, device, secret: kept.update({device: secret})
    )
    monkeypatch.setattr(keychain, "load_secret", lambda _, device: kept[device])
    monkeypatch.setattr(
        keychain, "forget_secret", lambda _, device: kept.pop(device, None)
    )
    return kept


@pytest.mark.parametrize("fails", [True, False])
def test_a_renewed_device_leaves_no_secret_of_its_old_self(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: dict[DeviceId, KeyringSecret],
    *,
    fails: bool,
) -> None:
    """Nor one for the new identity where the relay did not let that in."""
    monkeypatch.setattr(renewal, "hand_over", lambda *_: None)
    words = "horse"

    async def story(room: Room) -> None:
        await room.ask(
            "passphrase.change", caller(), old=words, new=words, keyring=True
        )
        before = dict(kept)
        asked: list[DeviceId] = []

        async def succeed(device: DevicePublic) -> None:
            asked.append(device.id)
            assert kept.keys() == {*before, device.id}
            if fails:
                raise TransportError("the relay does not answer")

        async def nothing() -> None:
            pass

        engine = SimpleNamespace(sync_once=nothing, cloned=True, succeed=succeed)
        vault = room.agent.driver.vault
        driver = SimpleNamespace(vault=vault, engine=engine, stop=nothing)

        renewed = renewal._become_another(
            room.agent, cast("SyncDriver", driver), SecretText(words)
        )
        if fails:
            with pytest.raises(TransportError):
                await room.agent.thread.run_async(renewed)
            assert kept == before
        else:
            await room.agent.thread.run_async(renewed)
            assert kept == dict(zip(asked, before.values(), strict=True))
        await room.agent.lock()
        await room.ask("unlock", caller(), passphrase=words)

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("is_on", [True, False])
def test_a_full_disk_while_switching_loses_no_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: dict[DeviceId, KeyringSecret],
    *,
    is_on: bool,
) -> None:
    """The keyring keeps what the file asks for, whatever came of the change."""

    async def story(room: Room) -> None:
        async def switch(*, on: bool) -> None:
            words = "horse"
            await room.ask(
                "passphrase.change", caller(), old=words, new=words, keyring=on
            )

        await switch(on=is_on)
        before = dict(kept)
        assert bool(before) == is_on

        def full(*_: object, **__: object) -> None:
            raise StoreError("no room")

        with monkeypatch.context() as fault:
            fault.setattr(Vault, "change_passphrase", full)
            with pytest.raises(StoreError):
                await switch(on=not is_on)
        assert kept == before

        # The control: with room, it is switched.
        await switch(on=not is_on)
        assert bool(kept) != is_on

    in_a_room(tmp_path, story)


def test_a_changed_passphrase_keeps_the_secret(
    laptop: Device, desktop: Desktop
) -> None:
    """Without being asked to, nothing about the keyring changes."""
    before = desktop.held
    with descriptor(PASSPHRASE) as old, descriptor("another one") as new:
        words = ("passphrase", "--old-fd", str(old), "--new-fd", str(new))
        assert laptop.run(*words, fds=(old, new)).code == 0

    assert desktop.held == before
    assert laptop.ask("status")["keyring"] is True


def test_where_there_is_no_keyring_no_vault_is_made(tmp_path: Path) -> None:
    """A bare container: a named error, and nothing half-made."""
    with device(tmp_path / "home") as bare:
        said = bare.run(
            *("init", "--unlock-seconds", "0", "--passphrase-fd", "0"),
            "--with-keyring",
            given=PASSPHRASE,
            env={"XDG_CONFIG_HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": ""},
        )

        assert (said.code, said.out) == (1, "")
        assert "no keychain" in said.err
        assert "hint: " in said.err
        assert not (bare.home / "vault.sqlite").exists()


def test_a_keyring_whose_settings_are_another_users_is_a_named_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `sudo -u` leaves HOME: no fault inside."""

    def refused() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "keyringrc.cfg")

    monkeypatch.setattr("keyring.get_keyring", refused)

    with pytest.raises(KeychainError, match="Permission denied"):
        keychain.describe()


def test_the_doctor_tells_of_a_lost_keyring(
    laptop: Device, desktop: Desktop, tmp_path: Path
) -> None:
    """With the secret all is well; without it the vault will not open."""
    words = ("doctor", "--offline")
    assert (
        "holds the secret that this vault needs"
        in laptop.run(*words, env=desktop.env).out
    )

    said = laptop.run(*words, env={**desktop.env, "TEST_KEYCHAIN": str(tmp_path / "x")})

    assert said.code == 1
    assert "bad\tkeyring\t" in said.out

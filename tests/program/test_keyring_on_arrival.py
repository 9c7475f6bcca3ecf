"""A keyring's secret on a device that joins, comes back by a kit, or from a backup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from clisk.agent.core import Agent
from clisk.agent.operations import backup
from clisk.agent.staged_import import StagedBackup
from clisk.home import Home
from clisk_vault.errors import StoreError
from clisk_vault.ids import DeviceId
from clisk_vault.vault_file import KeyringSecret
from tests.program.test_agent_vault import caller
from tests.program.test_keyring_secret import Desktop, _kept  # noqa: F401 - a fixture
from tests.program.world import (
    PASSPHRASE,
    Device,
    Said,
    begin_pairing,
    descriptor,
    device,
    relay,
)

_OWN = "the backup's own passphrase"
_SECRET = "planted-secret"


@dataclass(frozen=True)
class World:
    """A device with a vault, its relay, a recovery kit and a backup."""

    folder: Path
    laptop: Device

    @property
    def kit(self) -> Path:
        return self.folder / "kit.png"

    @property
    def backup(self) -> Path:
        return self.folder / "vault.age"

    def members(self) -> set[str]:
        self.laptop.ok("sync")
        return {row["device"] for row in self.laptop.ask("devices")["devices"]}


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("arrival")
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("Shop", _SECRET)
        made = World(folder, laptop)
        words = ("recovery", "create", "--png", str(made.kit), "--name", "kit")
        laptop.ok(*words, "--passphrase-fd", "0", given=PASSPHRASE)
        with descriptor(_OWN) as own:
            said = laptop.run(
                *("backup", "create", str(made.backup), "--passphrase-fd", "0"),
                *("--file-passphrase-fd", str(own)),
                given=PASSPHRASE,
                fds=(own,),
            )
            assert said.code == 0, said
        laptop.ok("sync")
        yield made


_FIXED = ("--name", "new", "--unlock-seconds", "0", "--passphrase-fd", "0")
Way = Callable[[World, Device, Mapping[str, str], Path], Said]


def _join(world: World, new: Device, env: Mapping[str, str], folder: Path) -> Said:
    folder.mkdir(exist_ok=True)
    # Its agent has this keyring; `clisk join` finds it running.
    new.run("unlock", "--passphrase-fd", "0", given=PASSPHRASE, env=env)
    pairing = begin_pairing(world.laptop, new, folder, options=("--with-keyring",))
    pairing.type(pairing.digits)
    return pairing.end()[1]


def _recover(world: World, new: Device, env: Mapping[str, str], _folder: Path) -> Said:
    words = ("recovery", "use", str(world.kit), "--keep-all", "--with-keyring")
    return new.run(*words, *_FIXED, given=PASSPHRASE, env=env)


def _restore(world: World, new: Device, env: Mapping[str, str], _folder: Path) -> Said:
    with descriptor(_OWN) as own:
        return new.run(
            *("backup", "restore", str(world.backup), "--with-keyring"),
            *("--file-passphrase-fd", str(own), *_FIXED),
            given=PASSPHRASE,
            fds=(own,),
            env=env,
        )


_WAYS: dict[str, Way] = {"join": _join, "recovery": _recover, "restore": _restore}


@pytest.mark.parametrize("way", _WAYS.values(), ids=_WAYS)
def test_the_vault_of_a_new_device_needs_its_keyring(
    world: World, tmp_path: Path, way: Way
) -> None:
    """Its file, taken elsewhere, opens for nobody; here it opens as ever."""
    desktop = Desktop(tmp_path)
    with device(tmp_path / "new") as new:
        said = way(world, new, desktop.env, tmp_path / "code")

        assert said.code == 0, said
        assert new.ask("status")["keyring"] is True
        assert len(desktop.held) == 1
        assert new.ok("get", "Shop", "-f", "password") == f"{_SECRET}\n"
        new.run("agent", "stop")
        words = ("unlock", "--passphrase-fd", "0")
        elsewhere = {**desktop.env, "TEST_KEYCHAIN": str(tmp_path / "thief")}
        refused = new.run(*words, given=PASSPHRASE, env=elsewhere)
        assert "needs a secret of the system's keyring" in refused.err
        new.run("agent", "stop")
        assert new.run(*words, given=PASSPHRASE, env=desktop.env).code == 0


@pytest.mark.parametrize("way", [_recover, _restore], ids=["recovery", "restore"])
def test_without_a_keyring_no_device_comes_in(
    world: World, tmp_path: Path, way: Way
) -> None:
    """Said before anybody else hears of the device; nothing is half-made."""
    before = world.members()
    bare = {"XDG_CONFIG_HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": ""}
    with device(tmp_path / "new") as new:
        said = way(world, new, bare, tmp_path / "code")

        assert (said.code, said.out) == (1, "")
        assert "no keychain" in said.err
        assert "hint: " in said.err
        assert not (new.home / "vault.sqlite").exists()
    assert world.members() == before


def test_a_join_without_a_keyring_ends_before_the_digits(
    world: World, tmp_path: Path
) -> None:
    """The code was not used for it: nobody has to type digits in vain."""
    bare = {"XDG_CONFIG_HOME": str(tmp_path), "DBUS_SESSION_BUS_ADDRESS": ""}
    picture = tmp_path / "code.png"
    drawing = world.laptop.start("pair", "--png", str(picture), "--code-fd", "0")
    with device(tmp_path / "new") as new:
        assert drawing.stderr is not None
        while "scan this" not in (line := drawing.stderr.readline()):
            assert line, "the control: a code was drawn"

        said = new.run(
            *("join", str(picture), "--with-keyring", *_FIXED),
            given=PASSPHRASE,
            env=bare,
        )

        drawing.terminate()
        drawing.communicate(timeout=60)
        assert said.code == 1
        assert "no keychain" in said.err
        assert "digits" not in said.err
        assert not (new.home / "vault.sqlite").exists()


def test_a_join_that_comes_to_nothing_leaves_no_secret(
    world: World, tmp_path: Path
) -> None:
    """The keyring held one while it waited; wrong digits, three times, end it."""
    desktop = Desktop(tmp_path)
    with device(tmp_path / "new") as new:
        new.run("unlock", "--passphrase-fd", "0", given=PASSPHRASE, env=desktop.env)
        pairing = begin_pairing(
            world.laptop, new, tmp_path, options=("--with-keyring",)
        )
        assert len(desktop.held) == 1, "the control"

        wrong = "".join(
            str((int(each) + 1) % 10) for each in pairing.digits if each != " "
        )
        pairing.type(wrong)
        member, newcomer = pairing.end()

        assert (member.code, newcomer.code) == (1, 1)
        new.run("agent", "stop")
        assert desktop.held == {}
        assert not (new.home / "vault.sqlite").exists()


def test_a_backup_that_cannot_be_restored_leaves_no_secret(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: dict[DeviceId, KeyringSecret],
) -> None:
    """Neither a vault nor what its file would have asked for."""
    seen: list[int] = []

    def full(*_: object, **__: object) -> None:
        seen.append(len(kept))
        raise StoreError("no room")

    monkeypatch.setattr(backup, "parse_backup", lambda _: [])
    monkeypatch.setattr(backup, "restoring", full)

    async def story() -> None:
        home = Home(str(tmp_path / "new"))
        home.make()
        agent, client = Agent(home), caller()
        client.restoring = StagedBackup()
        asked = {"passphrase": "horse", "name": "new", "unlock_seconds": 0.0}
        params = backup.RestoreFinishParams.model_validate({**asked, "keyring": True})
        try:
            with pytest.raises(StoreError):
                await backup.restore_finish(agent, client, params)
        finally:
            await agent.close()

    asyncio.run(story())
    assert seen == [1], "the control: the vault was made, and the keyring held it"
    assert kept == {}
    assert not (tmp_path / "new" / "vault.sqlite").exists()

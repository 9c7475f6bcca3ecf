"""What a person sees of exports, and the guards around the file."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.world import PASSPHRASE, Device, Said, descriptor, device

SECRET = "s3cret-Pa55word"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """Yield a device with one login."""
    with device(tmp_path_factory.mktemp("laptop") / "home") as made:
        made.init()
        made.add_login("Shop", SECRET)
        yield made


def _export(laptop: Device, *words: str, passphrase: str = PASSPHRASE) -> Said:
    return laptop.run("export", *words, "--passphrase-fd", "0", given=passphrase)


def test_an_export_is_recorded_private_and_reported(
    laptop: Device, tmp_path: Path
) -> None:
    """The file is its owner's alone, and the log has the read."""
    target = tmp_path / "out.json"

    said = _export(laptop, str(target), "--format", "bitwarden", "--yes")

    assert (said.code, said.out) == (0, "")
    assert said.err == "1 item written as bitwarden\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    item = json.loads(target.read_text())["items"][0]
    assert item["login"]["password"] == SECRET
    assert "export" in laptop.ok("log", "list", "--json")
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_an_export_of_a_folder_or_tag_reads_nothing_else(
    laptop: Device, tmp_path: Path
) -> None:
    """Neither into the file nor, by the log, at all; a misspelt one is refused."""
    inside = laptop.add_login("Inside", "1", "--folder", "Home/Garden", "--tag", "x")
    before = len(laptop.ask("log", "list")["records"])

    for number, words in enumerate((("--folder", "Home"), ("--tag", "x"))):
        target = tmp_path / f"{number}.json"
        said = _export(laptop, str(target), "--format", "bitwarden", "--yes", *words)
        assert said.err.startswith("1 item written as bitwarden\n")
        file = json.loads(target.read_text())
        assert [each["name"] for each in file["items"]] == ["Inside"]
        assert [each["name"] for each in file["folders"]] == ["Home/Garden"]

    read = laptop.ask("log", "list")["records"][before:]
    assert {each["item"] for each in read if each["use"] == "export"} == {inside}
    for word in ("folder", "tag"):
        target = tmp_path / "none.json"
        plain = ("--format", "bitwarden", "--yes")
        said = _export(laptop, str(target), *plain, f"--{word}", "nope")
        assert (said.code, f"no such {word}" in said.err) == (1, True)
        assert not target.exists()
    laptop.ok("rm", "Inside")


def test_an_export_comes_back_to_its_vault_as_it_is(
    laptop: Device, tmp_path: Path
) -> None:
    """Nothing is added; what was skipped is counted, and listed when asked."""
    held = len(laptop.ask("list")["items"])
    for kind in ("bitwarden", "cxf"):
        target = tmp_path / kind
        _export(laptop, str(target), "--format", kind, "--yes")

        said = laptop.run("import", str(target))

        assert (said.code, said.out) == (0, "")
        assert said.err == f"0 added, 0 merged, {held} skipped\n"
        listed = laptop.ok("import", str(target), "--verbose")
        assert listed.count("skipped\t") == held
        assert laptop.ok("import", str(target), "--dry-run") == listed
        assert len(laptop.ask("import", str(target))["items"]) == held
    assert len(laptop.ask("list")["items"]) == held


def test_a_sealed_export_takes_a_password_of_its_own(
    laptop: Device, tmp_path: Path
) -> None:
    """What was sealed so is imported again with that password, and no other."""
    target = tmp_path / "out.kdbx"
    with descriptor("file password") as fd:
        said = laptop.run(
            *("export", str(target), "--format", "kdbx", "--passphrase-fd", "0"),
            *("--file-password-fd", str(fd)),
            given=PASSPHRASE,
            fds=(fd,),
        )
    assert said.code == 0, said

    wrong = laptop.run("import", str(target), "--file-password-fd", "0", given="no")
    right = laptop.run(
        *("import", str(target), "--dry-run", "--file-password-fd", "0"),
        given="file password",
    )

    assert (wrong.code, wrong.out) == (1, "")
    assert "hint: check the password" in wrong.err
    assert "1 added" in right.err
    assert SECRET not in right.out + right.err


def test_a_wrong_passphrase_exports_nothing(laptop: Device, tmp_path: Path) -> None:
    """An open screen is not enough."""
    target = tmp_path / "out.json"

    said = _export(
        laptop, str(target), "--format", "bitwarden", "--yes", passphrase="wrong"
    )

    assert said.code == 1
    assert "wrong passphrase" in said.err
    assert not target.exists()


def test_a_plain_export_is_confirmed(laptop: Device, tmp_path: Path) -> None:
    """Without a terminal to ask on and without --yes nothing is written."""
    said = _export(laptop, str(tmp_path / "out.json"), "--format", "bitwarden")

    assert said.code == 1
    assert "--yes" in said.err
    assert not list(tmp_path.iterdir())


def test_a_symlink_at_the_output_is_not_followed(
    laptop: Device, tmp_path: Path
) -> None:
    """A link planted in a shared folder gets nothing, forced or not."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "out.json"
    link.symlink_to(victim)

    for words in ((), ("--force",)):
        said = _export(laptop, str(link), "--format", "bitwarden", "--yes", *words)
        assert said.code == 1
        assert "symbolic link" in said.err
    assert victim.read_text() == "precious"


def test_an_existing_file_is_not_overwritten_unasked(
    laptop: Device, tmp_path: Path
) -> None:
    """It stays as it was; --force replaces it, private whatever it was before."""
    target = tmp_path / "out.json"
    target.write_text("precious")
    target.chmod(0o644)

    said = _export(laptop, str(target), "--format", "bitwarden", "--yes")
    assert said.code == 1
    assert "--force" in said.err
    assert target.read_text() == "precious"

    assert _export(
        laptop, str(target), "--format", "bitwarden", "--yes", "--force"
    ).code == 0  # fmt: skip
    assert SECRET in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_export_may_be_piped(laptop: Device) -> None:
    """Nothing but the export is on standard output."""
    said = _export(laptop, "-", "--format", "cxf", "--yes")

    assert json.loads(said.out)["version"] == {"major": 1, "minor": 0}


def test_exporting_asks_the_agent_for_no_item_without_a_passphrase(
    laptop: Device,
) -> None:
    """The operations that read everything refuse a client that did not begin."""
    from clisk.client import AgentClient
    from clisk.errors import AgentRefusal
    from clisk.home import Home

    with AgentClient.connect(Home(str(laptop.home))) as agent:
        with pytest.raises(AgentRefusal, match="no export was begun"):
            agent.call("export.items", {"start": 0})
        with pytest.raises(AgentRefusal, match="no export was begun"):
            agent.call("export.file", {"item": "0" * 32, "field": "x"})


def test_a_locked_vault_exports_nothing(laptop: Device, tmp_path: Path) -> None:
    """The passphrase of an export is no way around the lock."""
    laptop.ok("lock")
    try:
        said = _export(laptop, str(tmp_path / "o"), "--format", "bitwarden", "--yes")
        assert said.code == 1
        assert "locked" in said.err
    finally:
        laptop.unlock()

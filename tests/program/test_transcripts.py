"""What a person types and sees. One device, one vault, one command after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

import click
import pytest

from clisk import elsewhere, root
from tests.program.world import PASSPHRASE, Device, Said, descriptor, device
from tests.vault.transfer.samples import bitwarden_zip, logins

EXPORT = Path(__file__).parents[1] / "data" / "bitwarden" / "export.json"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init("--name", "laptop")
        yield laptop


def test_an_item_is_added_shown_changed_and_restored(laptop: Device) -> None:
    """The life of an item, with its secret masked until it is asked for."""
    item = laptop.add_login("GitHub", "planted-1", "-u", "alice", "--tag", "work")

    assert laptop.ok("list", "github") == f"{item}\tGitHub\talice\t\n"
    shown = laptop.ok("get", "GitHub")
    assert "username\talice\n" in shown
    assert "password\t••••••••\n" in shown
    assert "tag\twork\n" in shown
    assert "planted" not in shown
    assert laptop.ok("get", "GitHub", "--field", "password") == "planted-1\n"
    assert laptop.ok("get", item[:8], "-f", "username", "--no-newline") == "alice"

    said = laptop.run("edit", "GitHub", "--read", "password=0", given="planted-2\n")
    assert (said.code, said.out, said.err) == (0, "", "changed\n")
    assert laptop.ok("get", "GitHub", "-f", "password") == "planted-2\n"

    laptop.ok("rm", "GitHub")
    assert laptop.ok("list", "GitHub") == ""
    assert laptop.ok("list", "--trash") == f"{item}\tGitHub\talice\t\n"
    assert laptop.run("get", "GitHub").code == 1
    laptop.ok("rm", "--restore", "GitHub")
    assert laptop.ok("get", "GitHub", "-f", "password") == "planted-2\n"


def test_fields_of_ones_own_are_kept_and_found_by_name(laptop: Device) -> None:
    """Custom fields are shown and read by the names that the person gave them."""
    laptop.add_login("Bank", "x", "--custom", "Customer=4711", "--uri", "https://b.ch")

    shown = laptop.ok("get", "Bank")

    assert "Customer\t4711\n" in shown
    assert "uri\thttps://b.ch\n" in shown
    assert laptop.ok("get", "Bank", "-f", "customer") == "4711\n"


def test_a_field_of_ones_own_is_changed_by_the_name_that_is_shown(
    laptop: Device,
) -> None:
    """It is no second field; a checkbox stays one, a secret no argument."""
    laptop.add_login("Club", "x", "--custom", "Member=1", "--checkbox", "Paid=false")
    laptop.ok("edit", "Club", "--set", "Member=2", "--set", "Paid=true")
    assert "Member\t2\nPaid\ttrue\n" in laptop.ok("get", "Club")
    assert laptop.run("edit", "Club", "--set", "Paid=maybe").code == 1

    laptop.ok(
        "import",
        "-",
        "--map",
        "t=title",
        "--map",
        "PIN=hidden",
        given="t,PIN\nSafe,1\n",
    )
    refused = laptop.run("edit", "Safe", "--set", "PIN=2")
    assert "arguments are visible to every process" in refused.err
    laptop.ok("edit", "Safe", "--read", "PIN=0", given="3")
    assert laptop.ok("get", "Safe", "-f", "PIN") == "3\n"


def test_how_addresses_that_are_there_are_matched_is_changed(laptop: Device) -> None:
    """`--match` without a new address is for those that the item has."""
    laptop.add_login("Host", "x", "--uri", "https://host.example")

    laptop.ok("edit", "Host", "--match", "exact")

    assert "uri match\texact\n" in laptop.ok("get", "Host")
    refused = laptop.run("edit", "Host", "--set", "uri match=roughly")
    assert "no such way to match an address" in refused.err
    laptop.add_login("Bare", "x")
    assert "no address to match" in laptop.run("edit", "Bare", "--match", "host").err


def test_a_seed_that_makes_no_codes_is_refused_when_it_is_written(
    laptop: Device,
) -> None:
    """Not weeks later, when a code is due and the site shows the seed no longer."""
    laptop.add_login("Seeded", "x")

    for seed, why in (("no seed!", "not base32"), ("otpauth://hotp/x", "by the time")):
        refused = laptop.run("edit", "Seeded", "--read", "totp=0", given=seed)
        assert refused.code == 1
        assert why in refused.err
        assert "no one-time codes" in laptop.run("totp", "Seeded").err


def test_a_time_that_is_typed_becomes_one_with_its_zone(laptop: Device) -> None:
    """As the format has it; what an import brought stays as it was."""
    laptop.ok("add", "card", "Dated", "-s", "expires=2031-05-01")

    value = laptop.ok("get", "Dated", "-f", "expires").strip()

    assert datetime.fromisoformat(value).utcoffset() is not None
    assert value.startswith("2031-05-01T00:00:00")


def test_where_no_vault_is_every_command_says_how_to_make_one(tmp_path: Path) -> None:
    """And not that one is to be unlocked."""
    with device(tmp_path) as nowhere:
        for words in (("list",), ("get", "x"), ("trash", "list")):
            assert nowhere.run(*words).err.splitlines() == [
                "error: there is no vault here",
                "hint: make one: clisk init; or clisk join",
            ]


def test_a_password_is_generated_unseen(laptop: Device) -> None:
    """`--generate` puts a password into the vault that no output shows."""
    said = laptop.run("add", "login", "Generated", "--generate", "password")

    assert re.fullmatch(r"[0-9a-f]{32}\n", said.out)
    first = laptop.ok("get", "Generated", "-f", "password")
    assert len(first) == 21
    assert first.strip() not in said.out + said.err
    laptop.ok("edit", "Generated", "--generate", "password")
    assert laptop.ok("get", "Generated", "-f", "password") != first


def test_the_files_of_an_export_are_counted(laptop: Device, tmp_path: Path) -> None:
    """In the dry run and in the report; an import again brings none twice."""
    export = tmp_path / "bitwarden_export.zip"
    export.write_bytes(bitwarden_zip(logins(2)))

    dry = laptop.run("import", str(export), "--dry-run")
    assert dry.err == (
        "nothing was done yet; it would be: 2 added, 0 merged, 0 skipped;"
        " with 4 files\n"
    )
    said = laptop.ask("import", str(export))
    assert said["files"] == 4
    first = said["items"][0]
    assert first["files"] == ["scan №0 10:30.pdf", "same name"]
    again = laptop.run("import", str(export))
    assert again.err == "0 added, 0 merged, 2 skipped\n"
    got = laptop.ok("attach", "get", first["item"], "scan №0 10:30.pdf")
    assert got == "scan №0 10:30.pdf of 0" * 100
    laptop.ok("rm", first["item"])
    laptop.ok("rm", said["items"][1]["item"])


def test_an_export_is_imported_once(laptop: Device) -> None:
    """A dry run does nothing, an import everything, a second one nothing more."""
    dry = laptop.run("import", str(EXPORT), "--dry-run")
    assert (
        dry.err == "nothing was done yet; it would be: 4 added, 0 merged, 0 skipped\n"
    )
    assert laptop.ok("list", "Visa") == ""

    assert laptop.run("import", str(EXPORT)).err == "4 added, 0 merged, 0 skipped\n"
    piped = laptop.run("import", "-", given=EXPORT.read_text())
    assert piped.err == "0 added, 0 merged, 4 skipped\n"
    assert laptop.ok("get", "Visa", "-f", "card.number") == "4111111111111111\n"
    assert laptop.ok("get", "My note", "-f", "notes") == "secret text\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe\x00", "not UTF-16 text"),
        (b"{", "JSON file: not JSON at byte"),
        (b'{"encrypted": true}', "only the account that it came from can open it"),
        (b'{"items": [{"type": "planted"}]}', "Bitwarden export: "),
    ],
)
def test_a_bad_export_changes_nothing(
    laptop: Device, tmp_path: Path, content: bytes, what: str
) -> None:
    """A file that is no export is refused by name, and quoted nowhere."""
    before = laptop.ok("list")
    (tmp_path / "bad.json").write_bytes(content)

    said = laptop.run("import", str(tmp_path / "bad.json"))

    assert (said.code, said.out) == (1, "")
    assert what in said.err
    assert "planted" not in said.err
    assert "made by this program" not in said.err
    assert laptop.ok("list") == before


def test_every_read_is_in_the_log(laptop: Device) -> None:
    """Who, what and why, for each field that was written out."""
    laptop.add_login("Logged", "x")
    laptop.ok("get", "Logged", "-f", "password")

    (read,) = laptop.ask("log", "list", "--item", "Logged")["records"]

    assert (read["outcome"], read["kind"], read["field"], read["purpose"]) == (
        "granted",
        "person",
        "password",
        "clisk get",
    )
    said = laptop.run("log", "verify")
    assert said.code == 0
    assert said.out.startswith("Nothing was found wrong with the access log (")
    assert "Unanchored" in said.out


def test_locking_and_unlocking(laptop: Device) -> None:
    """A locked vault answers nothing but its state, and opens by its passphrase."""
    laptop.ok("lock")
    try:
        assert laptop.ask("status")["state"] == "locked"
        for words in (("list",), ("get", "GitHub", "-f", "password"), ("devices",)):
            said = laptop.run(*words)
            assert (said.code, said.out) == (1, "")
            assert said.err == (
                "error: the vault is locked\n"
                "hint: unlock the vault first: clisk unlock\n"
            )
        said = laptop.run("unlock", "--passphrase-fd", "0", given="wrong")
        assert (said.code, said.err.splitlines()[0]) == (1, "error: wrong passphrase")
    finally:
        laptop.unlock()
    assert laptop.ask("status")["state"] == "unlocked"


def test_the_passphrase_is_changed(laptop: Device) -> None:
    """The old one no longer opens the vault; a wrong old one changes nothing."""
    assert _change_passphrase(laptop, "wrong", "new").code == 1
    assert _change_passphrase(laptop, PASSPHRASE, "new one").code == 0
    try:
        laptop.ok("lock")
        assert laptop.run("unlock", "--passphrase-fd", "0", given=PASSPHRASE).code == 1
        laptop.unlock("new one")
    finally:
        assert _change_passphrase(laptop, "new one", PASSPHRASE).code == 0


def _change_passphrase(laptop: Device, old: str, new: str) -> Said:
    with descriptor(old) as old_fd, descriptor(new) as new_fd:
        words = ("passphrase", "--old-fd", str(old_fd), "--new-fd", str(new_fd))
        return laptop.run(*words, fds=(old_fd, new_fd))


def test_the_agent_comes_back_locked(laptop: Device) -> None:
    """After `agent stop` nothing runs; `unlock` starts another."""
    laptop.ok("agent", "stop")
    assert laptop.ask("status") == {
        "state": "locked",
        "home": str(laptop.home),
        "agent": False,
    }
    said = laptop.run("list")
    assert said.err == (
        "error: no agent is running\n"
        "hint: start one by unlocking the vault: clisk unlock\n"
    )

    laptop.unlock()
    assert laptop.ask("status")["agent"] is True


_CONFLICT = ("conflicts", "--settle", "Bank", "--field", "password")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nonsense",), 2, "no such command 'nonsense'"),
        (("get",), 2, "missing argument 'ITEM'"),
        (("get", "x", "--no-newline"), 2, "--no-newline goes with --field"),
        (("add", "login", "X", "-s", "password=planted"), 2, "password is secret"),
        (("add", "login", "X", "--custom", "planted"), 2, "--custom wants NAME=VALUE"),
        (("add", "nonsense", "X"), 2, "invalid value for"),
        (("add", "login", "X", "--generate", "username"), 1, "only a password can"),
        (("add", "card", "X", "--generate", "card.number"), 1, "only a password can"),
        (("add", "card", "X", "-s", "number=4111"), 1, "is it card.number?"),
        (("edit", "Bank", "-s", "nonsense=1"), 1, "there is no field by that name"),
        (("edit", "Bank", "-s", "type=card"), 1, "is not a field to write"),
        (("list", "--url", "a b"), 1, "give a page's address"),
        (("export", "x"), 2, "'--format'. Choose from: bitwarden,"),
        (("generate", "--rules", "planted"), 1, "write them as: minlength"),
        (("add", "login", "X", "--read", "password=99"), 1, "descriptor 99 cannot"),
        (
            ("add", "login", "X", "--read", "password=x"),
            2,
            "the number of a descriptor",
        ),
        (("add", "login", "X", "--ask", "password"), 1, "no terminal to ask on"),
        (("edit", "GitHub"), 2, "nothing to change"),
        (("get", "no such item"), 1, "no item matches"),
        (("get", "Bank", "-f", "nonsense"), 1, "the item has no such field"),
        (("conflicts", "--settle", "GitHub"), 2, "--settle needs --field"),
        ((*_CONFLICT, "--keep", "1"), 1, "the field has no such version"),
        ((*_CONFLICT, "--show", "1"), 1, "the field has no such version"),
        (("add", "login", "X", "-s", "favourite=maybe"), 1, "is true or false"),
        (("add", "login", "X", "-s", "used=x"), 1, "holds a time"),
        (("edit", "Bank", "-s", "archived=no"), 1, "holds a time"),
        (("edit", "Bank", "-s", "expires=2026-02-30"), 1, "holds a time"),
        (("edit", "Bank", "-s", "reprompt=yes"), 1, "is true or false"),
        (("add", "card", "X", "-s", "card.exp_month=13"), 1, "holds a month"),
        (("add", "card", "X", "-s", "card.exp_year=soon"), 1, "holds a year"),
        (("add", "card", "X", "-s", "card.valid_from=3/26"), 1, "say 2026-03"),
        (("add", "identity", "X", "-s", "identity.birth_date=x"), 1, "holds a date"),
        (("edit", "Bank", "-s", "attachment.00000000.size=1"), 1, "is not typed"),
        (("scan", "/nope"), 2, "'/nope' does not exist"),
        (("add", "passkey", "X"), 1, "a passkey is made by its site"),
        (("generate", "--site", "chase.com", "-n", "99"), 1, "at most 32 characters"),
        (("generate", "--rules", "minlength: 4; maxlength: 3"), 1, "greater than"),
        (("sync",), 1, "no relay is set for this vault"),
        (("sync", "--relay", "http://example.org"), 1, "http is for this machine only"),
        (("pair",), 1, "no relay is set for this vault"),
        (("grants", "revoke", "planted"), 1, "grant id: not 32 lower-case hex digits"),
        (("init", "--passphrase-fd", "0"), 1, "there is a vault here already"),
        (("join", "--url-fd", "0", "--passphrase-fd", "0"), 1, "descriptor 0 gave"),
        (("unlock", "--keychain"), 1, "no keychain"),
        (("generate", "-n", "2"), 1, "password length out of range"),
        (("relay", "--host", "192.0.2.1"), 1, "this machine only"),
        (("import", "no-such-file"), 2, "invalid value for 'FILE'"),
    ],
)
def test_refusals_say_what_and_why(
    laptop: Device, words: tuple[str, ...], code: int, said: str
) -> None:
    """Each way to be wrong has its words, its exit code, and no traceback."""
    stdin = PASSPHRASE if "init" in words else ""

    ended = laptop.run(*words, given=stdin, env=_NO_KEYCHAIN)

    assert (ended.code, ended.out) == (code, ""), ended
    assert said in ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err
    assert "planted" not in ended.err


_NO_KEYCHAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def test_a_refusal_in_json(laptop: Device) -> None:
    """With --json standard output stays empty and the refusal is one object."""
    said = laptop.run("get", "no such item", "--json")

    assert (said.code, said.out) == (1, "")
    assert json.loads(said.err) == {
        "error": "NoSuchItemError",
        "message": "no item matches",
        "advice": "look at: clisk list",
    }


def test_several_items_are_told_apart(laptop: Device) -> None:
    """A title that two items have is no name; their ids are."""
    ids = [laptop.add_login("Twin", f"planted-{n}", "-u", "carol") for n in (1, 2)]

    said = laptop.run("get", "Twin")

    assert said.code == 1
    first, hint = said.err.splitlines()
    assert first.startswith("error: 2 items match: ")
    assert {f"{each[:8]} Twin (carol)" for each in ids} == set(
        first.removeprefix("error: 2 items match: ").split(", ")
    )
    assert "id" in hint
    assert laptop.ok("get", ids[1], "-f", "password") == "planted-2\n"


def test_of_many_items_that_match_the_first_are_told(laptop: Device) -> None:
    """Four of them, each by no more than fits a line."""
    for number in range(6):
        laptop.add_login(f"Quint {number} {'x' * 60}", "planted")

    said = laptop.run("get", "Quint").err

    assert said.startswith("error: 6 items match: ")
    assert said.count("Quint") == 4
    assert len(said.splitlines()[0]) < 300
    assert said.splitlines()[0].endswith(", …")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("ls", "list"), ("search", "list"), ("show", "get"), ("delete", "rm")),
        *(("remove", "rm"), ("login", "unlock"), ("LIST", "list"), ("liist", "list")),
        *(
            ("serch", "list"),
            ("otp", "totp"),
            ("mv", "folder move"),
            ("help", "--help"),
        ),
    ],
)
def test_a_command_of_another_program_is_named_as_ours(
    laptop: Device, typed: str, meant: str
) -> None:
    """What hands type from habit; nothing is run by guess."""
    said = laptop.run(typed, "x")

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        f"error: no such command '{typed}'",
        f"hint: is it: clisk {meant}",
    ]


def test_every_command_that_is_named_as_ours_is_there() -> None:
    """And none of ours is taken for another program's."""
    for ours, words in elsewhere.OURS.items():
        if not ours.startswith("--"):
            command, _, below = ours.partition(" ")
            group = root.clisk.get_command(click.Context(root.clisk), command)
            assert group is not None
            assert not below or below in cast(click.Group, group).commands
        assert not set(words) & set(root.COMMANDS)


def test_a_hostile_title_cannot_drive_a_terminal(laptop: Device) -> None:
    """Control characters in what others wrote are spelt out."""
    laptop.add_login("Evil \x1b[2J\u202e", "x")

    assert "Evil \\x1b[2J\\u202e" in laptop.ok("list", "Evil")


def test_a_head_of_a_list_ends_quietly(laptop: Device) -> None:
    """A reader that leaves early is no fault worth a word."""
    with laptop.start("list") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()

        assert running.stderr.read() == ""


def test_generate_works_without_a_vault(tmp_path: Path) -> None:
    """A password needs no agent; its strength goes to standard error."""
    said = Device(tmp_path).run("generate", "--length", "12", "--no-symbols")

    assert re.fullmatch(r"[A-Za-z0-9]{12}\n", said.out)
    assert said.err == "71 bits\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_written(tmp_path: Path, shell: str) -> None:
    """It calls this program back, and needs neither a vault nor that shell."""
    said = Device(tmp_path).run("completion", shell)

    assert said.code == 0
    assert f"_CLISK_COMPLETE={shell}_complete" in said.out


def test_completion_offers_the_commands(tmp_path: Path) -> None:
    """What click's completion script asks is answered."""
    said = Device(tmp_path).run(
        env={
            "_CLISK_COMPLETE": "bash_complete",
            "COMP_WORDS": "clisk ge",
            "COMP_CWORD": "1",
        }
    )

    assert said.out.split() == ["plain,get", "plain,generate"]

"""No secret leaves but where it was asked for: SECURITY.md, DESIGN §8.

Known secrets go in by every way there is; each command runs, and each failure;
then everything that was written anywhere is searched for them.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clisk_sync import qr
from clisk_sync.recovery_kit import parse_kit
from clisk_sync.recovery_words import print_vault_id, secret_words
from tests.program.leaks import leaks, leaks_in_files, spellings
from tests.program.world import (
    Device,
    Pairing,
    Said,
    begin_pairing,
    descriptor,
    device,
    relay,
)

pytestmark = pytest.mark.slow

PASSPHRASE = "planted passphrase zQ8"
PHONE_PASSPHRASE = "planted phone passphrase"
CHANGED_PASSPHRASE = "planted changed Passphrase"
PASSWORD = "planted-password-K7#x"
NEW_PASSWORD = "planted-newer-password"
PHONE_PASSWORD = "planted-by-the-phone"
NOTE = "planted note, which is long enough to be found"
CARD = "4999888877776666"
SEED = "KRSXG5CTMVRXEZLUKRSXG5CT"
FILE = "planted content of an attached file"
FILE_PASSPHRASE = "planted passphrase of a file"
IMPORTED = "planted-imported-pw"
HIDDEN = "planted-hidden-field"
BROKEN = "planted-in-a-broken-file"

_NO_KEYCHAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
_EXPORT = {
    "encrypted": False,
    "folders": [],
    "items": [
        {
            "type": 1,
            "name": "Imported",
            "notes": NOTE,
            "fields": [{"type": 1, "name": "PIN", "value": HIDDEN}],
            "login": {"username": "bob", "password": IMPORTED},
        }
    ],
}


class World:
    """Two devices and a relay; remembers what every command said."""

    def __init__(self, laptop: Device, phone: Device, folder: Path, url: str) -> None:
        self.laptop = laptop
        self.phone = phone
        self.folder = folder
        self.url = url
        self.secrets = [
            *(PASSPHRASE, PHONE_PASSPHRASE, CHANGED_PASSPHRASE, PASSWORD),
            *(NEW_PASSWORD, PHONE_PASSWORD, NOTE, CARD, IMPORTED, HIDDEN, BROKEN),
            *(SEED, FILE, FILE_PASSPHRASE),
        ]
        self.said: list[tuple[str, Said]] = []

    def note(self, what: str, said: Said) -> Said:
        self.said.append((what, said))
        return said

    def run(self, *words: str, given: str = "", code: int = 0) -> Said:
        """Run a command on the laptop, which must end with *code*."""
        said = self.laptop.run(*words, given=given, env=_NO_KEYCHAIN)
        assert said.code == code, (words, said)
        return self.note(" ".join(words), said)


def _set_up(world: World) -> None:
    world.run(
        *("init", "--name", "laptop", "--relay", world.url, "--unlock-seconds", "0"),
        *("--passphrase-fd", "0"),
        given=PASSPHRASE,
    )
    login = ("add", "login", "Shop", "-u", "alice", "--uri", "https://shop.example")
    world.run(*login, "--read", "password=0", given=PASSWORD)
    world.run("add", "card", "Visa", "--read", "card.number=0", given=CARD)
    world.run("import", "-", given=json.dumps(_EXPORT))
    world.run("edit", "Shop", "--read", "password=0", given=NEW_PASSWORD)
    world.run("sync")


def _pair(world: World) -> None:
    pairing = begin_pairing(
        world.laptop, world.phone, world.folder, passphrase=PHONE_PASSPHRASE
    )
    world.secrets.append(_payload(pairing))
    pairing.type(pairing.digits)
    for what, said in zip(("pair", "join"), pairing.end(), strict=True):
        assert world.note(what, said).code == 0, said


def _payload(pairing: Pairing) -> str:
    # What the code says after its fixed beginning: the one-time secret is in it.
    return pairing.url.partition("#")[2][-40:]


def _kit(world: World) -> None:
    """A recovery kit: made into a picture, and used with words that are misread."""
    picture = world.folder / "kit.png"
    create = ("recovery", "create", "--png", str(picture), "--passphrase-fd", "0")
    world.run(*create, given=PASSPHRASE)
    world.run(*create, given=PASSPHRASE, code=2)
    kit = parse_kit(qr.read_picture(picture))
    words = secret_words(kit.secret)
    world.secrets += [" ".join(words[:6]), kit.secret.expose().hex(), kit.text()[-60:]]
    turned = " ".join([*words[:23], words[22]])
    nowhere = Device(world.folder / "nowhere")
    with descriptor(turned) as given:
        words_fd = ("--words-fd", str(given), "--vault", print_vault_id(kit.vault))
        misread = nowhere.run(
            *("recovery", "use", *words_fd, "--relay", world.url),
            *("--passphrase-fd", "0"),
            given=PHONE_PASSPHRASE,
            fds=(given,),
        )
    assert world.note("recovery use", misread).code == 1
    with device(world.folder / "phone" / "third") as third:
        used = third.run(
            *("recovery", "use", str(picture), "--keep-all", "--name", "third"),
            *("--unlock-seconds", "0", "--passphrase-fd", "0"),
            given=PHONE_PASSPHRASE,
        )
        assert world.note("recovery use", used).code == 0, used


def _use(world: World) -> None:
    """Every command that shows no secret."""
    phone_edit = ("edit", "Shop", "--read", "password=0")
    world.note("edit", world.phone.run(*phone_edit, given=PHONE_PASSWORD))
    world.note("sync", world.phone.run("sync"))
    world.run("sync")
    world.run("edit", "Shop", "--generate", "password")
    generated = world.laptop.ok("get", "Shop", "-f", "password").strip()
    world.secrets.append(generated)
    shown: tuple[tuple[str, ...], ...] = (
        ("status",),
        ("list",),
        ("list", "--json"),
        ("list", "--trash"),
        ("get", "Shop"),
        ("get", "Shop", "--json"),
        ("get", "Imported", "--json"),
        ("get", "Visa"),
        ("conflicts",),
        ("conflicts", "--json"),
        ("devices",),
        ("grants", "list"),
        ("log", "list"),
        ("log", "list", "--json"),
        ("log", "verify"),
        ("rm", "Visa"),
        ("rm", "--restore", "Visa"),
        ("sync", "--json"),
        ("sync", "status"),
        ("sync", "status", "--all", "--json"),
        ("sync", "code"),
        ("sync", "evidence", "--to", str(world.folder / "found.clisk")),
        ("sync", "evidence", "--check", str(world.folder / "found.clisk")),
        ("sync", "seen"),
        ("--help",),
    )
    for each in shown:
        world.run(*each)
    with descriptor(PASSPHRASE) as old, descriptor(CHANGED_PASSPHRASE) as new:
        words = ("passphrase", "--old-fd", str(old), "--new-fd", str(new))
        changed = world.laptop.run(*words, fds=(old, new))
    assert world.note("passphrase", changed).code == 0


def _order(world: World) -> None:
    """The commands that keep order, check, pack and take out, none showing a value."""
    outside = world.folder / "outside"  # what was asked to go out, in the open
    outside.mkdir()
    (outside / "secret.txt").write_text(FILE)
    world.run("edit", "Shop", "--read", "totp=0", given=SEED)
    world.run("add", "login", "Shop", "--read", "password=0", given=NEW_PASSWORD)
    first, second = (each["item"] for each in world.laptop.ask("list", "Shop")["items"])
    shown: tuple[tuple[str, ...], ...] = (
        ("attach", "add", first, str(outside / "secret.txt"), "--name", "scan.txt"),
        ("attach", "list", first),
        ("attach", "get", first, "scan.txt", "-o", str(outside / "again.txt")),
        ("clone", first, "--title", "Second"),
        ("attach", "rm", first, "scan.txt"),
        ("tag", "add", "work", first),
        ("folder", "move", "Job", first),
        ("favourite", first),
        ("archive", first),
        ("archive", "--undo", first),
        ("history", first),
        ("history", first, "--json"),
        ("history", first, "--field", "password", "--restore", "2"),
        ("duplicates", "--json"),
        ("health", "--json"),
        ("health",),
        ("totp", first),
        ("merge", first, second),
        ("trash", "list", "--json"),
        ("trash", "empty", second, "--yes"),
        ("log", "show", "1", "--json"),
        ("log", "summary", "--json"),
        ("log", "export", "--to", str(world.folder / "bundle")),
        ("log", "retention", "--keep-days", "365"),
        ("log", "prune", "--dry-run"),
        ("konnector", "list", "--json"),
        ("konnector", "runs", "--json"),
        ("data", "list", "--in", str(world.folder / "nothing")),
    )
    for each in shown:
        world.run(*each)
    for what, *rest in (
        ("backup", "create", str(world.folder / "vault.age")),
        (
            "export",
            str(world.folder / "sealed.json"),
            "--format",
            "bitwarden-encrypted",
        ),
    ):
        option = "--file-passphrase-fd" if what == "backup" else "--file-password-fd"
        with descriptor(CHANGED_PASSPHRASE) as own, descriptor(FILE_PASSPHRASE) as of:
            words = (what, *rest, "--passphrase-fd", str(own), option, str(of))
            said = world.laptop.run(*words, fds=(own, of))
        assert world.note(what, said).code == 0, said
    said = world.laptop.run(
        *("export", str(outside / "all.csv"), "--format", "csv", "--yes"),
        *("--passphrase-fd", "0"),
        given=CHANGED_PASSPHRASE,
    )
    assert world.note("export csv", said).code == 0, said
    sealed = str(world.folder / "vault.age")
    refused: tuple[tuple[tuple[str, ...], str], ...] = (
        (("backup", "check", sealed, "--file-passphrase-fd", "0"), BROKEN),
        (("backup", "create", sealed, "--passphrase-fd", "0"), BROKEN),
        (("export", str(outside / "all.csv"), "--format", "csv", "--yes"), ""),
        (("import", sealed), ""),
        (("scan", str(outside / "secret.txt")), ""),
        (("attach", "get", first, "none"), ""),
        (("history", first, "--field", "password", "--show", "99"), ""),
        (("log", "show", "99999"), ""),
        (("konnector", "install", str(outside / "secret.txt")), ""),
        (("fill", "https://nowhere.example", "--headless"), ""),
        (("tui",), ""),
    )
    for words, given in refused:
        world.run(*words, given=given, code=1)


def _fail(world: World) -> None:
    """Every way to be refused while a secret is at hand."""
    folder = world.folder
    konnector = folder / "konnector"
    konnector.mkdir()
    (konnector / "manifest.konnector").write_text(f'{{"name": "{BROKEN}"')
    (konnector / "main.js").write_text(f'"{BROKEN}"')
    (folder / "broken.json").write_text(f'{{"items": [{{"name": "{BROKEN}"}}]')
    wrong_type = json.dumps({"items": [{"type": BROKEN, "name": BROKEN}]})
    refused: tuple[tuple[tuple[str, ...], str, int], ...] = (
        (("unlock", "--passphrase-fd", "0"), BROKEN, 1),
        (("unlock", "--keychain"), "", 1),
        (("init", "--passphrase-fd", "0"), PASSPHRASE, 1),
        (("join", "--url-fd", "0", "--passphrase-fd", "0"), BROKEN, 1),
        (("add", "login", "Y", "--read", "nonsense field=0"), BROKEN, 1),
        (("edit", "no such item", "--read", "password=0"), NEW_PASSWORD, 1),
        (("edit", "Shop", "--read", "password=7"), "", 1),
        (("import", str(folder / "broken.json")), "", 1),
        (("import", "-"), wrong_type, 1),
        (("get", "Shop", "-f", "no such field"), "", 1),
        (("konnector", "run", str(konnector), "--item", "Shop"), "", 1),
        (("devices", "renew", "--passphrase-fd", "0"), PASSPHRASE, 1),
        (("recovery", "create", "--words", "--passphrase-fd", "0"), BROKEN, 1),
        (("sync", "--relay", "http://127.0.0.1:9"), "", 1),
        (("grants", "revoke", "00" * 16), "", 1),
        (("get", "Shop", "--json", "-f", "no such field"), "", 1),
    )
    for words, given, code in refused:
        world.run(*words, given=given, code=code)
    world.laptop.ok("lock")
    for field in ("password", "username"):
        world.run("get", "Shop", "-f", field, code=1)
    world.run("list", code=1)


def _break(world: World) -> None:
    """A vault file that was damaged, and an agent that died."""
    world.laptop.ok("agent", "stop")
    vault = world.laptop.home / "vault.sqlite"
    whole = vault.read_bytes()
    vault.write_bytes(whole[: len(whole) // 2])
    unlock = ("unlock", "--passphrase-fd", "0")
    world.note("unlock", world.laptop.run(*unlock, given=CHANGED_PASSPHRASE))
    world.laptop.ok("agent", "stop")
    vault.write_bytes(whole)
    world.run(*unlock, given=CHANGED_PASSPHRASE)


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        phone = stack.enter_context(device(folder / "phone"))
        world = World(laptop, phone, folder, url)
        for part in (_set_up, _pair, _kit, _use, _order, _fail, _break):
            part(world)
        yield world


def test_no_command_says_a_secret(world: World) -> None:
    """Neither standard output nor standard error of any command holds one."""
    found = [
        (what, leak)
        for what, said in world.said
        for leak in leaks((said.out + said.err).encode(), world.secrets)
    ]

    assert found == []


def test_no_command_shows_a_traceback(world: World) -> None:
    """Whatever went wrong, a person sees words."""
    assert [what for what, said in world.said if "Traceback" in said.err] == []
    assert [what for what, said in world.said if "InternalError" in said.err] == []


@pytest.mark.parametrize("place", ["laptop", "phone", "relay"])
def test_nothing_on_a_disk_holds_a_secret(world: World, place: str) -> None:
    """Vault files, write-ahead logs, agents' logs, settings, the relay's database."""
    names = {path.name for path in (world.folder / place).rglob("*")}
    assert names >= ({"relay.sqlite"} if place == "relay" else {"agent.log"})

    assert leaks_in_files(world.folder / place, world.secrets) == []


@pytest.mark.parametrize("name", ["vault.age", "sealed.json", "bundle"])
def test_what_is_packed_to_go_out_holds_no_secret_in_the_open(
    world: World, name: str
) -> None:
    """A sealed backup, a sealed export, a log that was handed out."""
    path = world.folder / name
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    assert files

    assert [
        leak for each in files for leak in leaks(each.read_bytes(), world.secrets)
    ] == []


def test_an_export_that_was_asked_for_in_the_open_is_found(world: World) -> None:
    """Control: the search finds the values in the one file that may hold them."""
    found = leaks((world.folder / "outside" / "all.csv").read_bytes(), world.secrets)

    assert "planted-i… as UTF-8" in found


def test_the_relays_log_holds_no_secret(world: World) -> None:
    """Nor does it name an item."""
    data = (world.folder / "relay.log").read_bytes()

    assert data
    assert leaks(data, [*world.secrets, "Shop", "alice"]) == []


def test_the_agent_is_told_no_secret_by_others_to_read(world: World) -> None:
    """Neither its arguments nor its environment hold one, and it dumps no core."""
    process = Path("/proc") / (world.laptop.home / "agent.lock").read_text().strip()

    told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert b"clisk" in told
    assert leaks(told, world.secrets) == []
    limits = (process / "limits").read_text().splitlines()
    (core,) = [line for line in limits if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    assert not os.access(process / "mem", os.R_OK) or os.getuid() == 0


def test_a_secret_that_is_asked_for_is_found(world: World) -> None:
    """Control: the same search finds the one output that may hold a secret."""
    out = world.laptop.ok("get", "Imported", "-f", "password")

    assert leaks(out.encode(), world.secrets) == ["planted-i… as UTF-8"]


def test_a_secret_on_the_disk_is_found(world: World) -> None:
    """Control: put into a file next to the vault, in base64, it does not escape."""
    slip = world.phone.home / "slip"
    slip.write_bytes(b"x" + base64.b64encode(b"ab" + PASSWORD.encode() + b"c"))
    try:
        found = leaks_in_files(world.phone.home, world.secrets)
        assert "slip: planted-p… as base64 2" in found
    finally:
        slip.unlink()


@pytest.mark.parametrize("name", sorted(spellings("planted")))
def test_each_spelling_is_found(name: str) -> None:
    """Control: every spelling of a secret is recognised among other bytes."""
    data = os.urandom(64) + spellings(PASSWORD)[name] + os.urandom(64)

    assert any(leak.endswith(f" as {name}") for leak in leaks(data, [PASSWORD]))
    assert leaks(data, ["another secret"]) == []


@pytest.mark.parametrize("before", [b"", b"1", b"12", b"123"])
@pytest.mark.parametrize("after", [b"", b"1", b"12"])
def test_base64_is_found_wherever_it_begins(before: bytes, after: bytes) -> None:
    """Control: the letters around a secret do not hide it."""
    data = base64.b64encode(before + PASSWORD.encode() + after)

    assert leaks(data, [PASSWORD])

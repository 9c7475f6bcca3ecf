"""Three devices by the command line: renamed, revoked, told so when they return."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from clisk.agent.exposure import changed_since, rank
from clisk.home import Home
from clisk.root import clisk
from clisk.wire import Message
from clisk_vault.access_record import AccessRecord, Outcome, Requester, RequesterKind
from clisk_vault.draft import Edit, ItemDraft
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.keys import SecretText
from clisk_vault.overview import ItemOverview
from tests.program.world import PASSPHRASE, Device, Said, device, pair, relay
from tests.vault.made import FakeClock, Family, carry


@dataclass(frozen=True)
class Three:
    """A laptop, a tablet and a phone of one vault."""

    laptop: Device
    tablet: Device
    phone: Device


@pytest.fixture(name="three")
def _three(tmp_path: Path) -> Iterator[Three]:
    with ExitStack() as stack:
        url = stack.enter_context(relay(tmp_path / "relay"))
        names = ("laptop", "tablet", "phone")
        made = [stack.enter_context(device(tmp_path / name)) for name in names]
        laptop, tablet, phone = made
        laptop.init("--name", "laptop", "--relay", url)
        laptop.ok("add", "note", "Wifi", "--read", "notes=0", given="x")
        laptop.add_login("Bank", "planted-1")
        laptop.add_login("GitHub", "planted-2")
        laptop.ok("get", "GitHub", "-f", "password")
        for newcomer in (tablet, phone):
            for said in pair(laptop, newcomer, tmp_path):
                assert said.code == 0, said
            if newcomer is tablet:
                # The kit calls every newcomer a phone.
                said = tablet.run("devices", "rename", "tablet")
                assert said == Said(0, "", "this device is called tablet now\n")
        yield Three(laptop, tablet, phone)


def names(one: Device) -> list[str]:
    return [row["name"] for row in one.ask("devices")["devices"]]


@pytest.mark.slow
def test_what_does_not_wait_for_a_relay_says_so(tmp_path: Path) -> None:
    """Who revokes without a relay must not think that it will happen by itself."""
    with device(tmp_path / "laptop") as laptop:
        with relay(tmp_path / "relay") as url:
            laptop.init("--name", "laptop", "--relay", url)
            laptop.ok("sync")
        kit = ("recovery", "create", "--words", "--passphrase-fd", "0")

        said = [
            laptop.run("devices", "revoke", "laptop", "--yes"),
            laptop.run("devices", "rotate"),
            laptop.run("devices", "rename", "other"),
            laptop.run(*kit, given=PASSPHRASE),
        ]

        for each in said:
            assert each.code == 1
            assert "hint: this does not wait: once the relay is there" in each.err
            assert "changes are kept" not in each.err
        assert names(laptop) == ["laptop"]
        # A change of an item waits.
        assert "changes are kept" in laptop.run("sync").err


@pytest.mark.slow
def test_a_lost_phone_is_revoked(three: Three) -> None:
    """From the loss to the list of what to change, and the phone that comes back."""
    laptop, tablet, phone = three.laptop, three.tablet, three.phone
    laptop.ok("sync")
    phone.ok("agent", "stop")  # lost

    # Nobody is revoked by accident.
    unsure = laptop.run("devices", "revoke", "phone")
    assert unsure.code == 1
    assert "phone" in unsure.err
    assert "hint: answer yes beforehand: --yes" in unsure.err
    wrong = laptop.run("devices", "revoke", "watch", "--yes")
    assert wrong == Said(
        1,
        "",
        "error: no device of this vault has that name or id\n"
        "hint: look at: clisk devices\n",
    )
    assert names(laptop) == ["laptop", "tablet", "phone"]

    said = laptop.run("devices", "revoke", "phone", "--yes")
    assert said.code == 0, said
    assert "revoked: phone (epoch 2 has begun)" in said.err
    assert "It could read everything until now: 3 items." in said.err
    assert "by its own access log,\nwhich is here up to" in said.err
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        ("login", "Bank", "0"),
        ("login", "GitHub", "0"),
        ("note", "Wifi", "0"),
    ]

    # The others go on without it, under a new secret.
    laptop.ok("edit", "Bank", "--read", "password=0", given="changed-1")
    laptop.ok("sync")
    tablet.ok("sync")
    assert tablet.ok("get", "Bank", "-f", "password") == "changed-1\n"
    for each in (laptop, tablet):
        listed = each.ask("devices")
        assert [row["name"] for row in listed["devices"]] == ["laptop", "tablet"]
        (gone,) = listed["revoked"]
        assert (gone["name"], gone["revoked_by_name"]) == ("phone", "laptop")
        assert listed["epoch"] == 2
    table = [line.split("\t") for line in tablet.ok("devices").splitlines()]
    assert [row[0] for row in table] == ["laptop", "tablet", "phone"]
    assert table[2][5].endswith(" by laptop")

    assert [row[3] for row in table] == ["founded the vault", "laptop", "laptop"]

    # The phone returns: told by whom, still with what it had, and no more.
    phone.unlock()
    told = phone.run("sync")
    assert told.code == 1
    assert told.out == ""
    first, hint = told.err.splitlines()
    assert first == "error: this device was revoked by laptop"
    assert hint.startswith("hint: nothing new is read or sent; ")
    assert phone.ok("get", "Bank", "-f", "password") == "planted-1\n"
    assert phone.run("sync", "--json").code == 1
    changes = (
        ("add", "login", "Mine alone", "--set", "username=x"),
        ("rm", "Wifi"),
    )
    for change in changes:
        refused = phone.run(*change)
        assert (refused.code, refused.out) == (1, ""), refused
        assert "no member of the vault any more" in refused.err
        assert "hint: take it along: clisk export" in refused.err
    assert phone.ask("status")["revoked"]
    assert "member: no more" in phone.ok("status").replace("\t", ": ")
    listed = phone.ok("list")
    assert "Wifi" in listed
    assert "Mine alone" not in listed
    for words in (("devices", "revoke", "laptop", "--yes"), ("devices", "rotate")):
        refused = phone.run(*words)
        assert (refused.code, refused.out) == (1, ""), refused
        assert "was revoked by laptop" in refused.err
    (own,) = phone.ask("devices")["revoked"]
    assert own["this"]
    laptop.ok("sync")
    assert "Mine alone" not in laptop.ok("list")


@pytest.mark.slow
def test_a_device_leaves_and_the_rest_rotate(three: Three) -> None:
    """Leaving is named as such; the last of all cannot; a new epoch on demand."""
    laptop, tablet, phone = three.laptop, three.tablet, three.phone
    assert laptop.ask("devices", "rotate") == {"epoch": 2}

    left = phone.ask("devices", "revoke", "phone", "--yes")
    assert (left["this"], left["reads_known_ms"] is None) == (True, False)
    laptop.ok("sync")
    assert laptop.ask("devices")["epoch"] == 4  # the leaver's is never written in
    table = [line.split("\t") for line in laptop.ok("devices").splitlines()]
    assert table[2][5].endswith(", left")

    assert laptop.run("devices", "revoke", "tablet", "--yes").code == 0
    last = laptop.run("devices", "revoke", "laptop", "--yes")
    assert last.code == 1
    assert "revokes the last member" in last.err
    assert tablet.run("sync").code == 1


def test_without_a_relay_the_way_on_is_named(tmp_path: Path) -> None:
    """One device alone has nobody to tell; it says what to do first."""
    with device(tmp_path / "alone") as alone:
        alone.init("--name", "alone")
        for words in (("rename", "desk"), ("rotate",)):
            said = alone.run("devices", *words)
            assert said.code == 1
            assert "error: no relay is set for this vault" in said.err
        (row,) = alone.ask("devices")["devices"]
        assert (row["added_by"], row["added_by_name"]) == (row["device"], "alone")
        assert "founded the vault" in alone.ok("devices")


@pytest.mark.slow
def test_two_devices_do_not_bear_one_name(three: Three, tmp_path: Path) -> None:
    """Else "revoke phone" could not say which."""
    folder = tmp_path / "another"
    folder.mkdir()
    with device(folder / "phone") as another:
        let_in, joined = pair(three.laptop, another, folder)
        assert (let_in.code, joined.code) == (0, 0)
        assert "phone 2 is a member of this vault now" in let_in.err
        assert names(another)[-2:] == ["phone", "phone 2"]
    three.laptop.ok("devices", "revoke", "phone 2", "--yes")
    refused = three.tablet.run("devices", "rename", "phone")
    assert refused.code == 1
    assert "another device of this vault has that name" in refused.err
    assert "hint: choose another" in refused.err
    three.tablet.ok("devices", "rename", "tablet")  # its own is no other's
    assert names(three.tablet) == ["laptop", "tablet", "phone"]


def test_a_name_that_is_none_is_refused_with_what_one_is(tmp_path: Path) -> None:
    """Wherever it is given; and the host's own name, however long, is made to fit."""
    with device(tmp_path / "alone") as alone:
        alone.init()
        (row,) = alone.ask("devices")["devices"]
        assert 1 <= len(row["name"]) <= 48
        for name in ("", " x", "x" * 49, "a\u202eb"):
            said = alone.run("devices", "rename", name)
            assert said.code == 1
            assert "error: device name: " in said.err
            assert "hint: choose one of 1 to 48 characters" in said.err
    with device(tmp_path / "other") as other:
        said = other.run("init", "--name", "x" * 49, "--passphrase-fd", "0", given="p")
        assert "hint: choose one of 1 to 48 characters" in said.err
        assert said.code == 1


def test_the_list_of_devices_shows_the_safety_code(tmp_path: Path) -> None:
    """The same as `clisk sync code`; the table alone is on standard output."""
    with device(tmp_path / "alone") as alone:
        alone.init("--name", "alone")
        code = alone.ask("sync", "code")["code"]
        said = alone.run("devices")
        assert f"safety code: {code}" in said.err
        assert len(said.out.splitlines()) == 1
        assert alone.ask("devices")["safety_code"] == code


@pytest.mark.parametrize(("typed", "done"), [("yes", True), ("", False), ("y", False)])
@pytest.mark.parametrize("this", [True, False])
def test_only_a_yes_revokes(
    monkeypatch: pytest.MonkeyPatch, typed: str, done: bool, this: bool
) -> None:
    """The person is asked in plain words; anything but yes leaves all as it was."""
    asked: list[str] = []

    def answer(_home: object, operation: str, _params: object) -> Message:
        asked.append(operation)
        if operation == "devices.find":
            return {"device": "ab" * 16, "name": "phone", "this": this}
        return {
            "name": "phone",
            "epoch": 2,
            "this": this,
            "could_read": [],
            "reads_known_ms": None,
        }

    monkeypatch.setattr("clisk.commands.devices.ask_agent", answer)
    monkeypatch.setattr("clisk.passphrase_input.ask_line", lambda *_, **__: typed)
    home = Home("/nowhere")

    said = CliRunner().invoke(
        clisk, ["--home", home.folder, "devices", "revoke", "phone"]
    )

    assert asked == ["devices.find", *(["devices.revoke"] if done else [])]
    assert (said.exception is None) == done
    assert "cannot be undone" in said.output
    assert ("THIS device" in said.output) == this


def _overview(
    number: int, kind: str, title: str, *, trashed: bool = False
) -> ItemOverview:
    return ItemOverview(
        item=ItemId(bytes([number]) * 16),
        type=kind,
        title=title,
        username="",
        uris=(),
        tags=(),
        folder="",
        favourite=False,
        trashed=trashed,
        conflict=False,
        changed_ms=0,
    )


def test_the_worst_come_first() -> None:
    """What was read, then what opens most; refused reads do not count."""
    bank, shop = _overview(1, "login", "bank"), _overview(2, "login", "shop")
    note, odd = _overview(3, "note", "note"), _overview(4, "seen-never", "odd")
    old, card = _overview(5, "login", "old", trashed=True), _overview(6, "card", "card")

    def read(item: ItemId, outcome: Outcome) -> AccessRecord:
        return AccessRecord(
            outcome=outcome,
            who=Requester(RequesterKind.PERSON, "me", None),
            item=item,
            field="password",
            purpose="test",
            origin=None,
            grant=None,
            device=DeviceId(bytes(16)),
            time_ms=7,
        )

    records = [
        read(shop.item, Outcome.GRANTED),
        *[read(bank.item, Outcome.REFUSED)] * 3,
        *[read(note.item, Outcome.GRANTED)] * 9,
    ]

    ranked = rank([old, odd, note, card, bank, shop], records)

    assert [each.overview for each in ranked] == [shop, note, bank, card, odd, old]
    assert (ranked[0].reads, ranked[0].last_read_ms) == (1, 7)
    assert (ranked[2].reads, ranked[2].last_read_ms) == (0, None)


_GONE = DeviceId(b"g" * 16)
_REVOKED_MS = 1_700_000_001_000


def _new(name: str) -> SecretText:
    return SecretText(f"planted {name}")


@pytest.mark.parametrize(
    ("edits", "changed"),
    [
        ([{"favourite": "true"}], False),
        ([{"archived": "true"}], False),
        ([{"username": "bob"}], False),
        ([{"notes": _new("notes")}], False),
        ([{"password": _new("password")}], False),
        ([{"password": _new("password"), "totp": _new("seed")}], True),
        ([{"password": _new("password")}, {"totp": None}], True),
    ],
    ids=["star", "archive", "name", "notes", "half", "both", "emptied"],
)
def test_an_edit_that_leaves_the_leaked_secret_does_not_pass_for_its_change(
    tmp_path: Path, edits: list[Edit], *, changed: bool
) -> None:
    """Only what opens the item counts, each of it; else nobody would change it."""
    clock = FakeClock()
    vault = Family().device(tmp_path / "vault", clock)
    secrets = {"password": _new("first"), "totp": _new("a"), "notes": _new("b")}
    item = vault.add(ItemDraft("login", "Bank", secrets))
    clock.now_ms = _REVOKED_MS + 1

    for edit in edits:
        vault.edit(item, edit)

    assert changed_since(vault.view(item), _GONE, _REVOKED_MS) == changed


def test_a_leaked_password_brought_back_is_not_a_new_one(tmp_path: Path) -> None:
    """What stands again is as old as it is, whenever it was chosen."""
    clock = FakeClock()
    vault = Family().device(tmp_path / "vault", clock)
    item = vault.add(ItemDraft("login", "Bank", {"password": _new("first")}))
    leaked = vault.view(item).fields["password"].current.stamp
    clock.now_ms = _REVOKED_MS + 1
    vault.edit(item, {"password": _new("second")})
    assert changed_since(vault.view(item), _GONE, _REVOKED_MS), "the positive control"

    vault.settle(item, "password", leaked)

    assert not changed_since(vault.view(item), _GONE, _REVOKED_MS)


def test_a_revoked_device_with_a_fast_clock_does_not_pass_for_a_change(
    tmp_path: Path,
) -> None:
    """It knows what it wrote, though its stamp is later than its revocation."""
    family = Family()
    clock = FakeClock(_REVOKED_MS + 1)
    gone = family.device(tmp_path / "gone", clock)
    vault = family.device(tmp_path / "vault", clock)
    item = gone.add(ItemDraft("login", "Bank", {"password": _new("its own")}))
    carry(gone, vault)

    assert not changed_since(vault.view(item), gone.device_id, _REVOKED_MS)
    assert changed_since(vault.view(item), _GONE, _REVOKED_MS), "the positive control"


@pytest.mark.parametrize(
    ("kind", "fields", "edit", "changed"),
    [
        ("note", {"notes": _new("first")}, {"favourite": "true"}, False),
        ("note", {"notes": _new("first")}, {"notes": _new("second")}, True),
        ("login", {"username": "alice"}, {"username": "bob"}, True),
    ],
    ids=["note, star", "note, text", "nothing secret"],
)
def test_of_an_item_that_opens_nothing_what_it_has_counts(
    tmp_path: Path,
    kind: str,
    fields: dict[str, str | SecretText],
    edit: Edit,
    *,
    changed: bool,
) -> None:
    """A note's text; and where nothing is secret, any edit."""
    clock = FakeClock()
    vault = Family().device(tmp_path / "vault", clock)
    item = vault.add(ItemDraft(kind, "Bank", fields))
    clock.now_ms = _REVOKED_MS + 1

    vault.edit(item, edit)

    assert changed_since(vault.view(item), _GONE, _REVOKED_MS) == changed

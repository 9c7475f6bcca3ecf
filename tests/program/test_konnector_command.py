"""What a person is asked before a konnector may read, and what the runner gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from clisk.client import AgentClient
from clisk.credential_source import AgentSource
from clisk.errors import AgentRefusal, UsageError
from clisk.granting import GrantOffer, offer_for
from clisk.home import Home
from clisk.wire import Message
from clisk_vault.errors import ReadRefused
from clisk_vault.keys import SecretText
from konnector_runner.credentials import CredentialField
from konnector_runner.konnector import Konnector, load_konnector
from tests.program.world import PASSPHRASE, Device, device

_SITE = "https://shop.example"
_MANIFEST = {
    "type": "konnector",
    "slug": "shop",
    "name": "Shop",
    "version": "1.2.3",
    "clientSide": True,
    "vendor_link": "https://vendor.example/start",
}


def place(folder: Path, **changed: object) -> Path:
    """Put a konnector into *folder*; it is never run here."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.konnector").write_text(json.dumps({**_MANIFEST, **changed}))
    (folder / "main.js").write_text("// nothing")
    return folder


@pytest.fixture(name="konnector")
def _konnector(tmp_path: Path) -> Konnector:
    return load_konnector(place(tmp_path / "shop"))


def _view(*uris: str) -> Message:
    fields = [
        {"field": f"uri.0000000{n}.value", "value": u} for n, u in enumerate(uris)
    ]
    return {"item": "ab" * 16, "title": "My shop", "fields": fields}


def _offer(konnector: Konnector, *uris: str, **options: Any) -> GrantOffer:
    standard = {"fields": (), "origins": (), "believe_manifest": False}
    return offer_for(konnector, _view(*uris), **{**standard, **options})


def test_a_grant_is_for_the_items_own_sites(konnector: Konnector) -> None:
    """Unasked, only the item's addresses count, whatever the konnector says."""
    offer = _offer(konnector, f"{_SITE}/login?x=1", f"{_SITE}/other", "androidapp://x")

    assert offer.origins == (_SITE,)
    assert offer.foreign == ()
    assert offer.request()["fields"] == ["username", "password"]


def test_a_site_of_the_konnectors_is_shown_as_such(konnector: Konnector) -> None:
    """Where a person is asked, a site that only the konnector names stands out."""
    offer = _offer(konnector, _SITE, believe_manifest=True)

    assert offer.origins == (_SITE, "https://vendor.example")
    assert offer.foreign == ("https://vendor.example",)
    said = offer.sentences()
    assert "  https://vendor.example  (not an address of the item!)" in said
    assert f"  {_SITE}" in said
    assert "“Shop” (shop 1.2.3)" in said[0]


@pytest.mark.parametrize(
    "origin", ["shop.example", "https://shop.example/", "file:///"]
)
def test_an_origin_is_spelt_in_one_way(konnector: Konnector, origin: str) -> None:
    """What no browser would write as an origin is refused, not mended."""
    with pytest.raises(UsageError, match="--origin: "):
        _offer(konnector, _SITE, origins=(origin,))


def test_without_a_site_there_is_no_grant(konnector: Konnector) -> None:
    """An item without an address gives no reason to fill anything in anywhere."""
    with pytest.raises(UsageError, match="the item has no address"):
        _offer(konnector, "androidapp://x")


class _Agent:
    """Stands in for a connection to the agent."""

    def __init__(self, answer: Message | AgentRefusal) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Message]] = []

    def call(self, operation: str, params: Message) -> Message:
        self.asked.append((operation, params))
        if isinstance(self.answer, AgentRefusal):
            raise self.answer
        return self.answer


def _source(answer: Message | AgentRefusal) -> tuple[AgentSource, _Agent]:
    agent = _Agent(answer)
    return AgentSource(cast(AgentClient, agent)), agent


def test_the_runner_gets_values_through_the_agent() -> None:
    """Each question goes to the agent as it came; answers become types."""
    source, agent = _source({"value": "planted"})

    released = asyncio.run(source.release("login", origin=None, purpose="why"))

    assert released == SecretText("planted")
    params = {"field": "login", "origin": None, "purpose": "why"}
    assert agent.asked == [("konnector.release", params)]
    fields, _ = _source(
        {"fields": [{"name": "password", "secret": True, "plaintext": False}]}
    )
    assert asyncio.run(fields.fields()) == [CredentialField("password", secret=True)]


def test_a_refused_read_is_one_for_the_runner_too() -> None:
    """The agent's refusal arrives as the interface promises; others as they are."""
    refused, _ = _source(AgentRefusal("ReadRefused", "no grant", advice="grant it"))
    with pytest.raises(ReadRefused, match="no grant") as caught:
        asyncio.run(refused.release("x", origin=_SITE, purpose="why"))
    assert caught.value.advice == "grant it"

    locked, _ = _source(AgentRefusal("LockedError", "locked", advice=""))
    with pytest.raises(AgentRefusal):
        asyncio.run(locked.release("x", origin=_SITE, purpose="why"))


def test_proposals_wait_for_the_person() -> None:
    """What a konnector wants saved is kept aside, not written."""
    source, agent = _source({})

    asyncio.run(source.propose({"password": SecretText("planted")}))

    assert list(source.proposed) == ["password"]
    assert agent.asked == []


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init()
        laptop.add_login("Shop", "planted", "--uri", _SITE)
        yield laptop


def test_grants_are_given_shown_and_taken_back(laptop: Device, tmp_path: Path) -> None:
    """The life of a grant, by the command line."""
    folder = str(place(tmp_path / "shop"))

    said = laptop.run("grants", "add", folder, "--item", "Shop", "--days", "30")
    assert said.code == 0
    assert f"  {_SITE}\n" in said.err
    (row,) = laptop.ask("grants", "list")["grants"]
    assert (row["grant"], row["konnector"], row["state"]) == (
        said.out.strip(),
        "shop",
        "valid",
    )
    assert row["origins"] == [_SITE]
    assert row["expires_ms"] - row["created_ms"] > 29 * 86_400_000

    laptop.ok("grants", "revoke", row["grant"])
    (row,) = laptop.ask("grants", "list")["grants"]
    assert row["state"] == "revoked"


def test_a_run_without_a_grant_asks_first(laptop: Device, tmp_path: Path) -> None:
    """Without a terminal and without --grant nothing is granted and nothing runs."""
    folder = str(place(tmp_path / "shop", name="\x1b[2JShop"))

    said = laptop.run("konnector", "run", folder, "--item", "Shop")

    assert said.code == 1
    assert "hint: answer yes beforehand: --grant" in said.err
    assert "\x1b" not in said.err
    assert "starting the browser" not in said.err


def test_a_run_without_a_browser_says_so(laptop: Device, tmp_path: Path) -> None:
    """The reason and what to do, no traceback; what was granted stays granted."""
    folder = str(place(tmp_path / "shop", version="2"))
    words = ("konnector", "run", folder, "--item", "Shop", "--grant")

    said = laptop.run(
        *words, "--to", str(tmp_path / "out"), env={"CLISK_BROWSER": "/no/such"}
    )

    assert said.code == 1
    assert "error: CLISK_BROWSER does not name a program\n" in said.err
    assert "Traceback" not in said.err


def test_the_keychain_opens_the_vault_for_who_chose_it(
    laptop: Device, tmp_path: Path
) -> None:
    """Saved once, the passphrase is taken from the system's keychain."""
    env = {
        "PYTHON_KEYRING_BACKEND": "tests.program.file_keychain.FileKeychain",
        "TEST_KEYCHAIN": str(tmp_path / "keychain"),
    }
    laptop.ok("lock")
    unlock = ("unlock", "--passphrase-fd", "0", "--save-to-keychain")
    saved = laptop.run(*unlock, given=PASSPHRASE, env=env)
    assert saved.code == 0, saved

    laptop.ok("lock")
    assert laptop.run("unlock", "--keychain", env=env).code == 0
    assert laptop.ask("status")["state"] == "unlocked"


def test_a_changed_konnector_is_asked_about_anew_and_says_what_changed(
    laptop: Device, tmp_path: Path
) -> None:
    """Control: the code that was granted is not asked about."""
    folder = place(tmp_path / "changing", slug="changing")
    words = ("konnector", "run", str(folder), "--item", "Shop")
    no_browser = {"CLISK_BROWSER": "/no/such"}
    laptop.ok("grants", "add", str(folder), "--item", "Shop")
    granted = laptop.run(*words, env=no_browser)
    assert "CLISK_BROWSER" in granted.err
    assert "asks to read" not in granted.err

    (folder / "main.js").write_text("// something")
    main = laptop.run(*words, env=no_browser)
    place(folder, slug="changing", version="1.2.4")
    manifest = laptop.run(*words, env=no_browser)

    assert main.code == manifest.code == 1
    assert "“changing” is not the one that was granted on" in main.err
    assert "calls itself version 1.2.3, as before\n" in main.err
    assert "  main.js, the program itself, changed\n" in main.err
    assert "calls itself version 1.2.4, and was 1.2.3\n" in manifest.err
    assert "only manifest.konnector changed; main.js is the same\n" in manifest.err
    assert "hint: answer yes beforehand: --grant" in manifest.err


def test_what_a_konnector_may_read_and_did_read_is_one_command(
    laptop: Device, tmp_path: Path
) -> None:
    """By its name or its grant's id; refused attempts are told as well."""
    folder = place(tmp_path / "seen", slug="seen")
    add = ("grants", "add", str(folder), "--item", "Shop")
    limits = ("--reads", "2", "--unsafe-plaintext", "password")
    said = laptop.run(*add, *limits)
    assert "AND TO BE GIVEN password ITSELF, AS PLAIN TEXT" in said.err
    grant = said.out.strip()
    digest = load_konnector(folder).digest.hex()
    with AgentClient.connect(Home(str(laptop.home))) as agent:
        agent.call(
            "konnector.open", {"konnector": "seen", "digest": digest, "item": "Shop"}
        )
        ask: Message = {"field": "password", "purpose": "test"}
        agent.call("konnector.release", {**ask, "origin": _SITE})
        with pytest.raises(AgentRefusal, match="origin"):
            agent.call("konnector.release", {**ask, "origin": "https://evil.example"})
        value = agent.call("konnector.release", {**ask, "origin": None})
        assert value == {"value": "planted"}
        with pytest.raises(AgentRefusal, match="used up"):
            agent.call("konnector.release", {**ask, "origin": _SITE})

    shown = laptop.ok("konnector", "access", "seen")
    assert shown == laptop.ok("grants", "show", "seen")
    assert f"Shop: password (PLAIN TEXT), username on {_SITE} (used up, 2 of 2" in shown
    assert f"granted: Shop, password, fill for {_SITE}: 1 time, last" in shown
    assert "granted: Shop, password, hand-over: 1 time, last" in shown
    assert "refused: Shop, password, fill for https://evil.example: 1 time" in shown
    by_grant = laptop.ask("grants", "show", grant[:10])
    assert by_grant["kind"] == "grant"
    # A refusal names the grant that came nearest.
    outcomes = sorted(row["outcome"] for row in by_grant["reads"])
    assert outcomes == ["granted", "granted", "refused", "refused"]


def test_what_a_device_may_read_is_said_and_its_reads_where_they_are_known(
    laptop: Device,
) -> None:
    """A member may read everything; this device's own log tells what it read."""
    (line,) = laptop.ask("devices")["devices"]
    laptop.ok("get", "Shop", "--field", "password")

    shown = laptop.ok("grants", "show", line["name"])

    assert "every item: it is a device of this vault" in shown
    assert "granted: Shop, password, show: " in shown
    said = laptop.run("grants", "show", "nobody")
    assert (said.code, "hint: look at: clisk grants list" in said.err) == (1, True)

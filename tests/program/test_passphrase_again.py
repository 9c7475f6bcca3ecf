"""What an item that asks for the passphrase again gives, and to whom: agent.md §6.

Each attack has its control beside it: the same question, once the passphrase was
typed, or of an item that does not ask.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from clisk.agent.caller import Caller
from clisk.agent.confirming import CONFIRMED_SECONDS
from clisk.agent.conversation import RequestError, _check_confinement
from clisk.agent.patience import TooManyTriesError
from clisk.agent.registry import OPERATIONS
from clisk.agent.schedule_driver import ScheduleDriver
from clisk.agent.tokens import TokenError
from clisk.errors import CliskError
from clisk_vault.access_record import AccessRecord, Outcome, Use
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import (
    LockedError,
    PassphraseError,
    PassphraseNeededError,
    ReadRefused,
)
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault
from tests.program.test_agent_vault import Room, caller, in_a_room

_SITE = "https://safe.example"
_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
_DIGEST = "ab" * 32
_PLANTED = "planted-secret"


async def _safe(room: Room, title: str = "Safe", *, asks: bool = True) -> ItemId:
    """Make a login with a history, a file and a konnector's grant."""
    fields: dict[str, FieldValue] = {
        "username": "alice",
        "password": SecretText("an earlier one"),
        "totp": SecretText(_SEED),
        "uri.00000000.value": _SITE,
        "custom.00000001.name": "PIN",
        "custom.00000001.kind": "hidden",
        "custom.00000001.hidden": SecretText("1234"),
    }

    def work(vault: Vault) -> ItemId:
        item = vault.add(ItemDraft("login", title, fields))
        vault.edit(item, {"password": SecretText(_PLANTED)})
        vault.attachments.add(item, "scan.pdf", b"planted file")
        vault.grant(
            konnector="bills",
            digest=bytes.fromhex(_DIGEST),
            item=item,
            fields=["username", "password"],
            origins=[_SITE],
            purpose="test",
            plaintext_to_konnector=["password"],
        )
        if asks:
            vault.edit(item, {"reprompt": "true"})
        return item

    return await room.agent.vault(work)


async def _confirmed(room: Room) -> Caller:
    client = caller()
    await room.ask("confirm", client, passphrase="horse")
    return client


async def _stamp(room: Room, item: ItemId, field: str, number: int = -1) -> str:
    versions = await room.agent.vault(
        lambda vault: vault.view(item).fields[field].versions
    )
    return str(versions[number].stamp)


async def _records(room: Room) -> list[AccessRecord]:
    return await room.agent.vault(
        lambda vault: [record for _, record in vault.log.records()]
    )


Way = Callable[[Room, ItemId, Caller], Awaitable[str]]


async def _reveal(room: Room, item: ItemId, client: Caller) -> str:
    asked = {"item": item.hex(), "field": "password", "purpose": "test"}
    return str((await room.ask("reveal", client, **asked)).value)


async def _reveal_pin(room: Room, item: ItemId, client: Caller) -> str:
    asked = {"item": item.hex(), "field": "PIN", "purpose": "test", "use": "copy"}
    return str((await room.ask("reveal", client, **asked)).value)


async def _reveal_as_health(room: Room, item: ItemId, client: Caller) -> str:
    asked = {"item": item.hex(), "field": "password", "purpose": "x", "use": "health"}
    return str((await room.ask("reveal", client, **asked)).value)


async def _version(room: Room, item: ItemId, client: Caller) -> str:
    stamp = await _stamp(room, item, "password")
    asked = {"item": item.hex(), "field": "password", "version": stamp}
    return str((await room.ask("reveal.version", client, **asked)).value)


async def _earlier(room: Room, item: ItemId, client: Caller) -> str:
    stamp = await _stamp(room, item, "password")
    asked = {"item": item.hex(), "field": "password", "version": stamp}
    return str((await room.ask("history.reveal", client, **asked)).value)


async def _code(room: Room, item: ItemId, client: Caller) -> str:
    return str((await room.ask("totp", client, item=item.hex())).code)


async def _file(room: Room, item: ItemId, client: Caller) -> str:
    asked = {"item": item.hex(), "name": "scan.pdf"}
    return str((await room.ask("attach.get", client, **asked)).data)


async def _fill(room: Room, item: ItemId, client: Caller) -> str:
    await room.ask("fill.open", client, item=item.hex(), url=_SITE)
    asked = {"field": "password", "origin": _SITE, "purpose": "fill"}
    return str((await room.ask("fill.release", client, **asked)).value)


async def _konnector(room: Room, item: ItemId, client: Caller) -> str:
    opened = {"konnector": "bills", "digest": _DIGEST, "item": item.hex()}
    await room.ask("konnector.open", client, **opened)
    asked = {"field": "password", "origin": _SITE, "purpose": "log in"}
    return str((await room.ask("konnector.release", client, **asked)).value)


_WAYS: dict[str, Way] = {
    "reveal": _reveal,
    "reveal of a field of one's own": _reveal_pin,
    "reveal that calls itself a check of health": _reveal_as_health,
    "reveal.version": _version,
    "history.reveal": _earlier,
    "totp": _code,
    "attach.get": _file,
    "fill": _fill,
    "konnector": _konnector,
}


@pytest.mark.parametrize("way", _WAYS.values(), ids=_WAYS)
def test_a_client_that_skips_the_question_gets_nothing(
    tmp_path: Path, way: Way
) -> None:
    """It is refused by name and recorded; whoever types the passphrase gets it."""

    async def story(room: Room) -> None:
        item, open_one = await _safe(room), await _safe(room, "Open", asks=False)

        with pytest.raises(PassphraseNeededError):
            await way(room, item, caller())

        last = (await _records(room))[-1]
        assert (last.outcome, last.item) == (Outcome.REFUSED, item)
        assert await way(room, item, await _confirmed(room)), "the control"
        assert await way(room, open_one, caller()), "the other control"

    in_a_room(tmp_path, story)


def test_what_is_not_secret_is_shown_as_ever(tmp_path: Path) -> None:
    """Titles and user names are in every list; the passphrase is for secrets."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        asked = {"item": item.hex(), "field": "username", "purpose": "test"}
        assert (await room.ask("reveal", caller(), **asked)).value == "alice"
        assert (await room.ask("view", caller(), item=item.hex())).title == "Safe"

    in_a_room(tmp_path, story)


def test_a_wrong_passphrase_confirms_nothing_and_makes_one_wait(tmp_path: Path) -> None:
    """As for a locked vault; the tries are recorded, and not what was typed."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), caller()
        for _ in range(3):
            with pytest.raises(PassphraseError):
                await room.ask("confirm", client, passphrase="battery")

        with pytest.raises(TooManyTriesError):
            await room.ask("confirm", client, passphrase="horse")

        with pytest.raises(PassphraseNeededError):
            await _reveal(room, item, client)
        tries = [each for each in await _records(room) if each.use is Use.UNLOCK]
        assert {each.purpose for each in tries} == {
            "a wrong passphrase while the vault was open"
        }
        assert len(tries) == 3

    in_a_room(tmp_path, story)


def test_a_locked_vault_is_not_opened_by_it(tmp_path: Path) -> None:
    """It is for an open vault; unlocking is asked for by its own name."""

    async def story(room: Room) -> None:
        await room.agent.lock()
        with pytest.raises(LockedError):
            await room.ask("confirm", caller(), passphrase="horse")
        assert not room.agent.unlocked

    in_a_room(tmp_path, story)


def test_it_counts_on_one_connection(tmp_path: Path) -> None:
    """What one client typed is no word of another's."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), await _confirmed(room)
        assert await _reveal(room, item, client) == _PLANTED
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, item, caller())

    in_a_room(tmp_path, story)


def test_it_ends_after_a_minute(tmp_path: Path) -> None:
    """A connection that stays, such as a screen's, does not stay confirmed."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), await _confirmed(room)
        room.agent_clock.now += CONFIRMED_SECONDS - 1
        assert await _reveal(room, item, client) == _PLANTED
        room.agent_clock.now += 1
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, item, client)

    in_a_room(tmp_path, story)


def test_it_ends_with_a_lock(tmp_path: Path) -> None:
    """Whoever opens the vault again does not inherit what was typed before."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), await _confirmed(room)
        await room.agent.lock()
        await room.ask("unlock", caller(), passphrase="horse")
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, item, client)

    in_a_room(tmp_path, story)


async def _remove(room: Room, item: ItemId, client: Caller) -> None:
    changes = {"remove": ["reprompt"]}
    await room.ask("edit", client, item=item.hex(), changes=changes)


async def _say_false(room: Room, item: ItemId, client: Caller) -> None:
    changes = {"fields": {"reprompt": "false"}}
    await room.ask("edit", client, item=item.hex(), changes=changes)


async def _bring_back(room: Room, item: ItemId, client: Caller) -> None:
    stamp = await _stamp(room, item, "reprompt")
    asked = {"item": item.hex(), "field": "reprompt", "version": stamp}
    await room.ask("history.restore", client, **asked)


async def _settle(room: Room, item: ItemId, client: Caller) -> None:
    stamp = await _stamp(room, item, "reprompt")
    asked = {"item": item.hex(), "field": "reprompt", "version": stamp}
    await room.ask("settle", client, **asked)


async def _propose(room: Room, item: ItemId, client: Caller) -> None:
    asked = {"konnector": "bills", "digest": _DIGEST, "item": item.hex()}
    await room.ask("proposals.accept", client, **asked, values={"reprompt": "false"})


Lift = Callable[[Room, ItemId, Caller], Awaitable[None]]
_LIFTS: dict[str, Lift] = {
    "edit, removed": _remove,
    "edit, false": _say_false,
    "history.restore": _bring_back,
    "settle": _settle,
    "a konnector's proposal": _propose,
}


@pytest.mark.parametrize("lift", _LIFTS.values(), ids=_LIFTS)
def test_the_question_cannot_be_taken_away_unanswered(
    tmp_path: Path, lift: Lift
) -> None:
    """Or it would be no question: first off with it, then the password."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)

        def mark(vault: Vault) -> None:
            for value in ("false", "true"):
                vault.edit(item, {"reprompt": value})

        await room.agent.vault(mark)

        with pytest.raises(PassphraseNeededError):
            await lift(room, item, caller())
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, item, caller())

        await lift(room, item, await _confirmed(room))
        assert await _reveal(room, item, caller()) == _PLANTED, "the control"

    in_a_room(tmp_path, story)


def test_another_edit_asks_nothing(tmp_path: Path) -> None:
    """To write is not to read, and the mark may be set by anybody."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        for fields in ({"username": "bob"}, {"reprompt": "true"}, {"password": "new"}):
            changes = {"fields": fields}
            await room.ask("edit", caller(), item=item.hex(), changes=changes)

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("value", ["yes", "TRUE", "1", ""])
def test_a_mark_that_would_guard_nothing_is_refused(tmp_path: Path, value: str) -> None:
    """Whoever writes it believes that the item asks from now on."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)
        changes = {"fields": {"reprompt": value}}
        with pytest.raises(CliskError, match="true or false"):
            await room.ask("edit", caller(), item=item.hex(), changes=changes)

    in_a_room(tmp_path, story)


def test_what_is_merged_with_it_asks_too(tmp_path: Path) -> None:
    """A login of one's own would otherwise take its password out by the back door."""

    async def story(room: Room) -> None:
        item, mine = await _safe(room), await _safe(room, "Mine", asks=False)
        await room.ask("merge", caller(), keep=mine.hex(), items=[item.hex()])
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, mine, caller())
        assert await _reveal(room, mine, await _confirmed(room)) == _PLANTED

    in_a_room(tmp_path, story)


def test_a_copy_of_it_asks_too(tmp_path: Path) -> None:
    """Its password and its files, under another title, are as secret as they were."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        made = await room.ask("clone", caller(), item=item.hex())
        copy = ItemId(bytes.fromhex(made.item))
        with pytest.raises(PassphraseNeededError):
            await _reveal(room, copy, caller())
        with pytest.raises(PassphraseNeededError):
            await _file(room, copy, caller())
        assert await _reveal(room, copy, await _confirmed(room)) == _PLANTED

    in_a_room(tmp_path, story)


def test_an_answer_does_not_say_whether_a_guess_is_right(tmp_path: Path) -> None:
    """What a konnector proposes is compared with the password: that is a read."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        asked = {"konnector": "bills", "digest": _DIGEST, "item": item.hex()}
        guess = {"password": _PLANTED}
        with pytest.raises(PassphraseNeededError):
            await room.ask("proposals.accept", caller(), **asked, values=guess)
        answer = await room.ask(
            "proposals.accept", await _confirmed(room), **asked, values=guess
        )
        assert answer.saved == [], "the control"

    in_a_room(tmp_path, story)


async def _token(room: Room, item: ItemId) -> Caller:
    """Make a token while the item does not ask, then let it ask; return its holder."""
    asked = {"name": "job", "item": item.hex(), "fields": ["password", "totp"]}
    made = await room.ask("token.create", caller(), **asked, uses=3, seconds=600)
    client = caller()
    await room.ask("token.use", client, token=made.token)
    assert await _reveal(room, item, client) == _PLANTED, "the control"
    await room.agent.vault(lambda vault: vault.edit(item, {"reprompt": "true"}))
    return client


@pytest.mark.parametrize("way", [_reveal, _code])
def test_a_token_from_before_gets_nothing(tmp_path: Path, way: Way) -> None:
    """Refused and recorded in its name, and its uses are not used up by it."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)
        client = await _token(room, item)

        with pytest.raises(ReadRefused, match="no token can give"):
            await way(room, item, client)

        last = (await _records(room))[-1]
        assert (last.who.name, last.outcome) == ("token job", Outcome.REFUSED)
        (line,) = (await room.ask("token.list", caller())).tokens
        assert line.uses_left == 2

    in_a_room(tmp_path, story)


def test_a_token_on_a_confirmed_connection_gets_nothing_either(tmp_path: Path) -> None:
    """What its holder may read is the token's, whoever typed before it was shown."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)
        client = await _token(room, item)
        client.confirmation = (await _confirmed(room)).confirmation
        with pytest.raises(ReadRefused):
            await _reveal(room, item, client)

    in_a_room(tmp_path, story)


def test_no_token_is_made_for_it(tmp_path: Path) -> None:
    """It would never give anything: said when it is made, not at night."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        asked = {"name": "job", "item": item.hex(), "fields": ["password"]}
        with pytest.raises(TokenError, match="asks for the passphrase"):
            await room.ask(
                "token.create", await _confirmed(room), **asked, uses=1, seconds=60
            )

    in_a_room(tmp_path, story)


def test_a_confined_connection_cannot_confirm(tmp_path: Path) -> None:
    """A konnector's, and a token's, ask for nothing else; one that fills may."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)
        konnector, fill = caller(), caller()
        await _konnector(room, item, konnector)
        await _fill(room, item, fill)
        token = await _token(room, item)
        for client in (konnector, token):
            with pytest.raises(RequestError):
                _check_confinement(OPERATIONS["confirm"], client)
        _check_confinement(OPERATIONS["confirm"], fill)

    in_a_room(tmp_path, story)


def test_no_run_begins_with_it(tmp_path: Path) -> None:
    """Refused as it opens: a session that its browser kept is as good as a password."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), caller()
        opened = {"konnector": "bills", "digest": _DIGEST, "item": item.hex()}
        with pytest.raises(PassphraseNeededError):
            await room.ask("konnector.open", client, **opened)
        assert client.konnector is None
        await room.ask("konnector.open", await _confirmed(room), **opened)

    in_a_room(tmp_path, story)


def test_a_run_and_a_fill_are_confirmed_for_as_long_as_they_last(
    tmp_path: Path,
) -> None:
    """They hold one item and its sites, and take longer than a minute."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        run, fill = await _confirmed(room), await _confirmed(room)
        await _konnector(room, item, run)
        await _fill(room, item, fill)
        room.agent_clock.now += 3600

        asked = {"field": "password", "origin": _SITE, "purpose": "log in"}
        assert (await room.ask("konnector.release", run, **asked)).value == _PLANTED
        assert await _fill(room, item, fill) == _PLANTED

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("way", ["konnector", "fill"])
def test_an_item_that_begins_to_ask_asks_what_runs_already(
    tmp_path: Path, way: str
) -> None:
    """Another device marks it: nothing more is given to who never typed."""

    async def story(room: Room) -> None:
        item, client = await _safe(room, asks=False), caller()
        await _WAYS[way](room, item, client)
        await room.agent.vault(lambda vault: vault.edit(item, {"reprompt": "true"}))
        asked = {"field": "password", "origin": _SITE, "purpose": "log in"}
        with pytest.raises(PassphraseNeededError):
            await room.ask(f"{way}.release", client, **asked)

    in_a_room(tmp_path, story)


def test_what_a_konnector_kept_is_not_given_back_either(tmp_path: Path) -> None:
    """Not even to the konnector that kept it, before somebody typed."""

    async def story(room: Room) -> None:
        item, client = await _safe(room, asks=False), caller()
        await _konnector(room, item, client)
        await room.ask("konnector.keep", client, name="cookie", value="kept")
        asked = {"name": "cookie", "purpose": "test"}
        assert (await room.ask("konnector.kept", client, **asked)).value == "kept"
        await room.agent.vault(lambda vault: vault.edit(item, {"reprompt": "true"}))
        with pytest.raises(PassphraseNeededError):
            await room.ask("konnector.kept", client, **asked)

    in_a_room(tmp_path, story)


def test_no_schedule_runs_with_it(tmp_path: Path) -> None:
    """None is made, and one from before waits, and says why."""

    async def story(room: Room) -> None:
        item = await _safe(room, asks=False)
        wanted = {
            "konnector": "bills",
            "source": "bills",
            "item": item.hex(),
            "every_seconds": 900,
        }
        await room.ask("schedules.add", caller(), **wanted)
        await room.agent.vault(lambda vault: vault.edit(item, {"reprompt": "true"}))

        with pytest.raises(CliskError, match="a schedule cannot type it"):
            await room.ask("schedules.add", caller(), **wanted)
        (line,) = (await room.ask("schedules.list", caller())).schedules
        assert line.held == "PASSPHRASE_NEEDED"
        driver = ScheduleDriver(room.agent)
        assert await driver.start_due(now_ms=line.next_ms) == []

    in_a_room(tmp_path, story)


def test_no_signature_is_made_with_it(tmp_path: Path) -> None:
    """Not the key alone: what it signs opens as much."""

    async def story(room: Room) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        fields: dict[str, FieldValue] = {
            "ssh.private_key": SecretText(private.decode()),
            "ssh.public_key": public.decode(),
            "reprompt": "true",
        }
        draft = ItemDraft("ssh-key", "laptop", fields)
        await room.agent.vault(lambda vault: vault.add(draft))
        (line,) = (await room.ask("ssh.keys", caller())).keys
        assert line.asks_passphrase
        asked = {
            "public": line.public,
            "data": base64.b64encode(b"data").decode(),
            "flags": 0,
            "purpose": "test",
        }
        with pytest.raises(PassphraseNeededError):
            await room.ask("ssh.sign", caller(), **asked)
        assert (await room.ask("ssh.sign", await _confirmed(room), **asked)).signature

    in_a_room(tmp_path, story)


def test_health_looks_at_it_and_says_no_value(tmp_path: Path) -> None:
    """A weak password is weak, whatever its item asks; no value leaves the agent."""

    async def story(room: Room) -> None:
        await _safe(room)
        found = await room.ask("health", caller())
        assert found.examined == 1
        assert _PLANTED not in str(found)

    in_a_room(tmp_path, story)


def test_an_export_and_a_backup_hold_it(tmp_path: Path) -> None:
    """They ask for the passphrase themselves, for everything at once."""

    async def story(room: Room) -> None:
        item, client = await _safe(room), caller()
        with pytest.raises(CliskError):
            await room.ask("export.items", client, start=0)
        asked = {"passphrase": "horse", "format": "bitwarden"}
        await room.ask("export.begin", client, **asked)
        (taken,) = (await room.ask("export.items", client, start=0)).items
        assert (taken.item, taken.fields["password"]) == (item.hex(), _PLANTED)
        await room.ask("backup.begin", client, passphrase="horse")
        part = (await room.ask("backup.part", client, start=0)).data
        assert _PLANTED.encode() in base64.b64decode(part)

    in_a_room(tmp_path, story)


def test_the_wait_for_the_passphrase_holds_nobody_up(tmp_path: Path) -> None:
    """Two clients that confirm at once are tried one after the other; both count."""

    async def story(room: Room) -> None:
        item = await _safe(room)
        clients = await asyncio.gather(_confirmed(room), _confirmed(room))
        for client in clients:
            assert await _reveal(room, item, client) == _PLANTED

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("operation", ["confirm", "export.begin", "backup.begin"])
def test_a_passphrase_that_waits_for_its_turn_opens_nothing(
    tmp_path: Path, operation: str
) -> None:
    """Attack on a screen lock: the vault is locked while an earlier try still runs."""

    async def story(room: Room) -> None:
        more = {"export.begin": {"format": "cxf"}}.get(operation, {})
        async with room.agent.opening:
            asked = room.ask(operation, caller(), passphrase="horse", **more)
            waiting = asyncio.ensure_future(asked)
            await asyncio.sleep(0)
            await room.agent.lock()
        with pytest.raises(LockedError):
            await waiting
        assert not room.agent.unlocked

    in_a_room(tmp_path, story)

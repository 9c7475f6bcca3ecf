"""The agent's part of filling: it judges the page by itself, whoever asks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from clisk.agent.caller import Caller
from clisk.agent.conversation import RequestError, _check_confinement
from clisk.agent.fill_sites import NotForThisPageError
from clisk.agent.operations.konnector import NO_GRANT
from clisk.agent.registry import OPERATIONS
from clisk.errors import CliskError
from clisk.fill_source import NEW_PASSWORD, FillSource
from clisk_vault.access_record import AccessRecord, Outcome, Use
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import PassphraseError, PassphraseNeededError, ReadRefused
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from konnector_runner.errors import FormatError
from tests.program.test_agent_vault import Room, caller, in_a_room

_SITE = "https://shop.example"
_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
_SECRETS: dict[str, FieldValue] = {
    "username": "alice",
    "password": SecretText("planted"),
    "totp": SecretText(_SEED),
    "notes": SecretText("planted note"),
}


async def _add(room: Room, title: str = "Shop", *uris: str, match: str = "") -> ItemId:
    fields = dict(_SECRETS)
    for number, uri in enumerate(uris or (_SITE,)):
        fields[f"uri.0000000{number}.value"] = uri
        if match:
            fields[f"uri.0000000{number}.match"] = match
    draft = ItemDraft("login", title, fields)
    return await room.agent.vault(lambda vault: vault.add(draft))


async def _records(room: Room) -> list[AccessRecord]:
    return await room.agent.vault(
        lambda vault: [record for _, record in vault.log.records()]
    )


def test_a_value_is_released_for_the_page_that_was_opened(tmp_path: Path) -> None:
    """Recorded with its origin; the code of now goes out, its seed stays."""

    async def story(room: Room) -> None:
        item, client = await _add(room), caller()
        opened = await room.ask(
            "fill.open", client, item=item.hex(), url=f"{_SITE}/login?next=/"
        )
        assert opened.fields == ["username", "password", "totp"]

        given = {
            name: (
                await room.ask(
                    *("fill.release", client), field=name, origin=_SITE, purpose="fill"
                )
            ).value
            for name in opened.fields
        }

        assert (given["username"], given["password"]) == ("alice", "planted")
        assert given["totp"].isdecimal()
        assert len(given["totp"]) == 6
        records = [each for each in await _records(room) if each.origin == _SITE]
        assert [each.field for each in records] == ["username", "password", "totp"]
        assert records[-1].use is Use.TOTP
        assert {each.who.name for each in records} == {"autofill"}

    in_a_room(tmp_path, story)


_NOT_RELEASED = [
    ("password", "https://evil.test"),
    ("password", "http://shop.example"),
    ("password", "https://shop.example:8443"),
    ("password", "https://www.shop.example"),
    ("password", ""),
    ("notes", _SITE),
    ("title", _SITE),
]


def test_nothing_is_released_for_another_page_or_field(tmp_path: Path) -> None:
    """The browser's process can not get more than the page that it named would."""

    async def story(room: Room) -> None:
        item, client = await _add(room), caller()
        await room.ask("fill.open", client, item=item.hex(), url=_SITE)

        for field, origin in _NOT_RELEASED:
            asked = {"field": field, "origin": origin, "purpose": "fill"}
            with pytest.raises(ReadRefused):
                await room.ask("fill.release", client, **asked)

    in_a_room(tmp_path, story)


_OTHERS = [
    "https://evil.test/",
    "https://shop.example.evil.test/",
    "https://evilshop.example/",
    "http://shop.example/",
    "https://shop.example@evil.test/",
    "data:text/html,x",
]


def test_a_page_of_another_is_not_opened(tmp_path: Path) -> None:
    """The agent looks at the item's addresses, and believes no client about them."""

    async def story(room: Room) -> None:
        item = await _add(room)
        for url in _OTHERS:
            with pytest.raises((NotForThisPageError, FormatError)):
                await room.ask("fill.open", caller(), item=item.hex(), url=url)

    in_a_room(tmp_path, story)


def test_a_connection_fills_one_item(tmp_path: Path) -> None:
    """Further pages of it may be opened, no other item; nothing else is answered."""

    async def story(room: Room) -> None:
        first, second = await _add(room), await _add(room, "Other")
        client = caller()
        with pytest.raises(CliskError, match="say which page"):
            await room.ask(
                *("fill.release", client), field="password", origin=_SITE, purpose="x"
            )
        await room.ask("fill.open", client, item=first.hex(), url=_SITE)
        again = "https://accounts.shop.example/second"
        await room.ask("fill.open", client, item=first.hex(), url=again)

        with pytest.raises(CliskError, match="another item"):
            await room.ask("fill.open", client, item=second.hex(), url=_SITE)
        for words in ("Shop", "s", second.hex()[:8]):
            with pytest.raises(CliskError, match="another item") as refusal:
                await room.ask("fill.open", client, item=words, url=_SITE)
            assert "match" not in str(refusal.value), "it is told of no other"
        for name in ("reveal", "list", "konnector.open", "lock", "fill.find"):
            with pytest.raises(RequestError, match="fills one login"):
                _check_confinement(OPERATIONS[name], client)

    in_a_room(tmp_path, story)


# mode, address, page, whether it fits
_MODES = [
    ("", _SITE, "https://www.shop.example/", True),
    ("host", _SITE, "https://www.shop.example/", False),
    ("host", _SITE, "https://shop.example/login", True),
    ("exact", f"{_SITE}/login", f"{_SITE}/other", False),
    ("starts-with", f"{_SITE}/app", f"{_SITE}/app/login", True),
    ("starts-with", f"{_SITE}/app", f"{_SITE}/", False),
    (
        "regex",
        r"https://[a-z]+\.shop\.example/.*",
        "https://a.shop.example/x",
        True,
    ),
    ("regex", r"shop", f"{_SITE}/shop", False),
    ("never", _SITE, _SITE, False),
    ("of-a-later-version", _SITE, _SITE, False),
]


def test_each_address_keeps_its_mode(tmp_path: Path) -> None:
    """What was chosen, or imported, for an address decides; the unknown is never."""

    async def story(room: Room) -> None:
        for number, (match, uri, _, _) in enumerate(_MODES):
            await _add(room, f"Shop {number}", uri, match=match)

        for number, (_, _, page, fits) in enumerate(_MODES):
            answer = await room.ask("fill.find", caller(), url=page)
            titles = [each.title for each in answer.items]
            assert (f"Shop {number}" in titles) == fits, _MODES[number]

    in_a_room(tmp_path, story)


def test_siblings_are_offered_only_when_asked_for(tmp_path: Path) -> None:
    """And only for addresses in the domain mode, each with what it is a sibling of."""

    async def story(room: Room) -> None:
        await _add(room, "Short", "https://bit.ly")
        await _add(room, "Narrow", "https://bit.ly", match="host")
        url = "https://bitly.com/login"

        assert (await room.ask("fill.find", caller(), url=url)).items == []
        asked = await room.ask("fill.find", caller(), url=url, siblings=True)

        (only,) = asked.items
        assert (only.title, only.sibling_of) == ("Short", "https://bit.ly")
        with pytest.raises(NotForThisPageError):
            await room.ask("fill.open", caller(), item=only.item, url=url)

    in_a_room(tmp_path, story)


def test_a_request_without_a_page_is_none() -> None:
    """The parameters are closed, as all of the agent's are."""
    with pytest.raises(ValidationError):
        OPERATIONS["fill.find"].params.model_validate({"url": ""})


def test_a_login_that_asks_for_the_passphrase_again_gets_it(tmp_path: Path) -> None:
    """Once a connection; without it, or with a wrong one, the page stays closed."""

    async def story(room: Room) -> None:
        item = await _add(room)
        mark: dict[str, FieldValue | None] = {"reprompt": "true"}
        await room.agent.vault(lambda vault: vault.edit(item, mark))
        client, params = caller(), {"item": item.hex(), "url": _SITE}

        with pytest.raises(PassphraseNeededError):
            await room.ask("fill.open", client, **params)
        with pytest.raises(PassphraseError):
            await room.ask("confirm", client, passphrase="wrong")
        with pytest.raises(PassphraseNeededError):
            await room.ask("fill.open", client, **params)
        assert client.fill is None
        await room.ask("confirm", client, passphrase="horse")
        await room.ask("fill.open", client, **params)
        room.agent_clock.now += 3600
        await room.ask("fill.open", client, **params)
        asked = {"field": "password", "origin": _SITE, "purpose": "fill"}
        assert (await room.ask("fill.release", client, **asked)).value == "planted"
        with pytest.raises(PassphraseNeededError):
            await room.ask("fill.open", caller(), **params)

    in_a_room(tmp_path, story)


def test_a_new_password_is_stored_before_it_is_read(tmp_path: Path) -> None:
    """For the page that was opened alone; the one before stays in the history."""

    async def story(room: Room) -> None:
        item = await _add(room)
        client = caller()
        with pytest.raises(CliskError, match="which page"):
            await room.ask("fill.renew", client, origin=_SITE)
        await room.ask("fill.open", client, item=item.hex(), url=_SITE)
        with pytest.raises(ReadRefused):
            await room.ask("fill.renew", client, origin="https://evil.test")

        renewed = await room.ask("fill.renew", client, origin=_SITE)

        versions = await room.agent.vault(
            lambda vault: vault.view(item).fields["password"].versions
        )
        assert len(versions) == 2
        assert renewed.earlier == str(versions[1].stamp)
        answer = await room.ask(
            "fill.release", client, field="password", origin=_SITE, purpose="fill"
        )
        assert answer.value != "planted"
        assert len(answer.value) >= 12

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("emptied", [True, False], ids=["emptied", "never there"])
def test_where_there_was_no_password_none_is_called_the_earlier_one(
    tmp_path: Path, emptied: bool
) -> None:
    """A password that was emptied is none that anybody wants back."""

    async def story(room: Room) -> None:
        nothing: dict[str, FieldValue] = {"uri.00000000.value": _SITE}
        planted = {"password": SecretText("planted")} if emptied else {}
        draft = ItemDraft("login", "Bare", {**nothing, **planted})
        item = await room.agent.vault(lambda vault: vault.add(draft))
        if emptied:
            await room.agent.vault(lambda vault: vault.edit(item, {"password": None}))
        client = caller()
        await room.ask("fill.open", client, item=item.hex(), url=_SITE)

        renewed = await room.ask("fill.renew", client, origin=_SITE)

        assert renewed.earlier is None

    in_a_room(tmp_path, story)


class _Asked:
    """An agent that notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def call(
        self, name: str, params: dict[str, object], **_: object
    ) -> dict[str, object]:
        self.calls.append(f"{name} {params.get('field', '')}".strip())
        return {"item": "ab" * 16, "value": "made", "earlier": None}


def test_what_is_typed_twice_is_made_once() -> None:
    """A new password and its repetition are one; it is stored, then read."""
    asked = _Asked()
    source = FillSource(
        asked,  # type: ignore[arg-type]
        "item",
        passphrase=lambda: SecretText("x"),
        on_renewed=lambda _: asked.calls.append("told"),
    )
    source.open(_SITE)

    async def story() -> None:
        for _ in range(2):
            await source.release(NEW_PASSWORD, origin=_SITE, purpose="fill")

    asyncio.run(story())

    assert asked.calls == [
        "fill.open",
        "fill.renew",
        "told",
        "fill.release password",
        "fill.release password",
    ]


async def _refused(room: Room, operation: str, by: Caller, **params: str) -> None:
    with pytest.raises((CliskError, ReadRefused)):
        await room.ask(operation, by, **params)


def test_what_fill_refuses_before_a_value_is_asked_for_is_recorded(
    tmp_path: Path,
) -> None:
    """No such item, a page of another site, another origin, a field nobody fills."""

    async def story(room: Room) -> None:
        item, client = (await _add(room)).hex(), caller()
        await _refused(room, "fill.open", caller(), item="no such", url=_SITE)
        await _refused(room, "fill.open", caller(), item=item, url="https://a.example")
        await _refused(
            room, "fill.release", caller(), field="password", origin=_SITE, purpose="x"
        )
        await room.ask("fill.open", client, item=item, url=_SITE)
        for field, origin in (("password", "https://a.example"), ("notes", _SITE)):
            await _refused(
                room, "fill.release", client, field=field, origin=origin, purpose="x"
            )

        refused = [one for one in await _records(room) if one.use is Use.FILL]
        assert {one.outcome for one in refused} == {Outcome.REFUSED}
        assert [(one.item is not None, one.purpose) for one in refused] == [
            (False, "no one such item"),
            (True, "the page is not one of the item's"),
            (False, "no one such item"),
            (True, "another page, or a field that is not filled"),
            (True, "another page, or a field that is not filled"),
        ]

    in_a_room(tmp_path, story)


def test_what_a_konnector_is_refused_before_a_grant_is_asked_for_is_recorded(
    tmp_path: Path,
) -> None:
    """No such item to open; what it kept itself, without any grant."""

    async def story(room: Room) -> None:
        item, client = (await _add(room)).hex(), caller()
        whose = {"konnector": "bills", "digest": "ab" * 32}
        await _refused(room, "konnector.open", caller(), item="no such", **whose)
        await room.ask("konnector.open", client, item=item, **whose)
        await _refused(room, "konnector.kept", client, name="session", purpose="x")

        refused = (await _records(room))[-2:]
        assert {one.outcome for one in refused} == {Outcome.REFUSED}
        assert {(one.who.name, one.who.digest) for one in refused} == {
            ("bills", bytes.fromhex("ab" * 32))
        }
        assert [one.purpose for one in refused] == ["no one such item", NO_GRANT]

    in_a_room(tmp_path, story)

"""Tokens for scripts: protocol/token.md, and each way to get more than one covers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk.agent import conversation
from clisk.agent.caller import Caller
from clisk.agent.conversation import Conversation
from clisk.agent.registry import OPERATIONS
from clisk.agent.tokens import (
    OUTSIDE,
    TokenError,
    Tokens,
    spell_token,
    token_digest,
)
from clisk.errors import CliskError
from clisk_vault.access_record import Outcome
from clisk_vault.errors import ReadRefused
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault
from tests.program.test_agent_vault import Room, caller, in_a_room
from tests.program.world import descriptor, device

Scene = Callable[[Room], Awaitable[None]]


async def _token(room: Room, **more: Any) -> str:
    """Make two items, and a token for the password of the first."""
    for title, password in (("CI", "ci-password"), ("Bank", "bank-password")):
        changes = {"fields": {"username": "u", "password": password}}
        await room.ask("add", caller(), type="login", title=title, changes=changes)
    wanted = {
        "name": "nightly",
        "item": "CI",
        "fields": ["password"],
        "uses": 2,
        "seconds": 3600,
        **more,
    }
    answer = await room.ask("token.create", caller(), **wanted)
    return str(answer.token)


async def _shown(room: Room, token: str) -> Caller:
    client = caller()
    await room.ask("token.use", client, token=token)
    return client


async def _read(
    room: Room, client: Caller, item: str = "CI", field: str = "password"
) -> str:
    answer = await room.ask(
        "reveal", client, item=item, field=field, purpose="job", exact=True
    )
    return str(answer.value)


async def _newest(room: Room, count: int) -> list[tuple[str, str, Outcome]]:
    """Return who, why and what came of it, of the newest records."""
    records = await room.agent.vault(lambda vault: list(vault.log.records()))
    return [(one.who.name, one.purpose, one.outcome) for _, one in records[-count:]]


def test_a_token_reads_what_it_is_for(tmp_path: Path) -> None:
    """The value comes, and the record names the token."""

    async def scene(room: Room) -> None:
        client = await _shown(room, await _token(room))

        assert await _read(room, client) == "ci-password"

        record = (await room.ask("log.list", caller())).records[-1]
        assert "token nightly" in str(record)

    in_a_room(tmp_path, scene)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("Bank", "password"),
        ("CI", "username"),
        ("CI", "nonsense"),
        ("Gone", "password"),
    ],
)
def test_a_token_reads_nothing_else(tmp_path: Path, item: str, field: str) -> None:
    """Attack: another item, another field; what is not there looks the same."""

    async def scene(room: Room) -> None:
        client = await _shown(room, await _token(room))

        with pytest.raises(ReadRefused, match="for another item or field"):
            await _read(room, client, item, field)

        assert await _read(room, client) == "ci-password"

    in_a_room(tmp_path, scene)


def test_a_refused_read_is_recorded(tmp_path: Path) -> None:
    """Attack: a token is tried at another item; the log has the try and its name."""

    async def scene(room: Room) -> None:
        client = await _shown(room, await _token(room))
        with pytest.raises(ReadRefused):
            await _read(room, client, "Bank")

        record = str((await room.ask("log.list", caller())).records[-1])

        assert "refused" in record
        assert "token nightly" in record

    in_a_room(tmp_path, scene)


def test_a_token_that_is_used_up_reads_nothing(tmp_path: Path) -> None:
    """Attack: replay on the same connection, on another, and after a restart."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        client = await _shown(room, token)
        for _ in range(2):
            await _read(room, client)

        for again in (client, await _shown(room, token)):
            with pytest.raises(ReadRefused, match="used up"):
                await _read(room, again)

    in_a_room(tmp_path, scene)


@pytest.mark.parametrize("moved_ms", [3_600_000, 10**9, -1])
def test_a_token_holds_within_its_time_alone(tmp_path: Path, moved_ms: int) -> None:
    """Attack: replay after its end, and with the clock set back before its making."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        vault = room.agent.driver.vault
        now = vault.session.clock()
        made = Tokens(room.agent.folder, vault).rows()[0].made_ms
        client = await _shown(room, token)
        del now

        class Moved(Tokens):
            def __init__(self, folder: Path, vault: Vault) -> None:
                super().__init__(folder, vault)
                self._clock = lambda: made + moved_ms

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clisk.agent.tokens.Tokens", Moved)
            with pytest.raises(ReadRefused, match=r"expired|set back"):
                await _read(room, client)
        assert await _read(room, client) == "ci-password"

    in_a_room(tmp_path, scene)


def test_a_revoked_token_ends_at_once(tmp_path: Path) -> None:
    """A connection that showed it gets nothing more, nor does a new one."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        client = await _shown(room, token)
        await room.ask("token.revoke", caller(), name="nightly")

        with pytest.raises(TokenError):
            await _read(room, client)
        with pytest.raises(TokenError):
            await _shown(room, token)
        assert (
            await _newest(room, 2)
            == [("token nightly", "the token was revoked", Outcome.REFUSED)] * 2
        )

    in_a_room(tmp_path, scene)


def test_what_was_never_a_token_is_recorded_and_not_what_was_shown(
    tmp_path: Path,
) -> None:
    """A made-up token, and a text that is none: refused, both on record."""

    async def scene(room: Room) -> None:
        await _token(room)
        for shown in (spell_token(bytes(32)).expose(), "planted-secret"):
            with pytest.raises(TokenError):
                await _shown(room, shown)

        assert (
            await _newest(room, 2)
            == [("a token", "not a token that is valid here", Outcome.REFUSED)] * 2
        )

    in_a_room(tmp_path, scene)


def test_a_token_that_is_refused_a_value_that_is_no_secret_is_recorded(
    tmp_path: Path,
) -> None:
    """A user name stands open in the vault; who asked for it stands in the log."""

    async def scene(room: Room) -> None:
        client = await _shown(room, await _token(room))

        with pytest.raises(ReadRefused):
            await _read(room, client, field="username")
        assert await _newest(room, 1) == [("token nightly", OUTSIDE, Outcome.REFUSED)]

    in_a_room(tmp_path, scene)


def test_a_token_gives_codes_and_no_seed(tmp_path: Path) -> None:
    """Attack: a token for codes is used to take the seed, which makes them for ever."""

    async def scene(room: Room) -> None:
        await room.ask(
            "add",
            caller(),
            type="login",
            title="2FA",
            changes={"fields": {"totp": "JBSWY3DPEHPK3PXP"}},
        )
        token = await _token(room, item="2FA", fields=["totp"])
        client = await _shown(room, token)

        with pytest.raises(ReadRefused, match="never their seed"):
            await _read(room, client, "2FA", "totp")
        assert len((await room.ask("totp", client, item="2FA")).code) == 6

    in_a_room(tmp_path, scene)


def test_a_connection_with_a_token_does_nothing_else() -> None:
    """Attack: having shown a token, a client lists, edits, or exports."""
    client = caller()
    client.token = object()  # type: ignore[assignment]  # only that there is one matters

    allowed = set()
    for name, found in OPERATIONS.items():
        try:
            conversation._check_confinement(found, client)
        except CliskError:
            continue
        allowed.add(name)

    assert allowed == {"reveal", "totp"}


def test_tokens_are_hashed_and_sealed_on_disk(tmp_path: Path) -> None:
    """Attack: a thief of the home folder finds a token, or what it is for."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        kept = (room.agent.folder / "tokens").read_bytes()

        assert token.encode() not in kept
        assert b"nightly" not in kept
        assert token.removeprefix("clisk-token-").encode() not in kept
        assert (await room.ask("token.list", caller())).tokens[0].state == "valid"

    in_a_room(tmp_path, scene)


_GOOD = spell_token(bytes(range(32))).expose()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "clisk-token-",
        _GOOD[:-1],
        _GOOD + "A",
        _GOOD + "=",
        _GOOD.upper(),
        _GOOD.removeprefix("clisk-token-"),
        _GOOD[:-1] + "9",
        f" {_GOOD}",
        _GOOD.replace("-", "+"),
    ],
)
def test_a_token_has_one_spelling(text: str) -> None:
    """Unused bits, padding, another alphabet: not a token."""
    assert token_digest(SecretText(_GOOD))
    with pytest.raises(TokenError) as refused:
        token_digest(SecretText(text))
    assert _GOOD[-8:] not in str(refused.value)


@given(st.binary(min_size=32, max_size=32))
def test_every_token_is_read_as_it_is_spelled(raw: bytes) -> None:
    """Different bytes have different digests; the same have one."""
    assert len(token_digest(spell_token(raw))) == 64


def test_a_script_reads_with_a_token(tmp_path: Path) -> None:
    """The whole way: create, read through a descriptor, list, revoke."""
    with device(tmp_path / "home") as home:
        home.init()
        home.add_login("CI", "ci-password")
        token = home.ok(
            "token", "create", "job", "--item", "CI", "--uses", "3", "--expires", "1h"
        )

        with descriptor(token) as given_fd:
            words = ("read", "clisk://CI/password", "--token-fd", str(given_fd))
            assert home.run(*words, fds=(given_fd,)).out == "ci-password\n"
        with descriptor(token) as given_fd:
            words = ("read", "clisk://CI/username", "--token-fd", str(given_fd))
            said = home.run(*words, fds=(given_fd,))
        assert said.code == 1
        assert "hint: " in said.err
        assert token.strip() not in said.err
        assert home.ok("token", "list").split("\t")[:5] == [
            "job",
            "valid",
            "CI",
            "password",
            "2",
        ]
        home.ok("token", "revoke", "job")
        assert "revoked" in home.ok("token", "list")
        assert (
            home.run(
                "token",
                "create",
                "x",
                "--item",
                "CI",
                "--uses",
                "1",
                "--expires",
                "soon",
            ).code
            == 2
        )


def test_a_clock_set_back_since_the_last_use_gives_nothing(tmp_path: Path) -> None:
    """Attack: the clock is set back, so that a token holds for longer."""

    async def scene(room: Room) -> None:
        client = await _shown(room, await _token(room))
        session = room.agent.driver.vault.session
        now_ms = session.clock()
        session.clock = lambda: now_ms + 100_000
        await _read(room, client)

        session.clock = lambda: now_ms + 99_999
        with pytest.raises(ReadRefused, match="set back"):
            await _read(room, client)
        session.clock = lambda: now_ms + 100_000
        assert await _read(room, client) == "ci-password"

    in_a_room(tmp_path, scene)


def test_names_of_valid_tokens_differ_and_there_are_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one name could not be told apart in the log; ended ones make room."""
    monkeypatch.setattr("clisk.agent.tokens.MAX_TOKENS", 2)

    async def scene(room: Room) -> None:
        await _token(room)
        wanted = {"item": "CI", "fields": ["password"], "uses": 1, "seconds": 60}
        with pytest.raises(TokenError, match="has this name"):
            await room.ask("token.create", caller(), name="nightly", **wanted)
        await room.ask("token.create", caller(), name="second", **wanted)
        with pytest.raises(TokenError, match="at most 2 tokens"):
            await room.ask("token.create", caller(), name="third", **wanted)
        await room.ask("token.revoke", caller(), name="nightly")
        await room.ask("token.create", caller(), name="nightly", **wanted)

    in_a_room(tmp_path, scene)


def test_a_connection_shows_one_token_that_is_known(tmp_path: Path) -> None:
    """Attack: a made-up token, or a second one to collect what both cover."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        made_up = spell_token(bytes(32)).expose()
        stranger = caller()
        with pytest.raises(TokenError, match="not a token"):
            await room.ask("token.use", stranger, token=made_up)
        assert stranger.token is None

        client = await _shown(room, token)
        with pytest.raises(CliskError, match="has shown a token already"):
            await room.ask("token.use", client, token=token)

    in_a_room(tmp_path, scene)


def test_reads_by_token_do_not_keep_the_vault_open(tmp_path: Path) -> None:
    """Attack: a job that reads each minute keeps an unattended vault unlocked."""

    async def scene(room: Room) -> None:
        token = await _token(room)
        talk = Conversation(room.agent, None, None)  # type: ignore[arg-type]  # nothing is sent
        reveal = OPERATIONS["reveal"]
        asked = {"item": "CI", "field": "password", "purpose": "job"}
        room.clock.now += 500
        await talk._run(reveal, reveal.params.model_validate(asked))
        assert room.agent.timer.left_seconds() == 900, "the control: a person's read"

        talk._caller = await _shown(room, token)
        room.agent.timer.touch()
        room.clock.now += 500
        await talk._run(reveal, reveal.params.model_validate(asked))
        assert room.agent.timer.left_seconds() == 400

    in_a_room(tmp_path, scene)

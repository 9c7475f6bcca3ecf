"""The agent with an open vault: what it finds, what it lets go, when it locks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from clisk.agent import opening, operations
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.idle import IdleTimer
from clisk.agent.labels import NoSuchFieldError, find_field, labelled_fields
from clisk.agent.registry import OPERATIONS
from clisk.agent.resolve import AmbiguousItemError, NoSuchItemError, resolve_item
from clisk.agent.sync_driver import SyncDriver
from clisk.agent.trash_driver import TrashDriver
from clisk.errors import CliskError
from clisk.home import Home
from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.draft import FieldValue, ItemDraft, elements
from clisk_vault.errors import (
    CallerError,
    LockedError,
    PassphraseError,
    ReadRefused,
    StoreError,
)
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault
from tests.sync.world import World

operations.load()

_WHO = Requester(RequesterKind.PERSON, "test")
_PASSPHRASE = SecretText("horse")
_SITE = "https://example.org"
_DIGEST = "ab" * 32


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Room:
    """An agent with a new vault, and a way to ask it as a client does."""

    def __init__(self, agent: Agent, clock: Clock, agent_clock: Clock) -> None:
        self.agent = agent
        self.clock = clock
        self.agent_clock = agent_clock

    async def ask(self, operation: str, caller: Caller, **params: Any) -> Any:
        row = OPERATIONS[operation]
        with self.agent.in_use():
            model = row.params.model_validate(params)
            return await row.run(self.agent, caller, model)


async def _silent(_event: str, _data: dict[str, object]) -> None:
    return


def caller() -> Caller:
    return Caller(_silent)


def in_a_room(folder: Path, story: Callable[[Room], Awaitable[None]]) -> None:
    async def run() -> None:
        home, clock, agent_clock = Home(str(folder)), Clock(), Clock()
        home.make()
        agent = Agent(home, timer=IdleTimer(900, clock=clock), clock=agent_clock)
        try:
            await opening.create(
                agent, _PASSPHRASE, name="laptop", relay_url=None, unlock_seconds=0
            )
            await story(Room(agent, clock, agent_clock))
        finally:
            await agent.close()

    asyncio.run(asyncio.wait_for(run(), timeout=60))


async def _login(room: Room, title: str = "Shop", **fields: Any) -> ItemId:
    draft = ItemDraft(
        "login",
        title,
        {"username": "alice", "password": SecretText("pw"), **fields},
        uris=(_SITE, "https://other.example"),
    )
    return await room.agent.vault(lambda vault: vault.add(draft))


def test_an_item_is_meant_by_id_title_or_words(tmp_path: Path) -> None:
    """The closest meaning wins; two of the same closeness are told apart by id."""

    async def story(room: Room) -> None:
        first = await _login(room, "Shop")
        second = await _login(room, "Shop, the other one")
        await _login(room, "Twin")
        await _login(room, "Twin")

        def meant(vault: Vault) -> None:
            assert resolve_item(vault, first.hex()) == first
            assert resolve_item(vault, second.hex()[:6].upper()) == second
            assert resolve_item(vault, "shop") == first
            assert resolve_item(vault, "other one") == second
            with pytest.raises(AmbiguousItemError, match="2 items match"):
                resolve_item(vault, "Twin")
            with pytest.raises(NoSuchItemError):
                resolve_item(vault, "ffffff")
            vault.trash(first)
            assert resolve_item(vault, "shop") == second
            assert resolve_item(vault, "shop", trashed=True) == first

        await room.agent.vault(meant)

    in_a_room(tmp_path, story)


@pytest.mark.parametrize(
    "changes",
    [
        {"remove": ["title"]},
        {"fields": {"title": " "}},
        {"remove": ["type"]},
        {"fields": {"type": "bogus"}},
        {"fields": {"trashed": "true"}},
        {"fields": {"created": "5"}},
    ],
)
def test_an_edit_leaves_an_item_what_it_is(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    """Title and type cannot be taken away, and the trash has its own command."""

    async def story(room: Room) -> None:
        item = await _login(room)
        before = await room.agent.vault(lambda vault: vault.view(item))

        with pytest.raises(CliskError, match=r"title|not a field to write"):
            await room.ask("edit", caller(), item=item.hex(), changes=changes)

        assert await room.agent.vault(lambda vault: vault.view(item)) == before

    in_a_room(tmp_path, story)


def test_fields_have_the_names_that_people_use(tmp_path: Path) -> None:
    """Elements are named after what they are, and numbered when they repeat."""

    async def story(room: Room) -> None:
        custom: list[dict[str, FieldValue]] = [
            {"name": "PIN", "kind": "hidden", "hidden": SecretText("1")},
            {"name": "Note", "kind": "text", "value": "x"},
        ]
        rows = iter(range(9))
        made = elements("custom", custom, lambda n: next(rows).to_bytes(n))
        item = await _login(room, "Shop", **made)
        view = await room.agent.vault(lambda vault: vault.view(item))

        names = [each.label for each in labelled_fields(view)]
        assert names == ["username", "password", "uri", "uri 2", "PIN", "Note"]
        assert find_field(view, "pin").name.startswith("custom.")
        assert find_field(view, "uri 2").current.text == "https://other.example"
        assert find_field(view, find_field(view, "Note").name).current.text == "x"
        with pytest.raises(NoSuchFieldError):
            find_field(view, "totp")

    in_a_room(tmp_path, story)


def test_a_konnector_gets_what_was_granted_and_nothing_else(tmp_path: Path) -> None:
    """Fields, item, site and code are each held to the grant; refusals are recorded."""

    async def story(room: Room) -> None:
        item = await _login(room, totp=SecretText("seed"))
        await room.ask(
            "grants.add",
            caller(),
            konnector="shop",
            digest=_DIGEST,
            item=item.hex(),
            fields=["username", "password"],
            origins=[_SITE],
        )
        run = await _opened(room, item, _DIGEST)

        fields = (await room.ask("konnector.fields", run)).fields
        assert [(f.name, f.secret) for f in fields] == [
            ("password", True),
            ("login", False),
        ]
        released = await _release(room, run, "password", _SITE)
        assert released.value == "pw"
        assert (await _release(room, run, "login", None)).value == "alice"
        other_code = await _opened(room, item, "cd" * 32)
        assert (await room.ask("konnector.fields", other_code)).fields == []
        for asker, field, origin in (
            (run, "totp", _SITE),
            (run, "password", "https://evil.example"),
            (run, "password", None),
            (other_code, "password", _SITE),
        ):
            with pytest.raises(ReadRefused):
                await _release(room, asker, field, origin)

        log = (await room.ask("log.list", caller())).records
        outcomes = [each.outcome for each in log]
        assert outcomes == ["granted"] * 2 + ["refused"] * 4
        assert {(each.kind, each.name) for each in log} == {("konnector", "shop")}

    in_a_room(tmp_path, story)


async def _opened(room: Room, item: ItemId, digest: str) -> Caller:
    run = caller()
    await room.ask(
        "konnector.open", run, konnector="shop", digest=digest, item=item.hex()
    )
    return run


async def _release(room: Room, run: Caller, field: str, origin: str | None) -> Any:
    params = {"field": field, "origin": origin, "purpose": "filled in"}
    return await room.ask("konnector.release", run, **params)


def test_a_confined_connection_stays_confined(tmp_path: Path) -> None:
    """It cannot take another konnector's name, whatever it asks."""

    async def story(room: Room) -> None:
        item = await _login(room)
        run = await _opened(room, item, _DIGEST)
        with pytest.raises(CliskError, match="serves a konnector already"):
            await room.ask(
                "konnector.open", run, konnector="b", digest=_DIGEST, item=item.hex()
            )

    in_a_room(tmp_path, story)


def test_an_idle_agent_locks(tmp_path: Path) -> None:
    """After its time without use the vault is closed; use puts that off."""

    async def story(room: Room) -> None:
        room.clock.now = 899
        await room.agent.lock_if_idle()
        assert room.agent.unlocked

        with room.agent.in_use():
            room.clock.now = 5000
            await room.agent.lock_if_idle()
            assert room.agent.unlocked
        room.clock.now = 5899
        await room.ask("list", caller())
        room.clock.now = 6798
        await room.agent.lock_if_idle()
        assert room.agent.unlocked

        room.clock.now = 6799
        await room.agent.lock_if_idle()
        with pytest.raises(LockedError):
            await room.ask("list", caller())

    in_a_room(tmp_path, story)


def test_locking_lets_go_of_the_vault(tmp_path: Path) -> None:
    """A reference kept from before refuses as well."""

    async def story(room: Room) -> None:
        vault = room.agent.driver.vault
        await room.agent.lock()

        assert vault.locked
        with pytest.raises(LockedError):
            vault.overviews()

    in_a_room(tmp_path, story)


def test_a_wrong_passphrase_does_not_close_an_open_vault(tmp_path: Path) -> None:
    """It is refused, and who is at work goes on."""

    async def story(room: Room) -> None:
        with pytest.raises(PassphraseError):
            await opening.unlock(room.agent, SecretText("wrong"), _WHO)
        await opening.unlock(room.agent, _PASSPHRASE, _WHO)

        assert room.agent.unlocked
        await room.ask("list", caller())

    in_a_room(tmp_path, story)


def test_a_vault_is_never_made_over_another(tmp_path: Path) -> None:
    """Neither init nor join touches a vault that is there."""

    async def story(room: Room) -> None:
        for operation, params in (
            ("init", {"passphrase": "x", "name": "n", "unlock_seconds": 0.0}),
            ("join.begin", {"url": "clisk:pair#x", "name": "n"}),
        ):
            with pytest.raises(StoreError, match="there is a vault here already"):
                await room.ask(operation, caller(), **params)
        await room.ask("list", caller())

    in_a_room(tmp_path, story)


def test_a_forged_grant_is_shown_and_allows_nothing(tmp_path: Path) -> None:
    """What stands in a grant's place and does not verify is told to the person."""

    async def story(room: Room) -> None:
        place = f"grant.{bytes(16).hex()}"
        await room.agent.vault(
            lambda vault: vault._items.write_settings({place: b"forged"})
        )
        answer = await room.ask("grants.list", caller())
        assert answer.grants == []
        assert [(each.place, bool(each.reason)) for each in answer.spoilt] == [
            (place, True)
        ]

    in_a_room(tmp_path, story)


def test_a_sync_by_hand_takes_up_the_following_again(tmp_path: Path) -> None:
    """What had ended it is over: else nothing would come by itself any more."""

    async def story() -> None:
        laptop = await World(tmp_path).found()
        driver = SyncDriver(laptop.vault, None)
        driver._engine = laptop.engine
        driver._following = asyncio.ensure_future(asyncio.sleep(0))
        await driver._following

        def follows() -> bool:
            return driver._following is not None and not driver._following.done()

        await driver.sync_once()
        assert follows()
        await driver.stop()
        await driver.sync_once()

        assert not follows(), "who has let go of it follows no more"
        laptop.vault.lock()

    asyncio.run(story())


def test_the_trash_of_a_vault_that_stays_open_is_emptied_daily(tmp_path: Path) -> None:
    """Not sooner than a day after the unlock, and not while it is locked."""

    async def story(room: Room) -> None:
        agent, day = room.agent, 24 * 3600
        driver = TrashDriver(agent, room.clock)
        old = await _login(room, "Old")
        await _login(room, "Kept")
        await room.ask("trash", caller(), item=old.hex())
        now_ms = await agent.vault(lambda vault: vault.session.clock())

        def in_a_month(vault: Vault) -> None:
            vault.session.clock = lambda: now_ms + 31 * day * 1000

        await agent.vault(in_a_month)

        def kept() -> Awaitable[set[str]]:
            return agent.vault(lambda vault: {o.title for o in vault.overviews()})

        assert not await driver.empty_if_due()
        room.clock.now += day - 1
        assert not await driver.empty_if_due()
        assert await kept() == {"Old", "Kept"}
        room.clock.now += 1
        assert await driver.empty_if_due()
        assert await kept() == {"Kept"}
        assert not await driver.empty_if_due()

        await agent.lock()
        room.clock.now += 2 * day
        assert not await driver.empty_if_due()

    in_a_room(tmp_path, story)


async def _left_while_busy(
    room: Room, leaves: bool, operation: str, client: Caller
) -> None:
    """Ask while the vault's thread is busy; the client *leaves*, or gets its answer."""
    busy, free = threading.Event(), threading.Event()

    def hold(_vault: Vault) -> None:
        busy.set()
        free.wait()

    held = asyncio.ensure_future(room.agent.vault(hold))
    await asyncio.to_thread(busy.wait)
    work = asyncio.ensure_future(room.ask(operation, client))
    await asyncio.sleep(0)
    if leaves:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    free.set()
    await asyncio.gather(held, work, return_exceptions=True)


@pytest.mark.parametrize("leaves", [True, False])
def test_an_import_that_is_interrupted_leaves_nothing(
    leaves: bool, tmp_path: Path
) -> None:
    """Ctrl-C hangs up; who stays gets all of it."""

    async def story(room: Room) -> None:
        client = caller()
        await room.ask("import.begin", client, source="csv")
        rows = [
            {"place": f"row {n}", "fields": {"type": "note", "title": f"n{n}"}}
            for n in range(3)
        ]
        await room.ask("import.items", client, items=rows)

        await _left_while_busy(room, leaves, "import.finish", client)

        found = await room.agent.vault(lambda vault: len(vault.overviews()))
        assert found == (0 if leaves else 3)

    in_a_room(tmp_path, story)


@pytest.mark.parametrize("leaves", [True, False])
def test_an_examination_that_is_interrupted_keeps_nobody_waiting(
    leaves: bool, tmp_path: Path
) -> None:
    """No more passwords are read, and recorded, than the first few."""
    count = 300

    async def story(room: Room) -> None:
        await room.agent.vault(
            lambda vault: vault.add_many(
                ItemDraft("login", f"n{n}", {"password": SecretText(f"pw {n}")})
                for n in range(count)
            )
        )

        await _left_while_busy(room, leaves, "health", caller())

        read = await room.agent.vault(
            lambda vault: sum(1 for _ in vault.log.records(0))
        )
        assert (read < count) is leaves

    in_a_room(tmp_path, story)


def test_a_step_that_leaves_a_transaction_open_is_refused(tmp_path: Path) -> None:
    """Others would write in it, and be undone with it."""

    def work(vault: Vault) -> Steps[None]:
        with vault.storage.transaction():
            vault.add(ItemDraft("note", "half"))
            yield 1

    async def story(room: Room) -> None:
        with pytest.raises(CallerError, match="transaction"):
            await room.agent.in_steps(work)

        assert await room.agent.vault(lambda vault: vault.ids()) == set()

    in_a_room(tmp_path, story)


def test_work_that_needs_the_vault_no_more_ends_at_the_lock_too(tmp_path: Path) -> None:
    """What it has read by then is not given to anybody."""

    async def story(room: Room) -> None:
        begun, locked = threading.Event(), threading.Event()

        def work(_vault: Vault) -> Steps[str]:
            begun.set()
            while not locked.is_set():
                yield 0
            yield 0
            return "what was read before"

        doing = asyncio.ensure_future(room.agent.in_steps(work))
        await asyncio.to_thread(begun.wait)
        await room.agent.lock()
        locked.set()

        with pytest.raises(LockedError):
            await doing

    in_a_room(tmp_path, story)


def test_others_are_answered_between_the_steps(tmp_path: Path) -> None:
    """A step that waits for another client's answer gets it."""

    async def story(room: Room) -> None:
        begun, answered = threading.Event(), threading.Event()

        def work(_vault: Vault) -> Steps[bool]:
            begun.set()
            for _ in range(10_000_000):
                yield 0
                if answered.is_set():
                    return True
            return False

        doing = asyncio.ensure_future(room.agent.in_steps(work))
        await asyncio.to_thread(begun.wait)
        await room.agent.vault(lambda vault: vault.ids())
        answered.set()

        assert await doing

    in_a_room(tmp_path, story)


def test_a_passphrase_is_checked_beside_the_vault_s_thread(tmp_path: Path) -> None:
    """Argon2 takes a second; whoever reads meanwhile does not wait for it."""

    async def story(room: Room) -> None:
        busy, free = threading.Event(), threading.Event()

        def hold(_vault: Vault) -> None:
            busy.set()
            free.wait()

        held = asyncio.ensure_future(room.agent.vault(hold))
        await asyncio.to_thread(busy.wait)
        await opening.unlock(room.agent, _PASSPHRASE, _WHO)
        free.set()
        await held

        with pytest.raises(PassphraseError):
            await opening.unlock(room.agent, SecretText("wrong"), _WHO)

    in_a_room(tmp_path, story)


def test_a_short_list_is_of_what_is_there(tmp_path: Path) -> None:
    """However many in the trash come before: a page of five has five."""

    async def story(room: Room) -> None:
        def fill(vault: Vault) -> None:
            made = vault.add_many(
                ItemDraft("login", f"Site {number:02}", {}) for number in range(30)
            )
            vault.edit_many([(item, {"trashed": "true"}) for item in made[:20]])

        await room.agent.vault(fill)
        for query in ("", "site"):
            listed = await room.ask("list", caller(), query=query, limit=5)
            assert [each.title for each in listed.items] == [
                f"Site {number}" for number in range(20, 25)
            ]

    in_a_room(tmp_path, story)

"""Every way through the agent to a secret leaves a record, or gives nothing.

Every operation in the table is asked, by each kind of caller there is, with what it
takes; nobody has to remember to list a new one. What comes back is searched for
secrets that were planted in the vault.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import clisk
import clisk_sync
import clisk_vault
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import OPERATIONS, Answer, NoParams, Operation
from clisk_vault.access_record import Outcome
from clisk_vault.ids import ItemId
from clisk_vault.vault import Vault
from tests.program.test_agent_vault import Room, caller, in_a_room

_SITE = "https://example.org"
_DIGEST = "ab" * 32
_PLANTED = {
    "password": "planted-password",
    "earlier": "planted-earlier-password",
    "notes": "planted-notes",
    "file": "planted-attachment",
}

# What changes, ends or empties the vault would spoil the questions after it: each is
# asked by itself, for an item of its own, and in this order.
_ASKED_LAST = (
    "watch", "add", "edit", "fill.renew", "history.restore", "settle", "attach.remove",
    "attach.restore", "grants.revoke", "clone", "merge", "trash", "trash.empty",
    "passphrase.change", "lock", "unlock", "stop",
)  # fmt: skip
# What has nothing to say without a relay, another device, or where a vault is
# already. None can ask for a value: test_no_way_to_a_value_begins_there.
_NEED_OTHERS = (
    "init", "sync", "relay.set", "devices.revoke", "devices.rotate", "pair.begin",
    "pair.wait", "pair.confirm", "join.begin", "join.wait",
)  # fmt: skip
_NOT_ASKED = {*_ASKED_LAST, *_NEED_OTHERS}

# These are known to give a secret out. A new one needs no entry: it is asked as well.
_GIVE_OUT = {
    "reveal", "reveal.version", "history.reveal", "attach.get", "konnector.release",
    "fill.release",
}  # fmt: skip


async def _furnish(room: Room) -> ItemId:
    """Make an item with every planted secret, and a grant for a konnector."""
    added = await room.ask(
        "add",
        caller(),
        type="login",
        title="Shop",
        changes={
            "fields": {
                "username": "alice",
                "password": _PLANTED["earlier"],
                "notes": _PLANTED["notes"],
            },
            "uris": [_SITE],
        },
    )
    changed = {"fields": {"password": _PLANTED["password"]}}
    await room.ask("edit", caller(), item=added.item, changes=changed)
    data = base64.b64encode(_PLANTED["file"].encode()).decode()
    await room.ask("attach.add", caller(), item=added.item, name="file", data=data)
    await room.ask(
        "grants.add",
        caller(),
        konnector="shop",
        digest=_DIGEST,
        item=added.item,
        fields=["password", "notes"],
        origins=[_SITE],
        plaintext=["password"],
    )
    return ItemId(bytes.fromhex(added.item))


async def _callers(room: Room, item: ItemId) -> list[Caller]:
    """Return a caller of each kind that the agent tells apart."""
    konnector, filler = caller(), caller()
    await room.ask(
        "konnector.open", konnector, konnector="shop", digest=_DIGEST, item=item.hex()
    )
    await room.ask("fill.open", filler, url=_SITE, item=item.hex())
    return [caller(), konnector, filler]


def _offers(vault: Vault, item: ItemId, folder: Path) -> dict[str, list[Any]]:
    """Return what to ask with, by the name of a parameter."""
    earliest = vault.view(item).fields["password"].versions[-1].stamp
    return {
        "item": [item.hex()],
        "items": [[item.hex()]],
        "field": ["password", "notes"],
        "version": [str(earliest)],
        "number": [1, 2],
        "name": ["file"],
        "purpose": ["test"],
        "origin": [_SITE, None],
        "url": [_SITE],
        "who": ["shop"],
        "query": ["planted", ""],
        "konnector": ["other"],
        "digest": [_DIGEST],
        "index": [0, 1],
        "days": [30],
        "value": ["kept"],
        "data": ["aGVsbG8="],
        "folder": [str(folder / "out")],
        "to": ["a folder"],
        "fields": [["password"]],
        "origins": [[_SITE]],
        "device": ["laptop"],
    }


def _params(row: Operation, offers: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield parameters to try: each offer for each parameter, the first for others."""
    names = [name for name in row.params.model_fields if name in offers]
    first = {name: offers[name][0] for name in names}
    required = {n for n, f in row.params.model_fields.items() if f.is_required()}
    yield {name: value for name, value in first.items() if name in required}
    for name in names:
        for value in offers[name]:
            yield {**first, name: value}
            only = {n: v for n, v in first.items() if n in required}
            yield {**only, name: value}


def _has_secret(answer: Answer) -> bool:
    text = answer.model_dump_json()
    return any(
        plain in text or base64.b64encode(plain.encode()).decode() in text
        for plain in _PLANTED.values()
    )


async def _ask_all(room: Room, folder: Path) -> tuple[set[str], list[str]]:
    """Return which operations gave a secret out, and which of them unrecorded."""
    item = await _furnish(room)
    offers = await room.agent.vault(lambda vault: _offers(vault, item, folder))
    gave, unrecorded = set[str](), list[str]()
    for name, row in OPERATIONS.items():
        if name in _NOT_ASKED:
            continue
        for asker in await _callers(room, item):
            for params in _params(row, offers):
                before = await room.agent.vault(lambda vault: vault.log.size)
                answer = await _answer(room, row, asker, params)
                if answer is None or not _has_secret(answer):
                    continue
                gave.add(name)
                recorded = partial(_granted, item=item, start=before)
                if not await room.agent.vault(recorded):
                    unrecorded.append(f"{name} {params}")
    return gave, unrecorded


def _granted(vault: Vault, *, item: ItemId, start: int) -> bool:
    """Say whether a read of *item* was recorded as granted since entry *start*."""
    return any(
        record.outcome is Outcome.GRANTED and record.item == item
        for _, record in vault.log.records(start)
    )


async def _answer(
    room: Room, row: Operation, asker: Caller, params: dict[str, Any]
) -> Answer | None:
    """Return the answer, or None where the operation refuses."""
    try:
        model = row.params.model_validate(params)
        async with asyncio.timeout(5):
            return await row.run(room.agent, asker, model)
    except Exception:  # noqa: BLE001  # whatever it refuses with, it gives nothing
        return None


def test_every_operation_that_gives_a_secret_out_records_it(tmp_path: Path) -> None:
    """Control: those that are known to give one out were found giving it out."""

    async def story(room: Room) -> None:
        gave, unrecorded = await _ask_all(room, tmp_path)

        assert unrecorded == []
        assert gave >= _GIVE_OUT

    in_a_room(tmp_path / "home", story)


def test_with_a_log_that_cannot_be_written_no_operation_gives_a_secret_out(
    tmp_path: Path,
) -> None:
    """The same questions to a read-only file: nothing planted comes back."""

    async def story(room: Room) -> None:
        item = await _furnish(room)
        offers = await room.agent.vault(lambda v: _offers(v, item, tmp_path))
        askers = await _callers(room, item)
        await room.agent.vault(lambda v: v.storage.execute("PRAGMA query_only = ON"))
        gave = [
            f"{name} {params}"
            for name, row in OPERATIONS.items()
            if name not in _NOT_ASKED
            for asker in askers
            for params in _params(row, offers)
            if (answer := await _answer(room, row, asker, params)) is not None
            and _has_secret(answer)
        ]
        await room.agent.vault(lambda v: v.storage.execute("PRAGMA query_only = OFF"))

        assert gave == []

    in_a_room(tmp_path / "home", story)


async def _params_last(room: Room, item: ItemId) -> dict[str, dict[str, Any]]:
    """Return what each operation of _ASKED_LAST takes to do its work once."""
    whole = await room.ask("view", caller(), item=item.hex())
    assert whole.item == item.hex()
    other = await room.ask(
        "add", caller(), type="login", title="Shop", changes={"fields": {"notes": "n"}}
    )

    def stamp(vault: Vault) -> str:
        return str(vault.view(item).fields["password"].versions[-1].stamp)

    version = await room.agent.vault(stamp)
    grants = await room.ask("grants.list", caller())
    of_item = {"item": item.hex()}
    at = {**of_item, "field": "password", "version": version}
    return {
        "watch": {"seen": 0, "seconds": 0.1},
        "add": {"type": "login", "title": "New", "changes": {"fields": {"notes": "n"}}},
        "edit": {**of_item, "changes": {"fields": {"username": "bob"}}},
        "fill.renew": {"origin": _SITE},
        "history.restore": at,
        "settle": at,
        "attach.remove": {**of_item, "name": "file"},
        "attach.restore": {**of_item, "name": "file"},
        "grants.revoke": {"grant": grants.grants[-1].grant},
        "clone": of_item,
        "merge": {"keep": item.hex(), "items": [other.item]},
        "trash": of_item,
        "trash.empty": {"items": [item.hex()]},
        "passphrase.change": {"old": "horse", "new": "horse"},
        "unlock": {"passphrase": "horse"},
    }


def test_what_changes_or_ends_the_vault_gives_nothing_out(tmp_path: Path) -> None:
    """Each is asked so that it does its work, and by the confined; nothing comes."""

    async def story(room: Room) -> None:
        item, did, gave = await _furnish(room), set[str](), list[str]()
        params = await _params_last(room, item)
        askers = await _callers(room, item)
        for name in _ASKED_LAST:
            for asker in reversed(askers):
                given = params.get(name, {})
                answer = await _answer(room, OPERATIONS[name], asker, given)
                if answer is not None:
                    did.add(name)
                    gave += [name] * _has_secret(answer)
        assert gave == []
        assert did == set(_ASKED_LAST)

    in_a_room(tmp_path, story)


def test_no_way_to_a_value_begins_there() -> None:
    """Control: the module that reveals is found to. Syncing never asks for a value."""
    assert OPERATIONS.keys() >= _NOT_ASKED
    asking = {
        path
        for package in (clisk, clisk_sync)
        for path in Path(str(package.__file__)).parent.rglob("*.py")
        if _names(path) & {"reveal", "reveal_many", "open_field", "read_attachment"}
    }
    others = {_file_of(OPERATIONS[name]) for name in _NEED_OTHERS}

    assert _file_of(OPERATIONS["reveal"]) in asking
    assert not asking & others
    assert not [path for path in asking if "clisk_sync" in path.parts]


def _file_of(row: Operation) -> Path:
    return Path(str(sys.modules[row.run.__module__].__file__))


class _Stolen(Answer):
    value: str


async def _way_around(agent: Agent, _caller: Caller, _params: NoParams) -> _Stolen:
    """Open a seal without asking reveal()."""

    def work(vault: Vault) -> _Stolen:
        reader = vault._reader
        (item,) = (each.item for each in vault.overviews())
        stored = vault._items.load(item)
        version = stored.view.fields["password"].current
        place = (vault.id, item, "password", version.source)
        from clisk_vault.entry import value_key
        from clisk_vault.field_seal import FieldPlace, open_field

        sealed = stored.entries[value_key("password", version.source)]
        assert isinstance(sealed, bytes)
        opened = open_field(reader._epochs.secret, sealed, place=FieldPlace(*place))
        return _Stolen(value=opened.expose())

    return await agent.vault(work)


def test_a_way_around_the_log_that_was_planted_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control for all of this: a new operation that bypasses reveal() is named."""
    row = Operation("steal", NoParams, _Stolen, _way_around, counts_as_use=True)
    monkeypatch.setitem(OPERATIONS, "steal", row)

    async def story(room: Room) -> None:
        _, unrecorded = await _ask_all(room, tmp_path)

        assert {each.split()[0] for each in unrecorded} == {"steal"}

    in_a_room(tmp_path / "home", story)


# --- by reading the code

# Who opens seals at all, and of what. A module that is new here opens something that
# nobody has judged: if it is a field, it has to be opened by reveal().
_OPENERS = {
    "clisk_vault/field_seal.py": "fields: by reveal() alone, see test_reveal.py",
    "clisk_vault/attachment.py": "chunks, with a key that reveal() gave",
    "clisk_vault/log_entry.py": "entries of the access log",
    "clisk_vault/local_seal.py": "rows of this device",
    "clisk_vault/vault_file.py": "device secrets, with the passphrase",
    "clisk_sync/device_name.py": "names of devices",
    "clisk_sync/envelope.py": "envelopes: documents in which fields stay sealed",
    "clisk_sync/epochs.py": "epoch secrets",
    "clisk_sync/pairing_messages.py": "messages of a pairing",
    "clisk_sync/snapshot.py": "snapshots: changes in which fields stay sealed",
    "clisk/commands/backup.py": "a file that a person brings, with its passphrase",
}


def _names(path: Path) -> set[str]:
    """Return what a module imports, and every attribute that it names."""
    return {
        node.name if isinstance(node, ast.alias) else node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.alias | ast.Attribute)
    }


def test_nobody_opens_a_seal_unjudged() -> None:
    """`decrypt0` and `open_sealed` are named where this list says, and nowhere else."""
    found = set()
    for package in (clisk, clisk_sync, clisk_vault):
        folder = Path(str(package.__file__)).parent
        for path in folder.rglob("*.py"):
            if _names(path) & {"decrypt0", "open_sealed"}:
                found.add(f"{folder.name}/{path.relative_to(folder).as_posix()}")
    found -= {"clisk_vault/cose.py"}  # where decrypt0 is made of open_sealed

    assert found == set(_OPENERS)

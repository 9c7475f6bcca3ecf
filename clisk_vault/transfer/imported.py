"""Importing: a plan that says what would happen, and doing it, all or nothing.

An item remembers, by keyed digests, what it was given last time. So a second
import of one file changes nothing, and a newer file overwrites only what has
changed at its source since; no secret is read for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from clisk_vault.attachment import MAX_ATTACHMENT_BYTES
from clisk_vault.attachment_store import check_name
from clisk_vault.draft import Edit, FieldValue
from clisk_vault.entry import MAX_VALUE_BYTES
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.ids import ITEM_ID_LENGTH, ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_batch import Batch
from clisk_vault.keys import ImportKey
from clisk_vault.labels import Label
from clisk_vault.primitives import derive, hmac_sha256, sha256
from clisk_vault.steps import Steps, finish
from clisk_vault.vault import Vault

MAX_FIELDS = 800
# A seal takes its part of what a value may be.
_MAX_TEXT_BYTES = MAX_VALUE_BYTES - 512
_DIGEST_BYTES = 8
# What is kept here although it is gone at its source: what fell off the end of a
# list that only grows, files, and that an item asks for the passphrase.
_FILE = "file:"
_STAYING = ("history.", _FILE, "reprompt")


class Action(Enum):
    """What an import does with one item."""

    ADD = "added"
    MERGE = "merged"
    SKIP = "skipped"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to an item."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForeignItem:
    """An item of an export, in our fields."""

    key: str | None
    """The source's id for it; None where the source has none."""
    place: str
    fields: Mapping[str, FieldValue] = field(repr=False)
    kept_aside: tuple[str, ...] = ()
    attached: tuple[Attached, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names and sizes of files that a person chose to leave out."""


def without_large_files(item: ForeignItem) -> ForeignItem:
    """Return *item* without the files that no vault holds, and says which."""
    large = [f for f in item.attached if len(f.data) > MAX_ATTACHMENT_BYTES]
    if not large:
        return item
    return replace(
        item,
        attached=tuple(each for each in item.attached if each not in large),
        left_out=tuple(f"{each.name} ({len(each.data):,} bytes)" for each in large),
    )


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """All that a file holds, in our terms."""

    source: str
    items: tuple[ForeignItem, ...]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """What an import does with one item, and why."""

    item: ItemId
    action: Action
    type: str
    title: str
    changes: tuple[str, ...]
    """The fields that are written."""
    kept_aside: tuple[str, ...]
    """The source's names of what had no field of its own; kept word for word."""
    edit: Edit = field(repr=False)
    files: tuple[Attached, ...] = ()
    """What is attached; what was attached before is not attached again."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do."""

    source: str
    items: tuple[PlannedItem, ...]
    folders: tuple[str, ...]

    def count(self, action: Action) -> int:
        """Return how many items that is done with."""
        return sum(each.action is action for each in self.items)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    source: str
    added: int
    merged: int
    skipped: int
    folders: int
    kept_aside: tuple[tuple[str, tuple[str, ...]], ...]
    """Titles of items with something that had no field of its own, and its names."""


def plan_file(vault: Vault, file: ForeignFile) -> ImportPlan:
    """Return what importing *file* into *vault* would do; raises as planning()."""
    return finish(planning(vault, file))


def planning(vault: Vault, file: ForeignFile) -> Steps[ImportPlan]:
    """Return what importing *file* into *vault* would do, each item looked at once.

    Raises:
        FormatError: an item that no vault can hold; names its place.
    """
    return (yield from _planning(_Memory(vault, file.source), file))


def run_plan(vault: Vault, plan: ImportPlan) -> ImportReport:
    """Do what *plan* says, in one transaction, and return what was done.

    Raises:
        CallerError: the vault changed since the plan was made; plan again.
    """
    with vault.batch() as batch:
        for each in plan.items:
            _make_ready(batch, each)
        return _keep(vault, plan, batch)


def importing(
    vault: Vault,
    file: ForeignFile,
    review: Callable[[ImportPlan], Steps[ImportPlan]] | None = None,
) -> Steps[tuple[ImportPlan, ImportReport]]:
    """Plan the import of *file* and do it; return what was planned, and done.

    All is made ready in steps and kept in one transaction, the last step. An item that
    was written or forgotten after it was planned is planned anew before that, with what
    it has then.

    Args:
        vault: where to.
        file: all that is to be imported.
        review: looks at the whole plan, and may leave more items as they are.

    Raises:
        FormatError: as planning(). CallerError: the same item twice.
    """
    memory = _Memory(vault, file.source)
    with vault.batch() as batch:
        plan = yield from _planning(memory, file)
        if review is not None:
            plan = yield from review(plan)
        planned = list(plan.items)
        todo, again = list(range(len(planned))), False
        while todo:
            for at in todo:
                yield at
                before = planned[at]
                if before.action is Action.SKIP:
                    continue
                if again or before.item in batch.noticed:
                    planned[at] = memory.plan(file.items[at], item=before.item)
                _make_ready(batch, planned[at])
            outdated = batch.drop_outdated()
            todo = [at for at, each in enumerate(planned) if each.item in outdated]
            again = True
        plan = replace(plan, items=tuple(planned))
        return plan, _keep(vault, plan, batch)


def _planning(memory: _Memory, file: ForeignFile) -> Steps[ImportPlan]:
    planned = list[PlannedItem]()
    for done, each in enumerate(file.items):
        yield done
        planned.append(memory.plan(each))
    return ImportPlan(file.source, tuple(planned), file.folders)


def _make_ready(batch: Batch, planned: PlannedItem) -> None:
    if planned.action is Action.ADD:
        fields = {name: v for name, v in planned.edit.items() if v is not None}
        named = {"type": planned.type, "title": planned.title}
        batch.write(planned.item, {**named, **fields}, new=True)
    elif planned.action is Action.MERGE:
        batch.write(planned.item, planned.edit, new=False)


def _keep(vault: Vault, plan: ImportPlan, batch: Batch) -> ImportReport:
    with vault.storage.transaction():
        before = set(vault.folders())
        batch.keep()
        vault.add_folders(plan.folders)
        for each in plan.items:
            for file in each.files:
                vault.attachments.add(each.item, file.name, file.data)
    return ImportReport(
        plan.source,
        added=plan.count(Action.ADD),
        merged=plan.count(Action.MERGE),
        skipped=plan.count(Action.SKIP),
        folders=len(set(plan.folders) - before),
        kept_aside=tuple(
            (each.title, each.kept_aside)
            for each in plan.items
            if each.kept_aside and each.action is not Action.SKIP
        ),
    )


class _Memory:
    """Knows what each item was given last time."""

    def __init__(self, vault: Vault, source: str) -> None:
        self._vault = vault
        self._source = source
        self._field = f"imported.{source}"
        # The oldest epoch: every device has it, so each knows what another imported.
        self._key = derive(
            vault.epochs.secret(vault.epochs.numbers()[0]),
            Label.IMPORT_KEY,
            vault.id,
            ImportKey,
        )
        self._nameless: Counter[bytes] = Counter()

    def plan(self, foreign: ForeignItem, *, item: ItemId | None = None) -> PlannedItem:
        """Return what to do with one item; *item*: its id, where it is planned anew."""
        _check(foreign)
        digests = {name: self._digest(name, v) for name, v in foreign.fields.items()}
        if item is None:
            item = self._item_id(foreign, digests)
        files = {self._file_digest(each): each for each in foreign.attached}
        edit: dict[str, FieldValue | None] = dict(foreign.fields)
        action = Action.ADD
        if self._vault.title(item) is not None:
            view = self._vault.view(item)
            edit = self._changes(view, foreign.fields, digests)
            before = _read(view.text(self._field))
            files = {
                digest: file for digest, file in files.items() if digest not in before
            }
            action = Action.MERGE if edit or files else Action.SKIP
        changes = (*sorted(edit), *(f"file {each.name}" for each in files.values()))
        if edit or files:
            attached = map(self._file_digest, foreign.attached)
            edit[self._field] = _spell(digests | dict.fromkeys(attached, "1"))
        return PlannedItem(
            item,
            action,
            _text(foreign.fields.get("type")),
            _text(foreign.fields.get("title")),
            changes,
            foreign.kept_aside,
            edit,
            tuple(files.values()),
        )

    def _changes(
        self,
        view: ItemView,
        fields: Mapping[str, FieldValue],
        digests: Mapping[str, str],
    ) -> dict[str, FieldValue | None]:
        """Return what has changed at the source since the last import."""
        before = _read(view.text(self._field))
        edit: dict[str, FieldValue | None] = {
            name: value
            for name, value in fields.items()
            if before.get(name) != digests[name]
        }
        gone = before.keys() - fields.keys()
        edit |= {name: None for name in gone if not name.startswith(_STAYING)}
        return edit

    def _item_id(self, foreign: ForeignItem, digests: Mapping[str, str]) -> ItemId:
        """Return the id under which this vault knows the item, on every device.

        Keyed, so that an id tells nobody whether a vault holds a certain item.
        """
        if foreign.key is not None:
            parts = [b"id", foreign.key.encode()]
        else:
            # Told apart by their values alone, and twins by their order.
            values = _spell(digests).encode()
            self._nameless[values] += 1
            parts = [b"values", values, str(self._nameless[values]).encode()]
        return ItemId(self._hmac(*parts)[:ITEM_ID_LENGTH])

    def _file_digest(self, file: Attached) -> str:
        digest = self._hmac(b"file", file.name.encode(), sha256(file.data))
        return _FILE + digest[:_DIGEST_BYTES].hex()

    def _digest(self, name: str, value: FieldValue) -> str:
        return self._hmac(b"value", name.encode(), _text(value).encode())[
            :_DIGEST_BYTES
        ].hex()

    def _hmac(self, *parts: bytes) -> bytes:
        framed = (len(part).to_bytes(4) + part for part in parts)
        return hmac_sha256(self._key, self._source.encode() + b"\0", *framed)


def _check(foreign: ForeignItem) -> None:
    """Refuse what the vault would refuse later, by its place in the file."""
    if len(foreign.fields) > MAX_FIELDS:
        raise FormatError(
            f"{foreign.place}: {len(foreign.fields)} fields, at most {MAX_FIELDS}"
            " fit into one item",
            advice="split the item at its source, then export again",
        )
    for file in foreign.attached:
        _check_file(file, foreign.place)
    for name, value in foreign.fields.items():
        try:
            size = len(_text(value).encode())
        except UnicodeEncodeError:
            raise FormatError(f"{foreign.place}: {name} is not Unicode text") from None
        if size > _MAX_TEXT_BYTES:
            raise FormatError(
                f"{foreign.place}: {name} has {size} bytes, at most"
                f" {_MAX_TEXT_BYTES} fit into one field",
                advice="shorten it at its source, then export again",
            )


def _check_file(file: Attached, place: str) -> None:
    try:
        check_name(file.name)
    except CallerError as err:
        raise FormatError(f"{place}: {err}") from None
    if len(file.data) > MAX_ATTACHMENT_BYTES:
        raise FormatError(
            f"{place}: a file of {len(file.data):,} bytes, at most"
            f" {MAX_ATTACHMENT_BYTES:,} fit",
            advice="import with --without-large-files, which leaves such files out and"
            " says which",
        )


def _text(value: FieldValue | None) -> str:
    return value.expose() if not isinstance(value, str | None) else value or ""


def _spell(digests: Mapping[str, str]) -> str:
    return " ".join(f"{name}={digests[name]}" for name in sorted(digests))


def _read(text: str | None) -> dict[str, str]:
    pairs = (each.partition("=") for each in (text or "").split())
    return {name: digest for name, _, digest in pairs}

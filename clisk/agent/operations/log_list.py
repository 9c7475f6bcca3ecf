"""log.list, log.show: who read what. log.verify says whether it can be trusted."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import TypeVar

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.labels import labelled_fields
from clisk.agent.log_check import witnesses
from clisk.agent.log_choice import ChosenLog, choose_logs
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.access_record import AccessRecord, Outcome, RequesterKind, Use
from clisk_vault.attachment_store import KIND as ATTACHMENT
from clisk_vault.errors import CallerError
from clisk_vault.ids import GRANT_ID_LENGTH, GrantId, ItemId, parse_hex
from clisk_vault.item_types import element_field, split_element
from clisk_vault.log_leaf import Leaf
from clisk_vault.log_page import LogFilter
from clisk_vault.log_place import place_in_log
from clisk_vault.log_view import LogView, split_origin
from clisk_vault.merkle import leaf_hash
from clisk_vault.vault import Vault

_MAX_LISTED = 100_000
_Kind = TypeVar("_Kind", Outcome, RequesterKind)


class LogParams(Params):
    """Which records: all that match, at most *last* of them, the newest.

    *before*: of those with a lower number, for the page before; of one log only.
    *device*: a name, or the beginning of an id; *incarnation*: which log of it.
    Times in ms.
    """

    last: int = Field(default=50, ge=1, le=_MAX_LISTED)
    before: int | None = Field(default=None, ge=0)
    item: str | None = None
    konnector: str | None = None
    device: str | None = None
    all_devices: bool = False
    incarnation: int | None = Field(default=None, ge=1)
    origin: str | None = None
    grant: str | None = None
    outcome: str | None = None
    kind: str | None = None
    use: str | None = None
    purpose: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class LogLine(Answer):
    """One request to read a secret, and what came of it.

    *incarnation* and *index*: in which log of the device, and where in it.
    *label*: what the item calls the field now, where it has it still.
    """

    incarnation: int
    index: int
    time_ms: int
    outcome: str
    kind: str
    name: str
    digest: str | None
    item: str | None
    title: str | None
    field: str | None
    label: str | None
    use: str
    origin: str | None
    purpose: str
    grant: str | None
    device: str


class ListedLog(Answer):
    """A log that was looked through."""

    device: str
    device_name: str
    incarnation: int


class LogAnswer(Answer):
    """The newest records that match, oldest first; *before*: ask so for the rest.

    Of several logs, records are in each log's own order and otherwise by the time
    that they bear, which proves nothing; *more*: there are older ones.
    """

    records: list[LogLine]
    before: int | None
    more: bool
    logs: list[ListedLog]


@operation("log.list", LogParams, LogAnswer)
async def list_log(agent: Agent, _caller: Caller, params: LogParams) -> LogAnswer:
    """List the newest records that match, of this device's logs or of others'."""
    driver = agent.driver
    await agent.catch_up_with_log()

    def work() -> LogAnswer:
        vault = driver.vault
        wanted = _filter(vault, params)
        chosen = choose_logs(
            driver,
            device=params.device,
            all_devices=params.all_devices,
            incarnation=params.incarnation,
        )
        if params.before is not None and len(chosen) > 1:
            raise CliskError(
                "entries have numbers within one log, and there are several",
                advice="choose one: --device, --incarnation; or a time: --until",
            )
        newest, more = _newest(vault, chosen, wanted, params)
        return LogAnswer(
            records=newest,
            before=newest[0].index if more and len(chosen) == 1 else None,
            more=more,
            logs=[
                ListedLog(
                    device=each.member.id.hex(),
                    device_name=driver.name_of(each.member),
                    incarnation=each.incarnation,
                )
                for each in chosen
            ],
        )

    return await agent.thread.run(work)


def _newest(
    vault: Vault, chosen: list[ChosenLog], wanted: LogFilter, params: LogParams
) -> tuple[list[LogLine], bool]:
    """Return the newest lines of the logs, oldest first, and if there are more."""
    lists = []
    for each in chosen:
        found = each.find(wanted, before=params.before, limit=params.last + 1)
        # One more than is shown, so that it is known whether there are more.
        lists.append(reversed(log_lines(vault, reversed(found), log=each.log)))
    merged = list(heapq.merge(*lists, key=lambda line: line.time_ms, reverse=True))
    shown = merged[: params.last]
    return shown[::-1], len(merged) > len(shown)


def _filter(vault: Vault, params: LogParams) -> LogFilter:
    kind = _named(RequesterKind, params.kind, "kind of requester")
    if params.konnector is not None:
        kind = RequesterKind.KONNECTOR
    return LogFilter(
        outcome=_named(Outcome, params.outcome, "outcome"),
        kind=kind,
        use=None if params.use is None else Use.of(params.use),
        item=None if params.item is None else item_meant(vault, params.item),
        name=params.konnector,
        origin=params.origin,
        grant=None
        if params.grant is None
        else GrantId(parse_hex(params.grant, length=GRANT_ID_LENGTH, what="grant id")),
        purpose=params.purpose,
        since_ms=params.since_ms,
        until_ms=params.until_ms,
    )


def item_meant(vault: Vault, meant: str) -> ItemId:
    """Return the item; one that is gone can still be asked about by its whole id."""
    try:
        return resolve_item(vault, meant)
    except CliskError:
        if len(meant) != 2 * len(ItemId(bytes(16))):
            raise
        return ItemId(parse_hex(meant, length=16, what="item id"))


def _named(kind: type[_Kind], word: str | None, what: str) -> _Kind | None:
    if word is None:
        return None
    for one in kind:
        if one.name.lower() == word:
            return one
    words = ", ".join(one.name.lower() for one in kind)
    raise CliskError(f"no such {what}", advice=f"one of: {words}")


def log_lines(
    vault: Vault, indexes: Iterable[int], *, log: LogView | None = None
) -> list[LogLine]:
    """Return what each of these entries says, checked against its leaf.

    *log*: the one that they are of, the one that this device writes by default.
    """
    log = log or vault.log
    return [
        _line(vault, log, index, record)
        for at in indexes
        for index, record in log.records(at, at + 1)
    ]


def _line(vault: Vault, log: LogView, index: int, record: AccessRecord) -> LogLine:
    title = None if record.item is None else vault.title(record.item)
    where = {"incarnation": split_origin(log.origin)[1], "index": index}
    label = None if record.field is None else _label(vault, record.item, record.field)
    return LogLine.model_validate(
        {**where, "title": title, "label": label, **record.to_json()}
    )


def _label(vault: Vault, item: ItemId | None, field: str) -> str:
    """Return what a person calls *field*, of an earlier version without its stamp."""
    name, _, stamp = field.partition("/")
    parts = split_element(name)
    if parts is not None and item is not None and vault.title(item) is not None:
        view = vault.view(item)
        labels = {each.field.name: each.label for each in labelled_fields(view)}
        if parts[0] == ATTACHMENT:
            # What opens a file has no name of its own: it is the file's.
            name = labels.get(element_field(parts[0], parts[1], "size"), name)
        name = labels.get(name, name)
    return f"{name} (earlier)" if stamp else name


class ShowParams(Params):
    """Which entry; of this device's newest log, unless another is named."""

    index: int = Field(ge=0, lt=1 << 32)
    device: str | None = None
    incarnation: int | None = Field(default=None, ge=1)


class ProofState(Answer):
    """How an entry stands in the log: checked now, against the newest head.

    *head*: how many entries the head has that closes this one; null: none closes it.
    *included*: the path from the leaf to the root of the newest head holds.
    *witnesses*: devices that countersigned a head over this entry.
    """

    head: int | None
    newest_head: int
    included: bool
    witnesses: list[str]


class EntryAnswer(Answer):
    """One entry with what its leaf commits to; a mark of the log has no record.

    *erased*: what it said is gone, by the retention policy, and the log says so.
    """

    index: int
    type: str
    erased: bool
    time_ms: int | None
    device: str | None
    record: LogLine | None
    leaf: str
    leaf_hash: str
    commitment: str
    ciphertext_hash: str
    has_head: bool
    proof: ProofState


@operation("log.show", ShowParams, EntryAnswer)
async def show(agent: Agent, _caller: Caller, params: ShowParams) -> EntryAnswer:
    """Show one entry of an access log, checked against its leaf."""
    driver = agent.driver

    def work() -> EntryAnswer:
        *_, newest = choose_logs(
            driver, device=params.device, incarnation=params.incarnation
        )
        return _show(newest, params.index)

    return await agent.thread.run(work)


def _show(chosen: ChosenLog, at: int) -> EntryAnswer:
    vault, log = chosen.driver.vault, chosen.log
    entry = next(log.entries(at, at + 1), None)
    row = next(log.rows(at, at + 1), None)
    if entry is None or row is None:
        raise CallerError(f"there is no entry {at}", advice="clisk log list")
    leaf, content = Leaf.parse(row.leaf), entry.content
    return EntryAnswer(
        index=at,
        type=entry.type.name.lower().replace("_", "-"),
        erased=content is None,
        time_ms=None if content is None else content.time_ms,
        device=None if content is None else content.device.hex(),
        record=_line(vault, log, at, content)
        if isinstance(content, AccessRecord)
        else None,
        leaf=row.leaf.hex(),
        leaf_hash=leaf_hash(row.leaf).hex(),
        commitment=leaf.commitment.hex(),
        ciphertext_hash=leaf.ciphertext_hash.hex(),
        has_head=row.head is not None,
        proof=_proof(chosen, at),
    )


def _proof(chosen: ChosenLog, at: int) -> ProofState:
    driver, log = chosen.driver, chosen.log
    members = driver.membership.devices.values()
    place = place_in_log(
        log,
        at,
        witnesses(driver, chosen.member.id),
        seen=driver.vault.witness.cosigned(log.origin),
    )
    named = {each.id.hex(): driver.name_of(each) for each in members}
    return ProofState(
        head=place.head,
        newest_head=place.newest,
        included=place.included,
        witnesses=[named[name] for name in place.witnesses],
    )

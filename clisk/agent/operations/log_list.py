"""log.list, log.show: who read what. log.verify says whether it can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.log_check import witnesses
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_vault.access_record import AccessRecord, Outcome, RequesterKind, Use
from clisk_vault.errors import CallerError
from clisk_vault.ids import GRANT_ID_LENGTH, GrantId, ItemId, parse_hex
from clisk_vault.log_leaf import Leaf
from clisk_vault.log_page import LogFilter
from clisk_vault.log_place import place_in_log
from clisk_vault.merkle import leaf_hash
from clisk_vault.vault import Vault

_MAX_LISTED = 100_000
_Kind = TypeVar("_Kind", Outcome, RequesterKind)


class LogParams(Params):
    """Which records: all that match, at most *last* of them, the newest.

    *before*: of those with a lower number, for the page before. Times in ms.
    """

    last: int = Field(default=50, ge=1, le=_MAX_LISTED)
    before: int | None = Field(default=None, ge=0)
    item: str | None = None
    konnector: str | None = None
    device: str | None = None
    origin: str | None = None
    grant: str | None = None
    outcome: str | None = None
    kind: str | None = None
    use: str | None = None
    purpose: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class LogLine(Answer):
    """One request to read a secret, and what came of it."""

    index: int
    time_ms: int
    outcome: str
    kind: str
    name: str
    digest: str | None
    item: str | None
    title: str | None
    field: str | None
    use: str
    origin: str | None
    purpose: str
    grant: str | None
    device: str


class LogAnswer(Answer):
    """The newest records that match, oldest first; *before*: ask so for the rest."""

    records: list[LogLine]
    before: int | None


@operation("log.list", LogParams, LogAnswer)
async def list_log(agent: Agent, _caller: Caller, params: LogParams) -> LogAnswer:
    """List the newest records of this device's access log that match."""

    def work(vault: Vault) -> LogAnswer:
        wanted = _filter(vault, params)
        found = vault.log_index.find(
            wanted, before=params.before, limit=params.last + 1
        )
        shown = found[: params.last]
        lines = log_lines(vault, shown)
        return LogAnswer(
            records=[lines[at] for at in reversed(shown) if at in lines],
            before=shown[-1] if len(found) > len(shown) else None,
        )

    return await agent.vault(work)


def _filter(vault: Vault, params: LogParams) -> LogFilter:
    kind = _named(RequesterKind, params.kind, "kind of requester")
    if params.konnector is not None:
        kind = RequesterKind.KONNECTOR
    if params.device not in {None, vault.device_id.hex()}:
        raise CliskError(
            "the log of another device is on that device",
            advice="run the same command there",
        )
    return LogFilter(
        outcome=_named(Outcome, params.outcome, "outcome"),
        kind=kind,
        use=None if params.use is None else Use.of(params.use),
        item=None if params.item is None else _item(vault, params.item),
        name=params.konnector,
        origin=params.origin,
        grant=None
        if params.grant is None
        else GrantId(parse_hex(params.grant, length=GRANT_ID_LENGTH, what="grant id")),
        purpose=params.purpose,
        since_ms=params.since_ms,
        until_ms=params.until_ms,
    )


def _item(vault: Vault, meant: str) -> ItemId:
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


def log_lines(vault: Vault, indexes: Iterable[int]) -> dict[int, LogLine]:
    """Return what each of these entries says, checked against its leaf."""
    titles = {line.item: line.title for line in vault.overviews()}
    return {
        index: _line(index, record, titles)
        for at in indexes
        for index, record in vault.log.records(at, at + 1)
    }


def _line(index: int, record: AccessRecord, titles: dict[ItemId, str]) -> LogLine:
    title = titles.get(record.item) if record.item is not None else None
    return LogLine.model_validate({"index": index, "title": title, **record.to_json()})


class ShowParams(Params):
    """Which entry."""

    index: int = Field(ge=0, lt=1 << 32)


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
    """Show one entry of this device's access log, checked against its leaf."""
    driver = agent.driver
    return await agent.thread.run(lambda: _show(driver, params.index))


def _show(driver: SyncDriver, at: int) -> EntryAnswer:
    vault = driver.vault
    entry = next(vault.log.entries(at, at + 1), None)
    row = next(vault.log.rows(at, at + 1), None)
    if entry is None or row is None:
        raise CallerError(f"there is no entry {at}", advice="clisk log list")
    leaf, content = Leaf.parse(row.leaf), entry.content
    titles = {line.item: line.title for line in vault.overviews()}
    return EntryAnswer(
        index=at,
        type=entry.type.name.lower().replace("_", "-"),
        erased=content is None,
        time_ms=None if content is None else content.time_ms,
        device=None if content is None else content.device.hex(),
        record=_line(at, content, titles)
        if isinstance(content, AccessRecord)
        else None,
        leaf=row.leaf.hex(),
        leaf_hash=leaf_hash(row.leaf).hex(),
        commitment=leaf.commitment.hex(),
        ciphertext_hash=leaf.ciphertext_hash.hex(),
        has_head=row.head is not None,
        proof=_proof(driver, at),
    )


def _proof(driver: SyncDriver, at: int) -> ProofState:
    members = driver.membership.devices.values()
    vault = driver.vault
    place = place_in_log(
        vault.log,
        at,
        witnesses(driver, vault.device_id),
        seen=vault.witness.cosigned(vault.log.origin),
    )
    named = {each.id.hex(): driver.name_of(each) for each in members}
    return ProofState(
        head=place.head,
        newest_head=place.newest,
        included=place.included,
        witnesses=[named[name] for name in place.witnesses],
    )

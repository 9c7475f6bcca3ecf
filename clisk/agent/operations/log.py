"""log.list, .show, .verify: who read what, and whether the record can be trusted."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_sync.membership import Member
from clisk_vault.access_record import AccessRecord
from clisk_vault.errors import CallerError
from clisk_vault.ids import ItemId
from clisk_vault.log_leaf import Leaf
from clisk_vault.merkle import leaf_hash
from clisk_vault.note import KeyKind, NoteKey
from clisk_vault.vault import Vault
from clisk_vault.verdict import Found, Verdict


class LogParams(Params):
    """How many records, and of which item."""

    last: int = Field(default=50, ge=1, le=100_000)
    item: str | None = None


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
    """The newest records, oldest of them first."""

    records: list[LogLine]


@operation("log.list", LogParams, LogAnswer)
async def list_log(agent: Agent, _caller: Caller, params: LogParams) -> LogAnswer:
    """List the newest records of this device's access log."""

    def work(vault: Vault) -> LogAnswer:
        item = None if params.item is None else resolve_item(vault, params.item)
        found = [
            (index, record)
            for index, record in vault.log.records()
            if item is None or record.item == item
        ]
        titles = {line.item: line.title for line in vault.overviews()}
        return LogAnswer(
            records=[_line(at, record, titles) for at, record in found[-params.last :]]
        )

    return await agent.vault(work)


def _line(index: int, record: AccessRecord, titles: dict[ItemId, str]) -> LogLine:
    title = titles.get(record.item) if record.item is not None else None
    return LogLine.model_validate({"index": index, "title": title, **record.to_json()})


class ShowParams(Params):
    """Which entry."""

    index: int = Field(ge=0, lt=1 << 32)


class EntryAnswer(Answer):
    """One entry with what its leaf commits to; a mark of the log has no record."""

    index: int
    type: str
    time_ms: int
    device: str
    record: LogLine | None
    leaf: str
    leaf_hash: str
    commitment: str
    ciphertext_hash: str
    has_head: bool


@operation("log.show", ShowParams, EntryAnswer)
async def show(agent: Agent, _caller: Caller, params: ShowParams) -> EntryAnswer:
    """Show one entry of this device's access log, checked against its leaf."""

    def work(vault: Vault) -> EntryAnswer:
        at = params.index
        entry = next(vault.log.entries(at, at + 1), None)
        row = next(vault.log.rows(at, at + 1), None)
        if entry is None or row is None:
            raise CallerError(f"there is no entry {at}", advice="clisk log list")
        leaf, content = Leaf.parse(row.leaf), entry.content
        titles = {line.item: line.title for line in vault.overviews()}
        return EntryAnswer(
            index=at,
            type=entry.type.name.lower().replace("_", "-"),
            time_ms=content.time_ms,
            device=content.device.hex(),
            record=_line(at, content, titles)
            if isinstance(content, AccessRecord)
            else None,
            leaf=row.leaf.hex(),
            leaf_hash=leaf_hash(row.leaf).hex(),
            commitment=leaf.commitment.hex(),
            ciphertext_hash=leaf.ciphertext_hash.hex(),
            has_head=row.head is not None,
        )

    return await agent.vault(work)


class Finding(Answer):
    """Something that is not as it was written, or worth knowing."""

    kind: str
    first: int
    last: int
    says: str


class VerdictAnswer(Answer):
    """How far the log can be vouched for, and all that is wrong with it."""

    origin: str
    size: int
    level: str
    intact: bool
    witnessed_size: int
    findings: list[Finding]
    notices: list[Finding]
    sentences: list[str]


@operation("log.verify", NoParams, VerdictAnswer)
async def verify(agent: Agent, _caller: Caller, _params: NoParams) -> VerdictAnswer:
    """Check the whole access log of this device against its membership record."""
    driver = agent.driver

    def work(vault: Vault) -> VerdictAnswer:
        # The key of the first head comes from the signed record, not from the log.
        members = driver.membership
        own = members.known(vault.device_id)
        peers = [witness(each) for each in members.devices.values() if each != own]
        return _verdict(vault.log.verify(own.public.log, peers=peers))

    return await agent.vault(work)


def witness(member: Member) -> NoteKey:
    """Return the key that a device countersigns with: access-log.md §7.3."""
    return NoteKey(member.id.hex(), member.public.cosign, KeyKind.COSIGNATURE)


def _verdict(verdict: Verdict) -> VerdictAnswer:
    return VerdictAnswer(
        origin=verdict.origin,
        size=verdict.size,
        level=verdict.level.value,
        intact=verdict.intact,
        witnessed_size=verdict.witnessed_size,
        findings=[_finding(each) for each in verdict.findings],
        notices=[_finding(each) for each in verdict.notices],
        sentences=verdict.sentences(),
    )


def _finding(found: Found) -> Finding:
    return Finding(
        kind=found.kind.value, first=found.first, last=found.last, says=str(found)
    )

"""access: what somebody may read, and what they did read."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.operations.grants import GrantLine, grant_line
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.membership import Member
from clisk_vault.access_record import Outcome, RequesterKind, Use
from clisk_vault.grants import GrantState
from clisk_vault.log_index import tally_log
from clisk_vault.log_page import LogFilter, Read, Times
from clisk_vault.vault import Vault

_MIN_PREFIX = 6


class NobodyError(CliskError):
    """No grant, konnector or device is meant."""

    default_advice = "look at: clisk grants list, or clisk devices"


class AccessParams(Params):
    """A konnector's name, the beginning of a grant's id, or a device's name or id."""

    who: str = Field(min_length=1)


class ReadLine(Answer):
    """One kind of read: how often it happened, and when last."""

    outcome: str
    use: str
    item: str | None
    title: str | None
    field: str | None
    name: str
    origin: str | None
    times: int
    last_ms: int


class AccessAnswer(Answer):
    """*kind*: konnector, grant or device. A member device may read everything."""

    kind: str
    name: str
    everything: bool
    grants: list[GrantLine]
    reads: list[ReadLine]
    reads_are_known: bool


@operation("access", AccessParams, AccessAnswer)
async def access(agent: Agent, _caller: Caller, params: AccessParams) -> AccessAnswer:
    """Tell what a konnector, a grant or a device may read, and what it read here."""
    driver = agent.driver
    await agent.catch_up_with_log()
    return await agent.thread.run(lambda: _access(driver, params.who))


def _access(driver: SyncDriver, who: str) -> AccessAnswer:
    vault = driver.vault
    grants = vault.grants()
    own = [each for each in grants if each.grant.konnector == who]
    of_konnector = LogFilter(kind=RequesterKind.KONNECTOR, name=who)
    if own or vault.log_index.find(of_konnector, limit=1):
        return _answer(vault, "konnector", who, own, of_konnector)
    member = _member(driver, who)
    if member is not None:
        return _of_device(driver, member)
    found = [each for each in grants if _begins(each.grant.id, who)]
    if len(found) == 1:
        grant = found[0].grant
        wanted = LogFilter(grant=grant.id)
        return _answer(vault, "grant", grant.konnector, found, wanted)
    raise NobodyError(f"{len(found)} grants begin so" if found else "nobody is meant")


def _of_device(driver: SyncDriver, member: Member) -> AccessAnswer:
    # Another device's log came with the sync, as far as that device has told it.
    vault, name = driver.vault, driver.name_of(member)
    if member.id == vault.device_id:
        wanted = LogFilter(device=member.id)
        return _answer(vault, "device", name, [], wanted, everything=True)
    logs = vault.witness.logs(member.id)
    reads: dict[Read, Times] = {}
    for log in logs:
        for read, (times, last_ms) in tally_log(log).items():
            before, before_ms = reads.get(read, (0, 0))
            reads[read] = times + before, max(last_ms, before_ms)
    return _answer(vault, "device", name, [], reads, everything=True, known=bool(logs))


def _answer(
    vault: Vault,
    kind: str,
    name: str,
    grants: list[GrantState],
    wanted: LogFilter | dict[Read, Times],
    *,
    everything: bool = False,
    known: bool = True,
) -> AccessAnswer:
    reads = vault.log_index.tally(wanted) if isinstance(wanted, LogFilter) else wanted
    return AccessAnswer(
        kind=kind,
        name=name,
        everything=everything,
        grants=[grant_line(vault, each) for each in grants],
        reads=[
            ReadLine(
                outcome=Outcome(read.outcome).name.lower(),
                use=Use(read.use).word,
                item=None if read.item is None else read.item.hex(),
                title=None if read.item is None else vault.title(read.item),
                field=read.field,
                name=read.name,
                origin=read.origin,
                times=times,
                last_ms=last_ms,
            )
            for read, (times, last_ms) in sorted(
                reads.items(), key=lambda one: one[1][1], reverse=True
            )
        ],
        reads_are_known=known,
    )


def _member(driver: SyncDriver, who: str) -> Member | None:
    named = [
        each
        for each in driver.membership.devices.values()
        if driver.name_of(each) == who or _begins(each.id, who)
    ]
    if len(named) > 1:
        raise NobodyError(f"{len(named)} devices are meant")
    return named[0] if named else None


def _begins(raw: bytes, digits: str) -> bool:
    return len(digits) >= _MIN_PREFIX and raw.hex().startswith(digits.lower())

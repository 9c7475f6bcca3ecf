"""log.verify: whether the record of who read what can be trusted."""

from __future__ import annotations

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, operation
from clisk_sync.membership import Member
from clisk_vault.note import KeyKind, NoteKey
from clisk_vault.vault import Vault
from clisk_vault.verdict import Found, Verdict


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

"""log.verify, log.evidence: whether the record of who read what can be trusted."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.log_check import Checked, check_others, check_own, members
from clisk.agent.log_choice import member_meant
from clisk.agent.progress import Counter, with_progress
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.sync_driver import SyncDriver
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault
from clisk_vault.verdict import Found


class Finding(Answer):
    """Something that is not as it was written, or worth knowing."""

    kind: str
    first: int
    last: int
    says: str


class LogVerdict(Answer):
    """How far one log can be vouched for, and all that is wrong with it."""

    device: str
    device_name: str
    origin: str
    size: int
    level: str
    intact: bool
    witnessed_size: int
    witnesses: list[str]
    findings: list[Finding]
    notices: list[Finding]
    sentences: list[str]


class VerdictAnswer(LogVerdict):
    """The log of this device; *earlier*: those it closed; *others*: of other devices.

    *unheard*: devices of whose logs nothing has come here yet. *all_intact*: nothing is
    wrong with any log that was checked.
    """

    earlier: list[LogVerdict]
    others: list[LogVerdict]
    unheard: list[str]
    all_intact: bool


class VerifyParams(Params):
    """Whether other devices' logs are checked too."""

    all_devices: bool = False


@operation("log.verify", VerifyParams, VerdictAnswer)
async def verify(agent: Agent, caller: Caller, params: VerifyParams) -> VerdictAnswer:
    """Check whole access logs against the membership records and what peers saw."""
    driver, count = agent.driver, Counter()

    def work(_vault: Vault) -> Steps[VerdictAnswer]:
        *earlier, own = yield from check_own(driver)
        others = (yield from check_others(driver)) if params.all_devices else []
        heard = {each.member.id for each in others} | {driver.vault.device_id}
        verdicts = [each.verdict for each in (*earlier, own, *others)]
        return VerdictAnswer(
            **_verdict(driver, own).model_dump(),
            earlier=[_verdict(driver, each) for each in earlier],
            others=[_verdict(driver, each) for each in others],
            unheard=[
                driver.name_of(each)
                for each in members(driver)
                if params.all_devices and each.id not in heard
            ],
            all_intact=all(verdict.intact for verdict in verdicts),
        )

    doing = agent.in_steps(work, on_step=count.count)
    return await with_progress(caller, doing, count.read)


class Fork(Answer):
    """Two heads of one log that no single history leads to, as anybody can check.

    *evidence*: the file of protocol/access-log.md §11.5, in hex.
    """

    origin: str
    smaller: str
    larger: str
    evidence: str


class EvidenceAnswer(Answer):
    """All evidence of forks that this device keeps, oldest first."""

    forks: list[Fork]


@operation("log.evidence", NoParams, EvidenceAnswer)
async def evidence(agent: Agent, _caller: Caller, _params: NoParams) -> EvidenceAnswer:
    """List the evidence of logs that were shown in two ways."""
    return await agent.vault(
        lambda vault: EvidenceAnswer(
            forks=[
                Fork(
                    origin=each.check(),
                    smaller=each.small.decode(),
                    larger=each.large.decode(),
                    evidence=each.encode().hex(),
                )
                for each in vault.witness.evidence()
            ]
        )
    )


class HeadsParams(Params):
    """A device's name, or the beginning of its id."""

    device: str = Field(min_length=1)


class HeadsAnswer(Answer):
    """Heads of a device's logs that this device has countersigned, the newest last."""

    heads: list[str]


@operation("log.heads", HeadsParams, HeadsAnswer)
async def heads(agent: Agent, _caller: Caller, params: HeadsParams) -> HeadsAnswer:
    """Give what this device countersigned of another's logs, for somebody outside."""
    driver = agent.driver

    def work() -> HeadsAnswer:
        vault = driver.vault
        meant = member_meant(driver, params.device)
        own = vault.device_id.hex()
        return HeadsAnswer(
            heads=[
                note.encode().decode()
                for log in vault.witness.logs(meant.id)
                for note in vault.witness.cosigned(log.origin)
                if any(line.name == own for line in note.lines)
            ]
        )

    return await agent.thread.run(work)


def _verdict(driver: SyncDriver, checked: Checked) -> LogVerdict:
    verdict = checked.verdict
    names = {each.id.hex(): driver.name_of(each) for each in members(driver)}
    sentences = verdict.sentences()
    for device in verdict.witnesses:
        sentences = [each.replace(device, names[device]) for each in sentences]
    return LogVerdict(
        device=checked.member.id.hex(),
        device_name=names[checked.member.id.hex()],
        origin=verdict.origin,
        size=verdict.size,
        level=verdict.level.value,
        intact=verdict.intact,
        witnessed_size=verdict.witnessed_size,
        witnesses=[names[device] for device in verdict.witnesses],
        findings=[_finding(each) for each in verdict.findings],
        notices=[_finding(each) for each in verdict.notices],
        sentences=sentences,
    )


def _finding(found: Found) -> Finding:
    return Finding(
        kind=found.kind.value, first=found.first, last=found.last, says=str(found)
    )

"""recovery.begin, recovery.confirm, recovery.use: a vault that survives its devices.

The page is written between begin and confirm: a kit that nobody holds is no member.
"""

from __future__ import annotations

from clisk.agent import opening
from clisk.agent.at_once import at_once
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.drafted_kit import DraftedKit
from clisk.agent.opening import refuse_second_vault
from clisk.agent.operations.life import UnlockSeconds
from clisk.agent.progress import with_progress
from clisk.agent.recovering import Recovering, record_recovery
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk.agent.settings import Settings, save_settings
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.device_name import check_name
from clisk_sync.record import parse_unverified_record
from clisk_sync.recovery_kit import Kit, check_kit_relay, parse_kit
from clisk_sync.recovery_words import parse_printed_vault_id, parse_words
from clisk_vault.vault import Vault


class KitParams(Params):
    """The passphrase, asked for once more, and what the kit shall be called."""

    passphrase: Secret
    name: str


class KitAnswer(Answer):
    """A kit that is no member yet: its text is the secret, and for paper only."""

    text: str
    name: str
    device: str
    vault_id: str
    safety_code: str
    made_ms: int


class KitMemberAnswer(Answer):
    """A kit that is a member now."""

    name: str
    device: str


@operation("recovery.begin", KitParams, KitAnswer)
async def begin(agent: Agent, caller: Caller, params: KitParams) -> KitAnswer:
    """Draw a recovery kit, which whoever holds it can read all with; recorded first."""
    check_name(params.name)
    _ = agent.driver  # locked: an open screen is asked for, and the passphrase too
    await opening.unlock(agent, params.passphrase, caller.requester, opens=False)

    async def work(driver: SyncDriver) -> DraftedKit:
        return await DraftedKit.draw(driver, params.name)

    with at_once():
        drafted = caller.kit = await agent.sync(work)
    return KitAnswer(
        text=drafted.kit.text(),
        name=drafted.name,
        device=drafted.public.id.hex(),
        vault_id=drafted.kit.vault.hex(),
        safety_code=drafted.safety_code,
        made_ms=drafted.made_ms,
    )


class ConfirmKitParams(Params):
    """The kit that was drawn on this connection, by its device's id."""

    device: str


@operation("recovery.confirm", ConfirmKitParams, KitMemberAnswer)
async def confirm(
    agent: Agent, caller: Caller, params: ConfirmKitParams
) -> KitMemberAnswer:
    """Make the kit that was drawn on this connection a member of the vault."""
    drafted = caller.kit
    if drafted is None or drafted.public.id.hex() != params.device:
        raise CliskError(
            "no such kit was drawn here", advice="clisk recovery create --pdf FILE"
        )
    with at_once():
        await agent.sync(drafted.make_member)
    caller.kit = None
    return KitMemberAnswer(name=drafted.name, device=params.device)


class UseParams(Params):
    """A kit as its code says it, or as its page does: words, vault number, relay.

    The passphrase is the new one of this device; *keyring*: the system's keyring takes
    part too.
    """

    text: Secret | None = None
    words: Secret | None = None
    vault_number: str | None = None
    relay: str | None = None
    name: str
    passphrase: Secret
    unlock_seconds: UnlockSeconds
    keyring: bool = False


class FoundLine(Answer):
    """A device as the relay shows it: its newest envelope, by its author's clock."""

    device: str
    name: str
    this: bool
    dormant: bool
    number: int
    written_ms: int | None


class UseAnswer(Answer):
    """The vault that is back, and how new what was found is.

    *anchored*: the relay was held to what was there when the kit was made.
    """

    vault_id: str
    device_id: str
    items: int
    records: int
    newest_record_ms: int
    devices: list[FoundLine]
    anchored: bool
    safety_code: str
    alerts: list[str]


@operation("recovery.use", UseParams, UseAnswer)
async def use(agent: Agent, caller: Caller, params: UseParams) -> UseAnswer:
    """Bring a vault back from a relay and a kit, and make this device a member."""
    kit = _kit(params)
    async with agent.opening:
        refuse_second_vault(agent)
        await _come_in(agent, kit, params)
    report = await with_progress(
        caller,
        agent.sync(SyncDriver.sync_once),
        lambda: agent.vault(lambda vault: len(vault.overviews())),
    )
    driver = agent.driver
    answer = await agent.thread.run(
        lambda: _found(driver, anchored=kit.anchor is not None)
    )
    alerts = [str(alert) for alert in report.alerts]
    return answer.model_copy(update={"alerts": alerts})


def _kit(params: UseParams) -> Kit:
    if params.text is not None:
        return parse_kit(params.text.expose())
    if params.words is None or params.vault_number is None or params.relay is None:
        raise CliskError(
            "a kit is its text, or its words with vault number and relay",
            advice="look at: clisk recovery use --help",
        )
    return Kit(
        check_kit_relay(params.relay),
        parse_printed_vault_id(params.vault_number),
        parse_words(params.words.expose()),
    )


async def _come_in(agent: Agent, kit: Kit, params: UseParams) -> None:
    check_name(params.name)

    async def work() -> Vault:
        recovering = Recovering(kit, params.name, keyring=params.keyring)
        try:
            membership = await recovering.come_in()
            return recovering.make_vault(
                agent.vault_path,
                membership,
                params.passphrase,
                unlock_seconds=params.unlock_seconds,
            )
        finally:
            await recovering.close(agent.vault_path)

    vault = await agent.thread.run_async(work())
    await agent.thread.run(lambda: record_recovery(vault, "a recovery kit was used"))
    save_settings(agent.folder, Settings(relay=kit.relay))
    await agent.opened(vault)


def _found(driver: SyncDriver, *, anchored: bool) -> UseAnswer:
    engine, membership = driver.engine, driver.membership
    heard = engine.heard()
    lines = [
        FoundLine(
            device=member.id.hex(),
            name=driver.name_of(member),
            this=member.id == driver.vault.device_id,
            dormant=member.dormant,
            number=heard[member.id].number if member.id in heard else 0,
            written_ms=(heard[member.id].written_ms or None)
            if member.id in heard
            else None,
        )
        for member in sorted(membership.devices.values(), key=lambda m: m.height)
    ]
    # The last record is our own.
    newest = parse_unverified_record(membership.records[-2]).unverified_body
    return UseAnswer(
        vault_id=driver.vault.id.hex(),
        device_id=driver.vault.device_id.hex(),
        items=len(driver.vault.find("")),
        records=len(membership.records) - 1,
        newest_record_ms=newest.time_ms,
        devices=lines,
        anchored=anchored,
        safety_code=driver.safety_code(),
        alerts=[],
    )

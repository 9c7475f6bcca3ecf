"""conflicts, settle: what devices wrote without knowing of each other."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.labels import find_field, find_version
from clisk.agent.operations.items import ItemAnswer
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.vault import Vault
from clisk_vault.versions import FieldView

VERSIONS_ARE_LISTED = (
    "clisk conflicts lists the versions: VERSION is as it stands there"
)


class ConflictVersion(Answer):
    """One of the values that stand beside each other."""

    version: str
    time_ms: int
    device: str
    device_name: str
    secret: bool
    removed: bool
    value: str | None


class Conflict(Answer):
    """One field of one item with several newest values."""

    item: str
    title: str
    field: str
    versions: list[ConflictVersion]


class ConflictsAnswer(Answer):
    """Every conflict of the vault."""

    conflicts: list[Conflict]


@operation("conflicts", NoParams, ConflictsAnswer)
async def conflicts(
    agent: Agent, _caller: Caller, _params: NoParams
) -> ConflictsAnswer:
    """List the fields whose newest values did not see each other."""
    driver = agent.driver

    def work(vault: Vault) -> ConflictsAnswer:
        names = driver.device_names()
        return ConflictsAnswer(conflicts=list(_conflicts(vault, names)))

    return await agent.vault(work)


def _conflicts(vault: Vault, names: dict[DeviceId, str]) -> Iterator[Conflict]:
    for item, field in vault.conflicts():
        yield _shown(item, vault.view(item).title, field, names)


def _shown(
    item: ItemId, title: str, field: FieldView, names: dict[DeviceId, str]
) -> Conflict:
    return Conflict(
        item=item.hex(),
        title=title,
        field=field.name,
        versions=[
            ConflictVersion(
                version=str(each.stamp),
                time_ms=each.stamp.time_ms,
                device=each.stamp.device.hex(),
                device_name=names.get(each.stamp.device, "unknown device"),
                secret=each.secret,
                removed=each.removed,
                value=each.text,
            )
            for each in field.conflicts
        ],
    )


class SettleParams(Params):
    """Which version of which field shall stand."""

    item: str = Field(min_length=1)
    field: str = Field(min_length=1)
    version: str


@operation("settle", SettleParams, ItemAnswer)
async def settle(agent: Agent, caller: Caller, params: SettleParams) -> ItemAnswer:
    """Make one version the current one; the others stay in the history."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> ItemId:
        item = resolve_item(vault, params.item)
        field = find_field(vault.view(item), params.field)
        version = find_version(field, params.version, advice=VERSIONS_ARE_LISTED)
        vault.settle(item, field.name, version.stamp, confirmed=confirmed)
        return item

    item = await agent.change(work)
    return ItemAnswer(item=item.hex())

"""backup.*: everything with its history, out of a vault and into a new one.

The seal around a backup is made and opened by the client, which writes the file.
"""

from __future__ import annotations

import base64
import binascii
import time
from contextlib import suppress

from pydantic import Field

from clisk.agent import keyring_secret, opening
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.operations.life import UnlockSeconds
from clisk.agent.progress import Counter, with_progress
from clisk.agent.registry import Answer, Done, Params, Secret, operation
from clisk.agent.staged_import import StagedBackup, StagingError
from clisk_vault.transfer.backup import back_up_items, back_up_rest, head_of, restoring
from clisk_vault.transfer.backup_format import (
    BackupItem,
    Record,
    encode_records,
    parse_backup,
)
from clisk_vault.vault import Vault

_PAGE = 16


class BackupBeginParams(Params):
    """The passphrase, once more."""

    passphrase: Secret


class BackupBeginAnswer(Answer):
    """How many items there are, those in the trash too."""

    items: int


class BackupPartParams(Params):
    """From which item on; from the number of items on, all the rest."""

    start: int = Field(ge=0)


class BackupPartAnswer(Answer):
    """Frames of a backup, in base64, and how many items they hold."""

    data: str
    items: int
    last: bool


class RestorePartParams(Params):
    """The next bytes of an opened backup, in base64."""

    data: Secret
    first: bool


class RestoreFinishParams(Params):
    """The passphrase and name of the new vault's first device, and whether the system's
    keyring takes part.
    """

    passphrase: Secret
    name: str
    unlock_seconds: UnlockSeconds
    keyring: bool = False


class RestoreAnswer(Answer):
    """The new vault, and what it was made of."""

    vault_id: str
    device_id: str
    from_vault: str
    items: int


@operation("backup.begin", BackupBeginParams, BackupBeginAnswer)
async def begin(
    agent: Agent, caller: Caller, params: BackupBeginParams
) -> BackupBeginAnswer:
    """Allow this client to read everything with its history, for one backup."""
    _ = agent.driver
    await opening.unlock(agent, params.passphrase, caller.requester, opens=False)
    items = await agent.vault(lambda vault: [e.item for e in vault.overviews()])
    caller.backing_up = tuple(items)
    return BackupBeginAnswer(items=len(items))


@operation("backup.part", BackupPartParams, BackupPartAnswer)
async def part(
    agent: Agent, caller: Caller, params: BackupPartParams
) -> BackupPartAnswer:
    """Give the next part; each read in it is recorded first."""
    everything = caller.backing_up
    if everything is None:
        raise StagingError("no backup was begun on this connection")
    page = everything[params.start : params.start + _PAGE]

    def work(vault: Vault) -> list[Record]:
        records: list[Record] = []
        if params.start == 0:
            records.append(head_of(vault, int(time.time() * 1000)))
        if page:
            return records + back_up_items(vault, page)
        return records + back_up_rest(vault)

    frames = b"".join(encode_records(await agent.vault(work)))
    return BackupPartAnswer(
        data=base64.b64encode(frames).decode(), items=len(page), last=not page
    )


@operation("restore.part", RestorePartParams, Done)
async def restore_part(agent: Agent, caller: Caller, params: RestorePartParams) -> Done:
    """Take the next part of a backup that the client opened."""
    opening.refuse_second_vault(agent)
    if params.first or caller.restoring is None:
        caller.restoring = StagedBackup()
    try:
        data = base64.b64decode(params.data.expose(), validate=True)
    except (binascii.Error, ValueError):
        raise StagingError("a part that is not base64") from None
    caller.restoring.add(data)
    return Done()


@operation("restore.finish", RestoreFinishParams, RestoreAnswer)
async def restore_finish(
    agent: Agent, caller: Caller, params: RestoreFinishParams
) -> RestoreAnswer:
    """Make a new vault of the backup: another vault, with a device of its own."""
    if caller.restoring is None:
        raise StagingError("no backup was handed over on this connection")
    data, caller.restoring = bytes(caller.restoring.data), None
    records = await agent.thread.run(lambda: parse_backup(data))
    made = await opening.create(
        agent,
        params.passphrase,
        name=params.name,
        relay_url=None,
        unlock_seconds=params.unlock_seconds,
        keyring=params.keyring,
    )
    counter = Counter()
    try:
        doing = agent.change_in_steps(
            lambda vault: restoring(vault, records), on_step=counter.count
        )
        await with_progress(caller, doing, counter.read)
    except BaseException:
        # A vault with nothing in it would stand in the way of another try.
        await agent.lock()
        for path in agent.vault_path.parent.glob(f"{agent.vault_path.name}*"):
            with suppress(FileNotFoundError):
                path.unlink()
        if params.keyring:
            keyring_secret.forget(made.id, made.device_id)
        raise
    head = records[0]
    return RestoreAnswer(
        vault_id=made.id.hex(),
        device_id=made.device_id.hex(),
        from_vault=getattr(head, "vault", b"").hex(),
        items=sum(isinstance(each, BackupItem) for each in records),
    )

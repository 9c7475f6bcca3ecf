"""backup: everything with its history, sealed; and a new vault made of one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    host_name,
    json_option,
    passphrase_option,
    unlock_seconds_option,
    with_keyring_option,
)
from clisk.commands.transfer import MAX_FILE_BYTES, output_progress
from clisk.errors import InputError
from clisk.home import Home
from clisk.start import connect_or_start
from clisk.times import date_and_time

if TYPE_CHECKING:
    from clisk_vault.keys import SecretText

_PART_BYTES = 8 * 1024 * 1024

_file_secret_options = (
    click.option(
        "--file-passphrase-fd",
        type=int,
        metavar="N",
        help="Read the backup's own passphrase from this descriptor.",
    ),
    click.option(
        "--identity-fd",
        type=int,
        metavar="N",
        help="Read an age identity (AGE-SECRET-KEY-...) from this descriptor.",
    ),
)


@click.group("backup")
def backup_command() -> None:
    """Keep a sealed copy of everything, or make a new vault of one.

    A backup is an age file (age-encryption.org), sealed with a passphrase of its own
    or to a public key. It has every item with its whole history and its files, the
    folders, and the grants that stand; no key of the vault and no identity.

    \b
    Examples:
      clisk backup create vault.age
      clisk backup check vault.age
      clisk --home ~/new backup restore vault.age
    """


@backup_command.command("create")
@click.argument("file", type=click.Path())
@click.option("--recipient", "recipients", multiple=True, metavar="age1...",
              help="Seal it to this public key; may be given again.")  # fmt: skip
@passphrase_option("Read this vault's passphrase from this descriptor.")
@_file_secret_options[0]
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_obj
def create_command(
    home: Home,
    file: str,
    recipients: tuple[str, ...],
    passphrase_fd: int | None,
    file_passphrase_fd: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write everything to FILE, sealed.

    The vault's passphrase is asked for again, and one for the file unless there is a
    --recipient. Every value that goes in is in the access log first, as a backup. The
    file appears whole or not at all.

    \b
    Examples:
      clisk backup create vault.age
      clisk backup create vault.age --recipient age1...
    """
    from clisk.new_file import check_target, write_new
    from clisk.passphrase_input import ask_secret, read_secret
    from clisk_vault.transfer.age import seal
    from clisk_vault.transfer.backup_format import end_frame

    check_target(Path(file), replace=force)
    if passphrase_fd is None:
        passphrase = ask_secret("Passphrase of this vault")
    else:
        passphrase = read_secret(passphrase_fd)
    own: SecretText | None = None
    if file_passphrase_fd is not None:
        own = read_secret(file_passphrase_fd)
    elif not recipients:
        own = ask_secret("New passphrase for the backup", twice=True)
    if recipients:
        seal(b"", recipients=recipients)  # a bad one is said before anything is read
    frames = bytearray()
    with AgentClient.connect(home) as agent:
        begun = agent.call("backup.begin", {"passphrase": passphrase.expose()})
        total, done, last = cast(int, begun["items"]), 0, False
        while not last:
            part = agent.call("backup.part", {"start": done})
            frames += base64.b64decode(cast(str, part["data"]))
            done += cast(int, part["items"])
            last = bool(part["last"])
            if done % 1024 == 0 and 0 < done < total:
                output.say(f"{done} of {total} items so far")
    frames += end_frame(bytes(frames))
    sealed = seal(bytes(frames), passphrase=own, recipients=recipients)
    write_new(Path(file), sealed, replace=force)
    if as_json:
        output.write_json({"items": total, "bytes": len(sealed)})
    else:
        output.say(f"{output.count(total, 'item')} backed up; check it with:"
                   f" clisk backup check {file}")  # fmt: skip


@backup_command.command("check")
@click.argument("file", type=click.File("rb"))
@_file_secret_options[0]
@_file_secret_options[1]
@json_option
def check_command(
    file: BinaryIO,
    file_passphrase_fd: int | None,
    identity_fd: int | None,
    as_json: bool,
) -> None:
    """Open FILE and check all of it, without a vault and without showing anything.

    \b
    Examples:
      clisk backup check vault.age
    """
    from clisk_vault.transfer.backup_format import (
        BackupFile,
        BackupGrant,
        BackupHead,
        BackupItem,
        parse_backup,
    )

    opened = _open(file.read(MAX_FILE_BYTES + 1), file_passphrase_fd, identity_fd)
    records = parse_backup(opened)
    head = records[0]
    assert isinstance(head, BackupHead)
    items = [each for each in records if isinstance(each, BackupItem)]
    facts = {
        "vault": head.vault.hex(),
        "device": head.device.hex(),
        "time_ms": head.time_ms,
        "items": len(items),
        "versions": sum(len(each.versions) for each in items),
        "files": sum(isinstance(each, BackupFile) for each in records),
        "grants": sum(isinstance(each, BackupGrant) for each in records),
    }
    if as_json:
        output.write_json(facts)
        return
    output.write_facts(
        [*list(facts.items())[:2], ("made", date_and_time(head.time_ms)),
         *list(facts.items())[3:]]
    )  # fmt: skip
    output.say("the backup is whole")


@backup_command.command("restore")
@click.argument("file", type=click.File("rb"))
@_file_secret_options[0]
@_file_secret_options[1]
@passphrase_option("Read the passphrase of the new vault from this descriptor.")
@click.option("--name", help="Name of this device. Default: the host's name.")
@unlock_seconds_option
@with_keyring_option
@json_option
@click.pass_obj
def restore_command(
    home: Home,
    file: BinaryIO,
    file_passphrase_fd: int | None,
    identity_fd: int | None,
    passphrase_fd: int | None,
    name: str | None,
    unlock_seconds: float,
    with_keyring: bool,
    as_json: bool,
) -> None:
    """Make a NEW vault of FILE on this device. Never over one that is here.

    The new vault has an id, keys and a device of its own, and begins an access log of
    its own: it is no copy that could be taken for the old one, and does not sync with
    the old one's devices; pair them anew. Items keep their ids, their history and its
    times. Choose another --home to keep a vault that is here.

    \b
    Examples:
      clisk --home ~/new backup restore vault.age
    """
    from clisk.passphrase_input import ask_secret, read_secret
    from clisk_vault.transfer.backup_format import parse_backup

    opened = _open(file.read(MAX_FILE_BYTES + 1), file_passphrase_fd, identity_fd)
    parse_backup(opened)  # before a passphrase is chosen for nothing
    if Path(home.vault).exists():
        raise InputError(
            "there is a vault here already, and a backup never replaces one",
            advice="choose another folder: clisk --home DIR backup restore ...",
        )
    if passphrase_fd is None:
        passphrase = ask_secret("New passphrase for the new vault", twice=True)
    else:
        passphrase = read_secret(passphrase_fd)
    with connect_or_start(home) as agent:
        for at in range(0, len(opened), _PART_BYTES):
            data = base64.b64encode(opened[at : at + _PART_BYTES]).decode()
            agent.call("restore.part", {"data": data, "first": at == 0})
        answer = agent.call(
            "restore.finish",
            {
                "passphrase": passphrase.expose(),
                "name": host_name() if name is None else name,
                "unlock_seconds": unlock_seconds,
                "keyring": with_keyring,
            },
            on_event=output_progress,
        )
    if as_json:
        output.write_json(answer)
        return
    output.write_line(f"vault {answer['vault_id']}")
    output.say(f"{output.count(answer['items'], 'item')} restored into a new vault")


def _open(data: bytes, passphrase_fd: int | None, identity_fd: int | None) -> bytes:
    from clisk.commands.transfer import has_terminal
    from clisk.importing import bounded_memory
    from clisk.passphrase_input import ask_secret, read_secret
    from clisk_vault.transfer.age import open_sealed
    from clisk_vault.transfer.file_secrets import FilePasswordNeeded

    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"the file is larger than {MAX_FILE_BYTES} bytes",
            advice="take a backup that `clisk backup create` wrote",
        )
    passphrase = None if passphrase_fd is None else read_secret(passphrase_fd)
    identities = [] if identity_fd is None else [read_secret(identity_fd)]
    with bounded_memory():
        try:
            return open_sealed(data, passphrase=passphrase, identities=identities)
        except FilePasswordNeeded:
            if passphrase is not None or identities or not has_terminal():
                raise
        asked = ask_secret("Passphrase of the backup, or its age identity")
        return open_sealed(data, passphrase=asked, identities=[asked])

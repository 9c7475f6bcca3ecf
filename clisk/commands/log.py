"""log: who read what, and whether the record of it can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from clisk import output
from clisk.commands.log_bundle import (
    export_command,
    keys_command,
    tell_entries,
    verify_bundle_command,
)
from clisk.commands.log_list import list_command, show_command, summary_command
from clisk.commands.log_prune import prune_command, retention_command
from clisk.commands.options import ask_agent, device_names, json_option
from clisk.errors import AgentRefusal, InputError
from clisk.home import Home
from clisk.wire import Message


@click.group("log")
def log_command() -> None:
    """Show and check the access log: one record for each read of a secret."""


@log_command.command("verify")
@click.option(
    "--all-devices",
    is_flag=True,
    help="Check what has come here of other devices' logs too.",
)
@json_option
@click.pass_obj
def verify_command(home: Home, all_devices: bool, as_json: bool) -> None:
    """Check every record, seal and head of this device's logs.

    The verdict has a level. Witnessed: another device has countersigned this log.
    Sealed: nobody who came later can have rewritten it, but its newest end
    could be cut off. Unanchored: nothing outside the log vouches for it.
    Devices tell each other of their logs once an hour, and at each `clisk sync`.
    Exit code 1 if anything is wrong with any of them, with each finding named.

    \b
    Example:
      clisk log verify --all-devices
    """
    answer = ask_agent(
        home, "log.verify", {"all_devices": all_devices}, on_event=tell_entries
    )
    if as_json:
        output.write_json(answer)
    else:
        _tell(answer)
    if not answer["all_intact"]:
        raise AgentRefusal(
            "LogDamaged",
            "an access log is not as it was written",
            advice="keep a copy of the home folder as it is; do not repair it",
        )


def _tell(answer: Message) -> None:
    earlier = cast(list[dict[str, Any]], answer["earlier"])
    others = cast(list[dict[str, Any]], answer["others"])
    for each in earlier:
        output.write_line(f"Earlier log of this device, {each['origin']}:")
        _tell_one(each)
    if earlier or others:
        output.write_line("This device:")
    _tell_one(answer)
    for each in others:
        output.write_line(f"{each['device_name']}, {each['origin']}:")
        _tell_one(each)
    for name in cast(list[str], answer["unheard"]):
        output.write_line(f"{name}: nothing of its log has come here yet.")


def _tell_one(verdict: Message) -> None:
    for sentence in cast(list[str], verdict["sentences"]):
        output.write_line(sentence)


@log_command.command("evidence")
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(),
    help="Write each as a file into this new folder, to hand on.",
)
@json_option
@click.pass_obj
def evidence_command(home: Home, to: str | None, as_json: bool) -> None:
    """Show what this device keeps of logs that were shown in two ways.

    Two heads of one log, each signed by its key, that no single history leads to:
    that device was restored, cloned, or its keys are in other hands. Anybody can
    check it without trusting this device (protocol/access-log.md).

    \b
    Example:
      clisk log evidence --to found
    """
    answer = ask_agent(home, "log.evidence")
    forks = cast(list[dict[str, str]], answer["forks"])
    if to is not None:
        _write_evidence(Path(to), [bytes.fromhex(one["evidence"]) for one in forks])
    if as_json:
        output.write_json(answer)
        return
    if not forks:
        output.say("no log was shown in two ways")
    for fork in forks:
        output.write_line(f"{fork['origin']} was shown in two ways:")
        _write_note(fork["smaller"])
        _write_note(fork["larger"])


def _write_note(note: str) -> None:
    """Write a signed note byte for byte: its lines, the blank one among them."""
    for line in note.removesuffix("\n").split("\n"):
        output.write_line(line)


def _write_evidence(folder: Path, found: list[bytes]) -> None:
    try:
        folder.mkdir(mode=0o700)
        for number, data in enumerate(found, 1):
            (folder / f"fork-{number}").write_bytes(data)
    except OSError as err:
        raise InputError(
            f"the evidence cannot be written ({err.strerror})",
            advice="name a folder that does not exist yet",
        ) from None
    output.say(f"{len(found)} written")


@log_command.command("heads")
@click.argument("device", metavar="DEVICE", shell_complete=device_names)
@json_option
@click.pass_obj
def heads_command(home: Home, device: str, as_json: bool) -> None:
    """Print the newest head of DEVICE's log that this device countersigned.

    For somebody who checks a bundle of that log: with --seen it shows that nothing
    up to there was cut off. It says how many entries there are, and none of them.

    \b
    Example:
      clisk log heads phone > phone.head
    """
    answer = ask_agent(home, "log.heads", {"device": device})
    if as_json:
        output.write_json(answer)
        return
    heads = cast(list[str], answer["heads"])
    if not heads:
        raise AgentRefusal(
            "NoHead",
            "this device has countersigned no head of that log",
            advice="let both devices sync first: clisk sync",
        )
    _write_note(heads[-1])


for _command in (
    list_command,
    show_command,
    summary_command,
    retention_command,
    prune_command,
    export_command,
    keys_command,
    verify_bundle_command,
):
    log_command.add_command(_command)

"""log: who read what, and whether the record of it can be trusted."""

from __future__ import annotations

from typing import cast

import click

from clisk import output
from clisk.commands.log_bundle import (
    export_command,
    keys_command,
    verify_bundle_command,
)
from clisk.commands.log_list import list_command, show_command
from clisk.commands.options import ask_agent, json_option
from clisk.errors import AgentRefusal
from clisk.home import Home


@click.group("log")
def log_command() -> None:
    """Show and check the access log: one record for each read of a secret."""


@log_command.command("verify")
@json_option
@click.pass_obj
def verify_command(home: Home, as_json: bool) -> None:
    """Check every record, seal and head of this device's log.

    The verdict has a level. Witnessed: another device has seen this log.
    Sealed: nobody who came later can have rewritten it, but its newest end
    could be cut off. Unanchored: nothing outside the log vouches for it.
    Exit code 1 if anything is wrong, with each finding named.
    """
    answer = ask_agent(home, "log.verify")
    if as_json:
        output.write_json(answer)
    else:
        for sentence in cast(list[str], answer["sentences"]):
            output.write_line(sentence)
    if not answer["intact"]:
        raise AgentRefusal(
            "LogDamaged",
            "the access log is not as it was written",
            advice="keep a copy of the home folder as it is; do not repair it",
        )


for _command in (
    list_command,
    show_command,
    export_command,
    keys_command,
    verify_bundle_command,
):
    log_command.add_command(_command)

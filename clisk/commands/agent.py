"""agent: the background process itself."""

from __future__ import annotations

import fcntl
import os

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import json_option
from clisk.errors import AgentAbsentError
from clisk.home import Home
from clisk.start import connect_or_start


@click.group("agent")
def agent_command() -> None:
    """The background process that keeps the vault open.

    It starts by itself with `clisk init` and `clisk unlock`. It listens on a
    socket in the home folder that only you can reach, holds the keys while the
    vault is open, writes the access log, syncs, and locks itself when idle.
    """


@agent_command.command("run")
@click.option(
    "--lock-after",
    type=click.IntRange(1, 24 * 60),
    default=15,
    show_default=True,
    metavar="MINUTES",
    help="Lock after so many minutes without use.",
)
@click.option("--ready-fd", type=int, hidden=True)
@click.pass_obj
def run_command(home: Home, lock_after: int, ready_fd: int | None) -> None:
    """Be the agent in this terminal, until Ctrl-C. Its log goes to standard error.

    \b
    Example:
      clisk agent run --lock-after 60
    """
    from clisk.agent import process

    process.run(home, idle_seconds=lock_after * 60.0, ready_fd=ready_fd)


@agent_command.command("start")
@json_option
@click.pass_obj
def start_command(home: Home, as_json: bool) -> None:
    """Start the agent in the background, locked."""
    with connect_or_start(home) as agent:
        answer = agent.call("status")
    if as_json:
        output.write_json(answer)
    else:
        output.say("running")


@agent_command.command("stop")
@json_option
@click.pass_obj
def stop_command(home: Home, as_json: bool) -> None:
    """Lock the vault and end the agent; return when it has ended."""
    try:
        with AgentClient.connect(home) as agent:
            agent.call("stop")
        _wait_for_end(home)
        said = "stopped; the vault is closed"
    except AgentAbsentError:
        said = "no agent was running"
    if as_json:
        output.write_json({"agent": False})
    else:
        output.say(said)


def _wait_for_end(home: Home) -> None:
    # The agent holds this lock for as long as it lives.
    held = os.open(home.lock, os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
    finally:
        os.close(held)

"""agent: the background process itself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from typing import cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import json_option
from clisk.errors import AgentAbsentError
from clisk.home import Home
from clisk.start import connect_or_start
from clisk.wire import Message


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


@agent_command.command("status")
@json_option
@click.pass_obj
def status_command(home: Home, as_json: bool) -> None:
    """Tell whether the agent runs, which one it is, and how it keeps its memory.

    What the vault holds, and how fresh it is, says `clisk status`.
    """
    try:
        with AgentClient.connect(home) as agent:
            status, facts = agent.call("status"), agent.call("agent.facts")
    except AgentAbsentError:
        if as_json:
            output.write_json({"agent": False, "home": home.folder})
        else:
            output.write_facts([("agent", "not running"), ("home", home.folder)])
        return
    kept = ("agent", "version", "home", "state", "locks_in_seconds")
    answer = {name: status.get(name) for name in kept} | facts
    if as_json:
        output.write_json(answer)
    else:
        output.write_facts(_facts(answer))


def _facts(answer: Message) -> Iterator[tuple[str, object]]:
    yield "agent", "running"
    yield "version", answer["version"]
    yield "home", answer["home"]
    yield "vault", "open" if answer["state"] == "unlocked" else "not open"
    if isinstance(left := answer["locks_in_seconds"], int):
        yield "locks in", f"{left // 60} min {left % 60} s without use"
    yield "core dumps", "off" if answer["core_dumps_off"] else "ON"
    debuggers = {True: "kept out", False: "LET IN", None: "as the system says"}
    yield "debuggers", debuggers[cast(bool | None, answer["debuggers_off"])]


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

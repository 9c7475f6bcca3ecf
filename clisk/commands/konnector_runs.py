"""konnector runs, forget, schedules, unschedule: what ran, what is kept, what will."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, item_titles, json_option, konnector_names
from clisk.home import Home
from clisk.times import date_and_time

if TYPE_CHECKING:
    from clisk.credential_source import AgentSource
    from clisk.running import RunWish
    from konnector_runner.events import RunError

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Every(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs alone
    """A span of time: 30m, 6h, 1d, 2w."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,3})([mhdw])", str(value))
        if match is None:
            self.fail("such as 30m, 6h, 1d or 2w", param, ctx)
        seconds = int(match[1]) * _UNITS[match[2]]
        if not 900 <= seconds <= 366 * 86400:
            self.fail("between 15m and a year", param, ctx)
        return seconds


EVERY = Every()


@click.command("runs")
@json_option
@click.pass_obj
def runs_command(home: Home, as_json: bool) -> None:
    """List the runs of konnectors on this device, newest first.

    In a pipe each line is: number, konnector, item, start, seconds, outcome, files.
    """
    rows = cast(list[dict[str, Any]], ask_agent(home, "runs.list")["runs"])
    if as_json:
        output.write_json({"runs": rows})
        return
    output.write_table(
        ("RUN", "KONNECTOR", "ITEM", "BEGUN", "SECONDS", "OUTCOME", "FILES"),
        (
            (
                row["run"],
                row["konnector"],
                row["title"],
                date_and_time(row["started_ms"]),
                row["seconds"],
                row["code"] or row["outcome"],
                row["saved"],
            )
            for row in rows
        ),
    )


@click.command("forget")
@click.argument("name", shell_complete=konnector_names)
@click.option(
    "--item",
    metavar="ITEM",
    shell_complete=item_titles,
    help="Only the session for this login.",
)
@json_option
@click.pass_obj
def forget_command(home: Home, name: str, item: str | None, as_json: bool) -> None:
    """Wipe the kept browser sessions of the konnector NAME.

    The next run logs in anew. What was collected, and what is granted, stays.

    \b
    Example:
      clisk konnector forget edf
    """
    answer = ask_agent(home, "runs.forget", {"konnector": name, "item": item})
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"{output.count(answer['forgotten'], 'session')} wiped")


@click.command("schedules")
@json_option
@click.pass_obj
def schedules_command(home: Home, as_json: bool) -> None:
    """List which konnectors run by themselves, and when.

    They run while the vault is open. After a failed login, or where the site asks for
    you, a schedule is held until you have run the konnector by hand once.
    """
    answer = ask_agent(home, "schedules.list")
    rows = cast(list[dict[str, Any]], answer["schedules"])
    if as_json:
        output.write_json({"schedules": rows})
        return
    output.write_table(
        ("SCHEDULE", "KONNECTOR", "ITEM", "EVERY", "NEXT"),
        (
            (
                row["schedule"],
                row["konnector"],
                row["title"],
                _span(row["every_seconds"]),
                f"held: {row['held']}"
                if row["held"]
                else date_and_time(row["next_ms"]),
            )
            for row in rows
        ),
    )


@click.command("unschedule")
@click.argument("number", type=int)
@json_option
@click.pass_obj
def unschedule_command(home: Home, number: int, as_json: bool) -> None:
    """End a schedule; NUMBER is what `clisk konnector schedules` shows.

    \b
    Examples:
      clisk konnector schedules
      clisk konnector unschedule 2
    """
    ask_agent(home, "schedules.remove", {"schedule": number})
    if as_json:
        output.write_json({"removed": number})
    else:
        output.say("it no longer runs by itself")


def set_schedule(
    home: Home, wish: RunWish, source: str, *, folder: str | None, every: int
) -> None:
    """Have *wish* run again and again."""
    from pathlib import Path

    ask_agent(
        home,
        "schedules.add",
        {
            "konnector": wish.konnector.manifest.slug,
            "source": source,
            "item": wish.item,
            "folder": None if folder is None else str(Path(folder).absolute()),
            "every_seconds": every,
        },
    )
    output.say(f"from now on every {_span(every)}, while the vault is open")


def accept_proposal(
    home: Home, wish: RunWish, source: AgentSource, *, how: str
) -> None:
    """Save what the konnector proposed, if the person wants it."""
    names = ", ".join(sorted(source.proposed))
    output.say(f"it proposes to save in the item: {names}")
    if how == "ask":
        if not sys.stdin.isatty():
            output.say("not saved: nobody to ask; --save-credentials always saves it")
            return
        from clisk.passphrase_input import ask_line

        how = "always" if ask_line("Save? Type yes: ").casefold() == "yes" else "never"
    if how == "never":
        output.say("not saved")
        return
    answer = ask_agent(
        home,
        "proposals.accept",
        {
            "konnector": wish.konnector.manifest.slug,
            "digest": wish.konnector.digest.hex(),
            "item": wish.item,
            "values": {name: text.expose() for name, text in source.proposed.items()},
        },
    )
    saved = cast(list[str], answer["saved"])
    output.say(f"saved: {', '.join(saved)}" if saved else "the item has all of it")


def advice_for(error: RunError) -> str:
    """Return what a person can do about an error that has no advice of its own."""
    head = error.code.split(".")[0]
    return {
        "LOGIN_FAILED": "check the login on the site, then change it: clisk edit",
        "USER_ACTION_NEEDED": "run it where there is a screen, or look at the site",
        "VENDOR_DOWN": "the site does not answer as it should; try again later",
        "DISK_QUOTA_EXCEEDED": "make room on the disk",
    }.get(head, "run it with -v to see what the konnector says")


def _span(seconds: int) -> str:
    for unit, size in sorted(_UNITS.items(), key=lambda pair: -pair[1]):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds} s"

"""health: which passwords are weak, reused, old, known to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.errors import UsageError
from clisk.home import Home
from clisk.wire import Message


@click.command("health")
@click.option(
    "--breaches",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A file of Have I Been Pwned sorted by hash, or a folder of its ranges.",
)
@click.option(
    "--online",
    is_flag=True,
    help="Ask Have I Been Pwned, by the first five digits of hashes.",
)
@click.option("--service", metavar="URL", help="Another service with the same ranges.")
@click.option(
    "--old-days",
    type=click.IntRange(0),
    default=365,
    show_default=True,
    metavar="N",
    help="Unchanged for so long is old; 0: never.",
)
@click.option(
    "--expires-within",
    "soon_days",
    type=click.IntRange(0, 36_500),
    default=30,
    show_default=True,
    metavar="N",
    help="Tell what expires in so many days; what has expired is told always.",
)
@json_option
@click.pass_obj
def health_command(
    home: Home,
    breaches: Path | None,
    online: bool,
    service: str | None,
    old_days: int,
    soon_days: int,
    as_json: bool,
) -> None:
    """Examine every password, on this device; the worst comes first.

    Told are passwords that are weak, used twice, old, or known from breaches, pages
    without encryption, logins without the one-time codes that their site offers, and
    items of any type that have expired or soon will (`expires`); and where a site has
    its passwords changed, if that is published: open it yourself. Nothing leaves this
    device, unless you ask for --online: then a service gets the first five digits of
    each password's SHA-1, one in a million, and pads its answers.
    Every password is read for it, and the access log records each.

    \b
    Examples:
      clisk health
      clisk health --breaches pwned-passwords-sha1-ordered-by-hash.txt
      clisk health --online --json
    """
    if service is not None and not online:
        raise UsageError("--service goes with --online")
    params: Message = {
        "old_days": old_days,
        "soon_days": soon_days,
        "online": online,
    }
    if breaches is not None:
        params["breaches"] = str(breaches.absolute())
    if service is not None:
        params["service"] = service
    answer = ask_agent(home, "health", params, on_event=_progress)
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["findings"])
    output.write_table(
        ("FAULT", "ID", "TITLE", "USER", "WHY", "CHANGED AT"),
        (
            (
                row["fault"],
                output.item_id(row["item"]),
                row["title"],
                row["username"],
                row["says"],
                row["change_at"] or "",
            )
            for row in rows
        ),
    )
    examined = output.count(answer["examined"], "password")
    asked = f"; {output.count(answer['asked_service'], 'range')} asked for"
    output.say(
        f"{examined} examined, {output.count(len(rows), 'fault')}"
        + (asked if online else "; nothing left this device")
    )


def _progress(event: str, data: Message) -> None:
    if event == "progress":
        output.say(f"{data['items']} passwords so far")

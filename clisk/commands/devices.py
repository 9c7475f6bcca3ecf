"""devices: who is a member of this vault."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.home import Home
from clisk.times import ago, date_and_time


@click.command("devices")
@json_option
@click.pass_obj
def devices_command(home: Home, as_json: bool) -> None:
    """List the devices of this vault, and when each was last heard from.

    Every one of them can read all of it. A device that you do not know is a
    reason to change what it could read.
    """
    answer = ask_agent(home, "devices")
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["devices"])
    output.write_table(
        ("NAME", "ID", "MEMBER SINCE", "HEARD FROM"),
        (
            (
                row["name"],
                row["device"],
                date_and_time(row["added_ms"]),
                "this device" if row["this"] else ago(row["heard_ms"]),
            )
            for row in rows
        ),
    )

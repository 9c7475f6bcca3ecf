"""dashboard: see and steer it all in a browser."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option
from clisk.errors import CliskError
from clisk.home import Home
from clisk.start import connect_or_start

if TYPE_CHECKING:
    from clisk.dashboard.serve import Opened


@click.command("dashboard")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Listen on this port of this machine. Default: a free one.",
)
@click.option(
    "--host-name",
    metavar="NAME",
    help="Name in the link, for a browser that does not know names below localhost.",
)
@click.option(
    "--end-after",
    type=click.IntRange(1, 24 * 60),
    default=15,
    show_default=True,
    metavar="MINUTES",
    help="End a browser's session after so many minutes without use.",
)
@click.option(
    "--in",
    "folder",
    type=click.Path(file_okay=False),
    help="The folder that konnectors save to. Default: ~/Clisk.",
)
@click.option("--no-browser", is_flag=True, help="Only show the link.")
@json_option
@click.pass_obj
def dashboard_command(
    home: Home,
    port: int,
    host_name: str | None,
    end_after: int,
    folder: str | None,
    no_browser: bool,
    as_json: bool,
) -> None:
    """Show the dashboard in a browser, until Ctrl-C.

    Items, devices, konnectors, what they fetched, and who read what and when.
    The first line is a link that works once, within two minutes, in one
    browser on this machine. Nothing can be seen without it. When the vault is
    locked the page asks for the passphrase.

    \b
    Examples:
      clisk dashboard
      clisk dashboard --no-browser --end-after 5
    """
    try:
        from clisk.dashboard.serve import serve
    except ModuleNotFoundError as err:
        raise CliskError(
            "the dashboard's libraries are not installed",
            advice="pip install 'clisk-vault[dashboard]'",
        ) from err

    with connect_or_start(home):
        pass  # an agent that is locked will do

    def started(opened: Opened) -> None:
        output.write_line(
            json.dumps({"url": opened.url, "link": opened.link})
            if as_json
            else opened.link
        )
        sys.stdout.flush()
        if not no_browser:
            from clisk.dashboard.browser import open_privately

            open_privately(opened.link, home)
        output.say("Ctrl-C ends it")

    serve(
        home,
        collected=Path(folder) if folder else Path.home() / "Clisk",
        port=port,
        host_name=host_name,
        idle_seconds=end_after * 60.0,
        on_started=started,
    )

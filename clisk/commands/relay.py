"""relay: the server between the devices, which can read nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option
from clisk.errors import CliskError
from clisk.home import Home

if TYPE_CHECKING:
    from clisk_sync.relay import RunningRelay


@click.command("relay")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8470,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--database",
    type=click.Path(dir_okay=False),
    help="SQLite file. Default: relay.sqlite in the home folder.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Address under which devices reach it, such as https://relay.example.",
)
@click.option(
    "--listen-beyond-this-machine",
    is_flag=True,
    help="Allow a --host that others reach. Put a proxy that ends TLS before it.",
)
@json_option
@click.pass_obj
def relay_command(
    home: Home,
    host: str,
    port: int,
    database: str | None,
    origins: tuple[str, ...],
    listen_beyond_this_machine: bool,
    as_json: bool,
) -> None:
    """Run a relay in this terminal until Ctrl-C; its address is the first line.

    The relay keeps sealed envelopes in order and can read none of them. Nothing
    has to be set up. Its log goes to standard error and holds no secret.

    \b
    Examples:
      clisk relay
      clisk relay --port 9000 --database /srv/relay.sqlite
    """
    try:
        from clisk_sync.relay import serve
    except ModuleNotFoundError as err:
        raise CliskError(
            "the relay's libraries are not installed",
            advice="pip install 'clisk-vault[relay]'",
        ) from err

    def started(running: RunningRelay) -> None:
        output.write_line(json.dumps({"url": running.url}) if as_json else running.url)
        sys.stdout.flush()

    if database is None:
        home.make()
        database = os.path.join(home.folder, "relay.sqlite")  # noqa: PTH118 - as Home does
    serve(
        database=database,
        host=host,
        port=port,
        origins=origins,
        unsafe_listen_beyond_this_machine=listen_beyond_this_machine,
        on_started=started,
    )

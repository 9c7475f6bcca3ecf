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


@click.group("relay", invoke_without_command=True)
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
    metavar="PATH|URL",
    envvar="CLISK_RELAY_DATABASE",
    help="SQLite file, or postgresql+asyncpg://... which several relays may share."
    " Default: CLISK_RELAY_DATABASE, or relay.sqlite in the home folder.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Address under which devices reach it, such as https://relay.example.",
)
@click.option(
    "--creation",
    type=click.Choice(["open", "invite", "closed"]),
    default="open",
    show_default=True,
    help="Who may bring a new vault: anybody, the invited, nobody.",
)
@click.option(
    "--listen-beyond-this-machine",
    is_flag=True,
    help="Allow a --host that others reach. Put a proxy that ends TLS before it.",
)
@click.option(
    "--metrics-for-all",
    is_flag=True,
    help="Let others than this machine read /metrics.",
)
@json_option
@click.pass_context
def relay_command(
    context: click.Context,
    host: str,
    port: int,
    database: str | None,
    origins: tuple[str, ...],
    creation: str,
    listen_beyond_this_machine: bool,
    metrics_for_all: bool,
    as_json: bool,
) -> None:
    """Run a relay in this terminal until Ctrl-C; its address is the first line.

    The relay keeps sealed envelopes in order and can read none of them. Nothing
    has to be set up. Its log goes to standard error and holds no secret.

    \b
    Examples:
      clisk relay
      clisk relay --port 9000 --database /srv/relay.sqlite
      clisk relay --database /srv/relay.sqlite invite
    """
    try:
        from clisk_sync.relay import Creation, serve
    except ModuleNotFoundError as err:
        raise CliskError(
            "the relay's libraries are not installed",
            advice="pip install 'clisk-vault[relay]'",
        ) from err

    home = context.find_object(Home)
    assert home is not None, "the root command made one"
    if database is None:
        home.make()
        database = os.path.join(home.folder, "relay.sqlite")  # noqa: PTH118 - as Home does
    if context.invoked_subcommand is not None:
        context.obj = database
        return

    def started(running: RunningRelay) -> None:
        output.write_line(json.dumps({"url": running.url}) if as_json else running.url)
        sys.stdout.flush()

    serve(
        database=database,
        host=host,
        port=port,
        origins=origins,
        creation=Creation(creation),
        shows_metrics_to_all=metrics_for_all,
        unsafe_listen_beyond_this_machine=listen_beyond_this_machine,
        on_started=started,
    )


@relay_command.command("invite")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=7,
    show_default=True,
    help="How long it can be used.",
)
@json_option
@click.pass_obj
def invite_command(database: str, days: int, as_json: bool) -> None:
    """Print an invitation: whoever has it may bring one vault to this relay.

    For a relay that runs with --creation invite on the same database. It is shown
    this once; the database keeps a hash.
    """
    import asyncio

    from clisk_sync.relay import make_invite

    invite = asyncio.run(make_invite(database, days=days))
    output.write_line(json.dumps({"invite": invite}) if as_json else invite)

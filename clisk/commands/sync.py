"""sync: exchange news with the other devices, now."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.home import Home
from clisk.wire import Message


@click.command("sync")
@click.option("--relay", "relay_url", metavar="URL", help="Use this relay from now on.")
@json_option
@click.pass_obj
def sync_command(home: Home, relay_url: str | None, as_json: bool) -> None:
    """Send what is new here and fetch what is new elsewhere.

    The agent does this by itself while the vault is open; this waits for it and
    says what happened. Without a relay in reach nothing is lost: changes wait.

    \b
    Examples:
      clisk sync
      clisk sync --relay http://127.0.0.1:8470
    """
    if relay_url is not None:
        ask_agent(home, "relay.set", {"url": relay_url})
    answer = ask_agent(home, "sync")
    if as_json:
        output.write_json(answer)
    else:
        _tell(answer)


def _tell(answer: Message) -> None:
    output.say(f"sent {answer['sent']}, received {answer['received']}")
    for alert in cast(list[dict[str, Any]], answer["alerts"]):
        output.say(f"warning: {alert['message']}")
        if alert["advice"]:
            output.say(f"hint: {alert['advice']}")

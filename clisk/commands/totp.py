"""totp, scan: one-time codes, and their seeds from a picture."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_fields,
    item_titles,
    json_option,
)
from clisk.errors import CliskError, InputError
from clisk.home import Home
from clisk.passphrase_again import ask_guarded, typed_again
from clisk.terminal import write_value
from clisk.wire import Message


@click.command("totp")
@click.argument("item", shell_complete=item_titles)
@click.option(
    *("-f", "--field"),
    metavar="FIELD",
    shell_complete=item_fields,
    help="Another field with a seed.",
)
@click.option("--watch", is_flag=True, help="Count down, and show the next ones too.")
@again_option
@json_option
@click.pass_obj
def totp_command(
    home: Home,
    item: str,
    field: str | None,
    watch: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Write the one-time code of a login, and for how long it counts.

    The seed stays in the vault; each code shown is a read that the access log
    records. `--watch` ends with Ctrl-C.

    \b
    Examples:
      clisk totp GitHub
      clisk totp GitHub | wl-copy
      clisk totp GitHub --watch
    """
    params: Message = {"item": item, **({"field": field} if field else {})}
    again = typed_again(passphrase_fd)
    with AgentClient.connect(home) as agent:
        answer = ask_guarded(agent, "totp", params, again=again)
        if as_json:
            output.write_json(answer)
            return
        if not watch:
            write_value(str(answer["code"]))
            output.say(f"for {output.count(answer['left_seconds'], 'second')}")
            return
        if not sys.stderr.isatty():
            raise InputError("--watch counts down on a terminal", advice="leave it out")
        with suppress(KeyboardInterrupt):  # the way to end it, and no error
            while True:
                _count_down(answer)
                answer = ask_guarded(agent, "totp", params, again=typed_again())
        output.say("")


def _count_down(answer: Message) -> None:
    ends = time.monotonic() + int(str(answer["left_seconds"]))
    while (left := ends - time.monotonic()) > 0:
        bar = "█" * int(20 * left / int(str(answer["period"])))
        line = f"\r{answer['code']}  {left:4.0f} s  {bar:20}"
        sys.stderr.write(line)
        sys.stderr.flush()
        time.sleep(min(0.5, left))


@click.command("scan")
@click.argument(
    "picture",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option(
    "--item", metavar="ITEM", shell_complete=item_titles, help="The login it is for."
)
@click.option("--replace", is_flag=True, help="Also where a login has a seed.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be stored where.")
@json_option
@click.pass_obj
def scan_command(
    home: Home,
    picture: Path,
    item: str | None,
    replace: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store the one-time code seeds that a picture of a QR code holds.

    PICTURE is a PNG, JPEG or WebP, or - for one on standard input: what a site shows
    when it turns on a second factor, or what an authenticator shows to move to another
    phone. Each seed goes to the login of its name and user, or into a new one. Remove
    the picture afterwards: whoever has it makes the same codes.

    \b
    Examples:
      clisk scan code.png --item GitHub
      clisk scan moving.png --dry-run
      wl-paste --type image/png | clisk scan -
    """
    from clisk_sync import qr
    from clisk_sync.errors import PairingCodeError

    try:
        piped = str(picture) == "-"
        text = (
            qr.read_picture_in(sys.stdin.buffer) if piped else qr.read_picture(picture)
        )
    except PairingCodeError as err:
        raise CliskError(
            str(err),
            advice="take a picture of the whole code that the site or the app shows",
        ) from None
    params: Message = {"text": text, "replace": replace, "dry_run": dry_run}
    if item is not None:
        params["item"] = item
    answer = ask_agent(home, "totp.import", params)
    if as_json:
        output.write_json(answer)
        return
    output.write_table(
        ("WHAT", "TITLE", "ACCOUNT"),
        (
            (row["action"], row["title"], row["account"])
            for row in cast(list[dict[str, Any]], answer["seeds"])
        ),
    )
    if dry_run:
        output.say("nothing was stored: this was a dry run")
    elif not piped:
        output.say("remove the picture: whoever has it makes the same codes")

"""pair and join: the two ends of letting a device in."""

from __future__ import annotations

import os
from pathlib import Path

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    host_name,
    json_option,
    passphrase_option,
    unlock_seconds_option,
    with_keyring_option,
)
from clisk.errors import AgentRefusal, CliskError, UsageError
from clisk.home import Home
from clisk.output import count
from clisk.start import connect_or_start
from clisk.wire import Message

_TRIES = 3


@click.command("pair")
@click.option("--png", type=click.Path(dir_okay=False), help="Draw the code here too.")
@click.option(
    "--code-fd", type=int, metavar="N", help="Read the six digits from descriptor N."
)
@json_option
@click.pass_obj
def pair_command(
    home: Home, png: str | None, code_fd: int | None, as_json: bool
) -> None:
    """Let a new device into this vault. It will be able to read everything.

    Draws a code that the new device scans (`clisk join`). The new device then
    shows six digits, and you type them here. The code can be used once, within
    two minutes; the digits may be mistyped twice.

    \b
    Examples:
      clisk pair
      clisk pair --png code.png
    """
    if png is not None and Path(png).exists():
        raise UsageError("--png: there is a file by that name", advice="name a new one")
    with AgentClient.connect(home) as agent:
        offer = agent.call("pair.begin")
        try:
            _draw(str(offer["url"]), png)
            newcomer = agent.call("pair.wait")
        finally:
            if png is not None:
                Path(png).unlink(missing_ok=True)
        _warn(newcomer)
        answer = _confirm(agent, code_fd)
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"{answer['name']} is a member of this vault now")


def _draw(url: str, png: str | None) -> None:
    from clisk_sync import qr

    if png is not None:
        # The code is a secret for two minutes: the picture is ours alone, and
        # whole from the instant at which it has its name.
        partial = Path(f"{png}.part")
        partial.unlink(missing_ok=True)
        made = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(made, "wb") as file:
                file.write(qr.draw_png(url))
            partial.rename(png)
        finally:
            partial.unlink(missing_ok=True)
    # Drawn on standard error: the result of the command is who came in.
    click.echo(qr.draw_for_terminal(url), err=True)
    output.say("scan this with the new device: clisk join (valid for two minutes)")


def _warn(newcomer: Message) -> None:
    output.say("")
    output.say(f"A device that calls itself “{newcomer['name']}” asks to come in.")
    output.say(f"Its id is {newcomer['device']}.")
    output.say("It will read ALL passwords of this vault, now and later.")
    output.say(
        "Go on only if it is yours and lies before you: type the digits it shows."
    )


def _confirm(agent: AgentClient, code_fd: int | None) -> Message:
    from clisk.passphrase_input import ask_line, read_secret

    for _ in range(_TRIES):
        if code_fd is None:
            digits = ask_line("six digits: ")
        else:
            digits = read_secret(code_fd).expose()
        try:
            return agent.call("pair.confirm", {"digits": digits})
        except AgentRefusal as err:
            if err.name != "WrongDigits":
                raise
            if code_fd is not None:
                # A descriptor is read to its end: there is nothing more to try.
                raise CliskError(
                    "those are not the digits that the new device shows; --code-fd"
                    " has one try, and the pairing is over",
                    advice="make a new code with `clisk pair`",
                ) from None
            output.say(f"error: {err}")
    raise AssertionError("the agent counts the tries and ends the pairing itself")


@click.command("join")
@click.argument("picture", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--qr", type=click.Path(exists=True, dir_okay=False), help="The same as PICTURE."
)
@click.option("--url-fd", type=int, metavar="N", help="Read the code's text from here.")
@click.option("--name", help="Name of this device. Default: the host's name.")
@passphrase_option("Read the new passphrase of this device from this descriptor.")
@unlock_seconds_option
@with_keyring_option
@json_option
@click.pass_obj
def join_command(
    home: Home,
    picture: str | None,
    qr: str | None,
    url_fd: int | None,
    name: str | None,
    passphrase_fd: int | None,
    unlock_seconds: float,
    with_keyring: bool,
    as_json: bool,
) -> None:
    """Make this device part of a vault, by the code that `clisk pair` draws.

    PICTURE is a photo or screenshot of the code (PNG, JPEG or WebP); without
    one the text of the code is asked for. This device gets a passphrase of its
    own. It shows six digits: type them into the device that drew the code.

    \b
    Examples:
      clisk join photo.png
      clisk join --url-fd 3 3< code.txt
    """
    from clisk.passphrase_input import ask_secret, read_secret

    url = _read_code(picture or qr, url_fd)
    if passphrase_fd is None:
        passphrase = ask_secret("New passphrase for this device", twice=True)
    else:
        passphrase = read_secret(passphrase_fd)
    with connect_or_start(home) as agent:
        asked: Message = {
            "url": url,
            "name": host_name() if name is None else name,
            "keyring": with_keyring,
        }
        _show_digits(str(agent.call("join.begin", asked)["digits"]))
        joined = agent.call(
            "join.wait",
            {"passphrase": passphrase.expose(), "unlock_seconds": unlock_seconds},
            on_event=_progress,
        )
    if as_json:
        output.write_json(joined)
    else:
        output.say(f"joined: {count(joined['items'], 'item')} here")


def _read_code(picture: str | None, url_fd: int | None) -> str:
    if picture is not None and url_fd is not None:
        raise UsageError("give a picture or --url-fd, not both")
    if picture is not None:
        from clisk_sync import qr

        return qr.read_picture(Path(picture))
    from clisk.passphrase_input import ask_secret, read_secret

    secret = ask_secret("Text of the code") if url_fd is None else read_secret(url_fd)
    return secret.expose()


def _show_digits(digits: str) -> None:
    output.say(f"type these digits into the other device: {digits[:3]} {digits[3:]}")
    output.say("waiting for it …")


def _progress(event: str, data: Message) -> None:
    if event == "progress":
        output.say(f"{data['items']} items so far")

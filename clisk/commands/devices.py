"""devices: who is a member of this vault, and who no longer is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    ask_agent,
    device_names,
    json_option,
    passphrase_option,
    revoked_names,
)
from clisk.errors import CliskError
from clisk.home import Home
from clisk.output import count
from clisk.times import ago, date_and_time
from clisk.wire import Message


@click.group("devices", invoke_without_command=True)
@json_option
@click.pass_context
def devices_command(context: click.Context, as_json: bool) -> None:
    """List the devices of this vault, and when each was last heard from.

    Every member can read all of the vault. A device that you do not know, or no
    longer hold, is to be revoked, and what it could read to be changed. Revoked
    devices stay in the list, with when and by whom. The safety code is equal on two
    screens where both know the same members and the same news.

    \b
    Examples:
      clisk devices
      clisk devices revoke phone
      clisk devices rename "work laptop"
    """
    if context.invoked_subcommand is not None:
        return
    answer = ask_agent(cast(Home, context.obj), "devices")
    if as_json:
        output.write_json(answer)
        return
    output.write_table(
        ("NAME", "ID", "MEMBER SINCE", "ADDED BY", "HEARD FROM", "REVOKED"),
        [*_member_rows(answer), *_revoked_rows(answer)],
    )
    output.say("")
    output.say(f"safety code: {answer['safety_code']}")
    output.say("compare it on two screens; how: clisk sync code --help")


def _member_rows(answer: Message) -> Iterator[tuple[object, ...]]:
    for row in cast(list[dict[str, Any]], answer["devices"]):
        yield (
            row["name"],
            row["device"],
            date_and_time(row["added_ms"]),
            _added_by(row),
            "this device" if row["this"] else _heard(row),
            "",
        )


def _added_by(row: dict[str, Any]) -> str:
    founder = row["added_by"] == row["device"]
    return "founded the vault" if founder else str(row["added_by_name"])


def _heard(row: dict[str, Any]) -> str:
    return "a recovery kit" if row["dormant"] else ago(row["heard_ms"])


def _revoked_rows(answer: Message) -> Iterator[tuple[object, ...]]:
    for row in cast(list[dict[str, Any]], answer["revoked"]):
        left = row["revoked_by"] == row["device"]
        when = date_and_time(row["revoked_ms"])
        yield (
            row["name"],
            row["device"],
            date_and_time(row["added_ms"]),
            _added_by(row),
            "this device" if row["this"] else ago(row["heard_ms"]),
            f"{when}, left" if left else f"{when} by {row['revoked_by_name']}",
        )


@devices_command.command("revoke")
@click.argument("device", metavar="NAME", shell_complete=device_names)
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@json_option
@click.pass_obj
def revoke_command(home: Home, device: str, yes: bool, as_json: bool) -> None:
    """End the membership of a device that is lost, stolen or given away.

    NAME is its name or id. It reads nothing that is written from now on, and
    nothing that it writes is accepted. What it has read it keeps: so this ends
    with the list of what to change, worst first. Naming this device itself makes
    it leave; the last device of a vault cannot.

    \b
    Examples:
      clisk devices revoke phone
      clisk devices revoke 3f9a12c0 --yes --json
    """
    found = ask_agent(home, "devices.find", {"device": device})
    if not yes:
        _make_sure(found)
    # The id: a name could have been taken by another device meanwhile.
    answer = ask_agent(home, "devices.revoke", {"device": found["device"]})
    if as_json:
        output.write_json(answer)
    else:
        _tell(answer)


def _make_sure(found: Message) -> None:
    from clisk.passphrase_input import ask_line

    if found["this"]:
        output.say(f"“{found['name']}” is THIS device: it would leave the vault.")
        output.say("It keeps what it holds, and gets nothing new. Changes that are")
        output.say("not sent yet are sent first.")
    else:
        output.say(f"“{found['name']}” ({found['device']}) will be no member any more.")
        output.say("It reads nothing new, and nothing that it writes is accepted.")
        output.say("What it has read it keeps; you will see what to change.")
    output.say("This cannot be undone; the device can join again as a new one.")
    advice = "answer yes beforehand: --yes"
    if ask_line("Revoke it? Type yes: ", advice=advice).casefold() != "yes":
        raise CliskError("nothing was revoked", advice="run it again when you are sure")


def _tell(answer: Message) -> None:
    if answer["this"]:
        output.say("this device has left the vault")
        return
    output.say(f"revoked: {answer['name']} (epoch {answer['epoch']} has begun)")
    _tell_exposed(answer)


def _tell_exposed(answer: Message) -> None:
    items = cast(list[dict[str, Any]], answer["could_read"])
    output.say("")
    output.say(f"It could read everything until now: {count(len(items), 'item')}.")
    output.say("Change these, worst first: what it read, by its own access log,")
    known_ms = answer["reads_known_ms"]
    if known_ms is None:
        output.say("which is not here. Take all of them for read.")
    else:
        output.say(f"which is here up to {date_and_time(known_ms)}. What it read")
        output.say("later, or without asking this program, no log here tells.")
    output.write_table(
        ("TYPE", "TITLE", "USERNAME", "IT READ", "LAST", "CHANGED SINCE", "ID"),
        (
            (
                row["type"],
                f"{row['title']} (in the trash)" if row["trashed"] else row["title"],
                row["username"],
                row["reads"],
                ago(row["last_read_ms"]),
                "yes" if row["changed"] else "",
                row["item"],
            )
            for row in items
        ),
    )


@devices_command.command("exposed")
@click.argument("device", metavar="NAME", shell_complete=revoked_names)
@json_option
@click.pass_obj
def exposed_command(home: Home, device: str, as_json: bool) -> None:
    """List again what a revoked device could read: what to change, worst first.

    NAME is its name or id. An item says that it was changed since once each of its
    secrets was: a password, and the seed of one-time codes too. Notes and files do
    not count beside them, nor does bringing an earlier value back.

    \b
    Example:
      clisk devices exposed phone
    """
    answer = ask_agent(home, "devices.exposed", {"device": device})
    if as_json:
        output.write_json(answer)
        return
    when = date_and_time(answer["revoked_ms"])
    output.say(f"{answer['name']} was revoked on {when}")
    _tell_exposed(answer)


@devices_command.command("rename")
@click.argument("name", metavar="NEW")
@json_option
@click.pass_obj
def rename_command(home: Home, name: str, as_json: bool) -> None:
    """Give this device another name. All devices show it; the relay never sees it."""
    answer = ask_agent(home, "devices.rename", {"name": name})
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"this device is called {answer['name']} now")


@devices_command.command("rotate")
@json_option
@click.pass_obj
def rotate_command(home: Home, as_json: bool) -> None:
    """Begin a new epoch: what is written from now on has a new secret.

    Every member gets it, nobody else. Revoking does this by itself; this is for
    whoever fears that the secret leaked while all devices are still trusted.
    """
    answer = ask_agent(home, "devices.rotate")
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"epoch {answer['epoch']} has begun")


@devices_command.command("renew")
@passphrase_option()
@json_option
@click.pass_obj
def renew_command(home: Home, passphrase_fd: int | None, as_json: bool) -> None:
    """Go on as a new device, where this one was restored from a backup or copied.

    Two copies of one device must not both write. `clisk sync` says when that is
    so, and sends nothing until this is done. Changes that were never sent are kept
    and sent; the old identity is revoked. If the other copy is still in use, it is
    the one that has to join anew.

    \b
    Example:
      clisk devices renew
    """
    from clisk.passphrase_input import ask_secret, read_secret

    if passphrase_fd is None:
        passphrase = ask_secret("Passphrase of this device")
    else:
        passphrase = read_secret(passphrase_fd)
    answer = ask_agent(home, "devices.renew", {"passphrase": passphrase.expose()})
    if as_json:
        output.write_json(answer)
        return
    output.say(f"this device goes on as {answer['device']}, under the same name")
    output.say(f"ended: {answer['before']}; nothing that was only here is lost")

"""recovery: a page that brings the vault back when every device is gone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

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
from clisk.errors import CliskError, UsageError
from clisk.home import Home
from clisk.output import count
from clisk.start import connect_or_start
from clisk.times import date_and_time
from clisk.wire import Message

_LINE = 6
_MIN_PREFIX = 6
_NUMBER = "The vault number of the page, if words are typed."


@click.group("recovery")
def recovery_command() -> None:
    """Bring a vault back when every device is lost.

    A recovery kit is one printed page with 24 words and a code. It is a member of
    the vault that sleeps: `clisk devices` lists it, and revokes it like any other.

    \b
    Examples:
      clisk recovery create --pdf kit.pdf
      clisk recovery use photo.png
      clisk devices revoke "recovery kit 2026-11-26"
    """


@recovery_command.command("create")
@click.option("--pdf", type=click.Path(dir_okay=False), help="Write the page here.")
@click.option("--png", type=click.Path(dir_okay=False), help="Write it as a picture.")
@click.option("--words", is_flag=True, help="Write the words to standard output.")
@click.option("--name", help="What the kit is called. Default: recovery kit, and date.")
@passphrase_option()
@json_option
@click.pass_obj
def create_command(
    home: Home,
    pdf: str | None,
    png: str | None,
    words: bool,
    name: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Make a recovery kit. Whoever holds its page can read EVERYTHING.

    The passphrase is asked for again. Print the page, put it where your passport
    is, and delete the file. Earlier kits stay good until they are revoked.

    \b
    Examples:
      clisk recovery create --pdf kit.pdf
      clisk recovery create --words        # to copy by hand
    """
    from clisk.passphrase_input import ask_secret, read_secret

    targets = [Path(path) for path in (pdf, png) if path is not None]
    if not targets and not words:
        raise UsageError(
            "a kit has to go somewhere", advice="name a file: --pdf FILE, --png FILE"
        )
    for path in targets:
        if path.exists():
            raise UsageError(
                "there is a file by that name", advice="name a new one: nothing is lost"
            )
    output.say("Whoever holds a recovery kit can read every password of this vault,")
    output.say("now and later, without any passphrase. It belongs on paper.")
    if passphrase_fd is None:
        passphrase = ask_secret("Passphrase of this device")
    else:
        passphrase = read_secret(passphrase_fd)
    asked = name or f"recovery kit {datetime.now(UTC).astimezone():%Y-%m-%d}"
    with AgentClient.connect(home) as agent:
        drawn = agent.call(
            "recovery.begin", {"passphrase": passphrase.expose(), "name": asked}
        )
        try:
            _write(drawn, pdf, png)
            made = agent.call("recovery.confirm", {"device": drawn["device"]})
        except BaseException:
            # No member holds that secret: a page that opens nothing helps nobody.
            for path in targets:
                path.unlink(missing_ok=True)
            raise
    if words:
        _write_words(drawn, as_json=as_json)
    elif as_json:
        output.write_json({**made, "files": [str(path) for path in targets]})
    _say_what_next(drawn, targets)


def _write(drawn: Message, pdf: str | None, png: str | None) -> None:
    if pdf is None and png is None:
        return
    from clisk_sync.kit_page import KitPage, draw_pdf, draw_png
    from clisk_sync.recovery_kit import parse_kit

    page = KitPage(
        parse_kit(str(drawn["text"])),
        str(drawn["name"]),
        str(drawn["safety_code"]),
        cast(int, drawn["made_ms"]),
    )
    for path, draw in ((pdf, draw_pdf), (png, draw_png)):
        if path is not None:
            _write_private(Path(path), draw(page))


def _write_private(path: Path, data: bytes) -> None:
    """Write a file of our own, and never over another's.

    Raises:
        CliskError: the disk refuses.
    """
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise CliskError(
            f"the page cannot be written: {err.strerror}",
            advice="name a file in a folder of yours; no kit was made",
        ) from None


def _write_words(drawn: Message, *, as_json: bool) -> None:
    from clisk_sync.recovery_kit import parse_kit
    from clisk_sync.recovery_words import print_vault_id, secret_words

    kit = parse_kit(str(drawn["text"]))
    words, number = secret_words(kit.secret), print_vault_id(kit.vault)
    if as_json:
        facts = {"words": words, "vault_number": number, "relay": kit.relay}
        output.write_json({"name": drawn["name"], "device": drawn["device"], **facts})
        return
    for at in range(0, len(words), _LINE):
        output.write_line(" ".join(words[at : at + _LINE]))
    output.write_line(f"vault number {number}")
    output.write_line(f"relay {kit.relay}")


def _say_what_next(drawn: Message, targets: list[Path]) -> None:
    output.say(f"made: {drawn['name']}, a member of this vault from now on")
    if targets:
        names = ", ".join(str(path) for path in targets)
        output.say(f"print {names} and delete it: nothing encrypts it")
    output.say("when you no longer hold it: clisk devices revoke, with its name")


@recovery_command.command("use")
@click.argument("picture", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--text-fd", type=int, metavar="N", help="Read the code's text from here."
)
@click.option("--words-fd", type=int, metavar="N", help="Read the 24 words from here.")
@click.option("--vault", "number", metavar="NUMBER", help=_NUMBER)
@click.option("--relay", metavar="URL", help="The relay, if words are typed.")
@click.option("--name", help="Name of this device. Default: the host's name.")
@click.option("--revoke", multiple=True, metavar="NAME", help="Revoke this device.")
@click.option("--revoke-all", is_flag=True, help="Revoke all that were members before.")
@click.option("--keep-all", is_flag=True, help="Revoke nothing, and do not ask.")
@passphrase_option("Read the new passphrase of this device from this descriptor.")
@unlock_seconds_option
@with_keyring_option
@json_option
@click.pass_obj
def use_command(
    home: Home,
    picture: str | None,
    text_fd: int | None,
    words_fd: int | None,
    number: str | None,
    relay: str | None,
    name: str | None,
    revoke: tuple[str, ...],
    revoke_all: bool,
    keep_all: bool,
    passphrase_fd: int | None,
    unlock_seconds: float,
    with_keyring: bool,
    as_json: bool,
) -> None:
    """Bring a vault back on this device, with a recovery kit and its relay.

    PICTURE is a photo or scan of the page. Without one the words are asked for,
    and the vault number and relay that stand below them. This device becomes a
    member with a passphrase of its own; all other devices will see it. Then it
    asks which devices are lost, to revoke them.

    \b
    Examples:
      clisk recovery use photo.png
      clisk recovery use --vault "1f3a ..." --relay https://relay.example
      clisk recovery use photo.png --revoke laptop --revoke phone
    """
    from clisk.passphrase_input import ask_secret, read_secret

    if (revoke or revoke_all) and keep_all:
        raise UsageError("--keep-all and --revoke exclude each other")
    if Path(home.vault).exists():
        raise CliskError(
            "there is a vault here already",
            advice="choose another place: clisk --home FOLDER recovery use",
        )
    kit = _read_kit(picture, text_fd, words_fd, number=number, relay=relay)
    if passphrase_fd is None:
        passphrase = ask_secret("New passphrase for this device", twice=True)
    else:
        passphrase = read_secret(passphrase_fd)
    with connect_or_start(home) as agent:
        found = agent.call(
            "recovery.use",
            {
                **kit,
                "name": host_name() if name is None else name,
                "passphrase": passphrase.expose(),
                "unlock_seconds": unlock_seconds,
                "keyring": with_keyring,
            },
            on_event=_progress,
        )
        _tell(found)
        lost = _lost(found, revoke, revoke_all=revoke_all, keep_all=keep_all)
        gone = [agent.call("devices.revoke", {"device": each}) for each in lost]
    if as_json:
        output.write_json({**found, "revoked": [each["device"] for each in gone]})
        return
    for each in gone:
        output.say(f"revoked: {each['name']}")
    if gone:
        output.say("change what they could read, worst first:")
        rows = cast(list[dict[str, Any]], gone[-1]["could_read"])
        output.write_table(
            ("TYPE", "TITLE", "USERNAME", "ID"),
            ((row["type"], row["title"], row["username"], row["item"]) for row in rows),
        )


def _read_kit(
    picture: str | None,
    text_fd: int | None,
    words_fd: int | None,
    *,
    number: str | None,
    relay: str | None,
) -> dict[str, Any]:
    """Return the kit as the agent takes it, from one of the ways to give it."""
    if sum(way is not None for way in (picture, text_fd, words_fd)) > 1:
        raise UsageError("give a picture, --text-fd or --words-fd, not several")
    from clisk.passphrase_input import ask_line, read_secret

    if picture is not None:
        return {"text": _read_picture(Path(picture))}
    if text_fd is not None:
        return {"text": read_secret(text_fd).expose().strip()}
    advice = "give a picture of the page, or --words-fd with --vault and --relay"
    # What is on the page beside the words is no secret.
    if relay is None:
        relay = ask_line("relay: ", advice=advice)
    if number is None:
        number = ask_line("vault number (17 groups): ", advice=advice)
    from clisk_sync.recovery_kit import check_kit_relay
    from clisk_sync.recovery_words import parse_printed_vault_id, parse_words

    kit = {"relay": check_kit_relay(relay), "vault_number": number}
    parse_printed_vault_id(number)
    words = _ask_words() if words_fd is None else read_secret(words_fd).expose()
    parse_words(words)
    return {**kit, "words": words}


def _read_picture(path: Path) -> str:
    from clisk_sync import qr
    from clisk_sync.errors import KitError, PairingCodeError
    from clisk_sync.recovery_kit import parse_kit

    try:
        text = qr.read_picture(path)
    except PairingCodeError as err:
        raise KitError(
            str(err),
            advice="take a sharper picture of the whole code, or type the words",
        ) from None
    parse_kit(text)
    return text


def _ask_words() -> str:
    """Return the words, six a line, unseen; a wrong line is asked for anew."""
    from clisk.passphrase_input import ask_secret
    from clisk_sync.errors import KitError
    from clisk_sync.recovery_words import WORDS, check_line

    lines: list[str] = []
    output.say("type the words as they stand on the page; what you type is not shown")
    while len(lines) * _LINE < WORDS:
        first = len(lines) * _LINE + 1
        typed = ask_secret(f"words {first} to {first + _LINE - 1}").expose()
        try:
            line = check_line(typed, first=first)
        except KitError as err:
            output.say(f"error: {err}")
            output.say(f"hint: {err.advice}")
            continue
        if len(line.split()) != _LINE:
            output.say(f"error: {len(line.split())} words; six are asked for")
            continue
        lines.append(line)
    return " ".join(lines)


def _progress(event: str, data: Message) -> None:
    if event == "progress":
        output.say(f"{data['items']} items so far")


def _tell(found: Message) -> None:
    output.say(f"the vault is back: {count(found['items'], 'item')}")
    output.say("What the relay shows, by the clocks of the devices that wrote it:")
    when = date_and_time(found["newest_record_ms"])
    output.say(f"  members: {count(found['records'], 'record')}, newest {when}")
    for row in cast(list[dict[str, Any]], found["devices"]):
        if row["this"]:
            continue
        if row["dormant"]:
            output.say(f"  {row['name']}: a recovery kit")
        elif row["number"]:
            when = date_and_time(row["written_ms"])
            output.say(f"  {row['name']}: envelope {row['number']}, written {when}")
        else:
            output.say(f"  {row['name']}: nothing")
    output.say("")
    output.say("warning: a kit cannot tell whether this is the newest state. A relay")
    output.say("that was set back, or that lies, shows an older one just as well.")
    if found["anchored"]:
        output.say("All that was there when the kit was made is held against it.")
    else:
        output.say("Typed words hold it to less than the code of the page would.")
    output.say(
        "hint: compare the dates with what you remember, and if any other device"
    )
    output.say(f"is left, this code with its `clisk sync code`: {found['safety_code']}")
    for alert in cast(list[str], found["alerts"]):
        output.say(f"warning: {alert}")


def _lost(
    found: Message, revoke: tuple[str, ...], *, revoke_all: bool, keep_all: bool
) -> list[str]:
    """Return the ids of the devices to revoke.

    Raises:
        CliskError: a name that no other device has; the vault is back all the same.
    """
    rows = cast(list[dict[str, Any]], found["devices"])
    others = [row for row in rows if not row["this"] and not row["dormant"]]
    if keep_all or not others:
        return []
    if revoke_all:
        return [row["device"] for row in others]
    if not revoke:
        revoke = _ask_lost(others)
    return [_meant(others, name) for name in revoke]


def _ask_lost(others: list[dict[str, Any]]) -> tuple[str, ...]:
    from clisk.errors import InputError
    from clisk.passphrase_input import ask_line

    output.say("")
    output.say("Which devices are lost? A thief's copy reads on until it is revoked.")
    for row in others:
        output.say(f"  {row['name']} ({row['device'][:8]})")
    try:
        typed = ask_line("names, with commas between; or all; or nothing: ")
    except InputError:
        output.say("nothing was revoked; do that with: clisk devices revoke NAME")
        return ()
    if typed.casefold() == "all":
        return tuple(row["device"] for row in others)
    return tuple(part.strip() for part in typed.split(",") if part.strip())


def _meant(others: list[dict[str, Any]], name: str) -> str:
    found = [
        row["device"]
        for row in others
        if name in (row["name"], row["device"])
        or (len(name) >= _MIN_PREFIX and row["device"].startswith(name.lower()))
    ]
    if len(found) != 1:
        raise CliskError(
            "none or several of the devices are called that; none was revoked",
            advice="the vault is back; go on with: clisk devices revoke",
        )
    return str(found[0])

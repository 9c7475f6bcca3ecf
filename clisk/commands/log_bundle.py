"""log export, keys, verify-bundle: a log for somebody who has no vault.

Verifying needs neither agent nor home, so what it needs is imported there alone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.errors import InputError, LogFaultError, UsageError
from clisk.home import Home
from clisk.times import date_and_time
from clisk.wire import Message

if TYPE_CHECKING:
    from clisk_vault.note import NoteKey

_MAX_FILE_BYTES = 1 << 20
_SAY_EVERY_SECONDS = 2.0


@click.command("export")
@click.option(
    "--to",
    required=True,
    metavar="DIR",
    type=click.Path(),
    help="The folder to make; it must not exist yet.",
)
@click.option(
    "--open", "opened", metavar="N,N-M", help="Show what these entries say, no others."
)
@click.option("--open-all", is_flag=True, help="Show what every entry says.")
@json_option
@click.pass_obj
def export_command(
    home: Home, to: str, opened: str | None, open_all: bool, as_json: bool
) -> None:
    """Write this device's log for somebody outside to check.

    They see how many entries there are and can check that none was changed, and
    no more, unless you open entries for them. Opening one is recorded in the log
    itself first. No key of the vault is in the folder.

    \b
    Examples:
      clisk log export --to bundle
      clisk log export --to bundle --open 17,20-25
    """
    if opened is not None and open_all:
        raise UsageError("--open and --open-all exclude each other")
    params: Message = {
        "folder": os.path.abspath(to),  # noqa: PTH100 - the agent has another one
        "open": [] if opened is None else _numbers(opened),
        "open_all": open_all,
    }
    answer = ask_agent(home, "log.export", params, on_event=tell_entries)
    if as_json:
        output.write_json(answer)
        return
    output.say(f"{answer['size']} entries written, {answer['opened']} of them opened")
    output.say("check it with keys from another device: clisk log keys")


def tell_entries(event: str, data: Message) -> None:
    """Say how far the agent has come, where that takes long."""
    if event == "progress":
        output.say(f"{data['items']} entries so far")


def _numbers(text: str) -> list[int]:
    """Return the numbers in `3,7-9`."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError("--open takes numbers and ranges, such as 3,7-9")
        low, high = int(first), int(last or first)
        if high < low or high - low >= 1_000_000:
            raise UsageError("--open: a range that ends before it begins, or is huge")
        found.update(range(low, high + 1))
    return sorted(found)


@click.command("keys")
@json_option
@click.pass_obj
def keys_command(home: Home, as_json: bool) -> None:
    """List the keys that the logs of this vault's devices are checked with.

    For whoever checks a bundle: save the lines to a file, and take them from
    another device than the one that is checked. They are public keys.
    """
    answer = ask_agent(home, "log.keys")
    if as_json:
        output.write_json(answer)
        return
    for name in ("logs", "witnesses"):
        for line in cast(list[str], answer[name]):
            output.write_line(line)


@click.command("verify-bundle")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option(
    "--keys",
    "keys",
    required=True,
    multiple=True,
    metavar="FILE|VKEY",
    help="A file of keys, one a line, or one key; may be given again.",
)
@click.option(
    "--seen",
    multiple=True,
    metavar="FILE",
    help="A head that another device countersigned, from that device.",
)
@json_option
def verify_bundle_command(
    folder: str, keys: tuple[str, ...], seen: tuple[str, ...], as_json: bool
) -> None:
    """Check a log that somebody exported. Needs no vault and no network.

    The keys must not come from the bundle, but from whom you trust to know the
    device: `clisk log keys` on another device of its owner. The outcome has a
    level. Witnessed: another device countersigned the log. Sealed: none has yet.
    Unanchored: you gave no other device's key. Entries that were opened for you
    are shown when everything before them is good. Whoever made the bundle can
    leave out what other devices countersigned: give it with --seen. Exit code 1
    if anything is wrong, with each finding named.

    \b
    Example:
      clisk log verify-bundle exported --keys laptop.keys
    """
    from clisk_vault.log_bundle_read import parse_seen, read_bundle
    from clisk_vault.log_bundle_verify import verify_bundle

    known = [key for each in keys for key in _read_keys(each)]
    heads = [parse_seen(_read_file(each, "--seen")) for each in seen]
    bundle = read_bundle(Path(folder))
    teller = _Teller(bundle.facts.size)
    outcome = verify_bundle(bundle, known, seen=heads, on_entry=teller.one_more)
    answer = outcome.to_json()
    if as_json:
        output.write_json(answer)
    else:
        for sentence in outcome.sentences():
            output.write_line(sentence)
        _show(cast(list[dict[str, Any]], answer["shown"]))
    if not outcome.verdict.intact:
        raise LogFaultError("the log in this bundle is not as it was written")


def _read_keys(given: str) -> list[NoteKey]:
    from clisk_vault.errors import FormatError
    from clisk_vault.log_bundle import parse_keys

    if given.count("+") >= 2 and not Path(given).exists():
        return parse_keys(given)
    try:
        return parse_keys(_read_file(given, "--keys").decode())
    except (UnicodeDecodeError, FormatError):
        raise InputError(
            "--keys: the file does not hold keys",
            advice="it holds what `clisk log keys` writes, on another device",
        ) from None


def _read_file(given: str, option: str) -> bytes:
    try:
        with Path(given).open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as err:
        raise InputError(
            f"{option}: cannot be read: {err.strerror}",
            advice="check its path and its permissions",
        ) from None
    if len(data) > _MAX_FILE_BYTES:
        raise InputError(
            f"{option}: the file is longer than any that belongs there",
            advice="take the file that `clisk log export` or the other device wrote",
        )
    return data


def _show(rows: list[dict[str, Any]]) -> None:
    if rows:
        output.write_table(
            ("ENTRY", "TYPE", "WHEN", "OUTCOME", "WHO", "ITEM", "FIELD", "SITE", "WHY"),
            (
                (
                    row["index"],
                    row["type"],
                    date_and_time(row["time_ms"]),
                    row.get("outcome") or "",
                    f"{row['kind']} {row['name']}" if "kind" in row else "",
                    row.get("item") or "",
                    row.get("field") or "",
                    row.get("origin") or "",
                    row.get("purpose") or "",
                )
                for row in rows
            ),
        )


class _Teller:
    """Says on standard error how far a long check has come."""

    def __init__(self, size: int) -> None:
        self._size, self._done = size, 0
        self._next = time.monotonic() + _SAY_EVERY_SECONDS

    def one_more(self) -> None:
        self._done += 1
        if self._done % 1024 == 0 and time.monotonic() > self._next:
            self._next = time.monotonic() + _SAY_EVERY_SECONDS
            output.say(f"{self._done} of {self._size} entries so far")

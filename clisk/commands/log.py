"""log: who read what, and whether the record of it can be trusted."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.log_bundle import (
    export_command,
    keys_command,
    verify_bundle_command,
)
from clisk.commands.options import ask_agent, json_option
from clisk.errors import AgentRefusal
from clisk.home import Home
from clisk.times import date_and_time


@click.group("log")
def log_command() -> None:
    """Show and check the access log: one record for each read of a secret."""


@log_command.command("list")
@click.option(
    "-n", "--last", default=50, show_default=True, help="So many, newest last."
)
@click.option("--item", metavar="ITEM", help="Only reads of this item.")
@json_option
@click.pass_obj
def list_command(home: Home, last: int, item: str | None, as_json: bool) -> None:
    """List reads: when, what came of it, who, which field, for which site, why."""
    answer = ask_agent(home, "log.list", {"last": last, "item": item})
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["records"])
    output.write_table(
        ("WHEN", "OUTCOME", "WHO", "ITEM", "FIELD", "SITE", "WHY"),
        (
            (
                date_and_time(row["time_ms"]),
                row["outcome"],
                f"{row['kind']} {row['name']}",
                row["title"] or row["item"] or "",
                row["field"] or "",
                row["origin"] or "",
                row["purpose"],
            )
            for row in rows
        ),
    )


@log_command.command("show")
@click.argument("number", metavar="N", type=click.IntRange(0))
@json_option
@click.pass_obj
def show_command(home: Home, number: int, as_json: bool) -> None:
    """Show entry N, and what the log commits to for it.

    Numbers are those that `clisk log list --json` and `clisk log verify` give.
    """
    answer = ask_agent(home, "log.show", {"index": number})
    if as_json:
        output.write_json(answer)
        return
    record = cast(dict[str, Any] | None, answer["record"]) or {}
    facts = [
        ("entry", answer["index"]),
        ("type", answer["type"]),
        ("when", date_and_time(answer["time_ms"])),
        ("outcome", record.get("outcome")),
        ("who", f"{record['kind']} {record['name']}" if record else None),
        ("code", record.get("digest")),
        ("item", record.get("title") or record.get("item")),
        ("field", record.get("field")),
        ("site", record.get("origin")),
        ("why", record.get("purpose")),
        ("grant", record.get("grant")),
        ("device", answer["device"]),
        ("leaf hash", answer["leaf_hash"]),
        ("commitment", answer["commitment"]),
    ]
    output.write_facts((name, value) for name, value in facts if value is not None)


@log_command.command("verify")
@json_option
@click.pass_obj
def verify_command(home: Home, as_json: bool) -> None:
    """Check every record, seal and head of this device's log.

    The verdict has a level. Witnessed: another device has seen this log.
    Sealed: nobody who came later can have rewritten it, but its newest end
    could be cut off. Unanchored: nothing outside the log vouches for it.
    Exit code 1 if anything is wrong, with each finding named.
    """
    answer = ask_agent(home, "log.verify")
    if as_json:
        output.write_json(answer)
    else:
        for sentence in cast(list[str], answer["sentences"]):
            output.write_line(sentence)
    if not answer["intact"]:
        raise AgentRefusal(
            "LogDamaged",
            "the access log is not as it was written",
            advice="keep a copy of the home folder as it is; do not repair it",
        )


for _command in (export_command, keys_command, verify_bundle_command):
    log_command.add_command(_command)

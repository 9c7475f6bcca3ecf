"""log list, log show: who read what."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    ask_agent,
    device_names,
    item_titles,
    json_option,
    konnector_names,
)
from clisk.home import Home
from clisk.times import date_and_time, moment_ms


@click.command("list")
@click.option(
    *("-n", "--limit", "--last"),
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="So many, newest last.",
)
@click.option(
    "--before", type=click.IntRange(0), metavar="N", help="Only before entry N."
)
@click.option(
    "--item",
    metavar="ITEM",
    shell_complete=item_titles,
    help="Only reads of this item.",
)
@click.option(
    "--konnector",
    metavar="NAME",
    shell_complete=konnector_names,
    help="Only by this konnector.",
)
@click.option(
    "--device",
    metavar="NAME|ID",
    shell_complete=device_names,
    help="Of this device's logs, as far as they came here.",
)
@click.option("--all-devices", is_flag=True, help="Of every device's logs.")
@click.option(
    "--incarnation",
    type=click.IntRange(1),
    metavar="N",
    help="Of a device's log N only; it has several after a restore.",
)
@click.option("--origin", metavar="ORIGIN", help="Only for this site.")
@click.option("--grant", metavar="ID", help="Only those that rested on this grant.")
@click.option("--since", metavar="TIME", help="Not before: 7d, 12h, or a date.")
@click.option("--until", metavar="TIME", help="Before: 7d, 12h, or a date.")
@click.option("--outcome", metavar="WORD", help="granted, refused or failed.")
@click.option("--who", "kind", metavar="KIND", help="person, program, konnector, …")
@click.option("--use", metavar="WORD", help="show, copy, fill, totp, export, health, …")
@click.option("--purpose", metavar="WORDS", help="Only with these words in the reason.")
@json_option
@click.pass_obj
def list_command(
    home: Home,
    /,
    limit: int,
    since: str | None,
    until: str | None,
    as_json: bool,
    **filters: object,
) -> None:
    """List reads: when, what came of it, who, which field, what for, which site, why.

    All filters have to match. The numbers in front are those of `clisk log show`.
    Other devices' logs are listed as far as they have come here with the sync;
    several logs are shown together by the times they bear, which prove nothing.

    \b
    Examples:
      clisk log list --item GitHub --since 7d
      clisk log list --outcome refused --all-devices
      clisk log list --device phone
      clisk log list --konnector edf --limit 20 --before 1200
    """
    moments = {
        f"{name}_ms": moment_ms(text, option=f"--{name}")
        for name, text in (("since", since), ("until", until))
        if text is not None
    }
    answer = ask_agent(home, "log.list", {"last": limit, **filters, **moments})
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["records"])
    logs = cast(list[dict[str, Any]], answer["logs"])
    names = {each["device"]: each["device_name"] for each in logs}
    output.write_table(
        (
            *(("LOG",) if len(logs) > 1 else ()),
            *("N", "WHEN", "OUTCOME", "WHO", "ITEM", "FIELD", "USE", "SITE", "WHY"),
        ),
        (
            (
                *(
                    (f"{names[row['device']]} {row['incarnation']}",)
                    if len(logs) > 1
                    else ()
                ),
                row["index"],
                date_and_time(row["time_ms"]),
                row["outcome"],
                f"{row['kind']} {row['name']}",
                row["title"] or row["item"] or "",
                row["label"] or "",
                row["use"],
                row["origin"] or "",
                row["purpose"],
            )
            for row in rows
        ),
    )
    if answer["before"] is not None:
        output.say(f"there are more: --before {answer['before']}")
    elif answer["more"]:
        output.say("there are more: a higher --limit, or --until a time")


@click.command("summary")
@click.option(
    "--since",
    metavar="TIME",
    default="90d",
    show_default=True,
    help="Not before: 7d, 12h, or a date.",
)
@click.option("--until", metavar="TIME", help="Before: 7d, 12h, or a date.")
@click.option(
    "--item",
    metavar="ITEM",
    shell_complete=item_titles,
    help="Only reads of this item.",
)
@click.option(
    "--konnector",
    metavar="NAME",
    shell_complete=konnector_names,
    help="Only by this konnector.",
)
@click.option(
    "--device",
    metavar="NAME|ID",
    shell_complete=device_names,
    help="Of this device's newest log.",
)
@json_option
@click.pass_obj
def summary_command(
    home: Home, /, since: str, until: str | None, as_json: bool, **filters: object
) -> None:
    """Count reads by reader and item, and show those that stand out.

    A read stands out when it was refused, when a konnector or program reads an
    item for the first time, at an hour when hardly anything is read, or when one
    reader reads many items within a minute. That is a hint, not a verdict.

    \b
    Examples:
      clisk log summary --since 30d
      clisk log summary --konnector edf --device phone
    """
    moments = {"since_ms": moment_ms(since, option="--since")}
    if until is not None:
        moments["until_ms"] = moment_ms(until, option="--until")
    answer = ask_agent(home, "log.summary", {**filters, **moments})
    if as_json:
        output.write_json(answer)
        return
    found = cast(dict[str, Any], answer)
    output.write_line(output.count(found["total"], "read"))
    for each in found["readers"]:
        output.write_line(f"{each['reads']:6}  {each['kind']} {each['name']}")
    for each in found["items"][:10]:
        output.write_line(f"{each['reads']:6}  {each['title'] or each['item']}")
    for each in found["unusual"]:
        row = each["record"]
        what = " ".join(filter(None, (row["title"] or row["item"], row["label"])))
        parts = (
            f"entry {row['index']}",
            date_and_time(row["time_ms"]),
            f"{row['kind']} {row['name']}",
            what or row["purpose"],
        )
        output.write_line(f"{each['why']}: {', '.join(parts)}")


@click.command("show")
@click.argument("number", metavar="N", type=click.IntRange(0))
@click.option(
    "--device",
    metavar="NAME|ID",
    shell_complete=device_names,
    help="Of this device's log.",
)
@click.option(
    "--incarnation",
    type=click.IntRange(1),
    metavar="K",
    help="Of the device's log K; the newest by default.",
)
@json_option
@click.pass_obj
def show_command(
    home: Home,
    number: int,
    device: str | None,
    incarnation: int | None,
    as_json: bool,
) -> None:
    """Show entry N, what the log commits to for it, and how it is proved.

    Numbers are those of `clisk log list` and `clisk log verify`.

    \b
    Examples:
      clisk log list
      clisk log show 42
    """
    answer = ask_agent(
        home,
        "log.show",
        {"index": number, "device": device, "incarnation": incarnation},
    )
    if as_json:
        output.write_json(answer)
        return
    record = cast(dict[str, Any] | None, answer["record"]) or {}
    proof = cast(dict[str, Any], answer["proof"])
    facts = [
        ("entry", answer["index"]),
        ("type", answer["type"]),
        ("says", "erased by the retention policy" if answer["erased"] else None),
        ("when", None if answer["erased"] else date_and_time(answer["time_ms"])),
        ("outcome", record.get("outcome")),
        ("who", f"{record['kind']} {record['name']}" if record else None),
        ("code", record.get("digest")),
        ("item", record.get("title") or record.get("item")),
        ("field", record.get("field")),
        ("used to", record.get("use")),
        ("site", record.get("origin")),
        ("why", record.get("purpose")),
        ("grant", record.get("grant")),
        ("device", answer["device"]),
        ("leaf hash", answer["leaf_hash"]),
        ("commitment", answer["commitment"]),
        ("ciphertext hash", answer["ciphertext_hash"]),
        ("proof", _proof_in_words(proof)),
    ]
    output.write_facts((name, value) for name, value in facts if value is not None)


def _proof_in_words(proof: dict[str, Any]) -> str:
    newest = proof["newest_head"]
    if proof["head"] is None:
        return "NO HEAD CLOSES IT: see clisk log verify"
    if not proof["included"]:
        return f"NOT IN THE TREE of the newest head ({newest}): see clisk log verify"
    words = f"closed by head {proof['head']}, in the tree of the newest ({newest})"
    if proof["witnesses"]:
        return f"{words}, countersigned by {', '.join(proof['witnesses'])}"
    return f"{words}, countersigned by nobody"

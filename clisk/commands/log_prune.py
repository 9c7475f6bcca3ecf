"""log retention, log prune: how long the log keeps what its entries say."""

from __future__ import annotations

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.errors import UsageError
from clisk.home import Home
from clisk.wire import Message

_MOST = (1 << 32) - 1


@click.command("retention")
@click.option("--keep-days", type=click.IntRange(1, _MOST), help="What is younger.")
@click.option("--keep-entries", type=click.IntRange(1, _MOST), help="The newest.")
@click.option("--keep-all", is_flag=True, help="Everything: no policy.")
@json_option
@click.pass_obj
def retention_command(
    home: Home,
    keep_days: int | None,
    keep_entries: int | None,
    keep_all: bool,
    as_json: bool,
) -> None:
    """Show the retention policy of this device's access log, or write one.

    An entry is kept if either rule keeps it. Writing a policy erases nothing: that
    is `clisk log prune`.

    \b
    Examples:
      clisk log retention
      clisk log retention --keep-days 365 --keep-entries 1000
      clisk log retention --keep-all
    """
    rules = keep_days is not None or keep_entries is not None
    if keep_all and rules:
        raise UsageError("--keep-all goes with no other rule")
    if keep_all or rules:
        params: Message = {"keep_days": keep_days, "keep_entries": keep_entries}
        answer = ask_agent(home, "log.retention.write", params)
    else:
        answer = ask_agent(home, "log.retention")
    if as_json:
        output.write_json(answer)
    elif answer["keep_days"] is None and answer["keep_entries"] is None:
        output.write_line("no policy: everything is kept")
    else:
        facts = [("keep days", "keep_days"), ("keep entries", "keep_entries")]
        output.write_facts(
            (name, answer[key]) for name, key in facts if answer[key] is not None
        )


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only tell what would be erased.")
@json_option
@click.pass_obj
def prune_command(home: Home, dry_run: bool, as_json: bool) -> None:
    """Erase what old entries of this device's log say, by its retention policy.

    Who read what is gone then; that there was a read stays, with its place, hash and
    seal, so the log still verifies. The log itself records the erasing and the
    policy. What other devices hold of this log they erase with the same command.

    \b
    Examples:
      clisk log prune --dry-run
      clisk log prune
    """
    answer = ask_agent(home, "log.prune", {"dry_run": dry_run})
    if as_json:
        output.write_json(answer)
        return
    would = "would be" if dry_run else "were"
    entries = "entry" if answer["count"] == 1 else "entries"
    output.write_line(
        f"the contents of {answer['count']} {entries} before {answer['below']} "
        f"{would} erased"
    )
    output.say(f"policy: {answer['policy']}")
    if answer["held_by_grants"]:
        count = output.count(answer["held_by_grants"], "entry")
        output.say(f"{count} more held back: they count the reads of a limited grant")

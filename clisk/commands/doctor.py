"""doctor: look at everything that has to be in order, and say what to do."""

from __future__ import annotations

import sys

import click

from clisk import output
from clisk.checkup.finding import Finding, State
from clisk.commands.options import json_option
from clisk.home import Home


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask nobody: leave the relay out.")
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, offline: bool, as_json: bool) -> None:
    """Look at everything that has to be in order, and say what to do.

    The program and its libraries, the folder and who may read it, the vault's
    file, keyring, agent, memory, browser, clipboard, relay, clocks and room on
    the disk. It changes nothing, opens nothing and needs no passphrase. Exit
    code 1 if something is to be mended; a note is worth knowing, and no fault.

    \b
    Example:
      clisk doctor --offline
    """
    findings = _examine(ctx.find_object(Home) or Home("."), offline=offline)
    bad = sum(each.state is State.BAD for each in findings)
    if as_json:
        output.write_json(
            {"ok": not bad, "findings": [each.as_message() for each in findings]}
        )
    else:
        _show(findings)
        output.say(f"{output.count(bad, 'thing')} to mend" if bad else "all in order")
    ctx.exit(1 if bad else 0)


def _examine(home: Home, *, offline: bool) -> list[Finding]:
    from clisk.checkup import desktop, folder, installation, relay, vault

    checks = [installation.check, folder.check, vault.check, desktop.check]
    if not offline:
        checks.append(relay.check)
    return [finding for check in checks for finding in check(home)]


def _show(findings: list[Finding]) -> None:
    if not sys.stdout.isatty():
        output.write_table(
            (), [(each.state, each.check, each.says, each.advice) for each in findings]
        )
        return
    width = max(len(each.check) for each in findings)
    for each in findings:
        output.write_line(f"{each.state:<5}{each.check:<{width}}  {each.says}")
        if each.advice and each.state is not State.OK:
            output.write_line(f"{'':<{width + 7}}→ {each.advice}")

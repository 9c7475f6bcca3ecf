"""doctor: look at everything that has to be in order, and say what to do."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from clisk import output
from clisk.checkup.finding import Check, Finding, State, bad
from clisk.commands.options import json_option
from clisk.home import Home

_CHECKS = ("installation", "folder", "vault", "desktop")


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask nobody: leave the relay out.")
@json_option
@click.pass_context
def doctor_command(ctx: click.Context, offline: bool, as_json: bool) -> None:
    """Look at everything that has to be in order, and say what to do.

    The program and its libraries, the folder and who may read it, the vault's
    file, keyring, agent, memory, browser, clipboard, relay, clocks and room on
    the disk. It changes nothing, opens nothing and needs no passphrase: what
    it looks at is a copy of the vault's file, private and soon gone. Exit code 1
    if something is to be mended; a note is worth knowing, and no fault.

    \b
    Example:
      clisk doctor --offline
    """
    findings = _examine(ctx.find_object(Home) or Home("."), offline=offline)
    faults = sum(each.state is State.BAD for each in findings)
    if as_json:
        output.write_json(
            {"ok": not faults, "findings": [each.as_message() for each in findings]}
        )
    else:
        _show(findings)
        mend = f"{output.count(faults, 'thing')} to mend"
        output.say(mend if faults else "all in order")
    ctx.exit(1 if faults else 0)


def _examine(home: Home, *, offline: bool) -> list[Finding]:
    from clisk.checkup.installation import AGAIN

    findings: list[Finding] = []
    for name in _CHECKS if offline else (*_CHECKS, "relay"):
        # What a check itself needs may be what is broken.
        try:
            check: Check = import_module(f"clisk.checkup.{name}").check
            findings.extend(check(home))
        except ImportError as err:
            says = f"not looked at: {err.name or 'a library'} does not load"
            findings.append(bad(name, says, AGAIN))
    return findings


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

"""konnector: run a program that fetches the person's own data from a site."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands import konnector_author, konnector_runs, konnector_store
from clisk.commands.konnector_runs import EVERY
from clisk.commands.konnector_store import installed_konnectors
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_fields,
    item_titles,
    json_option,
    konnector_names,
    limit_options,
)
from clisk.errors import AgentRefusal, CliskError
from clisk.home import Home
from clisk.passphrase_again import typed_again
from clisk.wire import Message

if TYPE_CHECKING:
    from clisk.granting import GrantOffer
    from konnector_runner.events import RunEvent, RunReport
    from konnector_runner.konnector import Konnector


@click.group("konnector")
def konnector_command() -> None:
    """Konnectors log in to a site as you and fetch your bills and papers.

    A konnector is a folder with manifest.konnector and main.js. It runs in a
    browser on this device and never sees your password: this program fills it
    in, only on the sites that you granted, and the access log shows each time.
    """


@konnector_command.command("access")
@click.argument("name", shell_complete=konnector_names)
@json_option
@click.pass_obj
def access_command(home: Home, name: str, as_json: bool) -> None:
    """Tell what the konnector NAME may read, and what it did read on this device.

    The same as `clisk grants show NAME`.

    \b
    Example:
      clisk konnector access edf
    """
    from clisk.commands.grants import show_access

    show_access(ask_agent(home, "access", {"who": name}), as_json=as_json)


@konnector_command.command("run")
@click.argument("path", metavar="KONNECTOR", shell_complete=konnector_names)
@click.option(
    "--item",
    required=True,
    metavar="ITEM",
    shell_complete=item_titles,
    help="The login to use.",
)
@click.option("--to", "folder", type=click.Path(file_okay=False), help="Save here.")
@click.option("--account", help="Only for this account of the site.")
@click.option("--grant", is_flag=True, help="Grant what it needs, without asking.")
@click.option(
    *("--field", "fields"),
    multiple=True,
    metavar="FIELD",
    shell_complete=item_fields,
    help="Grant this field.",
)
@click.option(
    "--origin", "origins", multiple=True, metavar="ORIGIN", help="Grant this site."
)
@limit_options
@click.option("--show", is_flag=True, help="Show the browser's window.")
@click.option("--wait", is_flag=True, help="Wait for another run to end.")
@click.option(
    "--every",
    type=EVERY,
    metavar="TIME",
    help="And again and again: 6h, 1d, 2w. Ended by: clisk konnector unschedule.",
)
@click.option(
    "--save-credentials",
    "save",
    type=click.Choice(["ask", "always", "never"]),
    default="ask",
    show_default=True,
    help="What to do with a login that the konnector proposes to save.",
)
@click.option("--scheduled", is_flag=True, hidden=True)
@click.option("-v", "--verbose", is_flag=True, help="Tell what the konnector logs.")
@konnector_author.trace_option
@again_option
@json_option
@click.pass_obj
def run_command(
    home: Home,
    path: str,
    item: str,
    folder: str | None,
    account: str | None,
    grant: bool,
    fields: tuple[str, ...],
    origins: tuple[str, ...],
    plaintext: tuple[str, ...],
    reads: int | None,
    days: int | None,
    show: bool,
    wait: bool,
    every: int | None,
    save: str,
    scheduled: bool,
    verbose: bool,
    trace: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Run a konnector with the login ITEM.

    KONNECTOR is the name of an installed one (clisk konnector list), or a folder.

    At the first run it tells what the konnector wants to read, and on which
    sites, and asks. --grant answers yes for the fields user name and password
    on the item's own addresses. When the konnector's code changed it asks again, and
    tells what changed. What is fetched lands in plain files in --to,
    by default ~/Clisk/<konnector>; what was fetched before is not fetched again.

    The site stays logged in: the browser session is kept, sealed, until `clisk
    konnector forget`. Where the site needs you (a code, a captcha) a window opens;
    close it to stop the run. One run at a time for an account, three in all. A login
    that asks for the passphrase again asks as the run begins, and never runs by itself.

    \b
    Examples:
      clisk konnector run edf --item EDF
      clisk konnector run ./shop --item Shop --grant --to ~/Bills
      clisk konnector run edf --item EDF --every 1d
    """
    konnector = _load(home, path)
    from clisk.commands.konnector_runs import (
        accept_proposal,
        advice_for,
        set_schedule,
    )
    from clisk.running import RunWish, run_with_agent
    from konnector_runner.safe_names import safe_name

    view = ask_agent(home, "view", {"item": item})
    known = _known_grants(home, konnector, str(view["item"]))
    if not _is_granted(konnector, known, plaintext):
        from clisk.granting import offer_for, what_changed

        for line in what_changed(konnector, known):
            output.say(line)
        offer = offer_for(
            konnector,
            view,
            fields=fields,
            origins=origins,
            believe_manifest=not grant,
            plaintext=plaintext,
            max_reads=reads,
            days=days,
        )
        _give(home, offer, asked=not grant)
    target = Path(folder) if folder else Path.home() / "Clisk" / konnector.manifest.slug
    wish = RunWish(
        konnector,
        str(view["item"]),
        target,
        account=account,
        show=show,
        wait=wait or scheduled,
        scheduled=scheduled,
        trace=Path(trace) if trace else None,
    )
    with AgentClient.connect(home) as agent:
        report, source = asyncio.run(
            run_with_agent(
                agent,
                wish,
                lambda event: _tell_event(event, verbose),
                again=typed_again(passphrase_fd),
            )
        )
    if report.account is not None:
        target /= safe_name(report.account, fallback="account")
    _tell(report, target, as_json=as_json)
    if source.proposed:
        accept_proposal(home, wish, source, how="never" if scheduled else save)
    if every is not None:
        set_schedule(home, wish, _source(home, path), folder=folder, every=every)
    if report.error is not None:
        raise AgentRefusal(
            "RunFailed",
            f"the run failed: {report.error.message}",
            advice=report.error.advice or advice_for(report.error),
        )


def _source(home: Home, name: str) -> str:
    """Return what a schedule is to run: an installed name, or the whole path."""
    if Path(name).name == name and name in installed_konnectors(home).slugs():
        return name
    return str(Path(name).absolute())


def _load(home: Home, name: str) -> Konnector:
    from konnector_runner.konnector import load_konnector

    # A name is an installed one, whatever folder lies where the command is given.
    if Path(name).name == name and name in installed_konnectors(home).slugs():
        return installed_konnectors(home).load(name).konnector
    return load_konnector(Path(name))


def _known_grants(home: Home, konnector: Konnector, item: str) -> list[Message]:
    """Return every grant for this item to a konnector of this name."""
    rows = cast(list[Message], ask_agent(home, "grants.list")["grants"])
    slug = konnector.manifest.slug
    return [row for row in rows if row["konnector"] == slug and row["item"] == item]


def _is_granted(
    konnector: Konnector, known: list[Message], plaintext: tuple[str, ...]
) -> bool:
    return any(
        row["state"] == "valid"
        and row["digest"] == konnector.digest.hex()
        and set(plaintext) <= set(cast(list[str], row["plaintext"]))
        for row in known
    )


def _give(home: Home, offer: GrantOffer, *, asked: bool) -> None:
    for line in offer.sentences():
        output.say(line)
    if asked:
        from clisk.passphrase_input import ask_line

        advice = "answer yes beforehand: --grant"
        answer = ask_line("Grant this? Type yes: ", advice=advice)
        if answer.casefold() != "yes":
            raise CliskError(
                "not granted, so the konnector was not run",
                advice="run it again to be asked again",
            )
    ask_agent(home, "grants.add", offer.request())
    output.say("granted")


def _tell_event(event: RunEvent, verbose: bool) -> None:
    from konnector_runner.events import EventKind

    if verbose or event.kind is not EventKind.LOG:
        output.say(f"{event.kind.value}: {event.text}")


def _tell(report: RunReport, folder: Path, *, as_json: bool) -> None:
    files = [saved.path for saved in report.saved]
    if as_json:
        output.write_json(
            {
                "konnector": report.konnector,
                "digest": report.digest.hex(),
                "outcome": report.outcome.value,
                "account": report.account,
                "folder": str(folder),
                "saved": files,
                "already_there": report.already_there,
                "reads": [
                    {
                        "field": read.field,
                        "origin": read.origin,
                        "purpose": read.purpose,
                        "granted": read.granted,
                    }
                    for read in report.releases
                ],
                "seconds": round(report.duration_seconds, 1),
            }
        )
        return
    for name in files:
        output.write_line(str(folder / name))
    output.say(f"{len(files)} new files, {report.already_there} were there already")


for _command in (
    konnector_store.install_command,
    konnector_store.update_command,
    konnector_store.list_command,
    konnector_store.show_command,
    konnector_store.remove_command,
    konnector_author.new_command,
    konnector_author.lint_command,
    konnector_author.test_command,
    konnector_runs.runs_command,
    konnector_runs.forget_command,
    konnector_runs.schedules_command,
    konnector_runs.unschedule_command,
):
    konnector_command.add_command(_command)

"""fill: open a page in a browser and fill in its login."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_titles,
    json_option,
)
from clisk.errors import InputError, NotFilledError, UsageError
from clisk.home import Home
from clisk.passphrase_again import typed_again

if TYPE_CHECKING:
    from clisk.fill_source import Renewed
    from clisk.filling import Outcome
    from clisk.wire import Message
    from konnector_runner.autofill.fill import FillReport


@click.command("fill")
@click.argument("url")
@click.option(
    "--item", metavar="ITEM", shell_complete=item_titles, help="The login to use."
)
@click.option("--headless", is_flag=True, help="Without a window, for scripts.")
@click.option("--submit", is_flag=True, help="Send the form once it is filled.")
@click.option(
    "--siblings",
    is_flag=True,
    help="Offer logins of other domains that are known to share accounts.",
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="S",
    help="With --headless: how long a login may take to appear.",
)
@click.option(
    "--renew",
    "new_password",
    is_flag=True,
    help="Where a new password is asked for, make one, store it and fill it in.",
)
@again_option
@json_option
@click.pass_obj
def fill_command(
    home: Home,
    url: str,
    item: str | None,
    headless: bool,
    submit: bool,
    siblings: bool,
    wait_seconds: float,
    new_password: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Open URL in a browser window and fill in the login for it.

    Without --item it takes the login whose address fits the page, and asks if there
    are several. It fills only pages of the login's own addresses, over https unless
    the address says http, and only fields that you could see and fill yourself;
    never a form that opens a new account. Each value is recorded in the access log
    before it reaches the page. Pressing the button is left to you, unless --submit.

    The window stays open: later steps of a login are filled as they come. Close it
    to end. With --headless it ends when nothing more is asked for; exit code 0
    means that something was filled.

    With --renew it makes one by the rules that the site publishes, and stores
    it before it types it. Afterwards it asks whether the site took it; the earlier
    one stays in the item's history.

    \b
    Examples:
      clisk fill https://github.com/login
      clisk fill bank.example --item "My bank"
      clisk fill https://intranet.example --headless --submit --json
      clisk fill https://bank.example/password --renew
    """
    if new_password and headless:
        raise UsageError(
            "a new password is for a person to send",
            advice="leave --headless out: a form to change a password is never sent",
        )
    address = _address(url)
    from clisk.filling import Visit, check_screen, fill_page

    if not headless:
        check_screen()
    if new_password:
        tell_change_page(address)
    chosen = item or _choose(home, address, siblings=siblings)
    visit = Visit(address, chosen, headless, submit, wait_seconds, new_password)
    with AgentClient.connect(home) as agent:
        work = fill_page(
            agent,
            visit,
            _tell,
            passphrase=typed_again(passphrase_fd),
            on_renewed=_tell_renewed,
        )
        outcome = asyncio.run(work)
    if outcome.renewed is not None:
        _settle_new(home, outcome.item, outcome.renewed.earlier)
    if as_json:
        output.write_json(_as_json(outcome))
    if outcome.refused is not None:
        raise NotFilledError(str(outcome.refused), advice=outcome.refused.advice)
    if not outcome.filled:
        raise _not_filled(outcome)


def tell_change_page(address: str) -> None:
    """Say where the site of *address* has passwords changed, if that is known."""
    from clisk_vault.change_pages import change_page

    page = change_page([address])
    if page is not None and page != address:
        output.say(f"this site has passwords changed at: {page}")


def _address(url: str) -> str:
    """Return *url* with https where no scheme stands."""
    from konnector_runner.errors import FormatError
    from konnector_runner.origin import origin_of

    address = url if "://" in url else f"https://{url}"
    try:
        origin_of(address)
    except FormatError as err:
        raise UsageError(
            f"this is not the address of a page: {err}",
            advice="such as https://example.org/login",
        ) from None
    return address


def _choose(home: Home, url: str, *, siblings: bool) -> str:
    """Return the id of the login for *url*, asking where there is a choice.

    Raises:
        NotFilledError: there is none, or the person took none.
    """
    answer = ask_agent(home, "fill.find", {"url": url, "siblings": siblings})
    found = cast(list[dict[str, Any]], answer["items"])
    if not found:
        reason = answer["refusal"]
        raise NotFilledError(
            f"no login is for this page: {reason}",
            advice="say which: --item, if its address fits; or add one: clisk edit "
            "ITEM --uri URL",
        )
    row = found[0] if len(found) == 1 else _pick(found)
    if row["sibling_of"]:
        _adopt(home, row, url)
    return str(row["item"])


def _pick(found: list[dict[str, Any]]) -> dict[str, Any]:
    from clisk.passphrase_input import ask_line

    for number, row in enumerate(found, 1):
        short = str(row["item"])[:8]
        output.say(f"{number}  {row['title']}  {row['username']}  ({short})")
    advice = "say which: --item"
    typed = ask_line(f"Which of these {len(found)} logins? Number: ", advice=advice)
    if not typed.isdecimal() or not 1 <= int(typed) <= len(found):
        raise InputError("that is none of the numbers", advice=advice)
    return found[int(typed) - 1]


def _adopt(home: Home, row: dict[str, Any], url: str) -> None:
    """Ask before the first use on a sibling; a yes adds its address to the item."""
    from clisk.passphrase_input import ask_line
    from konnector_runner.origin import origin_of

    origin = origin_of(url)
    output.say(f"“{row['title']}” is for {row['sibling_of']}.")
    output.say(f"{origin} is published as a site with the same accounts.")
    advice = f"add the address yourself: clisk edit {str(row['item'])[:8]} --uri URL"
    typed = ask_line("Fill it there from now on? Type yes: ", advice=advice)
    if typed.casefold() != "yes":
        raise NotFilledError(
            "not filled: the site is not one of the item's", advice=advice
        )
    ask_agent(home, "edit", {"item": row["item"], "changes": {"uris": [origin]}})


def _tell_renewed(renewed: Renewed) -> None:
    # At once: however the visit ends, the item has it.
    kept = "; the earlier one is in its history" if renewed.earlier else ""
    output.say(f"the item has a new password{kept}")


def _settle_new(home: Home, item: str, earlier: str | None) -> None:
    """Ask whether the site took the new password; a no brings *earlier* back."""
    from clisk.passphrase_input import ask_line

    way = f"clisk history {item[:8]} --field password"
    if earlier is None:
        way = f"clisk edit {item[:8]} --clear password"
    try:
        typed = ask_line("Has the site taken it? Type no if it has not: ")
    except InputError:
        output.say(f"if the site did not take it: {way}")
        return
    if typed.casefold() != "no":
        return
    if earlier is None:
        output.say("there was no earlier password: the item keeps the new one")
        output.say(f"to empty it: {way}")
        return
    params: Message = {"item": item, "field": "password", "version": earlier}
    ask_agent(home, "history.restore", params)
    output.say("the earlier password is back")


def _tell(report: FillReport) -> None:
    where = report.origin or "the page"
    if report.filled:
        names = ", ".join(role.value for role in report.filled)
        output.say(f"filled {names} on {where}" + (", sent" * report.submitted))
    for role in report.altered:
        output.say(f"the page made something else of the {role.value}: look at it")
    if report.refusal is not None:
        left = "the rest" if report.filled else "it"
        output.say(f"left {left} alone on {where}: {report.refusal.value}")


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "item": outcome.title,
        "filled": outcome.filled,
        "left_at": outcome.left_at,
        "steps": [
            {
                "kind": report.kind.value,
                "origin": report.origin,
                "filled": [role.value for role in report.filled],
                "altered": [role.value for role in report.altered],
                "refusal": report.refusal.name.lower().replace("_", "-")
                if report.refusal
                else None,
                "reason": report.refusal.value if report.refusal else None,
                "submitted": report.submitted,
            }
            for report in outcome.reports
        ],
    }


def _not_filled(outcome: Outcome) -> NotFilledError:
    refusals = [report.refusal for report in outcome.reports if report.refusal]
    reason = refusals[-1].value if refusals else "the window was closed before"
    return NotFilledError(
        f"nothing was filled: {reason}",
        advice=_ADVICE.get(reason, "fill it in yourself: clisk get ITEM -f password"),
    )


_ADVICE = {
    "no field asks for a credential": "open the page of the login itself; it may "
    "appear later: --wait",
    "the page is not of a site of the item": "if the page is right: clisk edit ITEM "
    "--uri URL",
    "the item is for https and the page is not": "use https; for a device that has "
    "none: clisk edit ITEM --uri http://…",
    "the form opens a new account": "open the page for logging in",
}

"""clone: a second item like another."""

from __future__ import annotations

import click

from clisk import output
from clisk.commands.options import ask_agent, item_titles, json_option
from clisk.home import Home
from clisk.wire import Message


@click.command("clone")
@click.argument("item", shell_complete=item_titles)
@click.option("--title", metavar="TITLE", help="What to call it; else ITEM (copy).")
@json_option
@click.pass_obj
def clone_command(home: Home, item: str, title: str | None, as_json: bool) -> None:
    """Make a new item of what ITEM holds now, and write its id.

    Fields, addresses, tags, folder and files come along; the history stays with ITEM,
    and so do its grants and its passkeys, for a site knows a passkey in one place.
    The secrets are read for it, each read recorded. What may be there twice already
    is listed by `clisk duplicates`.

    \b
    Examples:
      clisk clone GitHub
      clisk clone "Mail at work" --title "Mail at home"
    """
    params: Message = {"item": item, **({"title": title} if title is not None else {})}
    answer = ask_agent(home, "clone", params)
    if as_json:
        output.write_json(answer)
        return
    output.write_line(str(answer["item"]))
    files, passkeys = int(str(answer["files"])), int(str(answer["passkeys_left_out"]))
    says = f"made: {answer['title']}"
    if files:
        says += f", with {output.count(files, 'file')}"
    if passkeys:
        says += f"; left out: {output.count(passkeys, 'passkey')}"
    output.say(says)

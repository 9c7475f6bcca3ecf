"""copy: a value into the clipboard, which is emptied after a while."""

from __future__ import annotations

import click

from clisk import output
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_fields,
    item_titles,
    json_option,
)
from clisk.home import Home
from clisk.wire import Message


@click.command("copy")
@click.argument("item", shell_complete=item_titles)
@click.option(
    *("-f", "--field"),
    default="password",
    show_default=True,
    metavar="FIELD",
    shell_complete=item_fields,
    help="The field to copy.",
)
@click.option("--code", is_flag=True, help="The one-time code, instead.")
@click.option(
    "--clear-after",
    type=click.IntRange(1, 3600),
    default=45,
    show_default=True,
    metavar="S",
    help="Empty the clipboard after so many seconds.",
)
@again_option
@json_option
@click.pass_obj
def copy_command(
    home: Home,
    item: str,
    field: str,
    code: bool,
    clear_after: int,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Put a value into the clipboard, and take it out again after a while.

    It is taken out only if the clipboard still holds it: what you copied since
    stays. Where the clipboard's program can say so, the value is marked as
    sensitive, so that managers keep it out of their history; xclip, xsel and
    pbcopy cannot. Without any such program (over ssh, say) the terminal is asked
    to take the value, and nothing can take it out again.

    \b
    Examples:
      clisk copy GitHub
      clisk copy GitHub --code
      clisk copy Visa -f card.number --clear-after 20
    """
    from clisk import clipping

    operation, answer = ("totp", "code") if code else ("reveal", "value")
    asked: Message = {"item": item, "purpose": "clisk copy --code"}
    if not code:
        asked = {"item": item, "field": field, "purpose": "clisk copy", "use": "copy"}
    found = ask_agent(home, operation, asked, passphrase_fd=passphrase_fd)
    clip = clipping.put(str(found[answer]), clear_after)
    if as_json:
        output.write_json(
            {
                "by": clip.tool.copy[0] if clip.tool else "terminal",
                "sensitive": clip.sensitive,
                "cleared_after": clear_after if clip.tool else None,
            }
        )
    else:
        output.say(clip.says)

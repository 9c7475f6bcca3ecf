"""What a shell is offered when Tab is pressed: names too, while the vault is open.

Names are chosen by whoever sent an export or a share, so each is quoted for the shell
that puts it on the command line. No agent is started, nothing counts as use, and what
goes wrong offers nothing: a person in the middle of a line wants no error there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from clisk.client import AgentClient
from clisk.errors import CliskError
from clisk.home import Home, default_folder
from clisk.wire import Message

VARIABLE = "_CLISK_COMPLETE"
_SECONDS = 2.0
_MOST = 200
_BARE = re.compile(r"[^\w@%+,./-]", re.ASCII)
# Within quotes that the person has opened, only these mean anything.
_WITHIN = re.compile(r'["$`\\]')
# What no way of writing makes itself there: the quote would have to be closed, and
# readline then takes the next word to begin in the middle of this one.
_NEVER_WITHIN = {'"': "!", "'": "'"}


class _Bash(BashComplete):
    # Quoted and with backslashes kept, where click's script has file names put in for
    # an asterisk; and it tells of the quote that the word begins with.
    source_template = (
        BashComplete.source_template.replace("read type", "read -r type")
        .replace("COMPREPLY+=($value)", 'COMPREPLY+=("$value")')
        .replace(
            "env COMP_WORDS=",
            'env COMP_QUOTE="${COMP_WORDS[COMP_CWORD]:0:1}" COMP_WORDS=',
        )
    )

    def get_completions(
        self, args: list[str], incomplete: str
    ) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        quote = _quote()
        return [item for item in found if fits_quote(str(item.value), quote)]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{quote_for_bash(str(item.value), _quote())}"


class _Fish(FishComplete):
    # A title may have a comma in it.
    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split -m 1 ","'
    )


_SHELLS: dict[str, type[ShellComplete]] = {
    "bash": _Bash,
    "fish": _Fish,
    "zsh": ZshComplete,
}


def _quote() -> str:
    return os.environ.get("COMP_QUOTE", "")


def fits_quote(text: str, quote: str) -> bool:
    """Whether *text* can be written within *quote*; always where that is no quote."""
    return quote not in _NEVER_WITHIN or _NEVER_WITHIN[quote] not in text


def quote_for_bash(text: str, quote: str) -> str:
    """Return *text* as it stands on a command line, after *quote* if that is one.

    It fits there: fits_quote().
    """
    if quote == "'":
        return text
    within = _WITHIN if quote == '"' else _BARE
    # Beyond ASCII nothing means anything to a shell, spaces of other kinds included.
    return within.sub(
        lambda found: f"\\{found[0]}" if found[0].isascii() else found[0], text
    )


def register() -> None:
    """Let click complete with our shells, in place of its own."""
    for name, shell in _SHELLS.items():
        add_completion_class(shell, name)


def script(shell: str, program: click.Command) -> str:
    """Return the script by which *shell* asks us."""
    complete = _SHELLS[shell](program, {}, "clisk", VARIABLE)
    # Not source(): it starts bash to look at its version.
    return complete.source_template % complete.source_vars()


def names(
    ctx: click.Context, incomplete: str, of: str, *, item: str = ""
) -> list[CompletionItem[str]]:
    """Return names that begin with *incomplete*; none while the vault is locked.

    *of* is what they are the names of, as the agent's operation `names` has it.
    """
    asked: Message = {"of": of, "item": item, "prefix": incomplete, "limit": _MOST}
    try:
        with AgentClient.connect(_home(ctx), answer_seconds=_SECONDS) as agent:
            found = agent.call("names", asked)["names"]
    except (CliskError, OSError, ValueError):
        return []
    assert isinstance(found, list)
    # A line break would be another answer, and an escape another colour.
    return [CompletionItem(name) for name in found if str(name).isprintable()]


def konnectors(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Return the names of installed konnectors; they are no secret of the vault's."""
    from konnector_runner.installed import InstalledKonnectors

    found = InstalledKonnectors(Path(_home(ctx).konnectors)).slugs()
    return [CompletionItem(slug) for slug in found if slug.startswith(incomplete)]


def meant_item(ctx: click.Context) -> str:
    """Return the item that the line names before the word at hand, or nothing."""
    named = ctx.params.get("item") or ctx.params.get("settle")
    if not named and any(
        isinstance(each, click.Argument) and each.name == "item"
        for each in ctx.command.params
    ):
        # While an option still lacks its value click puts no argument into its place.
        named = next(iter(ctx.args), "")
    return str(named or "")


def _home(ctx: click.Context) -> Home:
    return Home(ctx.find_root().params.get("home") or default_folder())

"""tui: browse the vault on a whole terminal."""

from __future__ import annotations

import sys

import click

from clisk.errors import CliskError, InputError
from clisk.home import Home
from clisk.start import connect_or_start


@click.command("tui")
@click.pass_obj
def tui_command(home: Home) -> None:
    """Browse, search, copy and settle on a whole terminal, until Ctrl-C.

    Secrets are masked. Each one that is shown or copied is recorded first; it is
    hidden, and the clipboard cleared, after 30 seconds. `?` lists the keys:

    \b
      /            search as you type; arrows and Enter open an item
      Enter or r   show or hide a secret       c   copy it
      o            one-time code, counting down
      h            what a field was before, and bring it back
      k            settle conflicts            ctrl+l   lock

    \b
    Example:
      clisk tui
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "clisk tui needs a terminal", advice="in scripts: clisk list, clisk get"
        )
    try:
        from clisk.terminal_ui.app import show
    except ModuleNotFoundError as err:
        raise CliskError(
            "the library for the whole terminal is not installed",
            advice="pip install 'clisk-vault[tui]'",
        ) from err

    with connect_or_start(home):
        pass  # an agent that is locked will do
    show(home)

"""The short way for the one command that programs call all day: `clisk get`.

click alone takes longer to load than a bare Python takes to start and end.
Only the plain form is understood here; anything else, help and misspellings
included, is left to clisk.commands.read, which ends in the same functions.
"""

from __future__ import annotations

import sys

from clisk.client import AgentClient
from clisk.errors import AgentRefusal
from clisk.home import Home, default_folder
from clisk.terminal import write_value
from clisk.wire import Message

_FIELD_OPTIONS = ("-f", "--field")


def run(arguments: list[str]) -> bool:
    """Do `[--home FOLDER] get ITEM --field FIELD` and return True, or return False."""
    folder, rest = _split_home(arguments)
    match rest:
        case ["get", item, option, field] if option in _FIELD_OPTIONS:
            pass
        case ["get", option, field, item] if option in _FIELD_OPTIONS:
            pass
        case _:
            return False
    # A dash begins an option: click knows what to say of it.
    if item.startswith("-") or field.startswith("-"):
        return False
    show_field(Home(folder or default_folder()), item, field)
    return True


def show_field(
    home: Home,
    item: str,
    field: str,
    *,
    newline: bool = True,
    passphrase_fd: int | None = None,
) -> None:
    """Write one field of one item to standard output."""
    with AgentClient.connect(home) as agent:
        answer = reveal(agent, item, field, passphrase_fd)
    write_value(str(answer["value"]), newline=newline)
    if answer["conflict"]:
        sys.stderr.write("warning: two devices changed this at once: clisk conflicts\n")


def reveal(
    agent: AgentClient, item: str, field: str, passphrase_fd: int | None = None
) -> Message:
    """Return one field of one item; the agent records the read first.

    An item that asks for the passphrase again gets it from *passphrase_fd*, or from
    the terminal.
    """
    params: Message = {"item": item, "field": field, "purpose": "clisk get"}
    try:
        return agent.call("reveal", params)
    except AgentRefusal as err:
        # Late: most items do not ask, and need no way to ask a person.
        from clisk import passphrase_again

        if err.name != passphrase_again.NEEDED:
            raise
        again = passphrase_again.typed_again(passphrase_fd)
        passphrase_again.confirm(agent, err, again)
    return agent.call("reveal", params)


def _split_home(arguments: list[str]) -> tuple[str, list[str]]:
    if len(arguments) > 2 and arguments[0] == "--home":
        return arguments[1], arguments[2:]
    return "", arguments

"""What git's and docker's helpers share: the login for an address, by the matcher.

Addresses come from other programs, and through them from strangers: a page of a
repository can name any host. So they are checked before anything is looked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from clisk.client import AgentClient
from clisk.errors import CliskError
from clisk.passphrase_again import ask_guarded
from clisk.wire import Message

# A host as it stands between // and /: a name or an address, and maybe a port.
_HOST = re.compile(
    r"(\[[0-9a-fA-F:.]+\]|[^\s\[\]/@:?#%\\\x00-\x20\x7f-\x9f]+)(:\d{1,5})?"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class HelperError(CliskError):
    """A helper was asked for something that it does not answer."""

    default_advice = "git and docker call this by themselves: see the command's --help"


@dataclass(frozen=True, slots=True)
class Login:
    """An item that is for the address."""

    item: str
    title: str
    username: str


def check_host(host: str) -> str:
    """Return *host*, which may carry a port.

    Raises:
        HelperError: it holds anything that could end a host name early.
    """
    if len(host) > 300 or not _HOST.fullmatch(host):
        raise HelperError("the host is not a host name", advice="check the address")
    return host


def check_line(text: str) -> str:
    """Return *text*, which will stand on a line of a protocol.

    Raises:
        HelperError: it holds control characters, which would begin another line.
    """
    if _CONTROLS.search(text):
        raise HelperError(
            "a value holds control characters, so it is not handed over",
            advice="look at the item's user name and password: clisk get ITEM",
        )
    return text


def find_login(agent: AgentClient, url: str, username: str | None) -> Login | None:
    """Return the one login for *url*, or None; *username* if it is known.

    Raises:
        HelperError: several fit.
    """
    rows = cast(list[dict[str, Any]], agent.call("fill.find", {"url": url})["items"])
    found = [
        Login(row["item"], row["title"], row["username"])
        for row in rows
        if username is None or row["username"] == username
    ]
    if len(found) > 1:
        raise HelperError(
            f"{len(found)} items are for this address",
            advice="say which user name is meant, or narrow the items' addresses",
        )
    return found[0] if found else None


def password_of(agent: AgentClient, login: Login, *, purpose: str, use: str) -> str:
    """Return the password of *login*; the agent records the read first.

    A login that asks for the passphrase again asks on the terminal, if there is one.
    """
    params: Message = {
        "item": login.item,
        "field": "password",
        "purpose": purpose,
        "use": use,
    }
    return str(ask_guarded(agent, "reveal", params)["value"])


def add_login(
    agent: AgentClient, url: str, username: str, password: str, *, title: str, tag: str
) -> None:
    """Store a new login for *url*, tagged with what brought it."""
    changes: Message = {
        "fields": {"username": username, "password": password},
        "uris": [url],
        # Narrow: a host that a program named says nothing of its neighbours.
        "match": "host",
        "tags": [tag],
    }
    agent.call("add", {"type": "login", "title": title, "changes": changes})


def set_password(agent: AgentClient, login: Login, password: str) -> None:
    """Change the password of *login*; the earlier one stays in its history."""
    changes: Message = {"fields": {"password": password}}
    agent.call("edit", {"item": login.item, "changes": changes})

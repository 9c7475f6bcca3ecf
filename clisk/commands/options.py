"""What several commands share: their options, and how they reach the agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from clisk.client import AgentClient, OnEvent
from clisk.home import Home
from clisk.passphrase_again import ask_guarded, typed_again
from clisk.wire import Message

Function = TypeVar("Function", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON instead of text."
)

unlock_seconds_option = click.option(
    "--unlock-seconds",
    type=click.FloatRange(0, 30),
    default=1.0,
    show_default=True,
    metavar="S",
    help="How long trying one passphrase shall take; never below the safe minimum.",
)


Completion = Callable[[click.Context, click.Parameter, str], list[Any]]


def _offering(of: str, *, with_item: bool = False) -> Completion:
    """Return what completes a name of that kind, while the vault is open."""

    def offer(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Any:
        from clisk.completing import meant_item, names

        item = meant_item(ctx) if with_item else ""
        return names(ctx, incomplete, of, item=item)

    return offer


item_titles = _offering("title")
trashed_titles = _offering("trashed")
item_fields = _offering("field", with_item=True)
item_attachments = _offering("attachment", with_item=True)
tag_names = _offering("tag")
folder_names = _offering("folder")
token_names = _offering("token")
device_names = _offering("device")
revoked_names = _offering("revoked")


def konnector_names(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[Any]:
    """Return what completes the name of an installed konnector."""
    from clisk.completing import konnectors

    return konnectors(ctx, incomplete)


def limit_options(command: Function) -> Function:
    """Add the options that limit a grant, or stretch it."""
    for option in (
        click.option(
            "--days", type=click.IntRange(1, 3650), help="So long. Default: no end."
        ),
        click.option(
            "--reads",
            type=click.IntRange(1, (1 << 32) - 1),
            metavar="N",
            help="So often, on this device alone; each field is a read.",
        ),
        click.option(
            "--unsafe-plaintext",
            "plaintext",
            multiple=True,
            metavar="FIELD",
            help="Give the konnector's own code this field as plain text.",
        ),
    ):
        command = option(command)
    return command


invite_option = click.option(
    "--invite",
    default="",
    metavar="CODE",
    help="An invitation to that relay; used up by the first sync.",
)


with_keyring_option = click.option(
    "--with-keyring",
    is_flag=True,
    help="Need a secret of this system's keyring too: see clisk init --help.",
)


def passphrase_option(
    says: str = "Read the passphrase from this descriptor.",
) -> Callable[[Function], Function]:
    """Return the option that names a descriptor for the passphrase."""
    return click.option("--passphrase-fd", type=int, metavar="N", help=says)


again_option = passphrase_option(
    "Where the item asks for the passphrase again: read it from this descriptor."
)


def host_name() -> str:
    """Return what a device is called where nobody says: its host's name, as it fits."""
    import socket

    from clisk_sync.device_name import MAX_NAME_CHARS

    printable = "".join(each for each in socket.gethostname() if each.isprintable())
    return printable.strip()[:MAX_NAME_CHARS].strip() or "this device"


def ask_agent(
    home: Home,
    operation: str,
    params: Message | None = None,
    *,
    on_event: OnEvent | None = None,
    passphrase_fd: int | None = None,
) -> Message:
    """Return the agent's answer to one question.

    Where an item asks for the passphrase again, it is read from *passphrase_fd*, or
    typed on the terminal.
    """
    with AgentClient.connect(home) as agent:
        return ask_guarded(
            agent,
            operation,
            params,
            again=typed_again(passphrase_fd),
            on_event=on_event,
        )

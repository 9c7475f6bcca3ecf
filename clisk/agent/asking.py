"""Requests to read that end before there is a value to ask the vault for.

The vault records what it is asked. What is refused here, because nothing is meant by
the words or the passphrase is wrong, is recorded here: how, and never what was typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clisk.agent.caller import Caller
from clisk.errors import CliskError
from clisk_vault.access_record import Requester, Use
from clisk_vault.errors import ReadRefused
from clisk_vault.ids import ItemId
from clisk_vault.vault import Vault


@dataclass(slots=True)
class Asked:
    """As much as was found of what was asked for, and what is wrong if not all is."""

    item: ItemId | None = None
    why: str = "no such value of the item"


@contextmanager
def asking(
    vault: Vault, caller: Caller, use: Use, *, who: Requester | None = None
) -> Iterator[Asked]:
    """Record it if the block finds no item, or no such value of it, to read.

    The block only looks: what reveal() refuses, it has recorded. *who* asks is
    *caller*, unless that asks for somebody else.
    """
    asked = Asked()
    try:
        yield asked
    except (CliskError, ReadRefused):
        why = "no one such item" if asked.item is None else asked.why
        if who is None:
            token = caller.token
            who = caller.requester if token is None else token.who(vault)
        vault.record_refusal(who, why, use=use, item=asked.item)
        raise


def record_wrong_passphrases(
    vault: Vault, who: Requester, count: int, *, locked: bool
) -> None:
    """Record passphrases that did not open the vault; none if *count* is 0."""
    if count:
        tries = "a wrong passphrase" if count == 1 else f"{count} wrong passphrases"
        when = "while the vault was locked" if locked else "while the vault was open"
        vault.record_refusal(who, f"{tries} {when}", use=Use.UNLOCK)

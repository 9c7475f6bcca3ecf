"""Both sides of a pairing without their guards: what the real ones are held against.

They know the same code and get the same messages, and still read none that was not
sealed with the code. Nothing else is checked: no hour, no turn, no commitment, no
count of tries, no vault; the member lets in whoever knocked last.
"""

from __future__ import annotations

from collections.abc import Sequence

from clisk_sync.membership import Membership
from clisk_sync.pairing import MemberPairing
from clisk_sync.pairing_messages import (
    Hello,
    Opening,
    Slot,
    open_message,
    six_digits,
)
from clisk_sync.record import parse_unverified_record
from clisk_vault.device import DevicePublic
from clisk_vault.ids import VaultId


class WeakMember:
    """The side that shows the code, and lets in who knocks."""

    def __init__(self, real: MemberPairing) -> None:
        self._code, self._nonce = real.code, real._nonce
        self.newcomers: list[DevicePublic] = []
        self.digits = ""

    def receive(self, slot: Slot, body: bytes) -> None:
        """Take whatever was made with the code."""
        message = open_message(self._code, slot, body)
        if isinstance(message, Hello):
            self.newcomers.append(message.device)
        elif isinstance(message, Opening):
            self.digits = six_digits(
                self._code,
                self.newcomers[-1],
                theirs=message.nonce,
                ours=self._nonce,
            )

    def enter(self, typed: str) -> bool:
        """Compare the digits, as often as somebody likes."""
        return typed == self.digits


def joins(records: Sequence[bytes]) -> Membership:
    """Return the vault that a newcomer joins which asks for none in particular."""
    genesis = parse_unverified_record(records[0])
    return Membership.verify(VaultId(genesis.hash), records)

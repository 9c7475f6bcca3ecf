"""The two sides of a pairing as machines: protocol/pairing.md §3-5.

No network, no clock of their own: messages and typed digits in, messages to
post out. Legal moves are the tables at the end of each half.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from clisk_sync.errors import (
    CallerError,
    PairingClosed,
    PairingExpired,
    PairingFailed,
    WrongDigits,
)
from clisk_sync.membership import Membership
from clisk_sync.pairing_code import LIFETIME_MS, PairingCode, check_relay
from clisk_sync.pairing_messages import (
    NONCE_BYTES,
    Challenge,
    Frontier,
    Hello,
    Message,
    Opening,
    Slot,
    Welcome,
    commit,
    open_message,
    seal_message,
    six_digits,
)
from clisk_vault.device import DevicePublic
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import PairingSecret
from clisk_vault.primitives import Random

TRIES = 3
# How long the newcomer shows its digits, and how long the member takes them.
TYPE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Post:
    """Put these bytes into that slot of the mailbox."""

    slot: Slot
    body: bytes


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who knocks: shown to the person before any digit is typed."""

    device: DevicePublic
    name: str


class MemberState(Enum):
    """How far the member's side has come."""

    OFFERED = auto()
    CHALLENGED = auto()
    ASKING = auto()
    CONFIRMED = auto()
    CLOSED = auto()


class MemberPairing:
    """The side that shows the code and decides. One code, one newcomer."""

    def __init__(
        self,
        *,
        relay: str,
        vault: VaultId,
        member: DeviceId,
        clock: Callable[[], int],
        random: Random = os.urandom,
    ) -> None:
        check_relay(relay)
        self.state = MemberState.OFFERED
        self.code = PairingCode(
            relay=relay,
            vault=vault,
            secret=PairingSecret(random(PairingSecret.LENGTH)),
            member=member,
            expires_ms=clock() + LIFETIME_MS,
        )
        self.tries_left = TRIES
        self._clock = clock
        self._random = random
        self._nonce = random(NONCE_BYTES)
        self._hello: Hello | None = None
        self._digits = ""
        self._type_until_ms = 0

    @property
    def newcomer(self) -> Newcomer:
        """Who knocked.

        Raises:
            CallerError: nobody has.
        """
        if self._hello is None:
            raise CallerError("no device has knocked yet")
        return Newcomer(self._hello.device, self._hello.name)

    def receive(self, slot: Slot, body: bytes) -> list[Post]:
        """Take a message of the newcomer's and return what to post.

        Raises:
            PairingFailed: out of turn, or not made with this code; it is over.
            PairingExpired: the code's two minutes have passed; it is over.
        """
        rule = _MEMBER_RULES.get((self.state, slot))
        if rule is None:
            self.close()
            raise PairingFailed(f"a {slot.name.lower()} message is not expected now")
        try:
            return rule(self, open_message(self.code, slot, body))
        except (PairingFailed, PairingExpired):
            self.close()
            raise

    def _on_hello(self, message: Message) -> list[Post]:
        assert isinstance(message, Hello)
        if self._clock() > self.code.expires_ms:
            raise PairingExpired("the pairing code has expired")
        self._hello = message
        self.state = MemberState.CHALLENGED
        challenge = Challenge(self._nonce)
        return [Post(*seal_message(self.code, challenge, random=self._random))]

    def _on_opening(self, message: Message) -> list[Post]:
        assert isinstance(message, Opening)
        device = self.newcomer.device
        assert self._hello is not None
        # The order of the messages is what makes six digits enough: the nonce
        # was fixed before ours was shown.
        if not hmac.compare_digest(
            commit(message.nonce, device), self._hello.commitment
        ):
            raise PairingFailed("the newcomer's nonce is not the one it committed to")
        self._digits = six_digits(
            self.code, device, theirs=message.nonce, ours=self._nonce
        )
        self._type_until_ms = self._clock() + round(TYPE_SECONDS * 1000)
        self.state = MemberState.ASKING
        return []

    def enter(self, typed: str) -> Newcomer:
        """Take the digits that the person typed; return who may come in.

        Raises:
            WrongDigits: try again; says how many tries are left.
            PairingClosed: that was the last try, or there is nothing to confirm.
            PairingExpired: the newcomer has given up; it is over.
        """
        if self.state is not MemberState.ASKING:
            raise PairingClosed("no device is waiting for its digits")
        if self._clock() > self._type_until_ms:
            # It would become a member that was never told so.
            self.close()
            raise PairingExpired("the digits were not typed in time")
        self.tries_left -= 1
        plain = "".join(typed.split())
        if not hmac.compare_digest(plain.encode(), self._digits.encode()):
            if not self.tries_left:
                self.close()
                raise PairingClosed("the digits were wrong three times")
            raise WrongDigits(self.tries_left)
        self.state = MemberState.CONFIRMED
        return self.newcomer

    def welcome(self, record: bytes, frontier: Frontier) -> Post:
        """Return the last message: the record that admits the newcomer.

        Raises:
            CallerError: the digits have not been typed.
        """
        if self.state is not MemberState.CONFIRMED:
            raise CallerError("a newcomer is welcomed after its digits, not before")
        self.close()
        return Post(
            *seal_message(self.code, Welcome(record, frontier), random=self._random)
        )

    def refusal(self) -> Post:
        """Return the message that tells the newcomer that it is over."""
        self.close()
        return Post(*seal_message(self.code, Welcome(b"", {}), random=self._random))

    def close(self) -> None:
        """End the pairing; the code opens nothing any more."""
        self.state = MemberState.CLOSED


_MEMBER_RULES: dict[
    tuple[MemberState, Slot], Callable[[MemberPairing, Message], list[Post]]
] = {
    (MemberState.OFFERED, Slot.HELLO): MemberPairing._on_hello,  # noqa: SLF001  # its own table
    (MemberState.CHALLENGED, Slot.OPENING): MemberPairing._on_opening,  # noqa: SLF001  # its own table
}


class NewcomerState(Enum):
    """How far the newcomer's side has come."""

    FRESH = auto()
    GREETED = auto()
    SHOWING = auto()
    WELCOMED = auto()
    CLOSED = auto()


class NewcomerPairing:
    """The side that scanned the code and shows six digits."""

    def __init__(
        self,
        code: PairingCode,
        device: DevicePublic,
        name: str,
        *,
        clock: Callable[[], int],
        random: Random = os.urandom,
    ) -> None:
        self.code = code
        self.state = NewcomerState.FRESH
        self.digits = ""
        self._device = device
        self._name = name
        self._clock = clock
        self._random = random
        self._nonce = random(NONCE_BYTES)
        self._welcome: Welcome | None = None

    def start(self) -> Post:
        """Return the first message.

        Raises:
            PairingExpired: the code's two minutes have passed.
            CallerError: started before.
        """
        if self.state is not NewcomerState.FRESH:
            raise CallerError("a code is used once")
        if self._clock() > self.code.expires_ms:
            raise PairingExpired("the pairing code has expired")
        self.state = NewcomerState.GREETED
        hello = Hello(self._device, self._name, commit(self._nonce, self._device))
        return Post(*seal_message(self.code, hello, random=self._random))

    def receive(self, slot: Slot, body: bytes) -> list[Post]:
        """Take a message of the member's and return what to post.

        Raises:
            PairingFailed: out of turn, or not made with this code; it is over.
            PairingClosed: the member ended it.
        """
        rule = _NEWCOMER_RULES.get((self.state, slot))
        if rule is None:
            self.state = NewcomerState.CLOSED
            raise PairingFailed(f"a {slot.name.lower()} message is not expected now")
        try:
            return rule(self, open_message(self.code, slot, body))
        except (PairingFailed, PairingClosed):
            self.state = NewcomerState.CLOSED
            raise

    def _on_challenge(self, message: Message) -> list[Post]:
        assert isinstance(message, Challenge)
        self.digits = six_digits(
            self.code, self._device, theirs=self._nonce, ours=message.nonce
        )
        self.state = NewcomerState.SHOWING
        opening = Opening(self._nonce)
        return [Post(*seal_message(self.code, opening, random=self._random))]

    def _on_welcome(self, message: Message) -> list[Post]:
        assert isinstance(message, Welcome)
        if not message.record:
            raise PairingClosed("the other device refused this pairing")
        self._welcome = message
        self.state = NewcomerState.WELCOMED
        return []

    def finish(self, membership: Membership) -> Frontier:
        """Return the frontier to reach, *membership* being what the relay gave.

        The welcome alone proves nothing to a newcomer whose code was
        photographed: what counts is the record, signed by the device whose
        fingerprint is in the code, in a chain that begins at the vault id.

        Raises:
            PairingFailed: the records do not admit this device as promised.
        """
        if self._welcome is None:
            raise CallerError("the member has not answered yet")
        member = membership.devices.get(self._device.id)
        if membership.vault_id != self.code.vault:
            raise PairingFailed("the records are of another vault than the code's")
        if member is None or self._welcome.record not in membership.records:
            raise PairingFailed("the relay's records do not hold this device")
        if member.added_by != self.code.member:
            raise PairingFailed("another device than the code's admitted this one")
        return self._welcome.frontier


_NEWCOMER_RULES: dict[
    tuple[NewcomerState, Slot], Callable[[NewcomerPairing, Message], list[Post]]
] = {
    (NewcomerState.GREETED, Slot.CHALLENGE): NewcomerPairing._on_challenge,  # noqa: SLF001  # its own table
    (NewcomerState.SHOWING, Slot.WELCOME): NewcomerPairing._on_welcome,  # noqa: SLF001  # its own table
}

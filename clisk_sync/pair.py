"""Drives a pairing over a mailbox; every rule of it is in pairing.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from clisk_sync.errors import (
    PairingAlreadyScanned,
    PairingExpired,
    RecordConflictError,
    SlotTakenError,
)
from clisk_sync.pairing import (
    TYPE_SECONDS,
    MemberPairing,
    Newcomer,
    NewcomerPairing,
    Post,
)
from clisk_sync.pairing_messages import Frontier, Slot
from clisk_sync.transport import MailboxTransport

KNOCK_SECONDS = 125.0
ANSWER_SECONDS = 60.0
_APPEND_ATTEMPTS = 5


async def wait_for_knock(
    pairing: MemberPairing, mailboxes: MailboxTransport
) -> Newcomer:
    """Return who scanned the code, its nonce opened and its digits settled.

    Raises:
        PairingExpired: nobody did in time.
        PairingFailed: something else than a newcomer with this code.
        TransportError, RelayRefused: the relay.
    """
    box = pairing.code.mailbox
    hello = await _fetch(mailboxes, box, Slot.HELLO, KNOCK_SECONDS)
    await _post_all(mailboxes, box, pairing.receive(Slot.HELLO, hello))
    opening = await _fetch(mailboxes, box, Slot.OPENING, ANSWER_SECONDS)
    await _post_all(mailboxes, box, pairing.receive(Slot.OPENING, opening))
    return pairing.newcomer


async def admit(
    pairing: MemberPairing,
    mailboxes: MailboxTransport,
    append: Callable[[Newcomer], Awaitable[bytes]],
    frontier: Callable[[], Frontier],
) -> None:
    """Add the confirmed newcomer and tell it so.

    *append* builds the record on the newest membership, gives it to the relay and
    returns it; it is tried again when another device's record came first.
    The record stands before the welcome is sent, so a crash between the two
    leaves a member that was never told, and not the reverse.

    Raises:
        RecordConflictError: others were faster each time.
        TransportError, RelayRefused: the relay.
    """
    record = b""
    for attempt in range(_APPEND_ATTEMPTS):
        try:
            record = await append(pairing.newcomer)
            break
        except RecordConflictError:
            if attempt == _APPEND_ATTEMPTS - 1:
                raise
    post = pairing.welcome(record, frontier())
    await mailboxes.post(pairing.code.mailbox, post.slot, post.body)


async def refuse(pairing: MemberPairing, mailboxes: MailboxTransport) -> None:
    """Tell the newcomer that the pairing is over."""
    post = pairing.refusal()
    await mailboxes.post(pairing.code.mailbox, post.slot, post.body)


async def knock(pairing: NewcomerPairing, mailboxes: MailboxTransport) -> str:
    """Introduce this device and return the six digits to show.

    Raises:
        PairingAlreadyScanned: somebody used this code before.
        PairingExpired: too late, or the member does not answer.
        PairingFailed: the answer was not made with this code.
        TransportError, RelayRefused: the relay.
    """
    box = pairing.code.mailbox
    post = pairing.start()
    try:
        await mailboxes.post(box, post.slot, post.body)
    except SlotTakenError:
        raise PairingAlreadyScanned("another device has used this code") from None
    challenge = await _fetch(mailboxes, box, Slot.CHALLENGE, ANSWER_SECONDS)
    await _post_all(mailboxes, box, pairing.receive(Slot.CHALLENGE, challenge))
    return pairing.digits


async def wait_for_welcome(
    pairing: NewcomerPairing, mailboxes: MailboxTransport
) -> None:
    """Return once the member has admitted this device.

    Raises:
        PairingClosed: it refused.
        PairingExpired: nobody typed the digits in time.
        PairingFailed: the answer was not made with this code.
        TransportError, RelayRefused: the relay.
    """
    box = pairing.code.mailbox
    pairing.receive(
        Slot.WELCOME, await _fetch(mailboxes, box, Slot.WELCOME, TYPE_SECONDS)
    )


async def _fetch(
    mailboxes: MailboxTransport, box: bytes, slot: Slot, timeout_seconds: float
) -> bytes:
    body = await mailboxes.fetch(box, slot, timeout_seconds)
    if body is None:
        raise PairingExpired("the other device did not answer in time")
    return body


async def _post_all(mailboxes: MailboxTransport, box: bytes, posts: list[Post]) -> None:
    for post in posts:
        await mailboxes.post(box, post.slot, post.body)

"""What the two devices say to each other in the mailbox: protocol/pairing.md §3.

Each message is sealed under its own key from the QR secret, so the relay reads
and forges none; a photographer of the code could, and meets the six digits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from clisk_sync.device_name import MAX_NAME_CHARS, check_name
from clisk_sync.errors import PairingFailed
from clisk_sync.pairing_code import PairingCode
from clisk_sync.transport import MAX_MAILBOX_BODY_BYTES
from clisk_vault import cbor
from clisk_vault.cose import decrypt0, encrypt0
from clisk_vault.device import DevicePublic
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.ids import DEVICE_ID_LENGTH, HASH_LENGTH, DeviceId, EnvelopeHash
from clisk_vault.keys import PairingKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive, hmac_sha256, sha256

NONCE_BYTES = 32
CODE_DIGITS = 6
_MAX_PLAIN = 7 << 10

Frontier: TypeAlias = Mapping[DeviceId, "tuple[int, EnvelopeHash]"]


class Slot(IntEnum):
    """Where in the mailbox each message stands; each is written once."""

    HELLO = 0
    CHALLENGE = 1
    OPENING = 2
    WELCOME = 3


_LABELS = {
    Slot.HELLO: Label.PAIRING_HELLO,
    Slot.CHALLENGE: Label.PAIRING_CHALLENGE,
    Slot.OPENING: Label.PAIRING_OPENING,
    Slot.WELCOME: Label.PAIRING_WELCOME,
}


@dataclass(frozen=True, slots=True)
class Hello:
    """New → member: who I am, and a commitment to a nonce not yet shown."""

    device: DevicePublic
    name: str
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """Member → new: my nonce."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """New → member: the nonce that the hello committed to."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """Member → new: the record that admits it, and what else must be found.

    An empty *record* says that the member has ended the pairing.
    """

    record: bytes
    frontier: Frontier


Message = Hello | Challenge | Opening | Welcome


def commit(nonce: bytes, device: DevicePublic) -> bytes:
    """Return the commitment of a hello (pairing.md §3.1)."""
    return sha256(Label.PAIRING_COMMITMENT.value, nonce, device.id)


def six_digits(
    code: PairingCode, device: DevicePublic, *, theirs: bytes, ours: bytes
) -> str:
    """Return the digits that bind the whole conversation (pairing.md §4).

    *theirs* is the newcomer's nonce, *ours* the member's. Six digits are enough
    because neither side could choose its nonce after seeing the other's.
    """
    transcript = cbor.encode([code.vault, code.member, device.to_value(), theirs, ours])
    key = derive(code.secret, Label.PAIRING_CODE, b"", PairingKey)
    number = int.from_bytes(hmac_sha256(key, transcript)[:16])
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def _context(code: PairingCode) -> bytes:
    return cbor.encode([code.vault, code.member, code.expires_ms])


def _key(code: PairingCode, slot: Slot) -> PairingKey:
    return derive(code.secret, _LABELS[slot], _context(code), PairingKey)


def seal_message(
    code: PairingCode, message: Message, *, random: Random = os.urandom
) -> tuple[Slot, bytes]:
    """Return the slot of *message* and its sealed bytes."""
    slot, plain = _ENCODERS[type(message)](message)
    sealed = encrypt0(
        _key(code, slot),
        cbor.encode(plain),
        label=_LABELS[slot],
        context=_context(code),
        random=random,
    )
    return slot, sealed


def open_message(code: PairingCode, slot: Slot, body: bytes) -> Message:
    """Return the message that stands in *slot*.

    Raises:
        PairingFailed: not made with this code for this slot, or not its shape.
    """
    try:
        plain = decrypt0(
            _key(code, slot),
            body,
            label=_LABELS[slot],
            context=_context(code),
            max_bytes=MAX_MAILBOX_BODY_BYTES,
        )
        what = f"pairing {slot.name.lower()}"
        return _PARSERS[slot](cbor.parse(plain, max_bytes=_MAX_PLAIN, what=what), what)
    except (FormatError, TamperedError) as err:
        raise PairingFailed(
            f"the {slot.name.lower()} message is not from the other device: {err}"
        ) from err


def _encode_hello(message: Message) -> tuple[Slot, cbor.Encodable]:
    assert isinstance(message, Hello)
    return Slot.HELLO, {
        1: message.device.to_value(),
        2: message.name,
        3: message.commitment,
    }


def _encode_challenge(message: Message) -> tuple[Slot, cbor.Encodable]:
    assert isinstance(message, Challenge)
    return Slot.CHALLENGE, {1: message.nonce}


def _encode_opening(message: Message) -> tuple[Slot, cbor.Encodable]:
    assert isinstance(message, Opening)
    return Slot.OPENING, {1: message.nonce}


def _encode_welcome(message: Message) -> tuple[Slot, cbor.Encodable]:
    assert isinstance(message, Welcome)
    frontier: dict[bytes, cbor.Encodable] = {
        device: [number, digest]
        for device, (number, digest) in message.frontier.items()
    }
    plain: dict[int, cbor.Encodable] = {1: message.record, 2: frontier}
    return Slot.WELCOME, plain


def _parse_hello(value: cbor.Value, what: str) -> Hello:
    fields = cbor.expect_map(value, {1: dict, 2: str, 3: bytes}, what=what)
    name = cbor.expect_text(fields[2], what=f"{what}: name", max_chars=MAX_NAME_CHARS)
    return Hello(
        DevicePublic.from_value(fields[1]),
        check_name(name),
        cbor.expect_bytes(fields[3], length=HASH_LENGTH, what=f"{what}: commitment"),
    )


def _parse_nonce(value: cbor.Value, what: str) -> bytes:
    fields = cbor.expect_map(value, {1: bytes}, what=what)
    return cbor.expect_bytes(fields[1], length=NONCE_BYTES, what=f"{what}: nonce")


def _parse_welcome(value: cbor.Value, what: str) -> Welcome:
    fields = cbor.expect_map(value, {1: bytes, 2: dict}, what=what)
    record, claims = fields[1], fields[2]
    assert isinstance(record, bytes)
    assert isinstance(claims, dict)
    frontier: dict[DeviceId, tuple[int, EnvelopeHash]] = {}
    for device, seen in claims.items():
        if not isinstance(device, bytes) or len(device) != DEVICE_ID_LENGTH:
            raise FormatError(f"{what}: frontier names no device")
        pair = cbor.expect_list(seen, what=f"{what}: frontier", max_items=2)
        if len(pair) != 2:
            raise FormatError(f"{what}: frontier")
        number = cbor.expect_uint(pair[0], what=f"{what}: number")
        digest = cbor.expect_bytes(pair[1], length=HASH_LENGTH, what=f"{what}: hash")
        frontier[DeviceId(device)] = (number, EnvelopeHash(digest))
    return Welcome(record, frontier)


_ENCODERS = {
    Hello: _encode_hello,
    Challenge: _encode_challenge,
    Opening: _encode_opening,
    Welcome: _encode_welcome,
}
_PARSERS: dict[Slot, Callable[[cbor.Value, str], Message]] = {
    Slot.HELLO: _parse_hello,
    Slot.CHALLENGE: lambda value, what: Challenge(_parse_nonce(value, what)),
    Slot.OPENING: lambda value, what: Opening(_parse_nonce(value, what)),
    Slot.WELCOME: _parse_welcome,
}

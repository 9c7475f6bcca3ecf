"""Signed notes (C2SP signed-note v1.0.0, tlog-cosignature v1.0.1): access-log.md §4.

A note is text with signature lines below it. Strict: one accepted spelling, and
only the two kinds of key that the access log uses, Ed25519 (0x01) and Ed25519
cosignature (0x04).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.primitives import (
    SIGNATURE_BYTES,
    VERIFY_KEY_BYTES,
    SigningKey,
    VerifyKey,
    sha256,
    sign,
    verify,
)

MAX_NOTE_BYTES = 1 << 16
MAX_SIGNATURES = 64  # every reader of notes must take 16 at least
KEY_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = (1 << 63) - 1
_DASH = "\N{EM DASH} "
_UNFIT_IN_NAME = re.compile(r"[\s\x00-\x1f+\ud800-\udfff]")
_UNFIT_IN_TEXT = re.compile(r"[\x00-\x09\x0b-\x1f]")


class KeyKind(IntEnum):
    """Signature types of signed-note that are used here."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that a reader trusts for signatures under *name*."""

    name: str
    public: VerifyKey
    kind: KeyKind = KeyKind.ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def id(self) -> bytes:
        """The 4 bytes that stand before this key's signatures."""
        return sha256(self.name.encode(), b"\n", bytes([self.kind]), self.public)[
            :KEY_ID_BYTES
        ]

    def encode(self) -> str:
        """Return the key as a C2SP vkey."""
        raw = bytes([self.kind]) + self.public
        return f"{self.name}+{self.id.hex()}+{encode_base64(raw)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Return the key that a vkey spells.

        Raises:
            FormatError: not a vkey, or its id is not its key's.
            UnsupportedError: a kind of key that this program does not use.
        """
        name, *rest = text.split("+", 2)
        if len(rest) != 2:
            raise FormatError("note key: not name+id+key")
        raw = parse_base64(rest[1], what="note key")
        if not raw or raw[0] not in tuple(KeyKind):
            raise UnsupportedError("note key: a signature type not known here")
        if len(raw) != 1 + VERIFY_KEY_BYTES:
            raise FormatError("note key: not 32 bytes")
        key = cls(name, VerifyKey(raw[1:]), KeyKind(raw[0]))
        if key.id.hex() != rest[0]:
            raise FormatError("note key: its id is another key's")
        return key

    def check(self, text: str, signature: bytes) -> None:
        """Check one signature over the whole *text* of a note.

        Raises:
            TamperedError: not this key's signature of this text.
        """
        message = text.encode()
        if self.kind is KeyKind.COSIGNATURE:
            if len(signature) != _TIME_BYTES + SIGNATURE_BYTES:
                raise TamperedError("cosignature: wrong length")
            time = int.from_bytes(signature[:_TIME_BYTES])
            if time > _MAX_TIME:
                raise TamperedError("cosignature: time out of range")
            message = _cosigned(text, time)
            signature = signature[_TIME_BYTES:]
        verify(self.public, message, signature)

    def signed_alone(self, note: bytes, text: str) -> bool:
        """Return whether *note* is *text* with this key's good signature alone.

        For a reader that knows what the note has to say. False says nothing: the
        note may be good in another way, and whoever has to know why parses it.
        """
        start = f"{text}\n{_DASH}{self.name} ".encode()
        encoded = note[len(start) : -1]
        if len(note) > MAX_NOTE_BYTES or note != start + encoded + b"\n":
            return False
        try:
            raw = binascii.a2b_base64(encoded, strict_mode=True)
            if binascii.b2a_base64(raw, newline=False) != encoded:
                return False  # another spelling
            if raw[:KEY_ID_BYTES] != self.id:
                return False
            self.check(text, raw[KEY_ID_BYTES:])
        except (binascii.Error, TamperedError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature, by a key that is known by name and 4 bytes only."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            raise FormatError("signature line: cut short")

    def encode(self) -> str:
        """Return the line, newline included."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"

    @classmethod
    def parse(cls, line: str) -> SignatureLine:
        """Return what a line without its newline spells.

        Raises:
            FormatError: not a signature line.
        """
        name, space, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space:
            raise FormatError("signature line: not a dash, a name and a signature")
        raw = parse_base64(encoded, what="signature line")
        return cls(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])

    @property
    def time_seconds(self) -> int:
        """When a cosigner says it signed; only for a checked cosignature."""
        return int.from_bytes(self.signature[:_TIME_BYTES])


@dataclass(frozen=True, slots=True)
class UnverifiedNote:
    """A note as it was read: its text means nothing before verify()."""

    text: str
    lines: tuple[SignatureLine, ...]

    def __post_init__(self) -> None:
        _check_text(self.text)
        if not 0 < len(self.lines) <= MAX_SIGNATURES:
            raise FormatError(f"note: not 1 to {MAX_SIGNATURES} signatures")

    def encode(self) -> bytes:
        """Return the one spelling of this note."""
        return f"{self.text}\n{''.join(map(SignatureLine.encode, self.lines))}".encode()

    @classmethod
    def parse(cls, data: bytes) -> UnverifiedNote:
        """Return the note that *data* spells.

        Raises:
            FormatError: anything but the one spelling of a note.
        """
        if len(data) > MAX_NOTE_BYTES:
            raise FormatError(f"note: {len(data)} bytes, at most {MAX_NOTE_BYTES}")
        try:
            whole = data.decode()
        except UnicodeDecodeError as err:
            raise FormatError("note: not UTF-8", at=err.start) from None
        # The last blank line divides: the text itself may hold blank lines.
        text, blank, below = whole.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise FormatError("note: no blank line, or no newline at the end")
        lines = below[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise FormatError(f"note: not 1 to {MAX_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(SignatureLine.parse, lines)))

    def verify(self, keys: Sequence[NoteKey]) -> tuple[NoteKey, ...]:
        """Check every signature by one of *keys* and return those that signed.

        Lines by other keys are ignored, even under a known name.

        Raises:
            TamperedError: a known key's signature is bad, or no known key signed.
        """
        known = {(key.name, key.id): key for key in keys}
        signers: dict[NoteKey, None] = {}
        for line in self.lines:
            key = known.get((line.name, line.key_id))
            if key is not None:
                key.check(self.text, line.signature)
                signers[key] = None
        if not signers:
            raise TamperedError("note: not signed by a known key")
        return tuple(signers)


def sign_line(text: str, *, by: NoteKey, key: SigningKey) -> SignatureLine:
    """Return the signature of the note *text* by *key*, the private half of *by*."""
    _check_text(text)
    return SignatureLine(by.name, by.id, sign(key, text.encode()))


def cosign_line(
    text: str, *, by: NoteKey, key: SigningKey, time_seconds: int
) -> SignatureLine:
    """Return the cosignature/v1 of a checkpoint's *text* by *key*, made now."""
    _check_text(text)
    signature = sign(key, _cosigned(text, time_seconds))
    return SignatureLine(by.name, by.id, time_seconds.to_bytes(_TIME_BYTES) + signature)


def encode_base64(raw: bytes) -> str:
    """Return standard base64 (RFC 4648 §4)."""
    return base64.b64encode(raw).decode()


def parse_base64(text: str, *, what: str) -> bytes:
    """Return the bytes that *text* spells in its one base64 spelling.

    Raises:
        FormatError: any other spelling, stray bits in the padding included.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise FormatError(f"{what}: not base64") from None
    if encode_base64(raw) != text:
        raise FormatError(f"{what}: not the one spelling in base64")
    return raw


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _check_name(name: str) -> None:
    if not name or _UNFIT_IN_NAME.search(name):
        raise FormatError("note: a key name is empty or holds a space or plus")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _UNFIT_IN_TEXT.search(text):
        raise FormatError("note: text without a newline or with a control character")

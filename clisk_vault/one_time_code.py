"""One-time codes: TOTP (RFC 6238), Steam's, and how their seeds are written.

A seed is an `otpauth://` URI, a bare base32 secret, or `steam://` and one. Google
Authenticator's `otpauth-migration://` holds several. All of it is foreign text:
strict, bounded, and no error quotes any of it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.keys import SecretText

MAX_TEXT_CHARS = 4_096
MAX_ACCOUNTS = 200
_MAX_SECRET_BYTES = 512
_SEED_ADVICE = "a seed is base32 or an otpauth:// address; sites show it by the picture"
_KIND_ADVICE = "codes that count up (HOTP) are not made here; keep it in a hidden field"
_DIGITS = range(6, 9)
_PERIODS = range(1, 3_601)
_ALGORITHMS = ("SHA1", "SHA256", "SHA512")
_STEAM_LETTERS = "23456789BCDFGHJKMNPQRTVWXY"
_STEAM_CHARS = 5


@dataclass(frozen=True, slots=True)
class Seed:
    """What codes are made from."""

    secret: bytes = field(repr=False)
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    steam: bool = False
    issuer: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """A code, and when it ends."""

    code: SecretText
    period: int
    left_seconds: int


def code_at(seed: Seed, time_seconds: int) -> Code:
    """Return the code of the moment *time_seconds*, since 1970 (RFC 6238 §4.2)."""
    number = _truncated(seed, time_seconds // seed.period)
    if seed.steam:
        text = ""
        for _ in range(_STEAM_CHARS):
            number, letter = divmod(number, len(_STEAM_LETTERS))
            text += _STEAM_LETTERS[letter]
    else:
        text = str(number % 10**seed.digits).zfill(seed.digits)
    left = seed.period - time_seconds % seed.period
    return Code(SecretText(text), seed.period, left)


def _truncated(seed: Seed, counter: int) -> int:
    """Return the 31 bits of RFC 4226 §5.3."""
    mac = hmac.digest(seed.secret, counter.to_bytes(8), seed.algorithm.lower())
    at = mac[-1] & 0x0F
    return int.from_bytes(mac[at : at + 4]) & 0x7FFF_FFFF


def parse_seed(text: SecretText) -> Seed:
    """Return the seed that *text* spells.

    Raises:
        FormatError: no seed, or one out of range.
        UnsupportedError: a kind of code that is not made here, as HOTP.
    """
    raw = text.expose().strip()
    if len(raw) > MAX_TEXT_CHARS:
        raise FormatError("one-time code: longer than any seed", advice=_SEED_ADVICE)
    lower = raw[:20].lower()
    if lower.startswith("otpauth://"):
        return _parse_uri(raw)
    if lower.startswith("steam://"):
        return Seed(_base32(raw[len("steam://") :]), steam=True)
    if "://" in raw:
        raise UnsupportedError(
            "one-time code: not a kind that is known here", advice=_SEED_ADVICE
        )
    return Seed(_base32(raw))


def _parse_uri(raw: str) -> Seed:
    try:
        parts = urlsplit(raw)
        pairs = parse_qsl(
            parts.query, keep_blank_values=True, max_num_fields=32, strict_parsing=True
        )
    except ValueError:
        raise FormatError("one-time code: not an otpauth address") from None
    if parts.netloc.lower() != "totp":
        raise UnsupportedError(
            "one-time code: not a code that goes by the time", advice=_KIND_ADVICE
        )
    # "+" is a letter in some exporters' labels, and a space in others' queries.
    values = {name.lower(): value for name, value in pairs}
    if len(values) != len(pairs):
        raise FormatError("one-time code: a parameter is given twice")
    issuer, _, account = unquote(parts.path.lstrip("/")).rpartition(":")
    algorithm = values.get("algorithm", "SHA1").upper().replace("-", "")
    if algorithm not in _ALGORITHMS:
        raise UnsupportedError("one-time code: a hash that is not known here")
    steam = values.get("encoder", "").lower() == "steam"
    return Seed(
        _base32(values.get("secret", "")),
        algorithm,
        6 if steam else _number(values.get("digits", "6"), _DIGITS, "digits"),
        _number(values.get("period", "30"), _PERIODS, "period"),
        steam,
        values.get("issuer", issuer).strip(),
        account.strip(),
    )


def spell_seed(seed: Seed) -> SecretText:
    """Return the `otpauth://` address of *seed*."""
    secret = base64.b32encode(seed.secret).decode().rstrip("=")
    label = f"{seed.issuer}:{seed.account}" if seed.issuer else seed.account
    text = f"otpauth://totp/{quote(label, safe=':@')}?secret={secret}"
    if seed.issuer:
        text += f"&issuer={quote(seed.issuer, safe='')}"
    if seed.algorithm != "SHA1":
        text += f"&algorithm={seed.algorithm}"
    if seed.digits != 6:
        text += f"&digits={seed.digits}"
    if seed.period != 30:
        text += f"&period={seed.period}"
    if seed.steam:
        text += "&encoder=steam"
    return SecretText(text)


def parse_many(text: SecretText) -> list[Seed]:
    """Return the seeds of a QR code: one, or those of a migration.

    Raises:
        FormatError: neither. UnsupportedError: codes that are not made here.
    """
    raw = text.expose().strip()
    if not raw.lower().startswith("otpauth-migration://"):
        return [parse_seed(text)]
    try:
        data = dict(parse_qsl(urlsplit(raw).query, max_num_fields=8))["data"]
        # An exporter may leave "+" as it is, and a query has it for a space.
        payload = base64.b64decode(data.replace(" ", "+"), validate=True)
    except (KeyError, ValueError):
        raise FormatError("one-time code: not a migration") from None
    if len(payload) > MAX_ACCOUNTS * 1_024:
        raise FormatError("one-time code: longer than any migration")
    seeds = [
        _migrated(value)
        for number, value in _fields(payload)
        if number == 1 and isinstance(value, bytes)
    ]
    if not 1 <= len(seeds) <= MAX_ACCOUNTS:
        raise FormatError(f"one-time code: not 1 to {MAX_ACCOUNTS} accounts")
    return seeds


_MIGRATED_ALGORITHMS = {0: "SHA1", 1: "SHA1", 2: "SHA256", 3: "SHA512"}
_MIGRATED_DIGITS = {0: 6, 1: 6, 2: 8}


def _migrated(message: bytes) -> Seed:
    """Return one account of a migration.

    Fields: 1 secret, 2 account, 3 issuer, 4 hash, 5 digits, 6 kind (2 is TOTP).
    """
    found = dict(_fields(message))
    secret, kind = found.get(1, b""), found.get(6, 0)
    if kind not in (0, 2):
        raise UnsupportedError(
            "one-time code: not a code that goes by the time", advice=_KIND_ADVICE
        )
    algorithm = _MIGRATED_ALGORITHMS.get(_whole(found.get(4, 0)))
    digits = _MIGRATED_DIGITS.get(_whole(found.get(5, 0)))
    if algorithm is None or digits is None:
        raise UnsupportedError("one-time code: a hash or length not known here")
    if not isinstance(secret, bytes) or not 1 <= len(secret) <= _MAX_SECRET_BYTES:
        raise FormatError("one-time code: a migration without a secret")
    issuer, account = _name(found.get(3, b"")), _name(found.get(2, b""))
    return Seed(
        secret,
        algorithm,
        digits,
        issuer=issuer,
        account=account.removeprefix(f"{issuer}:").strip() if issuer else account,
    )


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield numbers and values of a protocol buffer: whole numbers and bytes only."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise FormatError("one-time code: a migration is cut short")
            yield tag >> 3, message[at : at + length]
            at += length
        else:
            raise FormatError("one-time code: not a migration")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 63, 7):
        if at >= len(message):
            raise FormatError("one-time code: a migration is cut short")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value, at
    raise FormatError("one-time code: a number that is too long")


def _whole(value: int | bytes) -> int:
    return value if isinstance(value, int) else -1


def _name(value: int | bytes) -> str:
    if not isinstance(value, bytes):
        raise FormatError("one-time code: a name that is none")
    return value.decode("utf-8", "replace")[:200]


def _base32(text: str) -> bytes:
    """Return the secret that *text* spells; spaces, hyphens and case do not matter."""
    bare = re.sub(r"[\s-]", "", text).rstrip("=").upper()
    if not bare or len(bare) > 2 * _MAX_SECRET_BYTES:
        raise FormatError(
            "one-time code: no secret, or too long a one", advice=_SEED_ADVICE
        )
    try:
        return base64.b32decode(bare + "=" * (-len(bare) % 8))
    except ValueError:  # of which binascii's own error is one
        raise FormatError(
            "one-time code: the secret is not base32", advice=_SEED_ADVICE
        ) from None


def _number(text: str, allowed: range, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise FormatError(f"one-time code: {what} is not a number")
    if int(text) not in allowed:
        raise UnsupportedError(
            f"one-time code: {what} out of range",
            advice=f"it is {allowed.start} to {allowed.stop - 1} elsewhere too",
        )
    return int(text)

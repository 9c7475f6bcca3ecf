"""age files sealed and opened: the home of pyrage. Spec: C2SP age, https://c2sp.org/age.

The cost of a passphrase is read from the header, and bounded, before any of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyrage

from clisk_vault.errors import (
    CostLimitError,
    FormatError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.keys import SecretText
from clisk_vault.transfer.file_secrets import FilePasswordError, FilePasswordNeeded

WHAT = "sealed backup"
_VERSION = b"age-encryption.org/v1\n"
_SCRYPT = re.compile(rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)", re.ASCII)
_MAX_HEADER_BYTES = 64 * 1024
MAX_LOG_N = 20
"""2^20 rounds of scrypt with r = 8 take 1 GiB. Writers choose what takes a second."""


def seal(
    data: bytes, *, passphrase: SecretText | None = None, recipients: Sequence[str] = ()
) -> bytes:
    """Return *data* sealed to *recipients*, or with *passphrase* where there are none.

    Raises:
        FormatError: a recipient that is none (age1...).
        UnsupportedError: neither of them.
    """
    if recipients:
        try:
            keys = [pyrage.x25519.Recipient.from_str(each) for each in recipients]
        except pyrage.RecipientError:
            raise FormatError(
                "a recipient is not an age public key",
                advice="it begins with age1; make a pair with age-keygen",
            ) from None
        return bytes(pyrage.encrypt(data, keys))
    if passphrase is None:
        raise UnsupportedError("a backup needs a passphrase or a recipient")
    return bytes(pyrage.passphrase.encrypt(data, passphrase.expose()))


def open_sealed(
    data: bytes,
    *,
    passphrase: SecretText | None = None,
    identities: Sequence[SecretText] = (),
) -> bytes:
    """Return what the age file *data* holds.

    Raises:
        FilePasswordNeeded: it is sealed with what was not given.
        FilePasswordError: the passphrase or identity does not open it.
        CostLimitError: its scrypt asks for more than is allowed; none was done.
        TamperedError: changed since it was sealed, or cut short.
        FormatError: not an age file.
    """
    by_passphrase = _check_header(data)
    try:
        if by_passphrase:
            if passphrase is None:
                raise FilePasswordNeeded(f"{WHAT}: it is sealed with a passphrase")
            return bytes(pyrage.passphrase.decrypt(data, passphrase.expose()))
        if not identities:
            raise FilePasswordNeeded(
                f"{WHAT}: it is sealed to a key",
                advice="give the identity (AGE-SECRET-KEY-...): --identity-fd N",
            )
        keys = [_identity(each) for each in identities]
        return bytes(pyrage.decrypt(data, keys))
    except pyrage.DecryptError as err:
        if any(word in str(err).lower() for word in ("matching keys", "excessive")):
            raise FilePasswordError(f"{WHAT}: the key does not open it") from None
        if by_passphrase and "decryption failed" in str(err).lower():
            raise FilePasswordError(
                f"{WHAT}: the passphrase does not open it, or it was changed"
            ) from None
        raise TamperedError(
            f"{WHAT}: changed since it was sealed, or cut short",
            advice="use another copy of it",
        ) from None


def _identity(text: SecretText) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(text.expose().strip())
    except pyrage.IdentityError:
        raise FilePasswordError(
            f"{WHAT}: not an age identity", advice="it begins with AGE-SECRET-KEY-1"
        ) from None


def _check_header(data: bytes) -> bool:
    """Return whether a passphrase opens the file, after judging what that costs."""
    if not data.startswith(_VERSION):
        raise FormatError(f"{WHAT}: not an age file")
    head, end, _ = data[:_MAX_HEADER_BYTES].partition(b"\n--- ")
    if not end:
        raise FormatError(f"{WHAT}: its header does not end")
    stanzas = [line for line in head.split(b"\n") if line.startswith(b"-> ")]
    scrypt = [line for line in stanzas if line.startswith(b"-> scrypt")]
    if not scrypt:
        return False
    found = _SCRYPT.fullmatch(scrypt[0])
    if found is None or len(stanzas) != 1:
        raise FormatError(f"{WHAT}: a passphrase has to stand alone in its header")
    if int(found[2]) > MAX_LOG_N:
        raise CostLimitError(f"{WHAT}: scrypt with more than 2^{MAX_LOG_N} rounds")
    return True

"""A device's name, sealed: protocol/membership.md §4.

The relay sees neither the name nor its length.
"""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Collection

from clisk_sync.padding import pad, unpad
from clisk_sync.record_body import SealedName
from clisk_vault import cbor
from clisk_vault.cose import decrypt0, encrypt0
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId
from clisk_vault.keys import EpochSecret, NameKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive

MAX_NAME_CHARS = 48
_FLOOR = 256
_MAX_SEALED = 512
_ADVICE = (
    f"choose one of 1 to {MAX_NAME_CHARS} characters that all print, without a space"
    " at its ends"
)


def check_name(name: str) -> str:
    """Return *name* when it may stand beside others on a screen.

    Raises:
        FormatError: empty, too long, with spaces around it, or with characters
            that print nothing or change how their neighbours print.
    """
    if not 1 <= len(name) <= MAX_NAME_CHARS or name != name.strip():
        raise FormatError(
            f"device name: not 1 to {MAX_NAME_CHARS} characters", advice=_ADVICE
        )
    # C: controls, direction overrides, private use; Zl and Zp: line breaks.
    if any(unicodedata.category(char)[0] == "C" for char in name) or any(
        unicodedata.category(char) in ("Zl", "Zp") for char in name
    ):
        raise FormatError(
            "device name: a character that does not print", advice=_ADVICE
        )
    return name


def free_name(name: str, taken: Collection[str]) -> str:
    """Return *name*, with a number behind it where another device bears it."""
    if name not in taken:
        return name
    for number in itertools.count(2):
        behind = f" {number}"
        free = name[: MAX_NAME_CHARS - len(behind)].rstrip() + behind
        if free not in taken:
            return free
    raise AssertionError("count() has no end")


def seal_name(
    name: str,
    device: DeviceId,
    *,
    epoch: int,
    secret: EpochSecret,
    binding: bytes,
    random: Random = os.urandom,
) -> SealedName:
    """Return *name* sealed for the holders of the epoch's *secret*."""
    key, context = _key_and_context(secret, epoch, binding, device)
    padded = pad(check_name(name).encode(), floor=_FLOOR)
    sealed = encrypt0(
        key, padded, label=Label.DEVICE_NAME, context=context, random=random
    )
    return SealedName(epoch, sealed)


def open_name(
    name: SealedName, device: DeviceId, *, secret: EpochSecret, binding: bytes
) -> str:
    """Return the name that seal_name() sealed.

    Raises:
        FormatError: not a name.
        TamperedError: another device's, vault's or epoch's, or changed.
    """
    key, context = _key_and_context(secret, name.epoch, binding, device)
    padded = decrypt0(
        key,
        name.sealed,
        label=Label.DEVICE_NAME,
        context=context,
        max_bytes=_MAX_SEALED,
    )
    try:
        return check_name(unpad(padded, floor=_FLOOR).decode())
    except UnicodeDecodeError:
        raise FormatError("device name: not UTF-8") from None


def _key_and_context(
    secret: EpochSecret, epoch: int, binding: bytes, device: DeviceId
) -> tuple[NameKey, bytes]:
    key = derive(secret, Label.NAME_KEY, cbor.encode([binding, epoch]), NameKey)
    return key, cbor.encode([binding, epoch, device])

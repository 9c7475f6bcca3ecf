"""Passphrase to key: Argon2id (RFC 9106), protocol/key-schedule.md §4.

The home of argon2. Bounds belong to the reader: a profile comes from a file
that anyone may have edited, so it is judged before any work is done.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass

from argon2.exceptions import Argon2Error
from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

from clisk_vault.errors import CostLimitError, FormatError, StoreError
from clisk_vault.keys import SecretBytes, SecretText

SALT_BYTES = 16
assert ARGON2_VERSION == 0x13


@dataclass(frozen=True, slots=True)
class Argon2Profile:
    """What one run of Argon2id costs."""

    memory_kib: int
    passes: int
    lanes: int


@dataclass(frozen=True, slots=True)
class CostLimits:
    """What a reader is willing to run: never below, never above."""

    floor: Argon2Profile
    ceiling: Argon2Profile

    def check(self, profile: Argon2Profile) -> None:
        """Refuse a profile outside the limits before any work.

        Raises:
            CostLimitError: a parameter below the floor or above the ceiling.
        """
        for name in ("memory_kib", "passes", "lanes"):
            value = getattr(profile, name)
            if value < getattr(self.floor, name):
                raise CostLimitError(
                    f"Argon2 {name} is below the floor of {getattr(self.floor, name)}"
                )
            if value > getattr(self.ceiling, name):
                raise CostLimitError(
                    f"Argon2 {name} is above the ceiling of"
                    f" {getattr(self.ceiling, name)}"
                )


FLOOR = Argon2Profile(memory_kib=64 * 1024, passes=3, lanes=1)
CEILING = Argon2Profile(memory_kib=4 * 1024 * 1024, passes=64, lanes=16)
LIMITS = CostLimits(FLOOR, CEILING)


class StretchedPassphrase(SecretBytes):
    """What Argon2id made of a passphrase."""

    __slots__ = ()


def stretch(
    passphrase: SecretText,
    salt: bytes,
    profile: Argon2Profile,
    *,
    limits: CostLimits = LIMITS,
) -> StretchedPassphrase:
    """Return Argon2id of *passphrase*; slow and memory-hungry on purpose.

    The text is taken in Unicode NFKC form, so that two keyboards that spell one
    passphrase differently agree. Every passphrase takes this one path, whatever
    its length.

    Raises:
        CostLimitError: *profile* is outside *limits*; nothing was run.
        FormatError: *salt* is not 16 bytes.
        StoreError: the machine cannot give that much memory.
    """
    limits.check(profile)
    if len(salt) != SALT_BYTES:
        raise FormatError(f"Argon2 salt: not {SALT_BYTES} bytes")
    text = unicodedata.normalize("NFKC", passphrase.expose())
    try:
        raw = hash_secret_raw(
            text.encode(),
            salt,
            time_cost=profile.passes,
            memory_cost=profile.memory_kib,
            parallelism=profile.lanes,
            hash_len=StretchedPassphrase.LENGTH,
            type=Type.ID,
        )
    except Argon2Error:
        raise StoreError(
            f"Argon2 could not run with {profile.memory_kib} KiB of memory",
            advice="close other programs and try again",
        ) from None
    return StretchedPassphrase(raw)


def calibrate(target_seconds: float = 1.0) -> Argon2Profile:
    """Return a profile that takes about *target_seconds* here, never below FLOOR.

    Memory is raised first, up to 1 GiB, because it is what costs a guesser most.
    """
    memory_kib = FLOOR.memory_kib
    while memory_kib < 1024 * 1024:
        candidate = Argon2Profile(memory_kib, FLOOR.passes, FLOOR.lanes)
        started = time.perf_counter()
        stretch(SecretText("calibration"), bytes(SALT_BYTES), candidate)
        if (time.perf_counter() - started) * 2 > target_seconds:
            return candidate
        memory_kib *= 2
    return Argon2Profile(memory_kib, FLOOR.passes, FLOOR.lanes)

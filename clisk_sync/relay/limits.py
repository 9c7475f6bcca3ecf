"""What a relay allows, and the buckets that count it: protocol/relay-api.md §8.

All on by default. Each bound is checked before the work that it bounds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from clisk_sync.refusals import Code, refuse
from clisk_sync.transport import (
    MAILBOX_SLOTS,
    MAX_ENVELOPE_BYTES,
    MAX_MAILBOX_BODY_BYTES,
    MAX_PART_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
)

# What the log keeps of an envelope beside its bytes: keys, hashes, indexes.
ENVELOPE_OVERHEAD_BYTES: Final = 256
_MAX_BUCKETS: Final = 10_000
_FULL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Rate:
    """*burst* at once, then *per_second*."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one relay process."""

    # sizes
    envelope_bytes: int = MAX_ENVELOPE_BYTES
    record_bytes: int = MAX_RECORD_BYTES
    mailbox_body_bytes: int = MAX_MAILBOX_BODY_BYTES
    # a vault
    vault_bytes: int = 256 << 20
    # Besides: a full vault can always be compacted.
    snapshot_bytes: int = 256 << 20
    part_bytes: int = MAX_PART_BYTES
    records: int = MAX_RECORDS
    appends: Rate = field(default=Rate(1000, 50))  # a device
    # one network address, or one proxy
    creations: Rate = field(default=Rate(20, 0.1))
    logins: Rate = field(default=Rate(200, 20))
    mailbox_calls: Rate = field(default=Rate(120, 4))
    # mailboxes
    mailboxes: int = 1000
    mailbox_slots: int = MAILBOX_SLOTS
    mailbox_seconds: float = 600
    # the process
    connections: int = 8192
    requests: int = 256
    waiters: int = 4096
    waiters_per_vault: int = 64
    # the patience of the relay
    wait_seconds: float = 30
    request_seconds: float = 30
    page_seconds: float = 120
    challenge_seconds: float = 60
    token_seconds: float = 600
    # one page of the log
    page_items: int = 1000
    page_bytes: int = 8 << 20


class TokenBuckets:
    """One token bucket for each key; keys not seen for long are forgotten.

    Forgetting the oldest of 10,000 gives that key a full bucket again: a bound
    on memory is worth more than one on a flood from 10,000 addresses.
    """

    def __init__(
        self, rate: Rate, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, key: bytes) -> None:
        """Use up one token of *key*.

        Raises:
            RateError: none is left; says when one will be.
        """
        now = self._monotonic()
        level, at = self._buckets.pop(key, (self._rate.burst, now))
        level = min(self._rate.burst, level + (now - at) * self._rate.per_second)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            missing = (1 - level) / max(self._rate.per_second, 1e-3)
            raise refuse(Code.TOO_FAST, retry_after_seconds=missing)


class Gate:
    """At most *places* at a time; whoever comes later is told at once."""

    def __init__(self, places: int) -> None:
        self._places = self._free = places

    @property
    def taken(self) -> int:
        """How many hold a place now."""
        return self._places - self._free

    def __enter__(self) -> None:
        if self._free <= 0:
            raise refuse(Code.BUSY)
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1

    @contextmanager
    def left(self) -> Iterator[None]:
        """Give the place away while its holder only waits."""
        self._free += 1
        try:
            yield
        finally:
            self._free -= 1


class FullVaults:
    """Remembers for a moment which vaults were full, and for how large an envelope.

    So a device that goes on sending costs no body, no signature and no commit.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._full: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def note(self, vault: bytes, size: int) -> None:
        """Note that an envelope of *size* bytes was too much for *vault*."""
        self._full[vault] = (self._monotonic() + _FULL_SECONDS, size)
        if len(self._full) > _MAX_BUCKETS:
            self._full.popitem(last=False)

    def check(self, vault: bytes, size: int) -> None:
        """Refuse what was refused a moment ago.

        Raises:
            QuotaError: as much or less was too much.
        """
        until, refused_size = self._full.get(vault, (0.0, 0))
        if self._monotonic() >= until:
            self._full.pop(vault, None)
        elif size >= refused_size:
            raise refuse(Code.VAULT_FULL)

"""Whether a relay answers, and what time it says it is: for a person to look at."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from clisk_sync.http_transport import HttpRelay


async def probe(url: str) -> float | None:
    """Return the relay's clock, in seconds since 1970; None where it tells none.

    Nobody vouches for it. Raises TransportError, RelayRefused and RelayMisbehaved.
    """
    async with (
        HttpRelay(url) as relay,
        relay.stream("GET", "/healthz", seconds=10) as incoming,
    ):
        try:
            told = parsedate_to_datetime(incoming.headers.get("date", ""))
        except (ValueError, OverflowError):
            return None
        return told.replace(tzinfo=told.tzinfo or UTC).timestamp()

"""Asking a service for ranges of breached passwords. A home of httpx.

Only when a person asked for it. What leaves this device is the first five hex digits
of a SHA-1, one in a million; the answers are padded, so that their length says
nothing either. Redirects and the environment's proxies are not followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx

from clisk.errors import CliskError

SERVICE = "https://api.pwnedpasswords.com"
_MAX_BYTES = 1024 * 1024
_SECONDS = 20.0
_AT_ONCE = 8


class BreachServiceError(CliskError):
    """The service did not answer, or not as it has to."""

    default_advice = "try later, or give a file: clisk health --breaches FILE"


async def fetch_ranges(
    prefixes: Iterable[str], *, service: str = SERVICE
) -> dict[str, list[str]]:
    """Return the lines of each range, by its five digits.

    Raises:
        BreachServiceError: an address that is not https, no answer, or a wrong one.
    """
    parts = urlsplit(service)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise BreachServiceError(
            "a service is asked over https only", advice="give an https address"
        )
    gate = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(
        base_url=service,
        timeout=_SECONDS,
        follow_redirects=False,
        trust_env=False,
        # Uncompressed: what padding hides, a compressed length might show.
        headers={
            "Add-Padding": "true",
            "User-Agent": "clisk-vault",
            "Accept-Encoding": "identity",
        },
    ) as client:

        async def one(prefix: str) -> tuple[str, list[str]]:
            async with gate:
                return prefix, await _fetch(client, prefix)

        # Sorted: the order of the questions tells nothing of the vault's.
        wanted = sorted(set(prefixes))
        try:
            return dict(await asyncio.gather(*map(one, wanted)))
        except httpx.HTTPError as err:
            raise BreachServiceError(
                f"the service gave no answer ({type(err).__name__})"
            ) from None


async def _fetch(client: httpx.AsyncClient, prefix: str) -> list[str]:
    data = b""
    async with client.stream("GET", f"/range/{prefix}") as answer:
        if answer.status_code != httpx.codes.OK:
            raise BreachServiceError(
                f"the service answered with status {answer.status_code}"
            )
        async for part in answer.aiter_raw():
            data += part
            if len(data) > _MAX_BYTES:
                raise BreachServiceError("the service's answer is too long")
    return data.decode("ascii", "replace").splitlines()

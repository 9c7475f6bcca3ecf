"""The relay of this vault: does it answer, and what time is it there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from clisk.checkup.finding import Finding, bad, note, ok
from clisk.errors import CliskError
from clisk.home import Home
from clisk_sync.errors import SyncError

_MOST_SECONDS = 120


def check(home: Home) -> Iterator[Finding]:
    """Yield what is to be said of the relay; the one check that asks somebody else."""
    from clisk.agent.settings import load_settings

    try:
        url = load_settings(Path(home.folder)).relay
    except CliskError as err:
        yield bad("relay", str(err), err.advice)
        return
    if url is None:
        yield note("relay", "none is set: nothing is synced", "clisk sync --relay URL")
        return
    from clisk_sync.relay_probe import probe

    try:
        theirs = asyncio.run(probe(url))
    except SyncError as err:
        yield bad(
            "relay", f"{url}: {err}", err.advice or "is it running, and reachable?"
        )
        return
    yield ok("relay", f"{url} answers")
    if theirs is not None:
        yield _clocks(theirs - time.time())


def _clocks(ahead: float) -> Finding:
    if abs(ahead) > _MOST_SECONDS:
        how = "ahead of" if ahead > 0 else "behind"
        return bad(
            "relay's clock",
            f"it is {abs(round(ahead))} s {how} this device's",
            "one of the two is wrong; one-time codes need the right time",
        )
    return ok("relay's clock", "agrees with this device's")

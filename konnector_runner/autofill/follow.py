"""Follow a login over its steps: fill, wait for a change, look again.

A person presses the buttons; each step that comes is filled when it is there. It
waits for changes of the page, not for a time. Spec: protocol/autofill.md §5.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic

from konnector_runner.autofill.devtools import DevTools
from konnector_runner.autofill.fill import FillReport, FillRequest, fill
from konnector_runner.autofill.look import WORLD, call, script
from konnector_runner.autofill.plan import Refusal, Role
from konnector_runner.credentials import ValueSource
from konnector_runner.errors import DocumentGone

_WATCH_MS = 2_000
_BETWEEN_DOCUMENTS = 0.02


def _never() -> bool:
    return False


async def follow(
    tab: DevTools,
    request: FillRequest,
    source: ValueSource,
    *,
    seconds: float,
    quiet_seconds: float | None = None,
    gone: Callable[[], bool] = _never,
    clock: Callable[[], float] = monotonic,
) -> AsyncIterator[FillReport]:
    """Yield a report for each step filled, until every role is or time is up.

    With *quiet_seconds* it also ends when that long nothing more came after a step;
    *gone* says that there is nothing left to look at. The last report is a refusal
    when nothing at all was filled.
    """
    end = clock() + seconds
    done: frozenset[Role] = frozenset()
    last = FillReport(refusal=Refusal.NO_FIELD)
    while clock() < end and not gone() and not request.fields.keys() <= done:
        try:
            last = await fill(tab, request, source, already=done)
        except DocumentGone:
            # The next document is on its way; until then there is nothing to watch.
            await asyncio.sleep(_BETWEEN_DOCUMENTS)
            continue
        if last.filled:
            done |= frozenset(last.filled)
            if quiet_seconds is not None:
                end = min(end, clock() + quiet_seconds)
            yield last
        # An open window has no end: min() before int(), which has no infinity.
        await change(tab, int(min(_WATCH_MS, 1000 * max(0.0, end - clock()))))
    if not done:
        yield last


async def change(tab: DevTools, milliseconds: int) -> None:
    """Return when the main frame's document changed or went, or time is up."""
    try:
        tree = await tab.command("Page.getFrameTree")
        world = await tab.command(
            "Page.createIsolatedWorld",
            frameId=tree["frameTree"]["frame"]["id"],
            worldName=WORLD,
        )
        await call(
            tab,
            world["executionContextId"],
            script("watch.js"),
            [{"value": milliseconds}],
        )
    except DocumentGone:
        return

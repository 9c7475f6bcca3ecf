"""The one thread that touches the vault, with an event loop of its own.

SQLite connections belong to a thread, Argon2 takes a second, and syncing mixes
storage with waiting for the network: all of that lives here, and the loop that
answers clients stays free. Work that takes long comes in steps, and others get in
between them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from clisk_sync.turns import give_way
from clisk_vault.steps import Steps

# For so long others wait at most, and one step. Letting them in costs 0.1 ms.
_SLICE_SECONDS = 0.01

Result = TypeVar("Result")


class VaultThread:
    """Runs the vault's work. What is not awaited in between is never interleaved."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="vault", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        # The runner's ending is asyncio.run's: tasks cancelled, generators closed.
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what *work* returns.

        Work that was handed over is done even if the caller is cancelled: a
        write is never left to chance.
        """

        async def whole() -> Result:
            return work()

        return await asyncio.shield(self.start(whole()))

    async def run_steps(self, steps: Steps[Result]) -> Result:
        """Return what *steps* come to, done in slices; others get in between them.

        When the caller is cancelled, no further step is done: *steps* is closed.
        """
        return await self.start(_in_slices(steps))

    async def run_async(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return what *work* returns; it is cancelled when the caller is."""
        return await self.start(work)

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Future[Result]:
        """Begin *work* and return what to await or cancel in the calling loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def close(self) -> None:
        """Cancel what still runs, and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _in_slices(steps: Steps[Result]) -> Result:
    try:
        while True:
            # Before the first slice, too: its caller may be gone already.
            await give_way()
            until = time.monotonic() + _SLICE_SECONDS
            while time.monotonic() < until:
                next(steps)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()

"""Group commit: envelopes that arrive together share one write to the disk.

While one commit is under way the next batch gathers, so a lone append waits for
nothing and a hundred at once cost one fsync.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from clisk_sync.admission import Admitted
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.auth import now_ms
from clisk_sync.relay.limits import Limits
from clisk_sync.relay.news import Written
from clisk_sync.relay.store import Store
from clisk_vault.ids import RecordHash, VaultId

_MAX_BATCH: Final = 256
_MAX_BATCH_BYTES: Final = 8 << 20


class Writer:
    """The one task that appends envelopes to the store."""

    def __init__(
        self,
        store: Store,
        limits: Limits,
        publish: Callable[[VaultId, Written], None],
        *,
        committed: Callable[[int, float], None] = lambda _envelopes, _seconds: None,
    ) -> None:
        self._store = store
        self._limits = limits
        self._publish = publish
        self._committed = committed
        self._queue: asyncio.Queue[tuple[Admitted, asyncio.Future[int]]] = (
            asyncio.Queue()
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def queued(self) -> int:
        """How many envelopes wait for the next commit."""
        return self._queue.qsize()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="relay-writer")

    async def stop(self) -> None:
        """Write what is queued, then stop."""
        if self._task is None:
            return
        await self._queue.join()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def append(self, envelope: Admitted) -> int:
        """Return the position of *envelope* once it is on the disk.

        Raises:
            RelayRefused: not stored.
            MembershipMovedError: check it again, against the newest membership.
        """
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((envelope, done))
        return await done

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            size = len(batch[0][0].data)
            while (
                not self._queue.empty()
                and len(batch) < _MAX_BATCH
                and size < _MAX_BATCH_BYTES
            ):
                batch.append(self._queue.get_nowait())
                size += len(batch[-1][0].data)
            await self._write(batch)
            for _ in batch:
                self._queue.task_done()

    async def _write(self, batch: list[tuple[Admitted, asyncio.Future[int]]]) -> None:
        results: list[int | Exception]
        began = time.monotonic()
        try:
            results = await self._store.append(
                [envelope for envelope, _ in batch], limits=self._limits, at=now_ms()
            )
        except Exception as err:  # noqa: BLE001  # each sender must get an answer
            cause = refuse(Code.STORE_UNAVAILABLE)
            cause.__cause__ = err
            results = [cause] * len(batch)
        self._committed(len(batch), time.monotonic() - began)
        written: dict[VaultId, list[tuple[int, bytes]]] = {}
        heads: dict[VaultId, RecordHash] = {}
        for (envelope, done), result in zip(batch, results, strict=True):
            if not isinstance(result, Exception):
                written.setdefault(envelope.vault, []).append((result, envelope.data))
                heads[envelope.vault] = envelope.record_head
            if done.done():
                continue  # the sender has gone; it will ask again and find it here
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
        for vault, entries in written.items():
            self._publish(vault, Written(heads[vault], tuple(entries)))

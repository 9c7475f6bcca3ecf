"""A check of the access log that runs while the page shows how far it is."""

from __future__ import annotations

import threading
from typing import Any

from clisk import wire
from clisk.dashboard.desk import Desk
from clisk.errors import CliskError


class Check:
    """One `log.verify` over every device's log, asked in a thread of its own."""

    def __init__(self, desk: Desk) -> None:
        self.entries = 0
        self.verdict: dict[str, Any] | None = None
        self.failed: CliskError | None = None
        self._thread = threading.Thread(target=self._ask, args=(desk,), daemon=True)
        self._thread.start()

    @property
    def going(self) -> bool:
        """Whether there is no verdict yet."""
        return self.verdict is None and self.failed is None

    def _ask(self, desk: Desk) -> None:
        try:
            self.verdict = desk.ask(
                "log.verify", on_event=self._heard, all_devices=True
            )
        except CliskError as err:
            self.failed = err

    def _heard(self, _event: str, data: wire.Message) -> None:
        items = data.get("items")
        if isinstance(items, int):
            self.entries = items

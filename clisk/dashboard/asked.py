"""A question that takes long, while the page shows how far it is."""

from __future__ import annotations

import threading
from typing import Any

from clisk import wire
from clisk.dashboard.desk import Desk
from clisk.errors import CliskError


class Asked:
    """One operation of the agent's, asked in a thread of its own."""

    def __init__(self, desk: Desk, operation: str, **params: object) -> None:
        self.count = 0
        """How many entries or passwords were looked at so far."""
        self.answer: dict[str, Any] | None = None
        self.failed: CliskError | None = None
        self._thread = threading.Thread(
            target=self._ask, args=(desk, operation, params), daemon=True
        )
        self._thread.start()

    @property
    def going(self) -> bool:
        """Whether there is no answer yet."""
        return self.answer is None and self.failed is None

    def _ask(self, desk: Desk, operation: str, params: dict[str, Any]) -> None:
        try:
            self.answer = desk.ask(operation, on_event=self._heard, **params)
        except CliskError as err:
            self.failed = err

    def _heard(self, _event: str, data: wire.Message) -> None:
        items = data.get("items")
        if isinstance(items, int):
            self.count = items

"""What autofill needs of a browser's tab: one verb. Spec: protocol/autofill.md §2."""

from __future__ import annotations

from typing import Any, Protocol


class DevTools(Protocol):
    """A tab, at the level of the DevTools protocol."""

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command; return its answer.

        Raises:
            konnector_runner.errors.DocumentGone: the document it was for has gone.
            konnector_runner.errors.BrowserError: the browser refused it.
        """
        ...

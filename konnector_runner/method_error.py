"""The one way in which a launcher method tells the konnector that it failed."""

from __future__ import annotations

from konnector_runner.errors import RunnerError


class MethodError(RunnerError):
    """A call is rejected with this text: an Error, or a *plain* string."""

    def __init__(self, text: str, *, plain: bool = False) -> None:
        super().__init__(text)
        self.plain = plain

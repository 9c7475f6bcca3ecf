"""Long work in steps, between which others may use the vault.

A step ends at a `yield`. No transaction is open there, and what was read before it
may have changed after it: each function that returns Steps says what it does then.
Knows no thread and no clock: who runs the steps decides which of the ends others get.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")

Steps: TypeAlias = Generator[int, None, Result]
"""Work that returns a Result after its last step; each step yields how many items are
done so far. One that is closed before its end leaves nothing half-written."""


def finish(steps: Steps[Result]) -> Result:
    """Do all *steps* at once and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result

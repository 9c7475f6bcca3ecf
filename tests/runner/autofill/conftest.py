"""One browser for all the pages of a module."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.runner.autofill.world import Tell, open_world


@pytest.fixture(scope="module")
def tell() -> Iterator[Tell]:
    """Return what tells a story in this module's world."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(open_world()))
        try:
            yield lambda story: runner.run(story(world))  # type: ignore[arg-type]
        finally:
            runner.run(stack.aclose())

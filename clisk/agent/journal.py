"""agent.log: what the agent did and what went wrong, without any value.

Only names of operations and error classes, and places in the source, are
written. A message or an argument may quote what was typed, so none is.
"""

from __future__ import annotations

import logging
import traceback

log = logging.getLogger("clisk.agent")


def write_to_stderr() -> None:
    """Send the log to standard error, which the starter made a file."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    # asyncio would print exceptions whole, with their messages.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def describe_fault(err: BaseException) -> str:
    """Return class and place of *err*, never its message."""
    frames = traceback.extract_tb(err.__traceback__)
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return f"{type(err).__name__} at {' > '.join(places[-4:])}"

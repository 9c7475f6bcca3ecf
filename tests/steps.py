"""The cost of a call in steps of the interpreter: the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(call: Callable[[], object]) -> int:
    """Return how many instructions *call* takes.

    What a function written in C does within itself is one step: sorting is, and so
    is looking for a value in a list.
    """
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    kept = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(kept)
    return count

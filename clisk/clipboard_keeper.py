"""What stays behind `clisk copy`: waits, then empties the clipboard if still ours.

    python -m clisk.clipboard_keeper    the order as JSON on standard input

It never has the value, only a mark of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from clisk.clipboard import Mark, Tool, clear_if_ours

Order = dict[str, object]


def leave_behind(tool: Tool, mark: Mark, seconds: int) -> None:
    """Start a process that empties the clipboard after *seconds*."""
    order = {
        "seconds": seconds,
        "mark": [mark.salt, mark.digest],
        "tool": [list(tool.copy), list(tool.paste), list(tool.clear)],
    }
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-m", "clisk.clipboard_keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    assert keeper.stdin is not None
    keeper.stdin.write(json.dumps(order).encode())
    keeper.stdin.close()
    # Not waited for: it outlives this process, and the system takes it over.
    keeper.returncode = 0


def keep(order: str, *, wait: Callable[[float], None] = time.sleep) -> bool:
    """Do as *order* says; return whether the clipboard was emptied."""
    said = json.loads(order)
    copying, pasting, clearing = (tuple(each) for each in said["tool"])
    wait(float(said["seconds"]))
    return clear_if_ours(Tool(copying, pasting, clearing), Mark(*said["mark"]))


if __name__ == "__main__":
    keep(sys.stdin.read())

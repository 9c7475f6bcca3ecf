"""Run the story: exit code 0 if every step came out as it should, else 1."""

from __future__ import annotations

import sys

from demo.story import tell

if __name__ == "__main__":
    sys.exit(tell())

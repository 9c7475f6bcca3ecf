"""Whether runs are to be long: CLISK_LONG is their number, for those that have one."""

from __future__ import annotations

import os
from typing import Final

LONG: Final = int(os.environ.get("CLISK_LONG", "0"))

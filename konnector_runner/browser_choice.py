"""Which browser to start, and as what it appears: nothing here needs one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from konnector_runner.errors import BrowserMissingError

# In the order in which konnectors have been tried with them.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)


@dataclass(frozen=True, slots=True)
class BrowserChoice:
    """Which browser, and as what it appears to sites."""

    executable: Path | None = None
    headless: bool = True
    # Kept from run to run it holds cookies: a credential store. None: nothing is.
    profile: Path | None = None
    # Konnectors are written for the web view of a phone.
    width: int = 390
    height: int = 844
    locale: str = "fr-FR"


def find_browser(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the browser that CLISK_BROWSER names, or one on the PATH, or None.

    None leaves the choice to Playwright, which may have installed its own.

    Raises:
        BrowserMissingError: CLISK_BROWSER is set and names no program. Taking
            another browser would hide the mistake.
    """
    path = environ.get("PATH", "")
    if named := environ.get("CLISK_BROWSER"):
        found = shutil.which(named, path=path)
        if found is None:
            raise BrowserMissingError(
                "CLISK_BROWSER does not name a program",
                advice="set CLISK_BROWSER to the browser's program, or unset it",
            )
        return Path(found)
    for name in _NAMES:
        if found := shutil.which(name, path=path):
            return Path(found)
    return None

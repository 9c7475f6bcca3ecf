"""Which browser to start, and as what it appears: nothing here needs one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from konnector_runner.errors import BrowserMissingError
from konnector_runner.mock_site import MockSite

# In the order in which konnectors have been tried with them.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)


class Screen(Enum):
    """Who sees a page that the konnector makes visible."""

    NONE = auto()  # nobody: the run needs a person and says so
    REAL = auto()  # the person at this screen
    STAND_IN = auto()  # a test's own script, which needs no window


@dataclass(frozen=True, slots=True)
class BrowserChoice:
    """Which browser, and as what it appears to sites."""

    executable: Path | None = None
    headless: bool = True
    screen: Screen = Screen.NONE
    # Kept from run to run it holds cookies: a credential store. None: nothing is.
    profile: Path | None = None
    # Every request of every page is answered here, and nothing leaves the device.
    site: MockSite | None = field(default=None, repr=False)
    # Konnectors are written for the web view of a phone.
    width: int = 390
    height: int = 844
    locale: str = "fr-FR"


def find_screen(environ: Mapping[str, str] = os.environ) -> Screen:
    """Return whether windows can be opened here."""
    if sys.platform in {"darwin", "win32"}:
        return Screen.REAL
    shown = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return Screen.REAL if shown else Screen.NONE


def find_browser(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the browser that CLISK_BROWSER names, or one on the PATH, or None.

    None: look at what Playwright may have installed (playwrights_browser).

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


def playwrights_browser(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the Chromium that `playwright install chromium` put here, or None."""
    home = Path(environ.get("HOME", "/"))
    places = {"linux": ".cache", "darwin": "Library/Caches"}
    base = home / places.get(sys.platform, ".cache") / "ms-playwright"
    folder = Path(environ.get("PLAYWRIGHT_BROWSERS_PATH") or base)
    programs = (
        "chromium-*/chrome-linux*/chrome",
        "chromium-*/chrome-mac*/Chromium.app/Contents/MacOS/Chromium",
    )
    try:
        found = [path for pattern in programs for path in folder.glob(pattern)]
    except PermissionError:  # HOME is another user's, as sudo may leave it
        return None
    return max(found, default=None)

"""What other programs this device has: a browser, a clipboard, a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator

from clisk import clipboard
from clisk.checkup.finding import Finding, bad, note, ok
from clisk.home import Home
from konnector_runner.browser_choice import find_browser, playwrights_browser
from konnector_runner.errors import BrowserMissingError


def check(_home: Home) -> Iterator[Finding]:
    """Yield what is to be said of this device's desktop."""
    yield _browser()
    tool = clipboard.find_tool()
    if tool is not None:
        yield ok("clipboard", tool.copy[0])
        return
    yield note(
        "clipboard",
        "no program reaches one here; the terminal is asked instead",
        clipboard.ClipboardError.default_advice
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        else "there is no screen in this session: neither DISPLAY nor WAYLAND_DISPLAY",
    )


def _browser() -> Finding:
    try:
        found = find_browser() or playwrights_browser()
    except BrowserMissingError as err:
        return bad("browser", str(err), err.advice)
    if found is None:
        return note(
            "browser",
            "no Chromium here: clisk fill and konnectors need one",
            "install it (Debian: apt-get install chromium), or set CLISK_BROWSER",
        )
    return ok("browser", str(found))

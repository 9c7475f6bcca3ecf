"""Find a browser for konnectors, or install one where that is ours to do.

Looks, in this order, at CLISK_BROWSER, at the PATH and at what Playwright
installed. On Debian as root the package `chromium` is installed; anywhere else
the person is told what to do. Standard library only, but for Playwright.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# In the order in which konnectors have been tried with them.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
_HINT = """\
install a Chromium browser, then run make again; any of these will do:
  Debian, Ubuntu   apt-get install chromium
  Fedora           dnf install chromium
  anywhere         .venv/bin/playwright install chromium
  one of your own  CLISK_BROWSER=/path/to/browser make setup"""


class BrowserMissingError(Exception):
    """No browser can be used; the message says what was looked at."""


def from_environment(environ: Mapping[str, str]) -> Path | None:
    """Return the browser that CLISK_BROWSER names, or None when it is not set."""
    named = environ.get("CLISK_BROWSER")
    if not named:
        return None
    found = shutil.which(named, path=environ.get("PATH"))
    if found is None:
        # Falling back to another browser would hide the mistake.
        raise BrowserMissingError("CLISK_BROWSER does not name a program")
    return Path(found)


def from_path(environ: Mapping[str, str]) -> Path | None:
    """Return the first known browser on the PATH."""
    for name in _NAMES:
        if found := shutil.which(name, path=environ.get("PATH", "")):
            return Path(found)
    return None


def from_playwright() -> Path | None:
    """Return the Chromium that Playwright installed, if it is there."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def find(environ: Mapping[str, str]) -> Path | None:
    """Return the browser to use, or None."""
    return from_environment(environ) or from_path(environ) or from_playwright()


def install_on_debian() -> None:
    """Install Debian's package, which needs root; do nothing elsewhere."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=quiet)
    subprocess.run(
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
        check=True,
        env=quiet,
    )


def main() -> int:
    """Print the browser found; exit 1 with a hint when there is none."""
    try:
        browser = find(os.environ)
        if browser is None:
            install_on_debian()
            browser = find(os.environ)
        if browser is None:
            raise BrowserMissingError("no Chromium browser was found")
    except (BrowserMissingError, subprocess.CalledProcessError) as err:
        print(f"error: {err}\nhint: {_HINT}", file=sys.stderr)
        return 1
    print(f"browser: {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Opens the person's browser without telling other users where."""

from __future__ import annotations

import html
import os
import webbrowser
from contextlib import suppress
from pathlib import Path

from clisk.home import Home

_PAGE = (
    "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer>"
    '<meta http-equiv=refresh content="0;url={link}">'
    '<title>Clisk Vault</title><a href="{link}">Clisk Vault</a>\n'
)


def open_privately(link: str, home: Home) -> None:
    """Open *link* by way of a file that only this user can read.

    The list of processes shows everybody what a browser was started with.
    Nothing happens where there is no browser: the link was shown.
    """
    path = Path(home.folder) / "dashboard.html"
    with suppress(FileNotFoundError):
        path.unlink()
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(link=html.escape(link)))
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(path.as_uri())

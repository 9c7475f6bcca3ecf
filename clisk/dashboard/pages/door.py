"""The start page, the lock screen, and the way out."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.dashboard.words import LANGUAGES

# No second slash at the start, which would be another host.
_OUR_PATH = re.compile(r"/(?:[\w-][\w/-]*)?", re.ASCII)


def start(visit: Visit) -> Response:
    """Send to the items."""
    return visit.go("/items")


def locked(visit: Visit) -> Response:
    """Show the lock screen, or go on when there is nothing to unlock."""
    state = visit.desk.ask("status")["state"]
    if not visit.session.locked:
        return RedirectResponse("/items", status_code=303)
    return visit.show("locked.html", state=state)


def unlock(visit: Visit) -> Response:
    """Open the vault with the passphrase, and this session with it."""
    visit.desk.ask("unlock", passphrase=visit.form.get("passphrase", ""))
    visit.door.unlock = True
    return visit.go("/items")


def lock(visit: Visit) -> Response:
    """Close the vault, for everybody on this device."""
    visit.desk.ask("lock")
    return visit.go("/locked")


def leave(visit: Visit) -> Response:
    """End this browser's session; the vault stays as it is."""
    answer = visit.show("left.html")
    visit.door.leave = True
    return answer


def language(visit: Visit) -> Response:
    """Speak another language in this session."""
    wanted = visit.form.get("language", "")
    if wanted in LANGUAGES:
        visit.session.language = wanted
    back = visit.form.get("back", "/")
    return visit.go(back if _OUR_PATH.fullmatch(back) else "/")


ROUTES = (
    show("/", start, when_locked=True),
    show("/locked", locked, when_locked=True),
    act("/unlock", unlock, when_locked=True),
    act("/lock", lock),
    act("/leave", leave, when_locked=True),
    act("/language", language, when_locked=True),
)

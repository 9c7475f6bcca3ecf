"""Settings, and what this device is."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError


def page(visit: Visit) -> Response:
    """Show what can be chosen."""
    return visit.show("settings.html", status=visit.desk.ask("status"))


def passphrase(visit: Visit) -> Response:
    """Change the passphrase of this device; typed twice, for nobody sees it."""
    form = visit.form
    if form.get("new") != form.get("again"):
        raise UsageError(
            "the two new passphrases are not the same", advice="type them again"
        )
    visit.desk.ask(
        "passphrase.change", old=form.get("old", ""), new=form.get("new", "")
    )
    return visit.notice(visit.words("settings.changed"))


ROUTES = (
    show("/settings", page),
    act("/settings/passphrase", passphrase),
)

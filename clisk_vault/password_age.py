"""How old a password is: an import brings its age along."""

from __future__ import annotations

from datetime import UTC, datetime

from clisk_vault.item import ItemView
from clisk_vault.moment import parse_moment


def password_changed_ms(view: ItemView) -> int:
    """Return when the password was last written, as imported until it is here.

    One that was brought back is as old as its value.
    """
    written = view.fields["password"].current.source.time_ms
    imported = view.fields.get("password_changed")
    if imported is None or imported.current.stamp.time_ms < written:
        # One write gives both the same stamp; a later password has a later one.
        return written
    try:
        moment = datetime.fromisoformat(imported.current.text or "")
    except ValueError:
        return written
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    changed = parse_moment(aware.isoformat())
    return written if changed is None else min(written, changed)

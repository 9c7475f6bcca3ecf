"""Who read what, and when; and whether the record of it is whole."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from starlette.responses import Response

from clisk.dashboard import charts
from clisk.dashboard.asked import Asked
from clisk.dashboard.given import whole_number
from clisk.dashboard.handing_out import handed_out
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import AgentRefusal
from clisk.times import moment_ms

ROWS = 50
_SPAN_DAYS = 90
_CHECK = "check"
_MAX_DIGITS = 10
_DAY_MS = 86_400_000
_FILTERS = ("item", "konnector", "device", "origin", "outcome", "kind", "use")
# What a summary can be narrowed to as well.
_SUMMED = ("item", "konnector", "device")
OUTCOMES = ("granted", "refused", "failed")
KINDS = ("person", "dashboard", "program", "konnector", "export", "recovery", "vault")


def listed(visit: Visit) -> Response:
    """Show the reads that match, newest first, a page of them at a time."""
    query = visit.query
    wanted = _named(visit, _FILTERS)
    for name in ("since", "until"):
        if query.get(name):
            wanted[f"{name}_ms"] = moment_ms(query[name], option=name)
    answer, damage = _ask(
        visit,
        "log.list",
        last=ROWS,
        before=whole_number(query.get("before", ""), digits=_MAX_DIGITS),
        **wanted,
    )
    values = {
        "records": answer["records"][::-1] if answer else [],
        "answer": answer,
        "damage": damage,
        "filters": {
            name: query.get(name, "") for name in (*_FILTERS, "since", "until")
        },
    }
    if visit.fragment:
        return visit.show("access_rows.html", **values)
    devices = visit.desk.ask("devices")
    return visit.show(
        "access.html",
        outcomes=OUTCOMES,
        kinds=KINDS,
        devices=[*devices["devices"], *devices["revoked"]],
        **values,
    )


def _named(visit: Visit, names: Sequence[str]) -> dict[str, Any]:
    return {name: visit.query[name] for name in names if visit.query.get(name)}


def summary(visit: Visit) -> Response:
    """Show the last 90 days at a glance: a part that comes after the list."""
    template = "access_summary.html" if visit.fragment else "access_glance.html"
    return visit.show(template, summary=_summary(visit))


def _summary(visit: Visit) -> dict[str, Any] | None:
    since = time.time_ns() // 1_000_000 - _SPAN_DAYS * _DAY_MS
    wanted = _named(visit, _SUMMED)
    answer, _damage = _ask(visit, "log.summary", since_ms=since, **wanted)
    if answer is None:
        return None
    reads = {row["day"]: row["reads"] for row in answer["days"]}
    today = date.today()  # noqa: DTZ011 - the person's own day
    spanned = [today - timedelta(days=back) for back in range(_SPAN_DAYS, -1, -1)]
    days = [(day.isoformat(), reads.get(day.isoformat(), 0)) for day in spanned]
    return {
        **answer,
        "heat": charts.heat(answer["hours"]),
        "bars": charts.bars(days, width=900, height=100),
        "most_reads": max((count for _day, count in days), default=0),
    }


def _ask(
    visit: Visit, operation: str, **params: Any
) -> tuple[dict[str, Any] | None, AgentRefusal | None]:
    """Return the answer, or what is wrong: a damaged log is the one to be verified."""
    try:
        return visit.desk.ask(operation, **params), None
    except AgentRefusal as err:
        if err.name == "LockedError":
            raise
        return None, err


def one(visit: Visit) -> Response:
    """Show one entry, what its leaf commits to, and how far it is vouched for."""
    index, query = visit.params["index"], visit.query
    entry = visit.desk.ask(
        "log.show",
        index=index,
        device=query.get("device") or None,
        incarnation=whole_number(query.get("incarnation", ""), digits=_MAX_DIGITS),
    )
    proof = entry["proof"]
    level = "sealed" if proof["head"] is not None else "unanchored"
    return visit.show(
        "access_entry.html",
        entry=entry,
        level="witnessed" if proof["witnesses"] else level,
        place={name: query.get(name, "") for name in ("device", "incarnation")},
    )


def verify(visit: Visit) -> Response:
    """Begin to check every log; the page asks how far it is."""
    visit.session.kept[_CHECK] = Asked(visit.desk, "log.verify", all_devices=True)
    return progress(visit)


def progress(visit: Visit) -> Response:
    """Say how far the check is, or what came of it."""
    check = visit.session.kept.get(_CHECK)
    if not isinstance(check, Asked):
        return visit.go("/access")
    return visit.show("verdict.html", check=check)


def export(visit: Visit) -> Response:
    """Hand out a bundle that somebody without a vault can check, as a zip file."""
    opened = visit.form.get("open") == "all"
    with tempfile.TemporaryDirectory(
        prefix="bundle-", dir=visit.desk.home.folder
    ) as folder:
        bundle = Path(folder) / "log-bundle"
        visit.desk.ask("log.export", folder=str(bundle), open_all=opened)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(bundle.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder))
    return handed_out(packed.getvalue(), "log-bundle.zip", media_type="application/zip")


ROUTES = (
    show("/access", listed),
    show("/access/summary", summary),
    act("/access/export", export),
    act("/access/verify", verify),
    show("/access/verify", progress),
    show("/access/{index:int}", one),
)

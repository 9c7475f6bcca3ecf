"""Konnectors: what is installed, what it may read, its runs, and running it now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.running import Run
from clisk.dashboard.visit import Visit
from clisk.errors import AgentRefusal, CliskError, UsageError
from clisk.granting import GrantOffer, offer_for
from konnector_runner.errors import KonnectorError
from konnector_runner.installed import Installed, InstalledKonnectors
from konnector_runner.konnector_diff import asks_for

_KEY = "run"
_RUNS = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """An installed konnector as a page shows it; *fault*: it is not as installed."""

    slug: str
    installed: Installed | None
    fault: str

    @property
    def asks(self) -> list[tuple[str, str]]:
        """What its manifest asks for, in words."""
        if self.installed is None:
            return []
        return list(asks_for(self.installed.konnector.manifest))


def _store(visit: Visit) -> InstalledKonnectors:
    return InstalledKonnectors(Path(visit.desk.home.konnectors))


def _shown(store: InstalledKonnectors, slug: str) -> Shown:
    try:
        return Shown(slug, store.load(slug), "")
    except KonnectorError as err:
        return Shown(slug, None, str(err))


def _named(visit: Visit) -> Installed:
    store, slug = _store(visit), visit.params["slug"]
    if slug not in store.slugs():
        raise CliskError(
            "no konnector of that name is installed",
            advice="clisk konnector install PATH",
        )
    try:
        return store.load(slug)
    except KonnectorError as err:
        raise CliskError(str(err), advice=err.advice) from err


def _run(visit: Visit) -> Run | None:
    found = visit.session.kept.get(_KEY)
    return found if isinstance(found, Run) else None


def listed(visit: Visit) -> Response:
    """Show the konnectors, the schedules, and the last runs."""
    store = _store(visit)
    template = "konnectors_list.html" if visit.fragment else "konnectors.html"
    return visit.show(
        template,
        konnectors=[_shown(store, slug) for slug in store.slugs()],
        runs=visit.desk.ask("runs.list")["runs"][:_RUNS],
        schedules=visit.desk.ask("schedules.list")["schedules"],
    )


def one(visit: Visit) -> Response:
    """Show what a konnector asks for, may read and did read, and offer to run it."""
    installed = _named(visit)
    slug = visit.params["slug"]
    try:
        access = visit.desk.ask("access", who=slug)
    except AgentRefusal as err:
        if err.name != "NobodyError":
            raise
        access = None  # nothing was ever granted to it
    run = _run(visit)
    return visit.show(
        "konnector.html",
        slug=slug,
        konnector=installed.konnector,
        installed=installed,
        asks=list(asks_for(installed.konnector.manifest)),
        access=access,
        logins=visit.desk.ask("list", type="login", limit=500)["items"],
        run=run if run is not None and run.slug == slug else None,
        offer=None,
    )


def start(visit: Visit) -> Response:
    """Run it with a login; where it has no grant yet, say what it would get first."""
    installed = _named(visit)
    item = visit.desk.ask("view", item=visit.form.get("item", ""))
    offer = _offer(installed, item)
    if not _is_granted(visit, offer):
        return visit.show(
            "konnector_offer.html", slug=visit.params["slug"], offer=offer
        )
    return _begin(visit, str(item["item"]))


def grant(visit: Visit) -> Response:
    """Grant what was shown, and run."""
    installed = _named(visit)
    item = visit.desk.ask("view", item=visit.form.get("item", ""))
    offer = _offer(installed, item)
    if visit.form.get("digest") != installed.konnector.digest.hex():
        raise CliskError(
            "the konnector is not the one that was shown", advice="look at it again"
        )
    request: dict[str, Any] = offer.request()
    visit.desk.ask("grants.add", **request)
    return _begin(visit, str(item["item"]))


def _offer(installed: Installed, item: dict[str, Any]) -> GrantOffer:
    return offer_for(
        installed.konnector, item, fields=(), origins=(), believe_manifest=True
    )


def _is_granted(visit: Visit, offer: GrantOffer) -> bool:
    digest = offer.konnector.digest.hex()
    return any(
        row["state"] == "valid"
        and row["digest"] == digest
        and row["item"] == offer.item
        for row in visit.desk.ask("grants.list")["grants"]
    )


def _begin(visit: Visit, item: str) -> Response:
    before = _run(visit)
    if before is not None and before.going:
        raise UsageError(
            "a konnector runs already", advice="wait for it to end, or stop it"
        )
    folder = visit.desk.collected / visit.params["slug"]
    visit.session.kept[_KEY] = Run(
        visit.desk.home, visit.params["slug"], item, str(folder)
    )
    return visit.go(f"/konnectors/{visit.params['slug']}")


def progress(visit: Visit) -> Response:
    """Show what the run says so far; a script asks for it while it runs."""
    return visit.show("konnector_run.html", run=_run(visit), slug=visit.params["slug"])


def stop(visit: Visit) -> Response:
    """End the run."""
    run = _run(visit)
    if run is not None:
        run.stop()
    return visit.go(f"/konnectors/{visit.params['slug']}")


def forget(visit: Visit) -> Response:
    """Wipe the kept browser sessions: the next run logs in anew."""
    answer = visit.desk.ask("runs.forget", konnector=visit.params["slug"])
    return visit.notice(visit.words("konnectors.forgotten", n=answer["forgotten"]))


def unschedule(visit: Visit) -> Response:
    """End a schedule."""
    visit.desk.ask("schedules.remove", schedule=visit.params["number"])
    return visit.go("/konnectors")


ROUTES = (
    show("/konnectors", listed),
    show("/konnectors/{slug:str}", one),
    show("/konnectors/{slug:str}/progress", progress),
    act("/konnectors/{slug:str}/run", start),
    act("/konnectors/{slug:str}/grant", grant),
    act("/konnectors/{slug:str}/stop", stop),
    act("/konnectors/{slug:str}/forget", forget),
    act("/schedules/{number:int}/remove", unschedule),
)

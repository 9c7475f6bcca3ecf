"""The dashboard as an ASGI application: routes, sessions, refusals."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from clisk.agent.journal import describe_fault
from clisk.dashboard.desk import Desk
from clisk.dashboard.gate import COOKIE, Gate
from clisk.dashboard.live import Watcher, stream
from clisk.dashboard.page import Page
from clisk.dashboard.sessions import LinkError, Session, Sessions, form_token_fits
from clisk.dashboard.table import ROUTES
from clisk.dashboard.visit import Visit
from clisk.dashboard.words import LANGUAGES, choose_language, words_in
from clisk.errors import AgentAbsentError, AgentRefusal, CliskError
from konnector_runner.errors import RunnerError

log = logging.getLogger("clisk.dashboard")

MAX_FIELDS = 200
Handler = Callable[[Request], Awaitable[Response]]
_STATIC = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_NO_SESSION = (
    "refused: no session\nopen the link that `clisk dashboard` shows, once, in this"
    " browser\n"
)
_OTHER_FORM = "refused: this form is not from this session\nload the page again\n"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the application is made of."""

    desk: Desk
    sessions: Sessions
    watcher: Watcher
    hosts: tuple[str, ...]


def create_app(dashboard: Dashboard) -> Starlette:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with dashboard.watcher:
            yield

    return Starlette(
        routes=[
            Route("/open/{token}", _opening(dashboard), methods=["GET"]),
            Route("/static/{name}", _static(dashboard), methods=["GET"]),
            Route("/live", _live(dashboard), methods=["GET"]),
            *(_route(dashboard, page) for page in ROUTES),
        ],
        middleware=[Middleware(Gate, hosts=dashboard.hosts)],
        exception_handlers={HTTPException: _plain, Exception: _fault},
        lifespan=lifespan,
    )


def _opening(dashboard: Dashboard) -> Handler:
    async def opening(request: Request) -> Response:
        if "prefetch" in request.headers.get("sec-purpose", ""):
            return PlainTextResponse("not fetched ahead\n", status_code=503)
        state = await dashboard.watcher.look()
        try:
            cookie = dashboard.sessions.open(
                request.path_params["token"],
                opened=state.opened,
                locked=not state.unlocked,
            )
        except LinkError as err:
            return PlainTextResponse(f"refused: {err}\n{err.advice}\n", status_code=403)
        # Not a redirect: a strict cookie is sent only on a way that began here.
        answer = Response(_ENTER, media_type="text/html; charset=utf-8")
        _set_cookie(answer, cookie)
        return answer

    return opening


_ENTER = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    '<meta http-equiv=refresh content="0;url=/"><title>Clisk Vault</title>'
    '<p><a href="/">Clisk Vault</a></p></html>'
)


def _static(dashboard: Dashboard) -> Handler:
    # Read once, by a list made here: no name in a request becomes a path.
    known = {
        each.name: each.read_bytes()
        for each in (files("clisk.dashboard") / "static").iterdir()
        if each.name[each.name.rfind(".") :] in _STATIC
    }

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if _session(dashboard, request, touch=False) is None:
            return PlainTextResponse(_NO_SESSION, status_code=403)
        if name not in known:
            return PlainTextResponse("there is no such file\n", status_code=404)
        return Response(known[name], media_type=_STATIC[name[name.rfind(".") :]])

    return static


def _live(dashboard: Dashboard) -> Handler:
    async def live(request: Request) -> Response:
        if _session(dashboard, request, touch=False) is None:
            return PlainTextResponse(_NO_SESSION, status_code=403)
        return stream(
            dashboard.watcher,
            alive=lambda: _session(dashboard, request, touch=False),
        )

    return live


def _route(dashboard: Dashboard, page: Page) -> Route:
    async def answer(request: Request) -> Response:
        session = _session(dashboard, request, touch=not _is_quiet(request))
        if session is None:
            return PlainTextResponse(_NO_SESSION, status_code=403)
        visit = _visit(dashboard, request, session)
        if page.method == "POST":
            visit = await _with_form(visit, request)
            if not form_token_fits(session, visit.form.get("token", "")):
                return PlainTextResponse(_OTHER_FORM, status_code=403)
        if session.locked and not page.when_locked:
            return visit.go("/locked")
        try:
            response = await run_in_threadpool(page.run, visit)
        except (CliskError, RunnerError) as err:
            return _refused(dashboard, visit, err)
        return await _use_door(dashboard, request, visit, response)

    return Route(page.path, answer, methods=[page.method])


async def _use_door(
    dashboard: Dashboard, request: Request, visit: Visit, response: Response
) -> Response:
    cookie = request.cookies[COOKIE]
    if visit.door.unlock:
        state = await dashboard.watcher.look()
        _set_cookie(response, dashboard.sessions.unlock(cookie, opened=state.opened))
    if visit.door.leave:
        dashboard.sessions.end(cookie)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


def _session(dashboard: Dashboard, request: Request, *, touch: bool) -> Session | None:
    cookie = request.cookies.get(COOKIE)
    return None if cookie is None else dashboard.sessions.find(cookie, touch=touch)


def _is_quiet(request: Request) -> bool:
    # Set by our own script, for what it fetches without the person.
    return request.headers.get("x-clisk-quiet") == "1"


def _visit(dashboard: Dashboard, request: Request, session: Session) -> Visit:
    accepts = request.headers.get("accept-language", "")
    language = choose_language(session.language, accepts)
    assert language in LANGUAGES
    return Visit(
        desk=dashboard.desk.quietly() if _is_quiet(request) else dashboard.desk,
        session=session,
        words=words_in(language),
        path=request.url.path,
        params=request.path_params,
        query=dict(request.query_params),
        fragment=request.headers.get("hx-request") == "true",
    )


async def _with_form(visit: Visit, request: Request) -> Visit:
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    lists = _lists(form)
    last = {name: values[-1] for name, values in lists.items()}
    return replace(visit, form=last, form_lists=lists)


def _lists(form: FormData) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            # Browsers send each line feed of a text as CR LF.
            found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def _refused(
    dashboard: Dashboard, visit: Visit, err: CliskError | RunnerError
) -> Response:
    if isinstance(err, AgentRefusal) and err.name == "LockedError":
        dashboard.sessions.heard(opened=-1, unlocked=False)
        return visit.go("/locked")
    advice = err.advice
    status = 503 if isinstance(err, AgentAbsentError) else 422
    values = {"text": str(err), "advice": advice, "kind": "refusal"}
    if visit.fragment:
        answer = visit.show("notice.html", http_status=status, **values)
        answer.headers["HX-Retarget"] = "#notice"
        answer.headers["HX-Reswap"] = "innerHTML"
        return answer
    return visit.show("refused.html", http_status=status, **values)


def _set_cookie(answer: Response, cookie: str) -> None:
    answer.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="strict")


async def _plain(_request: Request, err: Exception) -> Response:
    assert isinstance(err, HTTPException)
    return PlainTextResponse(f"{err.detail}\n", status_code=err.status_code)


async def _fault(_request: Request, err: Exception) -> Response:
    # Places in the source, no values: a form may have held a secret.
    log.error("fault: %s", describe_fault(err))
    return PlainTextResponse(
        "this is a fault of the dashboard; its terminal has the place\n",
        status_code=500,
    )

"""The dashboard as an ASGI application: routes, sessions, refusals."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from clisk.agent.journal import describe_fault
from clisk.dashboard.again import ask_again, asks_again
from clisk.dashboard.desk import Desk
from clisk.dashboard.gate import COOKIE, MAX_BODY, Gate, body_length
from clisk.dashboard.live import Watcher, stream
from clisk.dashboard.page import MAX_FORM, Page
from clisk.dashboard.sessions import LinkError, Session, Sessions, form_token_fits
from clisk.dashboard.shipped import KEEPING, SHIPPED, VERSION, kind_of
from clisk.dashboard.table import ROUTES
from clisk.dashboard.visit import GivenFile, Visit
from clisk.dashboard.words import LANGUAGES, choose_language, words_in
from clisk.errors import AgentAbsentError, AgentRefusal, CliskError
from konnector_runner.errors import RunnerError

log = logging.getLogger("clisk.dashboard")

MAX_FIELDS = 200
# A file that is to be attached is a secret: it stays in memory, whole, and is never
# written to a temporary file.
MultiPartParser.spool_max_size = 2 * MAX_BODY
Handler = Callable[[Request], Awaitable[Response]]
_NO_SESSION = (
    "refused: no session\nopen the link that `clisk dashboard` shows, once, in this"
    " browser\n"
)
_TOO_LONG = "refused: this form is longer than any that this page sends\n"
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
            Route("/static/{version}/{name}", _static(dashboard), methods=["GET"]),
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
    async def static(request: Request) -> Response:
        version, name = request.path_params["version"], request.path_params["name"]
        if _session(dashboard, request, touch=False) is None:
            return PlainTextResponse(_NO_SESSION, status_code=403)
        if version != VERSION or name not in SHIPPED:
            return PlainTextResponse("there is no such file\n", status_code=404)
        keeping = {"Cache-Control": KEEPING}
        return Response(SHIPPED[name], media_type=kind_of(name), headers=keeping)

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
            if body_length(request.headers) > page.max_bytes:
                return PlainTextResponse(_TOO_LONG, status_code=413)
            visit = await _with_form(visit, request, page)
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
        target=request.headers.get("hx-target", ""),
        copies=request.headers.get("x-clisk-copies") == "1",
    )


async def _with_form(visit: Visit, request: Request, page: Page) -> Visit:
    files = 1 if page.max_bytes > MAX_FORM else 0
    async with request.form(max_files=files, max_fields=MAX_FIELDS) as form:
        lists = _lists(form)
        last = {name: values[-1] for name, values in lists.items()}
        file = await _file(form)
    return replace(visit, form=last, form_lists=lists, file=file)


async def _file(form: FormData) -> GivenFile | None:
    for _name, value in form.multi_items():
        if isinstance(value, UploadFile):
            return GivenFile(
                # The last part: some programs send the whole path.
                (value.filename or "").replace("\\", "/").rpartition("/")[2],
                value.content_type or "",
                await value.read(),
            )
    return None


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
    if asks_again(visit, err):
        return ask_again(visit)
    status = 503 if isinstance(err, AgentAbsentError) else 422
    words = visit.words
    values = {
        "text": words.told(err),
        "advice": words.next_step(err),
        "kind": "refusal",
    }
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

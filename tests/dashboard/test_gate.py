"""Attacks on the dashboard's door, each as the request that a browser would send."""

from __future__ import annotations

import re
import socket
import sqlite3
from contextlib import closing
from typing import Any, cast

import pytest
from starlette.datastructures import Headers
from starlette.routing import Route

from clisk.dashboard.app import Dashboard, create_app
from clisk.dashboard.gate import HEADERS, MAX_BODY, body_length
from clisk.dashboard.shipped import KEEPING, PLACE
from clisk.dashboard.table import ROUTES
from tests.dashboard.world import Shown, Visitor, visitor
from tests.program.world import PASSPHRASE

_SECRET = "planted-secret-1"


def _path(path: str) -> str:
    return re.sub(r"{\w+:str}", "0" * 32, re.sub(r"{\w+:int}", "0", path))


GETS = [_path(page.path) for page in ROUTES if page.method == "GET"]
POSTS = [_path(page.path) for page in ROUTES if page.method == "POST"]


def test_who_has_the_link_sees_the_items(shown: Shown, somebody: Visitor) -> None:
    """The positive control: a browser's own requests pass each check below."""
    page = somebody.get("/items")
    assert page.status_code == 200
    assert "GitHub" in page.text
    item = shown.device.ask("list")["items"][0]["item"]
    told = somebody.post(f"/items/{item}/reveal", {"field": "password"})
    assert told.status_code == 200
    assert _SECRET in told.text


def test_nothing_answers_without_a_session(shown: Shown) -> None:
    """No page, no script, no stream, no form; a made-up cookie is none."""
    stranger = Visitor(shown)

    for cookie in ("", "A" * 43):
        stranger.cookie = cookie
        for path in [*GETS, f"{PLACE}style.css", f"{PLACE}live.js", "/live"]:
            assert stranger.get(path).status_code == 403, path
        for path in POSTS:
            assert stranger.post(path).status_code == 403, path


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1:{port}", "localhost:{port}", "{name}", "{name}:1", ""],
)
def test_dns_rebinding_host_is_refused(
    shown: Shown, somebody: Visitor, host: str
) -> None:
    """A name that an attacker points at this machine is not ours, nor is a number."""
    name = shown.host.partition(":")[0]

    answer = somebody.get("/items", Host=host.format(port=shown.port, name=name))

    assert answer.status_code == 421
    assert "GitHub" not in answer.text


def test_no_route_of_the_application_is_left_out_of_these_attacks() -> None:
    """Counted in the application itself: a form that was added elsewhere is found."""
    nothing = cast("Any", None)
    app = create_app(Dashboard(nothing, nothing, nothing, ("host",)))

    routes = [each for each in app.routes if isinstance(each, Route)]

    assert len(routes) == len(app.routes), "a mount or a socket has its own rules"
    forms = {each.path for each in routes if "POST" in (each.methods or ())}
    looks = {each.path for each in routes if "GET" in (each.methods or ())}
    assert forms == {page.path for page in ROUTES if page.method == "POST"}
    own = {"/open/{token}", "/static/{version}/{name}", "/live"}
    assert looks == own | {page.path for page in ROUTES if page.method == "GET"}
    assert {m for each in routes for m in each.methods or ()} == {"GET", "HEAD", "POST"}
    assert len(POSTS) > 35


def test_looking_at_every_page_changes_nothing(shown: Shown, somebody: Visitor) -> None:
    """No GET writes to the vault or its log: a picture in a mail could send one."""
    item = shown.device.ask("list")["items"][0]["item"]
    laptop = shown.device.ask("devices")["devices"][0]["device"]
    names = {"item": item, "device": laptop, "index": "0"}
    paths = [page.path for page in ROUTES if page.method == "GET"]
    before = _contents(shown)

    answers = {
        path: somebody.get(re.sub(r"{(\w+):\w+}", lambda m: names.get(m[1], "0"), path))
        for path in paths
    }

    # What is not there is looked for in vain, and that is no read either.
    for unknown in ("0" * 32, "no-such-item"):
        for path in paths:
            asked = re.sub(r"{\w+:str}", unknown, path).replace("{index:int}", "99")
            answers[asked] = somebody.get(asked)

    assert _contents(shown) == before
    shows = [path for path, answer in answers.items() if answer.status_code == 200]
    assert len(shows) > 15, "the positive control: they are there"
    assert all(answer.status_code < 500 for answer in answers.values()), answers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/access?before={'9' * 5000}", 200),
        (f"/access/0?incarnation={'9' * 5000}", 200),
        (f"/items?at={'9' * 5000}", 200),
        (f"/access/{'9' * 5000}", 414),
        (f"/access/{'9' * 1900}", 422),
    ],
    ids=["before", "incarnation", "at", "path", "long"],
)
def test_a_number_too_long_to_be_read_is_no_fault(
    somebody: Visitor, path: str, status: int
) -> None:
    """int() refuses more than 4,300 digits in its own way: it is not asked."""
    assert somebody.get(path).status_code == status


@pytest.mark.parametrize("given", ["9" * 5000, "9" * 13, "-1", "1e3", "٣", "", "x"])
def test_a_length_that_is_no_number_is_more_than_fits(given: str) -> None:
    """Nor is a fault made of the length that a request says its body has."""
    length = given.encode("utf-8")
    headers = Headers(raw=[(b"content-length", length)])

    assert body_length(headers) == MAX_BODY + 1
    assert body_length(Headers({"content-length": "12"})) == 12, "the positive control"


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "not a whole path"), ("fr", "pas un chemin complet")],
)
def test_the_home_of_a_user_who_is_not_there_is_refused_with_advice(
    somebody: Visitor, language: str, says: str
) -> None:
    """Where breached passwords are, as typed: `~` of a user unknown to the machine."""
    answer = somebody.post(
        "/health/examine",
        {"breaches": "~no-such-user/pwned.txt"},
        Accept_Language=language,
    )

    assert answer.status_code == 422
    assert says in answer.text
    assert "/home/" in answer.text


def _contents(shown: Shown) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the vault's file, but for what only makes lists quicker."""
    with closing(sqlite3.connect(shown.device.home / "vault.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: database.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - its own names
            for (name,) in tables.fetchall()
            if name != "log_index"
        }


@pytest.mark.parametrize("path", POSTS)
def test_csrf_on_every_changing_route_is_refused(
    shown: Shown, somebody: Visitor, path: str
) -> None:
    """A form of another page has no token of this session."""
    assert somebody.post(path, token="").status_code == 403
    assert somebody.post(path, token="A" * 43).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://127.0.0.1:{port}", "https://{host}"],
)
def test_a_form_from_another_origin_is_refused(
    shown: Shown, somebody: Visitor, origin: str | None
) -> None:
    """Even with the token: whoever learnt it still is another origin."""
    if origin is not None:
        origin = origin.format(port=shown.port, host=shown.host)

    assert somebody.post("/lock", Origin=origin).status_code == 403

    assert shown.device.ask("status")["state"] == "unlocked"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_gets_no_page(shown: Shown, somebody: Visitor, site: str) -> None:
    """Another name below localhost is same-site, and still not us."""
    assert somebody.get("/items", Sec_Fetch_Site=site).status_code == 403


def test_a_stolen_link_used_twice_ends_the_session(alone: Shown) -> None:
    """The second one is refused, and the first loses what it had."""
    somebody = visitor(alone)

    again = Visitor(alone).get(alone.opening)

    assert again.status_code == 403
    assert "twice" in again.text
    assert somebody.get("/items").status_code == 403


def test_a_browser_that_fetches_ahead_does_not_use_the_link_up(alone: Shown) -> None:
    """Some fetch what is typed or pasted before the person presses Enter."""
    ahead = Visitor(alone).get(alone.opening, Sec_Purpose="prefetch;prerender")
    assert ahead.status_code == 503

    assert visitor(alone).get("/items").status_code == 200


def test_every_answer_forbids_framing_scripts_and_keeping(
    shown: Shown, somebody: Visitor
) -> None:
    """Refusals too: a page in a frame can be clicked without being seen."""
    answers = [
        somebody.get("/items"),
        somebody.get(f"{PLACE}no-such.css"),
        somebody.get("/no-such-page"),
        somebody.get("/items", Host="evil.example"),
        Visitor(shown).get("/items"),
        somebody.post("/lock", token=""),
    ]

    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name) == [value], (answer.url, name)
    policy = HEADERS["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_a_browser_keeps_what_was_shipped_and_nothing_else(somebody: Visitor) -> None:
    """Styles and scripts, by what they are; never a page, whatever it says."""
    shipped = somebody.get(f"{PLACE}style.css")
    other = somebody.get("/static/0123456789abcdef/style.css")

    assert shipped.headers["cache-control"] == KEEPING
    assert shipped.headers["content-security-policy"]
    assert other.status_code == 404
    assert other.headers["cache-control"] == "no-store"


def test_the_cookie_is_kept_from_scripts_and_other_sites(alone: Shown) -> None:
    """HttpOnly, SameSite=Strict, for this host only and for this run only."""
    given = Visitor(alone).get(alone.opening).headers["set-cookie"].casefold()

    parts = {part.strip() for part in given.split(";")[1:]}
    assert parts == {"httponly", "samesite=strict", "path=/"}


def test_a_huge_form_is_refused_before_it_is_read(
    shown: Shown, somebody: Visitor
) -> None:
    """A length that is too much is enough to know, and no length is too."""
    big = somebody.post("/items/0/edit", {"title": "x" * MAX_BODY})
    assert big.status_code == 413
    raw = somebody.headers(Content_Type="application/x-www-form-urlencoded")
    pieces = somebody.client.post("/lock", content=iter([b"token="]), headers=raw)
    assert pieces.status_code == 413
    many = somebody.post("/lock", {f"n{at}": "" for at in range(300)})
    assert many.status_code == 400
    assert shown.device.ask("status")["state"] == "unlocked"


@pytest.mark.parametrize(
    "name",
    ["../gate.py", "..%2fgate.py", "%2e%2e/gate.py", "htmx.min.js%00", "/etc/passwd"],
)
def test_path_traversal_in_static_files_finds_nothing(
    shown: Shown, somebody: Visitor, name: str
) -> None:
    """No name in a request becomes a path."""
    with socket.create_connection(("127.0.0.1", shown.port)) as raw:
        lines = [f"GET {PLACE}{name} HTTP/1.1"]
        lines += [f"{key}: {value}" for key, value in somebody.headers().items()]
        raw.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.split(b"\r\n")[0].split()[1] in {b"404", b"400"}
    assert b"import" not in answer


def test_looking_reads_no_secret(alone: Shown) -> None:
    """No GET releases one, and so none is recorded."""
    somebody = visitor(alone)
    item = alone.device.ask("list")["items"][0]["item"]

    for path in GETS:
        somebody_sees = somebody.get(path.replace("0" * 32, item))
        assert _SECRET not in somebody_sees.text, path

    assert alone.device.ask("log", "list")["records"] == []


def test_locking_leaves_a_session_the_lock_screen_only(alone: Shown) -> None:
    """Locked at the command line; the page can send a passphrase and nothing else."""
    somebody = visitor(alone)
    item = alone.device.ask("list")["items"][0]["item"]
    alone.device.ok("lock")

    page = somebody.get("/items")
    assert page.headers["location"] == "/locked"
    told = somebody.post(f"/items/{item}/reveal", {"field": "password"})
    assert told.headers["location"] == "/locked"
    assert "passphrase" in somebody.get("/locked").text


def test_unlocking_there_gives_a_new_session(alone: Shown) -> None:
    """The old cookie and the old form token are worth nothing."""
    somebody = visitor(alone)
    alone.device.ok("lock")
    assert somebody.get("/items").status_code == 303
    old = Visitor(alone, token=somebody.token, cookie=somebody.cookie)

    wrong = somebody.post("/unlock", {"passphrase": "not it"})
    assert wrong.status_code == 422
    assert "not it" not in wrong.text
    right = somebody.post("/unlock", {"passphrase": PASSPHRASE})

    assert right.headers["location"] == "/items"
    assert somebody.get("/items").status_code == 200
    assert old.get("/items").status_code == 403
    assert old.post("/lock").status_code == 403


def test_a_vault_opened_again_elsewhere_does_not_reopen_the_page(alone: Shown) -> None:
    """Whoever sits before the page did not give the passphrase."""
    somebody = visitor(alone)
    alone.device.ok("lock")
    alone.device.unlock()

    assert somebody.get("/items").headers["location"] == "/locked"


def test_ending_the_session_leaves_the_vault_open(alone: Shown) -> None:
    """The button at the foot of each page."""
    somebody = visitor(alone)

    assert somebody.post("/leave").status_code == 200

    assert somebody.get("/items").status_code == 403
    assert alone.device.ask("status")["state"] == "unlocked"


def test_the_language_form_leads_nowhere_else(shown: Shown, somebody: Visitor) -> None:
    """An open redirect would lend our name to somebody's page."""
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = somebody.post("/language", {"language": "fr", "back": back})
        assert answer.headers["location"] == "/", back
    assert 'lang="fr"' in somebody.get("/items").text


def test_the_terminal_of_the_dashboard_shows_no_secret(alone: Shown) -> None:
    """Forms with secrets, refusals and faults: nothing of them is written."""
    somebody = visitor(alone)
    somebody.post("/unlock", {"passphrase": "planted-secret-2"})
    somebody.post("/new", {"type": "login", "title": "", "field.password": _SECRET})
    somebody.post("/items/nothing/edit", {"field.password": _SECRET})

    said = alone.log.read_text()

    assert "planted" not in said
    assert "Traceback" not in said

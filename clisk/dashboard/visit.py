"""One request as a page sees it: who asks, in which language, and how to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from clisk.dashboard.desk import Desk
from clisk.dashboard.render import render
from clisk.dashboard.sessions import Session
from clisk.dashboard.words import Words

_SEE_OTHER = 303
PASSPHRASE = "passphrase"  # noqa: S105 - the name of a form field


@dataclass(slots=True)
class Door:
    """What a page wants done with the session once it has answered."""

    unlock: bool = False
    leave: bool = False


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that came with a form."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page may use. A page reads `params`, `query` and `form`, and answers."""

    desk: Desk
    session: Session
    words: Words
    path: str
    params: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    # Its values may be secrets.
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    form_lists: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    file: GivenFile | None = None
    door: Door = field(default_factory=Door)
    fragment: bool = False
    """Whether a script of ours asks for a part of a page."""
    target: str = ""
    """Where in the page that part goes, by its id."""
    copies: bool = False
    """Whether a script of ours asks for a value to copy."""

    def ask_guarded(self, operation: str, **params: Any) -> dict[str, Any]:
        """Ask the agent, and give it the passphrase first if one was typed for it."""
        return self.desk.ask(operation, again=self.form.get(PASSPHRASE, ""), **params)

    def show(self, template: str, *, http_status: int = 200, **values: Any) -> Response:
        """Answer with a template."""
        page = {
            "t": self.words,
            "token": self.session.form_token,
            "path": self.path,
            "section": self.path.split("/")[1],
            "fragment": self.fragment,
            "locked": self.session.locked,
            **values,
        }
        return HTMLResponse(render(template, page), status_code=http_status)

    def go(self, path: str) -> Response:
        """Send the browser to another page of ours, after a form."""
        if self.fragment:
            return Response(headers={"HX-Redirect": path})
        return RedirectResponse(path, status_code=_SEE_OTHER)

    def notice(self, text: str, *, kind: str = "done") -> Response:
        """Answer a script of ours with one line, for the page's notice area."""
        answer = self.show("notice.html", text=text, kind=kind, advice="")
        answer.headers["HX-Retarget"] = "#notice"
        answer.headers["HX-Reswap"] = "innerHTML"
        return answer

"""Secrets, each shown or copied by a click and recorded by the agent first."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from clisk.dashboard.page import act
from clisk.dashboard.visit import Visit


def reveal(visit: Visit) -> Response:
    """Show one field in its place on the page."""
    return visit.show("secret.html", value=_read(visit, "show")["value"])


def copy(visit: Visit) -> Response:
    """Give one field to the script that puts it on the clipboard."""
    return JSONResponse({"value": _read(visit, "copy")["value"]})


def code(visit: Visit) -> Response:
    """Show the one-time code of this moment, with how long it lasts."""
    return visit.show("code.html", **_code(visit))


def copy_code(visit: Visit) -> Response:
    """Give the one-time code to the script that copies."""
    return JSONResponse({"value": _code(visit)["code"]})


def _read(visit: Visit, use: str) -> dict[str, object]:
    return visit.ask_guarded(
        "reveal",
        item=visit.params["item"],
        field=visit.form.get("field", ""),
        purpose=f"dashboard: {use}",
        use=use,
    )


def _code(visit: Visit) -> dict[str, Any]:
    return visit.ask_guarded("totp", item=visit.params["item"])


ROUTES = (
    act("/items/{item:str}/reveal", reveal),
    act("/items/{item:str}/copy", copy),
    act("/items/{item:str}/code", code),
    act("/items/{item:str}/code/copy", copy_code),
)

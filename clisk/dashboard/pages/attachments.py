"""Files that belong to an item. Each one that is handed out is recorded before."""

from __future__ import annotations

import base64
from typing import Any

from starlette.responses import Response

from clisk.dashboard.handing_out import handed_out
from clisk.dashboard.page import act
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError

MAX_BYTES = 10 << 20


def add(visit: Visit) -> Response:
    """Attach a file that the person chose."""
    given = visit.file
    if given is None or not given.name:
        raise UsageError("no file was chosen", advice="choose one, and attach it then")
    if len(given.data) > MAX_BYTES:
        raise UsageError(
            f"the file is larger than {MAX_BYTES:,} bytes, the most that fits",
            advice="keep the file elsewhere, and its password or place here",
        )
    visit.desk.ask(
        "attach.add",
        item=visit.params["item"],
        name=given.name[:255],
        data=base64.b64encode(given.data).decode(),
        media_type=given.media_type,
    )
    return _back(visit)


def download(visit: Visit) -> Response:
    """Hand out a file, to be saved and not to be shown; the read is recorded."""
    found = visit.ask_guarded("attach.get", **_meant(visit))
    return handed_out(base64.b64decode(found["data"]), found["name"])


def remove(visit: Visit) -> Response:
    """Take a file off the item; it stays in the item's history."""
    visit.desk.ask("attach.remove", **_meant(visit))
    return _back(visit)


def _meant(visit: Visit) -> dict[str, Any]:
    # By id: two devices may have given two files one name.
    return {"item": visit.params["item"], "name": visit.form.get("id", "")}


def _back(visit: Visit) -> Response:
    return visit.go(f"/items/{visit.params['item']}")


ROUTES = (
    act("/items/{item:str}/attach", add, max_bytes=MAX_BYTES + (64 << 10)),
    act("/items/{item:str}/attachment", download),
    act("/items/{item:str}/detach", remove),
)

"""Has the passphrase typed where an item asks for it, and the same asked once more.

The form that comes carries what was asked for, so that no page has to know of it.
"""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.visit import PASSPHRASE, Visit
from clisk.errors import AgentRefusal
from clisk.passphrase_again import NEEDED

_OWN = {"token", PASSPHRASE}


def asks_again(visit: Visit, err: Exception) -> bool:
    """Return whether a form for the passphrase is the answer to *err*.

    A form that had a place for it is not asked for it in another one.
    """
    needed = isinstance(err, AgentRefusal) and err.name == NEEDED
    return needed and bool(visit.form) and PASSPHRASE not in visit.form


def ask_again(visit: Visit) -> Response:
    """Answer with a form: what was sent, and a field for the passphrase."""
    values = {name: text for name, text in visit.form.items() if name not in _OWN}
    again = {"values": values, "target": visit.target, "copies": visit.copies}
    if not (visit.fragment or visit.copies):
        return visit.show("again_page.html", http_status=422, **again)
    answer = visit.show("again.html", http_status=422, **again)
    answer.headers["HX-Retarget"] = "#notice"
    answer.headers["HX-Reswap"] = "innerHTML"
    return answer

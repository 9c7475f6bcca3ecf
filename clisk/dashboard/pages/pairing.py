"""Letting a new device in: the code, who knocked, and the six digits.

The agent ends a pairing with the connection that began it, so the session keeps
one; a session that is locked or ended drops it.
"""

from __future__ import annotations

import threading
from typing import Any

from starlette.responses import Response

from clisk.client import AgentClient
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import AgentRefusal, CliskError, UsageError

_KEY = "pairing"


class Offer:
    """One code that is on the screen, and who has knocked with it."""

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent
        answer = agent.call("pair.begin")
        self.url = str(answer["url"])
        self.expires_ms = answer["expires_ms"]
        self.newcomer: dict[str, object] | None = None
        self.failed: CliskError | None = None
        self.tries = 0
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def __repr__(self) -> str:
        return "<Offer redacted>"

    def _wait(self) -> None:
        try:
            self.newcomer = self._agent.call("pair.wait")
        except CliskError as err:
            self.failed = err

    def confirm(self, digits: str) -> dict[str, Any]:
        """Let the newcomer in; raises AgentRefusal when the digits are wrong."""
        self.tries += 1
        return self._agent.call("pair.confirm", {"digits": digits})

    def close(self) -> None:
        """End the pairing."""
        self._agent.close()

    def __del__(self) -> None:
        self.close()


def _offer(visit: Visit) -> Offer | None:
    found = visit.session.kept.get(_KEY)
    return found if isinstance(found, Offer) else None


def page(visit: Visit) -> Response:
    """Show where the pairing stands: to begin, the code, the newcomer, the end."""
    offer = _offer(visit)
    template = "pair_state.html" if visit.fragment else "pair.html"
    drawing = None
    if offer is not None and offer.newcomer is None and offer.failed is None:
        from clisk_sync import qr

        drawing = qr.draw_svg(offer.url)
    return visit.show(template, offer=offer, drawing=drawing)


def begin(visit: Visit) -> Response:
    """Make a code."""
    before = _offer(visit)
    if before is not None:
        before.close()
    visit.session.kept[_KEY] = Offer(visit.desk.stay())
    return visit.go("/pair")


def confirm(visit: Visit) -> Response:
    """Let the newcomer in, if the digits are the ones that it shows."""
    offer = _offer(visit)
    if offer is None or offer.newcomer is None:
        raise UsageError("nobody has knocked", advice="make a new code")
    try:
        answer = offer.confirm(visit.form.get("digits", ""))
    except AgentRefusal as err:
        if err.name != "WrongDigits":
            offer.failed = err
            return visit.show("pair_state.html", offer=offer, drawing=None)
        raise
    _drop(visit, offer)
    return visit.show("paired.html", **answer)


def stop(visit: Visit) -> Response:
    """End the pairing; nobody comes in."""
    offer = _offer(visit)
    if offer is not None:
        _drop(visit, offer)
    return visit.go("/devices")


def _drop(visit: Visit, offer: Offer) -> None:
    visit.session.kept.pop(_KEY, None)
    offer.close()


ROUTES = (
    show("/pair", page),
    act("/pair/begin", begin),
    act("/pair/digits", confirm),
    act("/pair/stop", stop),
)

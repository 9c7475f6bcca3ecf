"""The addresses of an item as autofill compares them with a page."""

from __future__ import annotations

from clisk.agent.fill_session import FillSession
from clisk.errors import CliskError
from clisk_vault.ids import ItemId
from clisk_vault.item import ItemView
from konnector_runner.autofill.matching import MatchMode, Site, refusal_for
from konnector_runner.origin import origin_of

_MODES = {mode.value.replace(" ", "-"): mode for mode in MatchMode}


class NotForThisPageError(CliskError):
    """The item's addresses do not cover the page."""


def sites_of(view: ItemView) -> list[Site]:
    """Return the addresses of an item and how each is compared.

    A mode that a later version wrote is taken for `never`: it may be narrower than
    any that we know.
    """
    return [
        Site(value, _MODES.get(mode, MatchMode.NEVER) if mode else MatchMode.DOMAIN)
        for element in view.elements("uri")
        for value, mode in [(element.text("value"), element.text("match"))]
        if value
    ]


def session_for(item: ItemId, view: ItemView, url: str) -> FillSession:
    """Return the session for filling *url* with the item that *view* shows.

    Raises:
        NotForThisPageError: no address of the item is for *url*.
        FormatError: *url* is no address of a page.
    """
    origin = origin_of(url)
    refusal = refusal_for(sites_of(view), url)
    if refusal is not None:
        raise NotForThisPageError(
            f"not filled: {refusal.value}",
            advice="if the page is right: clisk edit ITEM --uri URL",
        )
    return FillSession(item, origin)

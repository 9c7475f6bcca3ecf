"""Whether a frame may be filled at all, before any form is looked at.

Spec: protocol/autofill.md §4.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from konnector_runner.autofill.equivalents import EquivalentDomains
from konnector_runner.autofill.facts import FrameFacts
from konnector_runner.autofill.matching import Site, refusal_for
from konnector_runner.autofill.plan import Fill, Refusal
from konnector_runner.errors import FormatError
from konnector_runner.origin import origin_of


def frame_refusal(
    frame: FrameFacts,
    sites: Sequence[Site],
    *,
    equivalents: EquivalentDomains | None = None,
) -> Refusal | None:
    """Return why nothing may be written into *frame*, or None."""
    if frame.sandboxed or frame.origin == "null":
        return Refusal.SANDBOXED if frame.sandboxed else Refusal.NO_ORIGIN
    try:
        # about:srcdoc and blob: inherit an origin that their address does not show.
        if origin_of(_plain(frame.url)) != frame.origin:
            return Refusal.NO_ORIGIN
    except FormatError:
        return Refusal.NO_ORIGIN
    if any(above != frame.origin for above in frame.above):
        return Refusal.CROSS_ORIGIN_FRAME
    if not frame.shown:
        return Refusal.HIDDEN_FRAME
    return refusal_for(sites, frame.url, equivalents=equivalents)


def _plain(url: str) -> str:
    """Return *url* up to its path: what follows has characters of its own."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def form_refusal(
    frame: FrameFacts, fills: Sequence[Fill], sites: Sequence[Site]
) -> Refusal | None:
    """Return why the forms of *fills* may not get a secret: they are sent away.

    To the page's own site is not away; to another site of the item is: an account
    that is opened at two places is not a reason to send what is typed at one of
    them to the other.
    """
    own = [site for site in sites if refusal_for([site], frame.url) is None]
    elements = {element for fill in fills for element in fill.elements}
    numbers = {f.form for f in frame.fields if f.element in elements}
    targets = [
        target
        for form in frame.forms
        if form.number in numbers
        for target in form.targets
    ]
    for target in targets:
        if refusal_for(own, target) is not None:
            return Refusal.SENT_ELSEWHERE
    return None

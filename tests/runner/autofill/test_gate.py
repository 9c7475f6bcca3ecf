"""Whether a frame may be filled at all: protocol/autofill.md §4.5."""

from __future__ import annotations

from typing import Any

import pytest

from konnector_runner.autofill.facts import FormFacts, FrameFacts, parse_facts
from konnector_runner.autofill.fill import FillRequest, decide
from konnector_runner.autofill.gate import frame_refusal
from konnector_runner.autofill.look import SeenFrame
from konnector_runner.autofill.matching import Site
from konnector_runner.autofill.plan import Refusal
from konnector_runner.errors import FormatError
from tests.runner.autofill.forms import field, frame, password
from tests.runner.autofill.world import FIELDS

_SITES = [Site("https://example.com")]
_HERE = "https://example.com"

_REFUSED: list[tuple[dict[str, Any], Refusal]] = [
    ({"sandboxed": True}, Refusal.SANDBOXED),
    ({"origin": "null"}, Refusal.NO_ORIGIN),
    ({"url": "about:srcdoc"}, Refusal.NO_ORIGIN),
    ({"url": "about:blank"}, Refusal.NO_ORIGIN),
    ({"url": "blob:https://example.com/1"}, Refusal.NO_ORIGIN),
    ({"url": "file:///example.com", "origin": "file://"}, Refusal.NO_ORIGIN),
    ({"url": "https://example.com/", "origin": "https://a.test"}, Refusal.NO_ORIGIN),
    ({"url": "https://example.com@evil.test/"}, Refusal.NO_ORIGIN),
    ({"above": ("https://evil.test",)}, Refusal.CROSS_ORIGIN_FRAME),
    ({"above": (_HERE, "https://evil.test")}, Refusal.CROSS_ORIGIN_FRAME),
    ({"above": ("https://a.example.com",)}, Refusal.CROSS_ORIGIN_FRAME),
    ({"above": ("http://example.com",)}, Refusal.CROSS_ORIGIN_FRAME),
    ({"above": ("https://example.com:8443",)}, Refusal.CROSS_ORIGIN_FRAME),
    ({"shown": False}, Refusal.HIDDEN_FRAME),
    (
        {"url": "http://example.com/", "origin": "http://example.com"},
        Refusal.NOT_HTTPS,
    ),
    ({"url": "https://evil.test/", "origin": "https://evil.test"}, Refusal.OTHER_SITE),
]


@pytest.mark.parametrize(("facts", "refusal"), _REFUSED)
def test_a_frame_that_is_not_the_items_is_refused(
    facts: dict[str, Any], refusal: Refusal
) -> None:
    """Each way not to be the item's page has its name."""
    assert frame_refusal(FrameFacts(**facts), _SITES) is refusal


def test_the_items_own_page_and_frame_are_not() -> None:
    """The control: the page, a frame of its own, and an address with a search."""
    assert frame_refusal(FrameFacts(), _SITES) is None
    assert frame_refusal(FrameFacts(above=(_HERE, _HERE)), _SITES) is None
    searched = FrameFacts(url=_HERE + "/login?next=https://other.example/#top")
    assert frame_refusal(searched, _SITES) is None


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("https://login.example.com", False),
        ("http://example.com", True),
        ("https://evil.test", True),
        ("https://example.com.evil.test", True),
    ],
)
def test_a_form_that_is_sent_away_is_refused(target: str, *, refused: bool) -> None:
    """A form goes where an URI of the item matches, or is left alone."""
    page = frame(field("u"), password(), targets=(target,))
    request = FillRequest(sites=_SITES, fields=FIELDS)

    _, plan = decide([SeenFrame(1, page)], request)

    assert (plan.refusal is Refusal.SENT_ELSEWHERE) is refused
    assert bool(plan.fills) is not refused


def test_a_form_that_is_sent_to_another_site_of_the_item_is_refused() -> None:
    """An item for two sites: each is filled, and neither is for the other's form."""
    two = [*_SITES, Site("https://sso.test")]
    away = frame(field("u"), password(), targets=("https://sso.test",))
    near = frame(field("u"), password(), targets=("https://id.example.com",))
    for page, refusal in ((away, Refusal.SENT_ELSEWHERE), (near, None)):
        _, plan = decide([SeenFrame(1, page)], FillRequest(sites=two, fields=FIELDS))
        assert plan.refusal is refusal
    there = FrameFacts(url="https://sso.test/", origin="https://sso.test")
    assert frame_refusal(there, two) is None


def test_a_search_that_is_sent_away_does_not_matter() -> None:
    """Only the form that is filled counts."""
    page = frame(field("u"), password())
    away = FormFacts(number=1, targets=("https://search.example",))
    both = FrameFacts(fields=page.fields, forms=(*page.forms, away))

    seen, plan = decide([SeenFrame(1, both)], FillRequest(sites=_SITES, fields=FIELDS))

    assert seen is not None
    assert len(plan.fills) == 2


@pytest.mark.parametrize("text", ["", "null", "[]", '{"fields": 1}', '{"url": 1}'])
def test_facts_in_another_form_are_refused(text: str) -> None:
    """What the script does not tell is no facts."""
    with pytest.raises(FormatError):
        parse_facts(text)

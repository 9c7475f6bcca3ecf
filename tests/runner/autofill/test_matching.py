"""Whether a page is one of an item's: protocol/autofill.md §4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from konnector_runner.autofill.equivalents import EquivalentDomains
from konnector_runner.autofill.matching import MatchMode, Site, matches, refusal_for
from konnector_runner.autofill.plan import Refusal
from konnector_runner.errors import FormatError

_DATA = Path(__file__).parents[2] / "data" / "autofill" / "equivalents.json"
_D, _H, _S = MatchMode.DOMAIN, MatchMode.HOST, MatchMode.STARTS_WITH
_E, _R, _O = MatchMode.EXACT, MatchMode.REGEX, MatchMode.ORIGIN
_BANK = "https://www.bank.example/login"

# mode, saved, page: what people expect to match
_FITS = [
    (_D, "https://www.shop.com.au:4000/a", "https://www.auth.shop.com.au"),
    (_D, "https://www.bank.example", "https://login.bank.example"),
    (_D, "https://bank.example:8443", "https://bank.example/login"),
    (_D, "bank.example", "https://bank.example/"),
    (_D, "[::1]:9001", "http://[::1]:9001/x"),
    (_D, "http://localhost:3000", "http://localhost:3000/login"),
    (_D, "https://a.github.io", "https://a.github.io/login"),
    (_D, "https://bücher.example", "https://login.xn--bcher-kva.example/"),
    (_D, "https://BANK.example", "https://bank.EXAMPLE/"),
    (_H, "https://sub.bank.example:4000", "http://sub.bank.example:4000"),
    (_S, "https://bank.example/app/", "https://bank.example/app/login"),
    (_S, "https://bank.example", "https://bank.example/anything"),
    (_E, "https://bank.example/page.html", "https://bank.example/page.html"),
    (_R, r"^https://(www|login)\.bank\.example/.*$", _BANK),
    (_R, r"https://[a-z]+\.bank\.example(/.*)?", _BANK),
    (_R, r"HTTPS://www\.BANK\.example/login", _BANK),
    (_O, "http://bank.example", "https://bank.example"),
    (_O, "https://bank.example:8443", "https://bank.example:8443/a"),
    (_O, "http://bank.example:8080", "http://bank.example:8080"),
]

# mode, saved, page: attacks.md §3.4 and what no mode may take
_MISSES = [
    (_D, "https://bank.example", "https://bank.example.evil.test/"),
    (_D, "https://bank.example", "https://evilbank.example/"),
    (_D, "https://bank.example", "https://bank.example@evil.test/"),
    (_D, "https://bank.example", "https://bank.example./"),
    (_H, "https://bank.example.", "https://bank.example./"),
    (_D, "https://bank.example", "https://evil.test/?https://bank.example"),
    (_D, "https://bank.example", "https://evil.test/#bank.example"),
    (_D, "https://bank.example", "https://evil.test\\@bank.example/"),
    (_D, "https://a.github.io", "https://b.github.io/"),
    (_D, "https://a.github.io", "https://github.io/"),
    (_D, "https://a.co.uk", "https://b.co.uk/"),
    (_D, "https://co.uk", "https://a.co.uk/"),
    (_D, "https://google.com", "https://script.google.com/"),
    (_D, "http://10.0.0.5:9696", "http://10.0.0.5:9001/"),
    (_D, "http://10.0.0.5", "http://11.0.0.5/"),
    (_D, "http://[::1]:9001", "http://[::1]:9696"),
    (_D, "http://localhost:3000", "http://localhost:3001/"),
    (_D, "https://bank.example", "data:text/html,<input>"),
    (_D, "https://bank.example", "blob:https://bank.example/1"),
    (_D, "https://bank.example", "about:srcdoc"),
    (_D, "https://bank.example", "about:blank"),
    (_D, "https://bank.example", "file:///bank.example/login"),
    (_D, "https://bank.example", "javascript:alert(1)"),
    (_D, "https://bank.example", ""),
    # Cyrillic а in a Latin word, and the whole word in Cyrillic.
    (_D, "https://bank.example", "https://b\N{CYRILLIC SMALL LETTER A}nk.example/"),
    (_D, "https://bank.example", "https://xn--bnk-7cd.example/"),
    (_D, "https://xn--bnk-7cd.example", "https://xn--bnk-7cd.example/"),
    (_D, "https://ropa.example", "https://ropa.xn--80ak6aa92e.example/"),
    (_D, "https://faß.example", "https://fass.example/"),
    (_H, "https://bank.example", "https://www.bank.example/"),
    (_H, "https://bank.example", "https://bank.example:8443/"),
    (_S, "https://bank.example", "https://bank.example.evil.test/"),
    (_S, "https://bank.example", "https://bank.example:8443/"),
    (_S, "https://bank.example/app/", "https://bank.example"),
    (_S, "https://bank.example/app/", "https://bank.example:4000/app/a"),
    (_E, "https://bank.example/page.html", "http://bank.example/page.html"),
    (_E, "https://bank.example/page.html", "https://bank.example"),
    (_E, "https://bank.example/a", "https://bank.example/a?next=/"),
    (_R, r"https://.*bank\.example", "https://bank.example/"),
    (_R, r"bank\.example", _BANK),
    (_R, r"https://.*\.bank\.example/.*", _BANK),
    (_R, r"https://[a-z]*bank\.example/", "https://evilbank.example/"),
    (_R, r"https://[a-z.]*bank\.example.*", "https://www.bank.example.evil.test/"),
    (_R, ".*", _BANK),
    (_R, r"https://www\.bank\.example.*", _BANK),
    (_R, rf"https://www\.bank\.example/login|{'x' * 600}", _BANK),
    (_R, "https://(", _BANK),
    (_R, "https://www.bank.example/" + "a?" * 400, _BANK),
    (_O, "https://bank.example", "http://bank.example"),
    (_O, "http://bank.example:8080", "https://bank.example"),
    (_O, "http://bank.example", "https://bank.example:8443"),
    (_O, "https://bank.example", "https://www.bank.example"),
    (MatchMode.NEVER, "https://bank.example", "https://bank.example/"),
]


@pytest.mark.parametrize(("mode", "saved", "page"), _FITS)
def test_a_page_of_the_item_is_taken(mode: MatchMode, saved: str, page: str) -> None:
    """Each mode takes what its name promises."""
    assert matches(Site(saved, mode), page)


@pytest.mark.parametrize(("mode", "saved", "page"), _MISSES)
def test_a_page_of_another_is_not(mode: MatchMode, saved: str, page: str) -> None:
    """No mode takes a page that only looks like the item's."""
    assert not matches(Site(saved, mode), page)


def test_an_item_for_https_is_not_for_http() -> None:
    """A mode may look past the scheme; whoever is in between may not read along."""
    page = "http://bank.example/login"

    assert refusal_for([Site("https://bank.example")], page) is Refusal.NOT_HTTPS
    assert refusal_for([Site("bank.example")], page) is Refusal.NOT_HTTPS
    assert refusal_for([Site("https?://bank\\.example/login", _R)], page) is (
        Refusal.NOT_HTTPS
    )
    assert refusal_for([Site("http://bank.example")], page) is None
    assert refusal_for([Site("http://bank\\.example/login", _R)], page) is None
    assert refusal_for([Site("http://other.example")], page) is Refusal.OTHER_SITE


def _published() -> dict[str, list[list[str]]]:
    rows: dict[str, list[list[str]]] = json.loads(_DATA.read_text("utf-8"))
    return rows


def _equivalents() -> EquivalentDomains:
    data = _published()
    groups = [{"shared": group} for group in data["shared"]]
    ways = [{"from": [old], "to": [new]} for old, new in data["one_way"]]
    return EquivalentDomains.parse(json.dumps([*groups, *ways]))


def test_equivalent_domains_are_off_unless_given() -> None:
    """A list leads within its groups and along its ways; no list leads nowhere."""
    data, known = _published(), _equivalents()
    pairs = [(group[0], other) for group in data["shared"] for other in group[1:]]
    pairs += [(old, new) for old, new in data["one_way"]]

    for saved, page in pairs:
        site, url = Site(f"https://{saved}"), f"https://{page}/login"
        assert matches(site, url, equivalents=known), (saved, page)
        assert not matches(site, url), (saved, page)


def test_ways_lead_one_way_and_groups_do_not_mix() -> None:
    """A site that moved takes the old one's accounts, not the other way round."""
    data, known = _published(), _equivalents()
    groups = [set(group) for group in data["shared"]]
    backwards = [
        (new, old)
        for old, new in data["one_way"]
        if not any({old, new} <= group for group in groups)
        and [new, old] not in data["one_way"]
    ]

    assert len(backwards) > 40
    for saved, page in [*backwards, *data["strangers"]]:
        site, url = Site(f"https://{saved}"), f"https://{page}/login"
        assert not matches(site, url, equivalents=known), (saved, page)


def test_an_equivalent_must_be_reached_over_https() -> None:
    """A list of names vouches for nobody in between."""
    known = EquivalentDomains.parse('[{"shared": ["a.example", "b.example"]}]')
    site = Site("http://a.example")

    assert matches(site, "https://b.example/", equivalents=known)
    assert not matches(site, "http://b.example/", equivalents=known)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"shared": []}]', '[{"from": ["a"]}]', "[{}]"]
)
def test_a_list_in_another_form_is_refused(text: str) -> None:
    """What is not the published form is no list."""
    with pytest.raises(FormatError):
        EquivalentDomains.parse(text)

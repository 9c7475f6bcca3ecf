"""Whether a page is one of an item's: match modes as people know them.

A page counts by its parsed address: scheme, host and port, never by a title or
by text that merely contains a name. Spec: protocol/autofill.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from konnector_runner.autofill.equivalents import EquivalentDomains
from konnector_runner.autofill.patterns import pattern_matches
from konnector_runner.autofill.plan import Refusal
from konnector_runner.autofill.scripts import mixes_scripts
from konnector_runner.autofill.suffixes import registrable_domain
from konnector_runner.errors import FormatError
from konnector_runner.origin import origin_of

# Hosts below a registrable domain that serve pages of strangers, and stand on no
# section of the list: published by Bitwarden and by the host's own documentation.
_USER_CONTENT = frozenset({"script.google.com"})


class MatchMode(Enum):
    """How a saved URI is compared with a page, in the person's words."""

    DOMAIN = "domain"
    HOST = "host"
    STARTS_WITH = "starts with"
    EXACT = "exact"
    REGEX = "regex"
    ORIGIN = "origin"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Site:
    """One URI of an item and how it is compared."""

    uri: str
    mode: MatchMode = MatchMode.DOMAIN


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart; *rest* is everything after the host and port."""

    scheme: str
    host: str
    port: str
    rest: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.host}{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether there is no domain: an address, or a name of one label."""
        return "." not in self.host or self.host[-1].isdigit() or self.host[0] == "["


def parse_address(url: str) -> Address:
    """Return *url* taken apart.

    Raises:
        FormatError: not an address over http or https.
    """
    origin = origin_of(url)
    scheme, _, place = origin.partition("://")
    host, port = place, ""
    if ":" in place.rpartition("]")[2]:
        host, _, number = place.rpartition(":")
        port = f":{number}"
    parts = urlsplit(url)
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(scheme, host, port, rest)


def refusal_for(
    sites: Iterable[Site], url: str, *, equivalents: EquivalentDomains | None = None
) -> Refusal | None:
    """Return why an item of *sites* is not for the page *url*, or None.

    *equivalents* are other domains with the same accounts; None is the default.
    """
    fitting = [s for s in sites if matches(s, url, equivalents=equivalents)]
    if not fitting:
        return Refusal.OTHER_SITE
    if all(is_downgrade(site, url) for site in fitting):
        return Refusal.NOT_HTTPS
    return None


def is_downgrade(site: Site, url: str) -> bool:
    """Say whether *site* is for https and the page is not.

    A URI without a scheme is for https, unless it is an address or a local name.
    """
    if site.mode is MatchMode.REGEX:
        return not url.startswith("https://") and not site.uri.lstrip("^").startswith(
            "http:"
        )
    return _saved(site.uri).scheme == "https" and not url.startswith("https://")


def matches(
    site: Site, url: str, *, equivalents: EquivalentDomains | None = None
) -> bool:
    """Say whether the mode of *site* takes the page *url*; the scheme is extra."""
    if site.mode is MatchMode.NEVER:
        return False
    try:
        page = parse_address(url)
        if page.host.endswith(".") or mixes_scripts(page.host):
            return False
        if site.mode is MatchMode.REGEX:
            return pattern_matches(site.uri, page.origin, page.rest)
        saved = _saved(site.uri)
    except FormatError:
        return False
    return _compare(site.mode, saved, page, equivalents)


def is_near(uri: str, url: str) -> bool:
    """Say whether a mode could exist in which *uri* takes the page *url*.

    To leave out cheaply what no mode takes: the same owner's domain, the same host,
    or a pattern, which is whatever is no address.
    """
    try:
        saved = _saved(uri)
    except FormatError:
        return True
    page = parse_address(url)
    return _same_domain(saved, page) or saved.host == page.host


def _compare(
    mode: MatchMode, saved: Address, page: Address, others: EquivalentDomains | None
) -> bool:
    match mode:
        case MatchMode.DOMAIN:
            return _same_domain(saved, page) or _equivalent(saved, page, others)
        case MatchMode.HOST:
            return (saved.host, saved.port) == (page.host, page.port)
        case MatchMode.STARTS_WITH:
            # Of the same origin first: a prefix of the text alone would take
            # https://bank.example.evil for https://bank.example.
            return saved.origin == page.origin and page.rest.startswith(saved.rest)
        case MatchMode.EXACT:
            return saved.origin == page.origin and page.rest == saved.rest
        case MatchMode.ORIGIN:
            return _same_origin(saved, page)
    return False


def _same_domain(saved: Address, page: Address) -> bool:
    if saved.host == page.host:
        return saved.port == page.port or not page.is_local
    if page.host in _USER_CONTENT:
        return False
    domain = registrable_domain(page.host)
    return domain is not None and domain == registrable_domain(saved.host)


def _same_origin(saved: Address, page: Address) -> bool:
    """The same, or its upgrade from http to https, both on their default ports."""
    upgrade = (saved.scheme, page.scheme) == ("http", "https")
    if upgrade and saved.host == page.host:
        return saved.port == page.port == ""
    return saved.origin == page.origin


def _equivalent(
    saved: Address, page: Address, others: EquivalentDomains | None
) -> bool:
    if others is None or page.is_local or page.host in _USER_CONTENT:
        return False
    return page.scheme == "https" and others.leads(saved.host, page.host)


def _saved(uri: str) -> Address:
    if "://" in uri:
        return parse_address(uri)
    address = parse_address(f"https://{uri}")
    if not address.is_local:
        return address
    return parse_address(f"http://{uri}")

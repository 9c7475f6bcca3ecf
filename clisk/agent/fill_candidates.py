"""Which logins are for a page; and which would be, if its siblings counted."""

from __future__ import annotations

from dataclasses import dataclass

from clisk.agent.fill_sites import sites_of
from clisk_vault.overview import ItemOverview
from clisk_vault.vault import Vault
from konnector_runner.autofill.equivalents import published_equivalents
from konnector_runner.autofill.matching import (
    MatchMode,
    Site,
    is_near,
    matches,
    refusal_for,
)
from konnector_runner.autofill.plan import Refusal
from konnector_runner.origin import origin_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item; *sibling_of* is its address whose sibling the page is, if it is one."""

    overview: ItemOverview
    sibling_of: str | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The items that fit, by title, and if none does, the reason nearest to it."""

    candidates: tuple[Candidate, ...]
    refusal: Refusal | None = None


def find_candidates(vault: Vault, url: str, *, siblings: bool) -> Candidates:
    """Return the logins for *url*.

    Siblings count only where no item fits by an address of its own.

    Raises:
        FormatError: *url* is no address of a page.
    """
    origin_of(url)
    logins = [
        each for each in vault.overviews() if each.type == "login" and not each.trashed
    ]
    refusal, found = Refusal.OTHER_SITE, []
    for login in logins:
        # An overview has no modes, so the item is opened, if there is hope at all.
        if not any(is_near(uri, url) for uri in login.uris):
            continue
        reason = refusal_for(sites_of(vault.view(login.item)), url)
        if reason is None:
            found.append(Candidate(login))
        elif reason is not Refusal.OTHER_SITE:
            refusal = reason
    if siblings and not found:
        found = [each for login in logins if (each := _sibling(vault, login, url))]
    return Candidates(tuple(found), None if found else refusal)


def _sibling(vault: Vault, login: ItemOverview, url: str) -> Candidate | None:
    known = published_equivalents()
    if not any(matches(Site(uri), url, equivalents=known) for uri in login.uris):
        return None
    for site in sites_of(vault.view(login.item)):
        if site.mode is MatchMode.DOMAIN and matches(site, url, equivalents=known):
            return Candidate(login, site.uri)
    return None

"""What is wrong with the passwords of a vault, found on this device alone.

Reads every password, each read recorded, many under one head (reveal_many). What it
keeps of them is digests; what it returns names items and says no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from importlib import resources
from itertools import islice

from clisk_vault.access_record import Requester, Use
from clisk_vault.breaches import Breaches, breach_digest
from clisk_vault.errors import VaultError
from clisk_vault.ids import ItemId
from clisk_vault.item import ItemView
from clisk_vault.keys import SecretText
from clisk_vault.log_leaf import MAX_GROUP
from clisk_vault.overview import ItemOverview
from clisk_vault.password_age import password_changed_ms
from clisk_vault.reveal import Answer, ReadRequest
from clisk_vault.site_names import site_names
from clisk_vault.steps import Steps, finish
from clisk_vault.strength import STRONG, estimate
from clisk_vault.vault import Vault

OLD_DAYS = 365
SOON_DAYS = 30
_DAY_MS = 24 * 60 * 60 * 1000
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?([^/:?#]+)", re.IGNORECASE)
_HTTP = re.compile(r"http://([^/:?#]+)", re.IGNORECASE)


class Fault(Enum):
    """One thing that can be wrong with a login, the worst first."""

    BREACHED = "breached"
    WEAK = "weak"
    REUSED = "reused"
    EXPIRED = "expired"
    HTTP_ONLY = "http-only"
    NO_SECOND_FACTOR = "no-second-factor"
    EXPIRES_SOON = "expires-soon"
    OLD = "old"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of an item: how grave it is, in words, and no value."""

    item: ItemId
    title: str
    username: str
    fault: Fault
    says: str
    others: tuple[ItemId, ...] = ()
    """Items with the same password."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What an examination found; the digests are as secret as the passwords."""

    examined: int
    findings: tuple[Finding, ...]
    digests: dict[ItemId, str] = field(repr=False)
    """SHA-1 of each password, for asking a service about its first digits."""


def examine(
    vault: Vault,
    who: Requester,
    *,
    old_days: int = OLD_DAYS,
    soon_days: int = SOON_DAYS,
    breaches: Breaches | None = None,
) -> Checkup:
    """Return what is wrong with the logins of *vault*; raises as examining()."""
    return finish(
        examining(vault, who, old_days=old_days, soon_days=soon_days, breaches=breaches)
    )


def examining(
    vault: Vault,
    who: Requester,
    *,
    old_days: int = OLD_DAYS,
    soon_days: int = SOON_DAYS,
    breaches: Breaches | None = None,
) -> Steps[Checkup]:
    """Return what is wrong with the logins of *vault* that are not in the trash.

    Of all other items, whether they have expired, or will within *soon_days*. What it
    returns is true at its last step: an item that was written after it was examined is
    examined again, and one that is gone is not told of.

    Raises:
        ReadRefused: the reads cannot be recorded.
        FormatError, StoreError: the data of breaches cannot be used.
    """
    examination = _Examination(vault, who, old_days, soon_days, breaches)
    with vault.noticing() as noticed:
        yield from examination.look_at(vault.overviews())
        while noticed:
            again = noticed.copy()
            noticed.clear()
            examination.forget(again)
            lines = [each for each in vault.overviews() if each.item in again]
            yield from examination.look_at(lines)
        return examination.result()


class _Examination:
    """What is known so far of each item."""

    def __init__(
        self,
        vault: Vault,
        who: Requester,
        old_days: int,
        soon_days: int,
        breaches: Breaches | None,
    ) -> None:
        self._vault = vault
        self._who = who
        self._old_days = old_days
        self._soon_days = soon_days
        self._breaches = breaches
        self._findings: dict[ItemId, list[Finding]] = {}
        self._with_password: dict[ItemId, ItemOverview] = {}
        self._digests: dict[ItemId, str] = {}

    def look_at(self, lines: Iterable[ItemOverview]) -> Steps[None]:
        """Examine what is not in the trash, passwords of logins a group at a time."""
        here = [each for each in lines if not each.trashed]
        now_ms = self._vault.session.clock()
        for each in here:
            self._findings[each.item] = list(_by_expiry(each, now_ms, self._soon_days))
        logins = (each for each in here if each.type == "login")
        while group := list(islice(logins, MAX_GROUP)):
            yield len(self._digests)
            yield from self._look_at_group(group)

    def forget(self, items: Iterable[ItemId]) -> None:
        """Drop what was found of *items*."""
        for item in items:
            for found in (self._findings, self._with_password, self._digests):
                found.pop(item, None)

    def result(self) -> Checkup:
        """Return the whole."""
        logins = list(self._with_password.values())
        findings = [each for some in self._findings.values() for each in some]
        findings += _reused(logins, self._digests)
        return Checkup(len(logins), tuple(worst_first(findings)), self._digests)

    def _look_at_group(self, group: Sequence[ItemOverview]) -> Steps[None]:
        # One that went since the lines were read is passed over.
        here = [each for each in group if self._vault.title(each.item) is not None]
        views = [(each, self._vault.view(each.item)) for each in here]
        chosen = [(each, view) for each, view in views if view.has("password")]
        self._with_password |= {each.item: each for each, _ in chosen}
        for each in here:
            self._findings[each.item] += _by_overview(each)
        requests = [
            # No value leaves: what asks for the passphrase is examined like the rest.
            ReadRequest(
                each.item,
                "password",
                self._who,
                "clisk health",
                use=Use.HEALTH,
                confirmed=True,
            )
            for each, _ in chosen
        ]
        answers = self._vault.reveal_many(requests)
        for (each, view), answer in zip(chosen, answers, strict=True):
            self._findings[each.item] += self._by_answer(each, view, answer)
            yield len(self._digests)

    def _by_answer(
        self, each: ItemOverview, view: ItemView, answer: Answer
    ) -> Iterator[Finding]:
        if isinstance(answer, VaultError):
            yield _finding(each, Fault.UNREADABLE, str(answer))
            return
        digest = self._digests[each.item] = breach_digest(answer)
        yield from _by_password(each, answer)
        days = (self._vault.session.clock() - password_changed_ms(view)) // _DAY_MS
        if self._old_days and days >= self._old_days:
            yield _finding(each, Fault.OLD, f"unchanged for {days} days")
        if self._breaches is not None:
            yield from breached(each, self._breaches.seen(digest))


def breached(each: ItemOverview, times: int) -> Iterator[Finding]:
    """Yield the finding for a password that was seen *times* in breaches, if it was."""
    if times:
        yield _finding(each, Fault.BREACHED, f"seen {times:,} times in breaches")


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return *findings* in the order in which they are to be mended."""
    order = list(Fault)
    return sorted(findings, key=lambda f: (order.index(f.fault), f.title.casefold()))


def _by_overview(each: ItemOverview) -> Iterator[Finding]:
    hosts = [match[1] for uri in each.uris if (match := _HTTP.match(uri))]
    if any(not _is_local(host) for host in hosts):
        yield _finding(each, Fault.HTTP_ONLY, "its address is not encrypted: http")
    if not each.has_totp and not each.has_passkey:
        site = next(filter(None, map(_site_with_codes, each.uris)), None)
        if site is not None:
            yield _finding(
                each, Fault.NO_SECOND_FACTOR, f"{site} offers one-time codes"
            )


def _by_expiry(each: ItemOverview, now_ms: int, soon_days: int) -> Iterator[Finding]:
    if each.expires_ms is None:
        return
    day = datetime.fromtimestamp(each.expires_ms / 1000, UTC).date()
    if each.expires_ms <= now_ms:
        yield _finding(each, Fault.EXPIRED, f"expired on {day}")
    elif each.expires_ms <= now_ms + soon_days * _DAY_MS:
        yield _finding(each, Fault.EXPIRES_SOON, f"expires on {day}")


def _by_password(each: ItemOverview, password: SecretText) -> Iterator[Finding]:
    strength = estimate(password, _words(each))
    if strength.score < STRONG:
        yield _finding(
            each, Fault.WEAK, f"guessed in about 10^{strength.guesses_log10:.0f} tries"
        )


def _reused(
    logins: Sequence[ItemOverview], digests: dict[ItemId, str]
) -> Iterator[Finding]:
    by_digest: dict[str, list[ItemOverview]] = {}
    for each in logins:
        if each.item in digests:
            by_digest.setdefault(digests[each.item], []).append(each)
    for group in by_digest.values():
        for each in group if len(group) > 1 else ():
            others = tuple(other.item for other in group if other is not each)
            count = len(others)
            says = f"the same as in {count} others"
            if count == 1:
                says = f"the same as in {count} other"
            yield _finding(each, Fault.REUSED, says, others)


def _finding(
    each: ItemOverview, fault: Fault, says: str, others: tuple[ItemId, ...] = ()
) -> Finding:
    return Finding(each.item, each.title, each.username, fault, says, others)


def _words(each: ItemOverview) -> list[str]:
    """Return what a guesser knows of the account."""
    hosts = [match[1] for uri in each.uris if (match := _HOST.match(uri))]
    texts = (each.title, each.username, *hosts)
    return [word for text in texts for word in (text, *re.split(r"\W+", text))]


def _is_local(host: str) -> bool:
    return host.lower() == "localhost" or "." not in host or host.startswith("127.")


def _site_with_codes(uri: str) -> str | None:
    return next((site for site in site_names(uri) if site in _sites_with_codes()), None)


@cache
def _sites_with_codes() -> frozenset[str]:
    file = resources.files("clisk_vault") / "data" / "second-factor.txt"
    lines = file.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))

"""What a grant for a konnector would say: shown to the person before it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from clisk.errors import UsageError
from clisk.times import date_and_time
from clisk.wire import Message
from konnector_runner.errors import FormatError
from konnector_runner.konnector import Konnector
from konnector_runner.origin import origin_of, parse_origin

DEFAULT_FIELDS = ("username", "password")


@dataclass(frozen=True, slots=True)
class GrantOffer:
    """A grant that nobody has given yet."""

    konnector: Konnector
    item: str
    title: str
    fields: tuple[str, ...]
    origins: tuple[str, ...]
    # Of the origins, those that only the konnector speaks of.
    foreign: tuple[str, ...]
    # Of the fields, those whose plaintext the konnector's own code may have.
    plaintext: tuple[str, ...] = ()
    max_reads: int | None = None
    days: int | None = None

    def request(self) -> Message:
        """Return the parameters of `grants.add`."""
        return {
            "konnector": self.konnector.manifest.slug,
            "digest": self.konnector.digest.hex(),
            "item": self.item,
            "fields": list(self.fields),
            "origins": list(self.origins),
            "plaintext": list(self.plaintext),
            "max_reads": self.max_reads,
            "days": self.days,
            "code_version": self.konnector.manifest.version,
            "bundle": self.konnector.bundle_digest.hex(),
        }

    def sentences(self) -> list[str]:
        """Return in plain words what the grant would allow."""
        manifest = self.konnector.manifest
        code = self.konnector.digest.hex()[:16]
        lines = [
            f"The konnector “{manifest.name}” ({manifest.slug} {manifest.version})",
            f"with the code {code}",
            f"asks to read {', '.join(self.fields)} of the item “{self.title}”,",
            "and to have the secret ones filled in on these sites, and nowhere else:",
        ]
        for origin in self.origins:
            note = "  (not an address of the item!)" if origin in self.foreign else ""
            lines.append(f"  {origin}{note}")
        if self.plaintext:
            names = ", ".join(self.plaintext)
            lines.append(f"AND TO BE GIVEN {names} ITSELF, AS PLAIN TEXT: its code can")
            lines.append("then send it to every site that the konnector talks to.")
        lines.append(self._ending())
        return lines

    def _ending(self) -> str:
        ends = []
        if self.days is not None:
            ends.append("1 day" if self.days == 1 else f"{self.days} days")
        if self.max_reads is not None:
            reads = "1 read" if self.max_reads == 1 else f"{self.max_reads} reads"
            ends.append(f"{reads} on this device (one field, once, is a read)")
        limits = f"for {' or '.join(ends)}, or " if ends else ""
        return f"It keeps this {limits}until you revoke it: clisk grants revoke"


def what_changed(konnector: Konnector, grants: Iterable[Message]) -> list[str]:
    """Return how *konnector* differs from the code that was granted last, in words.

    *grants* are those of this konnector and item, oldest first; nothing is said
    where there is none.
    """
    last = max(grants, key=lambda row: cast(int, row["created_ms"]), default=None)
    if last is None or last["digest"] == konnector.digest.hex():
        return []
    version, before = konnector.manifest.version, last["code_version"]
    slug, given = konnector.manifest.slug, date_and_time(last["created_ms"])
    lines = [f"The code of “{slug}” is not the one that was granted on {given}:"]
    if before is not None and before != version:
        lines.append(f"  it calls itself version {version}, and was {before}")
    elif before is not None:
        lines.append(f"  it calls itself version {version}, as before")
    if last["bundle"] is not None:
        same = last["bundle"] == konnector.bundle_digest.hex()
        lines.append(
            "  only manifest.konnector changed; main.js is the same"
            if same
            else "  main.js, the program itself, changed"
        )
    lines.append(
        f"  code {str(last['digest'])[:16]} became {konnector.digest.hex()[:16]}"
    )
    return lines


def offer_for(
    konnector: Konnector,
    item: Message,
    *,
    fields: tuple[str, ...],
    origins: tuple[str, ...],
    believe_manifest: bool,
    plaintext: tuple[str, ...] = (),
    max_reads: int | None = None,
    days: int | None = None,
) -> GrantOffer:
    """Return what to offer for *item*, the agent's answer to `view`.

    Without *origins* it is the item's own addresses, and if *believe_manifest*,
    because a person will look at it, the site that the manifest names as well.

    Raises:
        UsageError: an origin that is none, or no origin at all.
    """
    own = _origins_of_item(item)
    if origins:
        wanted = tuple(_parse(origin) for origin in origins)
    else:
        named = _maybe_origin(konnector.manifest.vendor_link)
        extra = {named} if named and believe_manifest else set[str]()
        wanted = tuple(sorted(own | extra))
    if not wanted:
        raise UsageError(
            "no site to fill in on: the item has no address",
            advice="give one: --origin https://example.org",
        )
    return GrantOffer(
        konnector,
        str(item["item"]),
        str(item["title"]),
        tuple(dict.fromkeys((*(fields or DEFAULT_FIELDS), *plaintext))),
        wanted,
        tuple(origin for origin in wanted if origin not in own),
        plaintext,
        max_reads,
        days,
    )


def _origins_of_item(item: Message) -> set[str]:
    fields = cast(Iterable[dict[str, Any]], item["fields"])
    found = {
        _maybe_origin(str(each["value"]))
        for each in fields
        if str(each["field"]).startswith("uri.") and each["value"]
    }
    return {origin for origin in found if origin}


def _maybe_origin(url: str) -> str | None:
    try:
        return origin_of(url)
    except FormatError:
        return None


def _parse(origin: str) -> str:
    try:
        return parse_origin(origin)
    except FormatError as err:
        raise UsageError(
            f"--origin: {err}", advice="such as https://example.org, without a path"
        ) from None

"""What a grant for a konnector would say: shown to the person before it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from clisk.errors import UsageError
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

    def request(self) -> Message:
        """Return the parameters of `grants.add`."""
        return {
            "konnector": self.konnector.manifest.slug,
            "digest": self.konnector.digest.hex(),
            "item": self.item,
            "fields": list(self.fields),
            "origins": list(self.origins),
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
        lines.append("It keeps this until you revoke it: clisk grants revoke")
        return lines


def offer_for(
    konnector: Konnector,
    item: Message,
    *,
    fields: tuple[str, ...],
    origins: tuple[str, ...],
    believe_manifest: bool,
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
        fields or DEFAULT_FIELDS,
        wanted,
        tuple(origin for origin in wanted if origin not in own),
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

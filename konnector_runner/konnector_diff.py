"""What a new version of a konnector asks for that the old one did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from konnector_runner.errors import FormatError
from konnector_runner.konnector import Konnector
from konnector_runner.manifest import Manifest
from konnector_runner.origin import origin_of


@dataclass(frozen=True, slots=True)
class Change:
    """One line: what it is about, what it was, and what it becomes."""

    what: str
    old: str
    new: str

    @property
    def widens(self) -> bool:
        """Whether the new version reaches for something that the old one did not."""
        return self.what in _REACH and bool(set(self.new.split()) - {*self.old.split()})


_REACH = ("permissions", "cookie domains", "site")


def asks_for(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what a konnector says that it wants, for a person to read."""
    return [
        ("site", _site(manifest)),
        ("permissions", " ".join(sorted(set(manifest.permissions)))),
        ("cookie domains", " ".join(sorted(manifest.cookie_domains))),
    ]


def compare(old: Konnector, new: Konnector) -> list[Change]:
    """Return every difference that a person should see; none for equal code."""
    return list(_changes(old, new))


def _changes(old: Konnector, new: Konnector) -> Iterator[Change]:
    pairs = [
        ("code", old.digest.hex()[:16], new.digest.hex()[:16]),
        ("name", old.manifest.name, new.manifest.name),
        ("version", old.manifest.version, new.manifest.version),
        ("size", f"{len(old.bundle)} characters", f"{len(new.bundle)} characters"),
    ]
    before, after = dict(asks_for(old.manifest)), dict(asks_for(new.manifest))
    pairs += [(what, before[what], after[what]) for what in _REACH]
    for what, was, becomes in pairs:
        if was != becomes:
            yield Change(what, was, becomes)


def _site(manifest: Manifest) -> str:
    try:
        return origin_of(manifest.vendor_link)
    except FormatError:
        return ""

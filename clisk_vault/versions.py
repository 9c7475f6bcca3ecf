"""Which value of a field is current, which conflict, and which are history.

A pure function of the entries of one field. A version is superseded when one
that saw it stands beside it; what is left over was written by devices that had
not seen each other.

Spec: protocol/item.md §6. Vectors: item/view-*.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from clisk_vault.entry import (
    MAX_SEEN,
    REMOVED,
    EntryKey,
    EntryValue,
    Role,
    parse_same,
    parse_seen,
    write_seen,
)
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId


class Version(NamedTuple):
    """One value that a field had. A secret one shows when it was, never what."""

    stamp: Stamp
    source: Stamp
    """Where the value itself stands; another stamp when an old one was chosen again."""
    text: str | None
    """The value of a clear field; None when secret or removed."""
    secret: bool
    removed: bool

    @property
    def content(self) -> tuple[str | None, Stamp | None]:
        """What equal values share. Sealed ones are equal only to themselves."""
        return self.text, self.source if self.secret else None


@dataclass(frozen=True, slots=True)
class FieldView:
    """All versions of one field."""

    name: str
    versions: tuple[Version, ...]
    """Newest first: the history, with what is current now."""
    heads: tuple[Version, ...]
    """Newest first: those that no other version has seen. Never empty."""

    @property
    def current(self) -> Version:
        """The newest of the heads."""
        return self.heads[0]

    @property
    def conflicts(self) -> tuple[Version, ...]:
        """The heads if they differ, the current one first; else nothing."""
        differ = len({version.content for version in self.heads}) > 1
        return self.heads if differ else ()

    @property
    def history(self) -> tuple[Version, ...]:
        """What was superseded, newest first."""
        heads = {version.stamp for version in self.heads}
        return tuple(each for each in self.versions if each.stamp not in heads)

    @property
    def secret(self) -> bool:
        """Whether the current value is sealed."""
        return self.current.secret

    def seen_by(self, device: DeviceId) -> str | None:
        """Return the `~seen` value of a write by *device* that has seen all this.

        None where there is nothing to say: a device's own writes are in order.
        """
        foreign = [v.stamp for v in self.heads if v.stamp.device != device]
        return write_seen(foreign[:MAX_SEEN]) if foreign else None


@dataclass(slots=True)
class FieldEntries:
    """The entries of one field, gathered from a document."""

    values: dict[Stamp, EntryValue] = field(default_factory=dict)
    same: dict[Stamp, Stamp] = field(default_factory=dict)
    seen: dict[Stamp, list[Stamp]] = field(default_factory=dict)

    def add(self, key: EntryKey, value: EntryValue) -> None:
        """Take in one entry of this field."""
        if key.role is Role.SEEN:
            self.seen[key.stamp] = parse_seen(value)
        elif key.role is Role.SAME:
            self.same[key.stamp] = parse_same(value)
        else:
            self.values[key.stamp] = value


def resolve(name: str, entries: FieldEntries) -> FieldView | None:
    """Return the view of a field, or None if no version of it is here yet."""
    versions = _versions(entries)
    if not versions:
        return None
    if len(versions) == 1:  # most fields are written once
        only = tuple(versions.values())
        return FieldView(name, only, only)
    newest_first = tuple(versions[stamp] for stamp in sorted(versions, reverse=True))
    heads = _heads(newest_first, _covered(versions.keys(), entries.seen))
    return FieldView(name, newest_first, heads)


def _versions(entries: FieldEntries) -> dict[Stamp, Version]:
    versions = {
        stamp: _version(stamp, stamp, value) for stamp, value in entries.values.items()
    }
    for stamp, source in entries.same.items():
        if source in entries.values and stamp not in versions:
            versions[stamp] = _version(stamp, source, entries.values[source])
    return versions


def _version(stamp: Stamp, source: Stamp, value: EntryValue) -> Version:
    removed = value == REMOVED
    return Version(
        stamp,
        source,
        text=value if isinstance(value, str) else None,
        secret=isinstance(value, bytes) and not removed,
        removed=removed,
    )


def _covered(
    known: AbstractSet[Stamp], seen: Mapping[Stamp, list[Stamp]]
) -> dict[DeviceId, Stamp]:
    """Return up to which stamp each device's versions were seen by another device.

    A mark counts only if both its version and the one it names are here: so none
    reaches into the future, and none comes from a version that is not there.
    """
    covered: dict[DeviceId, Stamp] = {}
    for writer in known & seen.keys():
        for stamp in seen[writer]:
            if stamp in known and stamp.device != writer.device:
                covered[stamp.device] = max(covered.get(stamp.device, stamp), stamp)
    return covered


def _heads(
    newest_first: tuple[Version, ...], covered: Mapping[DeviceId, Stamp]
) -> tuple[Version, ...]:
    """Return the newest version of each device, save those that another has seen."""
    newest: dict[DeviceId, Version] = {}
    for version in newest_first:
        newest.setdefault(version.stamp.device, version)
    heads = tuple(
        version
        for device, version in newest.items()
        if device not in covered or version.stamp > covered[device]
    )
    # Only devices that lie can have all seen each other; a field has a value still.
    return heads or newest_first[:1]

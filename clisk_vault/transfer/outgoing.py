"""An item on its way out: its values in the open, and what of them found no place.

A writer takes what its format has room for. What is left over goes along under our
own field names, as `clisk:<field>`, which our readers take back: so an export that
comes home has lost nothing, and another program shows it as further fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clisk_vault.item import TRUE
from clisk_vault.item_types import ELEMENTS, split_element
from clisk_vault.transfer.imported import Attached

OURS = "clisk:"
"""Before the name of a field of ours that a format has no place for."""
# What is of this vault alone, and says nothing elsewhere.
_OWN = ("imported.",)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A value that a field had before."""

    name: str
    time_ms: int
    value: str = field(repr=False)


@dataclass(slots=True)
class Outgoing:
    """One item, every value of it readable. Lives shortly."""

    id: str
    fields: dict[str, str] = field(repr=False)
    """By our names; elements as `<kind>.<number>.<part>`, numbered from 0."""
    secret: frozenset[str]
    earlier: tuple[Earlier, ...] = field(default=(), repr=False)
    files: tuple[Attached, ...] = ()

    @property
    def title(self) -> str:
        """The title, or nothing."""
        return self.fields.get("title", "")

    def take(self, name: str) -> str | None:
        """Take a value, or None where there is none."""
        return self.fields.pop(name, None)

    def flag(self, name: str) -> bool:
        """Take whether a field is true; another value than that stays."""
        if self.fields.get(name) in (TRUE, "false"):
            return self.fields.pop(name) == TRUE
        return False

    def rows(self, kind: str, *parts: str) -> list[dict[str, str]]:
        """Take *parts* of all elements of *kind*, in order; all, if none named."""
        wanted = parts or tuple(spec.name for spec in ELEMENTS[kind])
        found: list[dict[str, str]] = []
        for element in self.elements(kind):
            row = {}
            for part in wanted:
                value = self.take(f"{kind}.{element}.{part}")
                if value is not None:
                    row[part] = value
            found.append(row)
        return found

    def elements(self, kind: str) -> list[str]:
        """Return the ids of the elements of *kind*, in their order."""
        split = (split_element(name) for name in self.fields)
        return sorted({parts[1] for parts in split if parts and parts[0] == kind})

    def left(self) -> Iterator[tuple[str, str, bool]]:
        """Yield name, value and secrecy of what nobody took."""
        for name in sorted(self.fields):
            if not name.startswith(_OWN):
                yield OURS + name, self.fields[name], name in self.secret


@dataclass(slots=True)
class LossReport:
    """What a format had no place for, item by item."""

    renamed: dict[str, list[str]] = field(default_factory=dict)
    """Kept, but under our own names: other programs show it as further fields."""
    lost: dict[str, list[str]] = field(default_factory=dict)
    """Not in the file at all."""

    def keep(self, item: Outgoing, title: str, names: list[str]) -> None:
        """Note what of *item* is kept under our own names."""
        if names:
            self.renamed[f"{title} ({item.id[:8]})"] = names

    def lose(self, item: Outgoing, title: str, names: list[str]) -> None:
        """Note what of *item* is not in the file."""
        if names:
            self.lost.setdefault(f"{title} ({item.id[:8]})", []).extend(names)


def renumbered(fields: Mapping[str, str]) -> dict[str, str]:
    """Return *fields* with the elements of each kind numbered from 0, in order."""
    numbers: dict[tuple[str, str], str] = {}
    counts: dict[str, int] = {}
    named: dict[str, str] = {}
    for name, value in fields.items():
        parts = split_element(name)
        if parts is None:
            named[name] = value
            continue
        kind, element, part = parts
        if (kind, element) not in numbers:
            numbers[kind, element] = f"{counts.get(kind, 0):08x}"
            counts[kind] = counts.get(kind, 0) + 1
        named[f"{kind}.{numbers[kind, element]}.{part}"] = value
    return named

"""What an item looks like, as a pure function of its document's entries.

Holds no secret: of a sealed value it shows only when it was written.

Spec: protocol/item.md §6. Vectors: item/view-*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from clisk_vault.entry import Entries, parse_key
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId
from clisk_vault.item_types import ITEM_TYPES, ItemType, split_element
from clisk_vault.moment import parse_moment
from clisk_vault.versions import FieldEntries, FieldView, resolve

TRUE = "true"


@dataclass(frozen=True, slots=True)
class ElementView:
    """One of the things that an item has several of: an address, a tag, a passkey."""

    kind: str
    id: str
    parts: Mapping[str, FieldView]

    def text(self, part: str) -> str | None:
        """Return the current clear value of *part*, or None."""
        view = self.parts.get(part)
        return view.current.text if view else None


@dataclass(frozen=True, slots=True)
class ItemView:
    """All fields of one item, each with its versions."""

    fields: Mapping[str, FieldView]
    _elements: Mapping[str, tuple[ElementView, ...]] | None = field(
        default=None, init=False, repr=False, compare=False
    )
    """Grouped when they are first asked for: most are asked for several times."""

    @classmethod
    def from_entries(cls, entries: Entries) -> ItemView:
        """Return the view of a document's *entries*.

        Equal entries give equal views, in whatever order they came.

        Raises:
            FormatError: an entry outside the grammar, which no document accepts.
        """
        gathered: dict[str, FieldEntries] = defaultdict(FieldEntries)
        for text, value in entries.items():
            key = parse_key(text)
            gathered[key.field].add(key, value)
        views = (resolve(name, gathered[name]) for name in sorted(gathered))
        return cls(MappingProxyType({view.name: view for view in views if view}))

    def text(self, field: str) -> str | None:
        """Return the current clear value of *field*; None: absent, secret, removed."""
        view = self.fields.get(field)
        return view.current.text if view else None

    def has(self, field: str) -> bool:
        """Return whether *field* has a value, clear or sealed."""
        view = self.fields.get(field)
        return view is not None and not view.current.removed

    @property
    def type(self) -> str:
        """The type's name; one that this program does not know stays as it is."""
        return self.text("type") or ""

    @property
    def known_type(self) -> ItemType | None:
        """The type's table, or None for a type from a later version."""
        return ITEM_TYPES.get(self.type)

    @property
    def title(self) -> str:
        """The title, or nothing."""
        return self.text("title") or ""

    @property
    def trashed(self) -> bool:
        """Whether the item is in the trash."""
        return self.text("trashed") == TRUE

    @property
    def favourite(self) -> bool:
        """Whether the item is a favourite."""
        return self.text("favourite") == TRUE

    @property
    def asks_passphrase(self) -> bool:
        """Whether its secrets are for whoever types the passphrase once more.

        In a conflict too: one device's word is enough (protocol/item.md §5).
        """
        view = self.fields.get("reprompt")
        return view is not None and any(head.text == TRUE for head in view.heads)

    @property
    def conflicts(self) -> tuple[FieldView, ...]:
        """The fields whose newest values did not see each other."""
        return tuple(view for view in self.fields.values() if view.conflicts)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, sorted, each once however many devices added it."""
        names = {each.text("name") for each in self.elements("tag")}
        return tuple(sorted(name for name in names if name))

    def elements(self, kind: str) -> tuple[ElementView, ...]:
        """Return the elements of *kind* that are there, in their order.

        Older ones first; those written together by the order of their ids.
        """
        if self._elements is None:
            object.__setattr__(self, "_elements", _grouped(self.fields))
        assert self._elements is not None
        return self._elements.get(kind, ())

    @property
    def created_ms(self) -> int:
        """When the item was made: as imported, or its first stamp."""
        imported = parse_moment(self.text("created"))
        if imported is not None:
            return imported
        return min((stamp.time_ms for stamp in self.stamps()), default=0)

    @property
    def changed_ms(self) -> int:
        """When what stands now was written: as imported until a later edit."""
        newest = max((v.current.stamp.time_ms for v in self.fields.values()), default=0)
        view = self.fields.get("changed")
        if view is not None and view.current.stamp.time_ms == newest:
            imported = parse_moment(view.current.text)
            return newest if imported is None else imported
        return newest

    @property
    def expires_ms(self) -> int | None:
        """When it expires; None: never, or in no time that is known."""
        return parse_moment(self.text("expires"))

    def newest_stamp(self, device: DeviceId) -> Stamp | None:
        """Return the newest stamp that *device* gave in this document."""
        return max(
            (stamp for stamp in self.stamps() if stamp.device == device), default=None
        )

    def stamps(self) -> Iterator[Stamp]:
        """Yield the stamp of every version of every field."""
        return (v.stamp for view in self.fields.values() for v in view.versions)


def _grouped(
    fields: Mapping[str, FieldView],
) -> dict[str, tuple[ElementView, ...]]:
    found: dict[str, dict[str, dict[str, FieldView]]] = {}
    for name, view in fields.items():
        # Most fields are of no element: the cheap test comes first.
        parts = split_element(name) if "." in name else None
        if parts is not None and not view.current.removed:
            kind, element, part = parts
            found.setdefault(kind, {}).setdefault(element, {})[part] = view
    return {
        kind: tuple(
            sorted(
                (
                    ElementView(kind, element, MappingProxyType(parts))
                    for element, parts in elements.items()
                ),
                key=_element_order,
            )
        )
        for kind, elements in found.items()
    }


def _element_order(element: ElementView) -> tuple[Stamp, str]:
    first = min(view.versions[-1].stamp for view in element.parts.values())
    return first, element.id

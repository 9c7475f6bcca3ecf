"""Which item a person means: an id, a title, or words that only one matches."""

from __future__ import annotations

from clisk.errors import CliskError
from clisk_vault.ids import ItemId
from clisk_vault.overview import ItemOverview
from clisk_vault.search import SearchIndex
from clisk_vault.vault import Vault

_MIN_PREFIX = 6
# Of what several items match, so many are told, each by so much of its id and title.
_TOLD = 4
_TOLD_DIGITS = 8
_TOLD_CHARS = 40


class NoSuchItemError(CliskError):
    """Nothing in the vault is meant by these words."""

    default_advice = "look at: clisk list"


class AmbiguousItemError(CliskError):
    """The words mean several items."""

    default_advice = "name one by the id before it, or use more words"


def resolve_item(
    vault: Vault, meant: str, *, trashed: bool = False, everywhere: bool = False
) -> ItemId:
    """Return the one item that *meant* names.

    An id comes first, then a title as it is, then search: among the items in
    the trash if *trashed*, or else among the others. *everywhere*: in the trash
    where nothing else matches.

    Raises:
        NoSuchItemError, AmbiguousItemError: none, or several.
    """
    nothing = "look at: clisk trash list" if trashed else None
    by_id = _by_id(vault, meant)
    if by_id:
        return _only(by_id)
    found = search(vault, meant, trashed=trashed)
    if everywhere and not found:
        found = search(vault, meant, trashed=True)
    if not found and not trashed and search(vault, meant, trashed=True):
        raise NoSuchItemError(
            "no item matches, but one in the trash does",
            advice="look at: clisk trash list; bring it back: clisk trash restore",
        )
    titled = [each for each in found if each.title.casefold() == meant.casefold()]
    return _only(titled or found, nothing=nothing)


def resolve_exactly(vault: Vault, meant: str) -> ItemId:
    """Return the one item by that id or whole title: protocol/reference.md §1.

    Nothing is searched for: what a script names must not turn into a neighbour
    when its item is renamed.

    Raises:
        NoSuchItemError, AmbiguousItemError: none, or several.
    """
    title = meant.casefold()
    return _only(
        _by_id(vault, meant)
        or [
            each
            for each in vault.overviews()
            if not each.trashed and each.title.casefold() == title
        ]
    )


def search(
    vault: Vault,
    query: str,
    *,
    trashed: bool,
    near: bool = False,
    limit: int | None = None,
) -> list[ItemOverview]:
    """Return the items that match *query*, in the trash or outside it.

    *near* and *limit* as Vault.find() has them.
    """
    if not trashed:
        return vault.find(query, near=near, limit=limit)
    index: SearchIndex[ItemOverview] = SearchIndex()
    for entry in vault.overviews():
        if entry.trashed:
            index.put(entry, entry.title, (entry.username, *entry.uris, *entry.tags))
    return index.near(query, limit=limit) if near else index.find(query, limit=limit)


def _by_id(vault: Vault, meant: str) -> list[ItemOverview]:
    digits = meant.lower()
    if len(digits) < _MIN_PREFIX or set(digits) - set("0123456789abcdef"):
        return []
    return [each for each in vault.overviews() if each.item.hex().startswith(digits)]


def _only(found: list[ItemOverview], *, nothing: str | None = None) -> ItemId:
    if not found:
        raise NoSuchItemError("no item matches", advice=nothing)
    if len(found) > 1:
        raise AmbiguousItemError(f"{len(found)} items match: {_told(found)}")
    return found[0].item


def _told(found: list[ItemOverview]) -> str:
    ids = [each.item.hex() for each in found]
    short = {each[:_TOLD_DIGITS] for each in ids}
    digits = _TOLD_DIGITS if len(short) == len(ids) else None
    told = [
        f"{each.item.hex()[:digits]} {_shortened(each.title)}"
        + (f" ({_shortened(each.username)})" if each.username else "")
        for each in found[:_TOLD]
    ]
    return ", ".join(told + ["…"] * (len(found) > _TOLD))


def _shortened(text: str) -> str:
    return text if len(text) <= _TOLD_CHARS else f"{text[: _TOLD_CHARS - 1]}…"

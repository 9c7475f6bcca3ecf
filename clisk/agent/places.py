"""The tags and folders by which items are found."""

from __future__ import annotations

from collections import Counter

from clisk.errors import CliskError
from clisk_vault.vault import Vault


def tags_in_use(vault: Vault) -> Counter[str]:
    """Return each tag of items outside the trash, with how many have it."""
    return Counter(
        tag for each in vault.overviews() if not each.trashed for tag in each.tags
    )


def folders_with_parents(vault: Vault) -> set[str]:
    """Return every folder, empty ones and those that only hold others too."""
    found = set()
    for name in vault.folders():
        parts = name.split("/")
        found |= {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return found


def in_folder(folder: str, outer: str) -> bool:
    """Whether *folder* is *outer* or within it."""
    return f"{folder}/".startswith(f"{outer}/")


def check_tag(vault: Vault, tag: str) -> None:
    """Refuse a tag that no item outside the trash has.

    Raises:
        CliskError: it is not there.
    """
    if tag not in tags_in_use(vault):
        raise CliskError("there is no such tag", advice="look at: clisk tag list")


def check_folder(vault: Vault, folder: str) -> None:
    """Refuse a folder that is not there.

    Raises:
        CliskError: it is not there.
    """
    if folder not in folders_with_parents(vault):
        raise CliskError("there is no such folder", advice="look at: clisk folder list")

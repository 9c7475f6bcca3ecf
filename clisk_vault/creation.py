"""Making a vault file that appears whole or not at all: protocol/vault-file.md §1."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clisk_vault.errors import StoreError
from clisk_vault.primitives import Random
from clisk_vault.storage import Storage


def create_file(
    path: Path, fill: Callable[[Storage], None], *, random: Random
) -> Storage:
    """Return the new vault file *path*, which *fill* has filled, open.

    It is made under another name in the same folder, in one transaction, and
    gets its own name last: whatever interrupts, no half-made vault has the name.

    Raises:
        StoreError: there is a file of that name, or the disk refuses.
    """
    draft = path.with_name(f".{path.name}.{random(8).hex()}.new")
    try:
        storage = Storage.create(draft)
        try:
            with storage.transaction():
                fill(storage)
        finally:
            # The last connection to close also writes the WAL back.
            storage.close()
        _publish(draft, path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return Storage.open(path)


def _publish(draft: Path, path: Path) -> None:
    try:
        # A link and not a rename: it fails where the name was taken meanwhile.
        path.hardlink_to(draft)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise StoreError(
            "a vault file exists there already", advice="choose another folder"
        ) from None
    except OSError as err:
        raise StoreError(f"vault file: {err.strerror}") from err

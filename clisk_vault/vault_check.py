"""Whether a vault file is whole, as far as can be said without a key.

What only a key can tell (that nothing was changed) is told while it is used: every
row is authenticated when it is read, and `clisk log verify` reads the access log.
"""

from __future__ import annotations

from pathlib import Path

from clisk_vault.storage import Storage

_MOST = 5


def damage(path: Path) -> list[str]:
    """Return what is wrong with the database at *path*, a few lines; none: whole.

    Raises:
        StoreError, FormatError, UnsupportedError: it cannot even be opened.
    """
    storage = Storage.open(path)
    try:
        return storage.damage(_MOST)
    finally:
        storage.close()

"""Sealing what one device keeps for itself: protocol/vault-file.md §4.

One key a table, derived from the storage key; table and row go in as
associated data, so no row can be moved to another place or another vault.
"""

from __future__ import annotations

import os

from clisk_vault import cbor, cose
from clisk_vault.ids import VaultId
from clisk_vault.keys import LocalKey, StorageKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive


def table_key(storage_key: StorageKey, table: str) -> LocalKey:
    """Return the key of *table*, from which no other can be had."""
    return derive(storage_key, Label.LOCAL_KEY, table.encode(), LocalKey)


class TableSeal:
    """Seals and opens the rows of one table."""

    __slots__ = ("_key", "_random", "_table", "_vault_id")

    def __init__(
        self,
        key: StorageKey | LocalKey,
        vault_id: VaultId,
        table: str,
        *,
        random: Random = os.urandom,
    ) -> None:
        """Return the seal of *table*; who has only that table's key has no other."""
        self._key = key if isinstance(key, LocalKey) else table_key(key, table)
        self._vault_id = vault_id
        self._table = table
        self._random = random

    def seal(self, row: bytes, plaintext: bytes) -> bytes:
        """Return *plaintext* sealed for the place that *row* names."""
        return cose.encrypt0(
            self._key,
            plaintext,
            label=Label.LOCAL_ROW,
            context=self._context(row),
            random=self._random,
        )

    def open(self, row: bytes, sealed: bytes) -> bytes:
        """Return what seal() was given for the same row.

        Raises:
            FormatError: not of the shape that seal() writes.
            TamperedError: changed bytes, or a row of another place or vault.
        """
        return cose.decrypt0(
            self._key,
            sealed,
            label=Label.LOCAL_ROW,
            context=self._context(row),
            # It lies in memory already; nothing is allocated on its word.
            max_bytes=len(sealed),
        )

    def _context(self, row: bytes) -> bytes:
        return cbor.encode([self._vault_id, self._table, row])

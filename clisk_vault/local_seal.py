"""Sealing what one device keeps for itself: protocol/vault-file.md §4.

One key a table, derived from the storage key; table and row go in as
associated data, so no row can be moved to another place or another vault.
"""

from __future__ import annotations

import os

from clisk_vault import cbor
from clisk_vault.ids import VaultId
from clisk_vault.keys import LocalKey, StorageKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive, open_sealed, seal


class TableSeal:
    """Seals and opens the rows of one table."""

    __slots__ = ("_key", "_random", "_table", "_vault_id")

    def __init__(
        self,
        storage_key: StorageKey,
        vault_id: VaultId,
        table: str,
        *,
        random: Random = os.urandom,
    ) -> None:
        self._key = derive(storage_key, Label.LOCAL_KEY, table.encode(), LocalKey)
        self._vault_id = vault_id
        self._table = table
        self._random = random

    def seal(self, row: bytes, plaintext: bytes) -> bytes:
        """Return *plaintext* sealed for the place that *row* names."""
        return seal(self._key, plaintext, aad=self._aad(row), random=self._random)

    def open(self, row: bytes, sealed: bytes) -> bytes:
        """Return what seal() was given for the same row.

        Raises:
            FormatError: shorter than any sealed text.
            TamperedError: changed bytes, or a row of another place or vault.
        """
        return open_sealed(self._key, sealed, aad=self._aad(row))

    def _aad(self, row: bytes) -> bytes:
        return cbor.encode([Label.LOCAL_ROW.value, self._vault_id, self._table, row])

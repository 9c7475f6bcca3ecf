"""The tables of a vault file: protocol/vault-file.md §3. One block an owner."""

from __future__ import annotations

SCHEMA_VERSION = 1

_VAULT = ()

_LOG = ()

_SYNC = ()

SCHEMA: tuple[str, ...] = _VAULT + _LOG + _SYNC

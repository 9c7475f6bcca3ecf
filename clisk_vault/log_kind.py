"""Which type of leaf stands for which content: protocol/access-log.md §6.1."""

from __future__ import annotations

from clisk_vault.access_record import (
    AccessRecord,
    Content,
    LogMark,
    Outcome,
    RequesterKind,
)
from clisk_vault.log_leaf import ACCESS_TYPES, LeafType


def leaf_type(record: AccessRecord, *, bulk: bool) -> LeafType:
    """Return the type of leaf for *record*; *bulk* if one of several at once."""
    if record.outcome is not Outcome.GRANTED:
        return LeafType.REFUSED
    if record.who.kind is RequesterKind.EXPORT:
        return LeafType.EXPORT
    return LeafType.BULK_READ if bulk else LeafType.READ


def fits(kind: LeafType, content: Content) -> bool:
    """Say whether a leaf of this type may stand for this content."""
    if isinstance(content, LogMark):
        pruned = content.policy is not None
        return kind not in ACCESS_TYPES and pruned is (kind is LeafType.PRUNE)
    return kind is leaf_type(content, bulk=kind is LeafType.BULK_READ)

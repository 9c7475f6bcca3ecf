"""The refusals of a relay: one table of codes for both ends (protocol/relay-api.md §7).

The relay sends a code; the client finds the words here, in its own copy, and
never shows a person what a relay wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from clisk_sync.errors import (
    AuthError,
    ConflictError,
    NumberTakenError,
    QuotaError,
    RateError,
    RecordConflictError,
    RelayRefused,
    SlotTakenError,
    SnapshotConflictError,
    UnknownSnapshotError,
    UnknownVaultError,
)
from clisk_sync.transport import NO_HASH
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError


class Code(StrEnum):
    """What a relay may answer instead of doing what it was asked."""

    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    WRONG_VAULT = "wrong-vault"
    WRONG_AUTHOR = "wrong-author"
    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_EPOCH = "unknown-epoch"
    REFUSED_RECORD = "refused-record"
    NOT_SIGNED_IN = "not-signed-in"
    LOGIN_REFUSED = "login-refused"
    NOT_A_MEMBER = "not-a-member"
    CREATION_CLOSED = "creation-closed"
    INVITE_NEEDED = "invite-needed"
    UNKNOWN_VAULT = "unknown-vault"
    NO_SUCH_ROUTE = "no-such-route"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    TOO_SLOW = "too-slow"
    NUMBER_TAKEN = "number-taken"
    OUT_OF_ORDER = "out-of-order"
    RECORD_OUT_OF_ORDER = "record-out-of-order"
    SNAPSHOT_OUT_OF_ORDER = "snapshot-out-of-order"
    REFUSED_SNAPSHOT = "refused-snapshot"
    UNKNOWN_SNAPSHOT = "unknown-snapshot"
    SLOT_TAKEN = "slot-taken"
    TOO_LARGE = "too-large"
    TOO_FAST = "too-fast"
    VAULT_FULL = "vault-full"
    SNAPSHOTS_FULL = "snapshots-full"
    RECORDS_FULL = "records-full"
    MAILBOXES_FULL = "mailboxes-full"
    INTERNAL = "internal"
    BUSY = "busy"
    STORE_UNAVAILABLE = "store-unavailable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: HTTP status, what was refused, the next step, and what to raise."""

    status: int
    message: str
    advice: str
    kind: type[RelayRefused] = RelayRefused


_BUG = "this is a fault of the program that sent it: please report it"
_LATER = "nothing is lost; try again in a little while"

TABLE: dict[Code, Refusal] = {
    Code.MALFORMED: Refusal(400, "the request is not well formed", _BUG),
    Code.UNSUPPORTED: Refusal(
        400, "a suite or kind that this relay does not know", "upgrade the relay"
    ),
    Code.WRONG_VAULT: Refusal(400, "signed for another vault", _BUG),
    Code.WRONG_AUTHOR: Refusal(403, "signed by another device than sent it", _BUG),
    Code.BAD_SIGNATURE: Refusal(403, "the signature does not hold", _BUG),
    Code.UNKNOWN_EPOCH: Refusal(
        409,
        "an epoch that the membership on this relay does not have",
        "send the membership records first",
    ),
    Code.REFUSED_RECORD: Refusal(
        403,
        "the membership record does not follow from those before it",
        "read the membership again; the author may have been revoked",
    ),
    Code.NOT_SIGNED_IN: Refusal(
        401, "no valid token", "sign in to the relay again", AuthError
    ),
    Code.LOGIN_REFUSED: Refusal(
        401,
        "the relay refused this device's signature",
        "check that the relay's address is spelt as the relay itself spells it",
        AuthError,
    ),
    Code.NOT_A_MEMBER: Refusal(
        403,
        "this device is not a member of the vault",
        "ask another device whether this one has been revoked",
        AuthError,
    ),
    Code.CREATION_CLOSED: Refusal(
        403, "this relay takes no new vaults", "ask who runs the relay"
    ),
    Code.INVITE_NEEDED: Refusal(
        403,
        "this relay takes new vaults by invitation only",
        "ask who runs the relay for an invitation; each one is good for one vault",
    ),
    Code.UNKNOWN_VAULT: Refusal(
        404,
        "the relay does not have this vault",
        "check the relay's address, or bring the vault to it again",
        UnknownVaultError,
    ),
    Code.NO_SUCH_ROUTE: Refusal(404, "no such route", "check the relay's address"),
    Code.METHOD_NOT_ALLOWED: Refusal(405, "not done by that method", _BUG),
    Code.TOO_SLOW: Refusal(408, "the request took too long to arrive", _LATER),
    Code.NUMBER_TAKEN: Refusal(
        409,
        "another envelope of this device already has this number",
        "this device may have been restored from a backup",
        NumberTakenError,
    ),
    Code.OUT_OF_ORDER: Refusal(
        409,
        "the envelope does not follow this device's newest one on the relay",
        "send the envelopes before it first, or read what the relay has",
        ConflictError,
    ),
    Code.RECORD_OUT_OF_ORDER: Refusal(
        409,
        "the membership has another newest record",
        "read the membership, then do it again",
        RecordConflictError,
    ),
    Code.SNAPSHOT_OUT_OF_ORDER: Refusal(
        409,
        "another snapshot is the newest one of this vault",
        "look at that one first",
        SnapshotConflictError,
    ),
    Code.REFUSED_SNAPSHOT: Refusal(
        403,
        "the snapshot does not agree with what the relay holds",
        "read what the relay has, then make another one",
    ),
    Code.UNKNOWN_SNAPSHOT: Refusal(
        404,
        "the relay does not have this snapshot, or a part of it",
        "look at the newest one",
        UnknownSnapshotError,
    ),
    Code.SLOT_TAKEN: Refusal(
        409,
        "this mailbox slot has been written already",
        "somebody used this code already: make a new one",
        SlotTakenError,
    ),
    Code.TOO_LARGE: Refusal(413, "larger than this relay takes", _BUG),
    Code.TOO_FAST: Refusal(
        429, "too many requests", "wait as long as the answer says", RateError
    ),
    Code.VAULT_FULL: Refusal(
        507,
        "the vault has used all its room on this relay; nothing was stored",
        "ask who runs the relay for more room; changes stay queued on the device",
        QuotaError,
    ),
    Code.SNAPSHOTS_FULL: Refusal(
        507,
        "the snapshots of the vault have used all their room; nothing was stored",
        "ask who runs the relay for more room",
        QuotaError,
    ),
    Code.RECORDS_FULL: Refusal(
        507,
        "the vault's membership has as many records as this relay keeps",
        "ask who runs the relay",
        QuotaError,
    ),
    Code.MAILBOXES_FULL: Refusal(
        507,
        "the relay has no free mailbox now; nothing was stored",
        "try again in ten minutes",
        QuotaError,
    ),
    Code.INTERNAL: Refusal(500, "the relay failed", _LATER),
    Code.BUSY: Refusal(503, "the relay has too much to do", _LATER),
    Code.STORE_UNAVAILABLE: Refusal(503, "the relay could not write", _LATER),
}


def refuse(
    code: Code,
    *,
    head_number: int = 0,
    head_hash: bytes = NO_HASH,
    retry_after_seconds: float = 1.0,
) -> RelayRefused:
    """Return the error that *code* stands for, with the words of this copy."""
    row = TABLE[code]
    if issubclass(row.kind, ConflictError):
        return row.kind(
            row.message,
            code=code,
            advice=row.advice,
            head_number=head_number,
            head_hash=head_hash,
        )
    if issubclass(row.kind, RateError):
        return row.kind(
            row.message,
            code=code,
            advice=row.advice,
            retry_after_seconds=retry_after_seconds,
        )
    return row.kind(row.message, code=code, advice=row.advice)


@contextmanager
def refusing_bad_input() -> Iterator[None]:
    """Turn what the parsers raise into the relay's refusals."""
    try:
        yield
    except UnsupportedError as err:
        raise refuse(Code.UNSUPPORTED) from err
    except TamperedError as err:
        raise refuse(Code.BAD_SIGNATURE) from err
    except FormatError as err:
        raise refuse(Code.MALFORMED) from err

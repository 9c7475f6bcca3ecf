"""What a membership record says, and its CBOR: protocol/membership.md §3.

Knows shapes and bounds; knows nothing of signatures or of other records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from clisk_sync.suite import KIND_KEY, SUITE, expect_suite, leading_uint
from clisk_sync.transport import MAX_RECORDS, NO_HASH
from clisk_vault import cbor
from clisk_vault.device import DevicePublic
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    HASH_LENGTH,
    VAULT_ID_LENGTH,
    DeviceId,
    EnvelopeHash,
    RecordHash,
    VaultId,
)
from clisk_vault.wrapping import WRAPPED_BYTES

SALT_BYTES: Final = 32
MAX_DEVICES: Final = 64
# Times are claims of the author; the year 3000 is in every calendar.
MAX_TIME_MS: Final = 32_503_680_000_000
_MAX_SEALED: Final = 512
_WHAT: Final = "membership record"


class Kind(IntEnum):
    """What a record does."""

    GENESIS = 1
    ADD = 2
    REVOKE = 3
    ROTATE = 4
    RENAME = 5


(
    _SUITE, _KIND, _VAULT, _PREVIOUS, _HEIGHT, _AUTHOR, _TIME,
    _SALT, _DEVICE, _NAME, _EPOCH, _SHARE, _CUT, _SUBJECT, _DORMANT, _SUCCEEDS,
) = range(1, 17)  # fmt: skip
_NUMBER, _COMMITMENT, _WRAPS, _SEALED_PREVIOUS = range(1, 5)  # epoch
_SEALED = 2  # name, beside _NUMBER
_WRAP = 2  # share, beside _NUMBER
_CUT_DEVICE, _CUT_NUMBER, _CUT_HASH = range(1, 4)

_BASE: dict[int, type] = {
    _SUITE: int, _KIND: int, _HEIGHT: int, _AUTHOR: bytes, _TIME: int,
}  # fmt: skip
_LINKED = _BASE | {_VAULT: bytes, _PREVIOUS: bytes}
_SHAPES: dict[Kind, dict[int, type]] = {
    Kind.GENESIS: _BASE | {_SALT: bytes, _DEVICE: dict, _NAME: dict, _EPOCH: dict},
    Kind.ADD: _LINKED | {_DEVICE: dict, _NAME: dict, _SHARE: dict},
    Kind.REVOKE: _LINKED | {_EPOCH: dict, _CUT: dict},
    Kind.ROTATE: _LINKED | {_EPOCH: dict},
    Kind.RENAME: _LINKED | {_NAME: dict, _SUBJECT: bytes},
}
_OPTIONAL: dict[Kind, dict[int, type]] = {
    Kind.ADD: {_DORMANT: bool, _SUCCEEDS: bytes},
}


@dataclass(frozen=True, slots=True)
class SealedName:
    """A device's name, sealed under a key of epoch *epoch*."""

    epoch: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class EpochPart:
    """The beginning of an epoch: its secret, wrapped to each active device."""

    number: int
    commitment: bytes
    wraps: Mapping[DeviceId, bytes]
    # The secret of the epoch before, under this one's. None in the first epoch.
    sealed_previous: bytes | None


@dataclass(frozen=True, slots=True)
class SharePart:
    """The current epoch's secret, wrapped to a newcomer."""

    number: int
    wrap: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a revoked device ends: its last envelope that counts.

    Number 0 and 32 zero bytes: none of its envelopes counts.
    """

    device: DeviceId
    number: int
    hash: EnvelopeHash


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBody:
    """What a record says. Which optional parts stand there follows from *kind*."""

    kind: Kind
    height: int
    author: DeviceId
    time_ms: int
    vault: VaultId | None = None
    previous: RecordHash | None = None
    salt: bytes | None = None
    device: DevicePublic | None = None
    name: SealedName | None = None
    epoch: EpochPart | None = None
    share: SharePart | None = None
    cut: Cut | None = None
    subject: DeviceId | None = None
    # A recovery kit: a member that writes nothing, as it lies in a drawer.
    dormant: bool = False
    # The device that goes on under the new keys.
    succeeds: DeviceId | None = None


def encode_body(body: RecordBody) -> bytes:
    """Return the one encoding of *body*."""
    value: dict[int, cbor.Encodable] = {
        _SUITE: SUITE,
        _KIND: int(body.kind),
        _VAULT: body.vault,
        _PREVIOUS: body.previous,
        _HEIGHT: body.height,
        _AUTHOR: body.author,
        _TIME: body.time_ms,
        _SALT: body.salt,
        _DEVICE: None if body.device is None else body.device.to_value(),
        _NAME: None if body.name is None else _name_value(body.name),
        _EPOCH: None if body.epoch is None else _epoch_value(body.epoch),
        _SHARE: None if body.share is None else _share_value(body.share),
        _CUT: None if body.cut is None else _cut_value(body.cut),
        _SUBJECT: body.subject,
        _DORMANT: body.dormant or None,
        _SUCCEEDS: body.succeeds,
    }
    return cbor.encode({key: part for key, part in value.items() if part is not None})


def _name_value(part: SealedName) -> cbor.Encodable:
    value: dict[int, cbor.Encodable] = {_NUMBER: part.epoch, _SEALED: part.sealed}
    return value


def _cut_value(part: Cut) -> cbor.Encodable:
    value: dict[int, cbor.Encodable] = {
        _CUT_DEVICE: part.device,
        _CUT_NUMBER: part.number,
        _CUT_HASH: part.hash,
    }
    return value


def _share_value(part: SharePart) -> cbor.Encodable:
    value: dict[int, cbor.Encodable] = {_NUMBER: part.number, _WRAP: part.wrap}
    return value


def _epoch_value(part: EpochPart) -> cbor.Encodable:
    wraps: dict[bytes, cbor.Encodable] = dict(part.wraps.items())
    value: dict[int, cbor.Encodable] = {
        _NUMBER: part.number,
        _COMMITMENT: part.commitment,
        _WRAPS: wraps,
    }
    if part.sealed_previous is not None:
        value[_SEALED_PREVIOUS] = part.sealed_previous
    return value


def parse_body(data: bytes, *, max_bytes: int) -> RecordBody:
    """Return the body written in *data*.

    Raises:
        FormatError: not the one spelling of a body.
        UnsupportedError: a suite or a kind that this program does not read.
    """
    value = cbor.parse(data, max_bytes=max_bytes, what=_WHAT)
    expect_suite(value, what=_WHAT)
    kind = _parse_kind(value)
    parts = cbor.expect_map(
        value, _SHAPES[kind], optional=_OPTIONAL.get(kind, {}), what=_WHAT
    )
    height = _uint(parts[_HEIGHT], "height", at_most=MAX_RECORDS - 1)
    if (height == 0) is not (kind is Kind.GENESIS):
        raise FormatError(f"{_WHAT}: only a genesis stands at height 0")
    body = RecordBody(
        kind=kind,
        height=height,
        author=DeviceId(_bytes(parts[_AUTHOR], DEVICE_ID_LENGTH, "author")),
        time_ms=_uint(parts[_TIME], "time", at_most=MAX_TIME_MS),
    )
    if kind is Kind.GENESIS:
        salt = _bytes(parts[_SALT], SALT_BYTES, "salt")
        return _with_parts(replace(body, salt=salt), parts)
    linked = replace(
        body,
        vault=VaultId(_bytes(parts[_VAULT], VAULT_ID_LENGTH, "vault")),
        previous=RecordHash(_bytes(parts[_PREVIOUS], HASH_LENGTH, "previous")),
    )
    return _with_parts(linked, parts)


def _with_parts(body: RecordBody, parts: Mapping[int, cbor.Value]) -> RecordBody:
    """Return *body* with the parts that its kind has; expect_map() saw to which."""
    first = body.kind is Kind.GENESIS
    if _DEVICE in parts:
        body = replace(body, device=DevicePublic.from_value(parts[_DEVICE]))
    if _NAME in parts:
        body = replace(body, name=_parse_name(parts[_NAME]))
    if _EPOCH in parts:
        body = replace(body, epoch=_parse_epoch(parts[_EPOCH], first=first))
    if _SHARE in parts:
        body = replace(body, share=_parse_share(parts[_SHARE]))
    if _CUT in parts:
        body = replace(body, cut=_parse_cut(parts[_CUT]))
    if _SUBJECT in parts:
        subject = _bytes(parts[_SUBJECT], DEVICE_ID_LENGTH, "subject")
        body = replace(body, subject=DeviceId(subject))
    if _DORMANT in parts:
        if parts[_DORMANT] is not True:
            raise FormatError(f"{_WHAT}: a device is dormant, or the key is left out")
        body = replace(body, dormant=True)
    if _SUCCEEDS in parts:
        before = _bytes(parts[_SUCCEEDS], DEVICE_ID_LENGTH, "succeeds")
        body = replace(body, succeeds=DeviceId(before))
    if body.dormant and body.succeeds is not None:
        raise FormatError(f"{_WHAT}: what is dormant succeeds nobody")
    return body


def _parse_kind(value: cbor.Value) -> Kind:
    number = leading_uint(value, KIND_KEY, what=_WHAT)
    try:
        return Kind(number)
    except ValueError:
        raise UnsupportedError(f"{_WHAT}: a kind that is not known here") from None


def _parse_name(value: cbor.Value) -> SealedName:
    what = f"{_WHAT}: name"
    parts = cbor.expect_map(value, {_NUMBER: int, _SEALED: bytes}, what=what)
    return SealedName(_epoch_number(parts[_NUMBER]), _sealed(parts[_SEALED], what))


def _parse_epoch(value: cbor.Value, *, first: bool) -> EpochPart:
    what = f"{_WHAT}: epoch"
    shape = {_NUMBER: int, _COMMITMENT: bytes, _WRAPS: dict}
    if not first:
        shape[_SEALED_PREVIOUS] = bytes
    parts = cbor.expect_map(value, shape, what=what)
    number = _epoch_number(parts[_NUMBER])
    if (number == 1) is not first:
        raise FormatError(f"{what}: only a genesis begins epoch 1")
    return EpochPart(
        number,
        _bytes(parts[_COMMITMENT], HASH_LENGTH, "commitment"),
        _parse_wraps(parts[_WRAPS]),
        None if first else _sealed(parts[_SEALED_PREVIOUS], what),
    )


def _parse_wraps(value: cbor.Value) -> dict[DeviceId, bytes]:
    assert isinstance(value, dict)
    if not 1 <= len(value) <= MAX_DEVICES:
        raise FormatError(f"{_WHAT}: {len(value)} wraps, 1 to {MAX_DEVICES} allowed")
    return {
        DeviceId(_bytes(device, DEVICE_ID_LENGTH, "recipient")): _wrap(wrap)
        for device, wrap in value.items()
    }


def _parse_share(value: cbor.Value) -> SharePart:
    what = f"{_WHAT}: share"
    parts = cbor.expect_map(value, {_NUMBER: int, _WRAP: bytes}, what=what)
    return SharePart(_epoch_number(parts[_NUMBER]), _wrap(parts[_WRAP]))


def _parse_cut(value: cbor.Value) -> Cut:
    what = f"{_WHAT}: cut"
    shape = {_CUT_DEVICE: bytes, _CUT_NUMBER: int, _CUT_HASH: bytes}
    parts = cbor.expect_map(value, shape, what=what)
    cut = Cut(
        DeviceId(_bytes(parts[_CUT_DEVICE], DEVICE_ID_LENGTH, "cut: device")),
        cbor.expect_uint(parts[_CUT_NUMBER], what=what),
        EnvelopeHash(_bytes(parts[_CUT_HASH], HASH_LENGTH, "cut: hash")),
    )
    if (cut.number == 0) is not (cut.hash == NO_HASH):
        raise FormatError(f"{what}: only a cut before everything names no envelope")
    return cut


def _wrap(value: cbor.Value) -> bytes:
    return _bytes(value, WRAPPED_BYTES, "wrap")


def _sealed(value: cbor.Value, what: str) -> bytes:
    assert isinstance(value, bytes)
    if len(value) > _MAX_SEALED:
        raise FormatError(f"{what}: {len(value)} sealed bytes, too many")
    return value


def _epoch_number(value: cbor.Value) -> int:
    number = _uint(value, "epoch number", at_most=MAX_RECORDS)
    if number == 0:
        raise FormatError(f"{_WHAT}: epochs count from 1")
    return number


def _uint(value: cbor.Value, field: str, *, at_most: int = MAX_RECORDS) -> int:
    return cbor.expect_uint(value, what=f"{_WHAT}: {field}", at_most=at_most)


def _bytes(value: cbor.Value, length: int, field: str) -> bytes:
    return cbor.expect_bytes(value, length=length, what=f"{_WHAT}: {field}")

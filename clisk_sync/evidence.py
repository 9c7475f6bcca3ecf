"""Findings as a file that others can check: protocol/evidence.md.

Whoever checks needs no vault and no key, and believes no word of the finder's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clisk_sync.envelope import Envelope, parse_unverified_envelope
from clisk_sync.errors import NotAMember
from clisk_sync.membership import Membership
from clisk_sync.record import UnverifiedRecord, parse_unverified_record
from clisk_sync.record_body import MAX_TIME_MS
from clisk_sync.suite import SUITE, expect_suite
from clisk_sync.transport import MAX_ENVELOPE_BYTES, MAX_RECORDS
from clisk_vault import cbor
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DEVICE_ID_LENGTH, VAULT_ID_LENGTH, DeviceId, VaultId

MAX_FILE_BYTES: Final = 16 << 20
MAX_FINDINGS: Final = 4096
_SUITE, _VAULT, _RECORDS, _FINDINGS = range(1, 5)
_KIND, _DEVICE, _NUMBER, _FOUND, _SHOWN = range(1, 6)
_WHAT: Final = "evidence"
_NAME: Final = re.compile(r"[A-Za-z]{1,40}")


class Verdict(StrEnum):
    """What the bytes of a finding show by themselves."""

    BROKEN = "broken"
    PROVEN = "proven"
    SUPPORTED = "supported"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, where, and the signed bytes that show it."""

    kind: str
    device: DeviceId | None
    number: int
    found_ms: int
    shown: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """Everything that a device has found; nothing in it was checked."""

    vault: VaultId
    records: tuple[bytes, ...]
    findings: tuple[Finding, ...]


def encode_evidence(file: EvidenceFile) -> bytes:
    """Return the one encoding of *file*."""
    findings: list[cbor.Encodable] = [
        {
            _KIND: each.kind,
            _DEVICE: each.device or b"",
            _NUMBER: each.number,
            _FOUND: each.found_ms,
            _SHOWN: list(each.shown),
        }
        for each in file.findings
    ]
    return cbor.encode(
        {
            _SUITE: SUITE,
            _VAULT: file.vault,
            _RECORDS: list(file.records),
            _FINDINGS: findings,
        }
    )


def parse_evidence(data: bytes) -> EvidenceFile:
    """Return what *data* says; only its shape is checked.

    Raises:
        FormatError: not the one spelling of an evidence file.
        UnsupportedError: a suite that this program does not read.
    """
    value = cbor.parse(data, max_bytes=MAX_FILE_BYTES, what=_WHAT)
    expect_suite(value, what=_WHAT)
    parts = cbor.expect_map(
        value,
        {_SUITE: int, _VAULT: bytes, _RECORDS: list, _FINDINGS: list},
        what=_WHAT,
    )
    vault = cbor.expect_bytes(parts[_VAULT], length=VAULT_ID_LENGTH, what=_WHAT)
    records = cbor.expect_list(parts[_RECORDS], what=_WHAT, max_items=MAX_RECORDS)
    findings = cbor.expect_list(parts[_FINDINGS], what=_WHAT, max_items=MAX_FINDINGS)
    return EvidenceFile(
        VaultId(vault),
        tuple(_signed_bytes(each) for each in records),
        tuple(_parse_finding(each) for each in findings),
    )


def _parse_finding(value: cbor.Value) -> Finding:
    what = f"{_WHAT}: finding"
    parts = cbor.expect_map(
        value,
        {_KIND: str, _DEVICE: bytes, _NUMBER: int, _FOUND: int, _SHOWN: list},
        what=what,
    )
    kind, device = parts[_KIND], parts[_DEVICE]
    assert isinstance(kind, str)
    assert isinstance(device, bytes)
    if not _NAME.fullmatch(kind):
        raise FormatError(f"{what}: not a name")
    if len(device) not in {0, DEVICE_ID_LENGTH}:
        raise FormatError(f"{what}: not a device id")
    shown = cbor.expect_list(parts[_SHOWN], what=what, max_items=2)
    return Finding(
        kind,
        DeviceId(device) if device else None,
        cbor.expect_uint(parts[_NUMBER], what=what),
        cbor.expect_uint(parts[_FOUND], what=what, at_most=MAX_TIME_MS),
        tuple(_signed_bytes(each) for each in shown),
    )


def _signed_bytes(value: cbor.Value) -> bytes:
    if not isinstance(value, bytes) or len(value) > MAX_ENVELOPE_BYTES:
        raise FormatError(f"{_WHAT}: not signed bytes")
    return value


def check_evidence(file: EvidenceFile) -> list[Verdict]:
    """Return what each finding of *file* shows, by signatures alone.

    Raises:
        MembershipError, NotAMember, FormatError, TamperedError: its records are not
            those of its vault; nothing in it can be judged.
    """
    membership = Membership.verify(file.vault, file.records)
    return [_judge(each.shown, membership) for each in file.findings]


def _judge(shown: Sequence[bytes], membership: Membership) -> Verdict:
    if not shown:
        return Verdict.WORD
    try:
        signed = [_verified(data, membership) for data in shown]
    except (FormatError, TamperedError, UnsupportedError, NotAMember):
        return Verdict.BROKEN
    if any(_is_after_the_cut(each, membership) for each in signed):
        return Verdict.PROVEN
    if len(signed) == 2 and _disagree(*signed):
        return Verdict.PROVEN
    return Verdict.SUPPORTED


def _verified(data: bytes, membership: Membership) -> Envelope | UnverifiedRecord:
    """Return the envelope or record in *data*, its signature checked.

    Raises:
        FormatError, TamperedError, UnsupportedError, NotAMember: neither of them.
    """
    try:
        unverified = parse_unverified_envelope(data)
    except (FormatError, UnsupportedError):
        record = parse_unverified_record(data)
        body = record.unverified_body
        if body.vault not in {None, membership.vault_id}:
            raise TamperedError("a record of another vault") from None
        if body.vault is None and VaultId(record.hash) != membership.vault_id:
            raise TamperedError("the genesis of another vault") from None
        record.verify(membership.known(body.author).public.signing)
        return record
    header = unverified.unverified_header
    if header.vault != membership.vault_id:
        raise TamperedError("an envelope of another vault")
    return unverified.verify(membership.known(header.author).public.signing)


def _is_after_the_cut(
    each: Envelope | UnverifiedRecord, membership: Membership
) -> bool:
    if not isinstance(each, Envelope):
        return False
    cut = membership.cut(each.header.author)
    return cut is not None and each.header.number > cut.number


def _disagree(
    one: Envelope | UnverifiedRecord, other: Envelope | UnverifiedRecord
) -> bool:
    if isinstance(one, Envelope) and isinstance(other, Envelope):
        mine, theirs = one.header, other.header
        same = (mine.author, mine.number) == (theirs.author, theirs.number)
        return same and one.hash != other.hash
    if isinstance(one, UnverifiedRecord) and isinstance(other, UnverifiedRecord):
        height = one.unverified_body.height
        return height == other.unverified_body.height and one.hash != other.hash
    return False

"""protocol/envelope.md §2, §3 and §5: the outside, the seal and the inside."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.envelope import (
    Envelope,
    Header,
    parse_unverified_envelope,
    seal_envelope,
)
from clisk_sync.envelope_content import Content, encode_content, parse_content
from clisk_sync.padding import unpad
from clisk_sync.transport import MAX_ENVELOPE_BYTES, NO_HASH
from clisk_vault.device import enrol
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DeviceId, EnvelopeHash, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import VerifyKey
from tests.vectors import Vector, check_cddl, load_vectors, refusal


def _open(case: Vector) -> Content:
    unverified = parse_unverified_envelope(case.raw("envelope"))
    envelope = unverified.verify(VerifyKey(case.raw("public")))
    plain = envelope.open(EpochSecret(case.raw("secret")))
    return parse_content(plain, author=envelope.header.author)


_CASES = load_vectors("envelope", where=lambda case: case["kind"] == "envelope")


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_envelope_vector(case: Vector) -> None:
    """Each published envelope is read or refused as published."""
    if case.result == "ok":
        content = _open(case)
        data = case.raw("envelope")
        assert encode_content(content) == case.raw("content")
        payload = parse_unverified_envelope(data)._signed.unverified_payload
        check_cddl(data, page="envelope", rule="envelope")
        check_cddl(payload, page="envelope", rule="envelope-payload")
        check_cddl(case.raw("content"), page="envelope", rule="content")
        return
    with pytest.raises(refusal(case.result)):
        _open(case)


_GOOD = [case.raw("envelope") for case in _CASES if case.result == "ok"]
_SMALL = min(_GOOD, key=len)
_PUBLIC = VerifyKey(_CASES[0].raw("public"))
_CONTENTS = [case.raw("content") for case in _CASES if case.result == "ok"]
_STRANGER = DeviceId(bytes(16))


@given(st.sampled_from(_GOOD), st.data())
def test_a_changed_envelope_is_refused(envelope: bytes, data: st.DataObject) -> None:
    """Any change fails at the shape or at the signature, and nowhere later."""
    raw = bytearray(envelope)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    if bytes(raw) == envelope:
        return
    with pytest.raises((FormatError, UnsupportedError, TamperedError)):
        parse_unverified_envelope(bytes(raw)).verify(_PUBLIC)


def test_every_flipped_bit_is_refused() -> None:
    """No single bit of an envelope can be changed, wherever it stands."""
    for at, bit in itertools.product(range(len(_SMALL)), (0, 7)):
        flipped = bytearray(_SMALL)
        flipped[at] ^= 1 << bit
        with pytest.raises((FormatError, UnsupportedError, TamperedError)):
            parse_unverified_envelope(bytes(flipped)).verify(_PUBLIC)


@given(st.binary(max_size=300))
def test_junk_is_no_envelope(data: bytes) -> None:
    """Nothing but a named refusal escapes the parser."""
    with pytest.raises((FormatError, UnsupportedError)):
        parse_unverified_envelope(data)


@given(st.sampled_from(_CONTENTS), st.data())
def test_a_changed_inside_is_canonical_or_refused(
    content: bytes, data: st.DataObject
) -> None:
    """Accepted contents are the bytes that would be written again."""
    raw = bytearray(content[:2000])
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    changed = bytes(raw) + content[2000:]
    try:
        parsed = parse_content(changed, author=_STRANGER)
    except (FormatError, UnsupportedError):
        return
    assert encode_content(parsed) == changed


def test_an_oversized_envelope_costs_nothing() -> None:
    """A length that lies is refused before anything of that size is made."""
    tracemalloc.start()
    for data in (bytes(MAX_ENVELOPE_BYTES + 1), b"\x84\x5b\x7f" + b"\xff" * 7):
        before = tracemalloc.get_traced_memory()[0]
        with pytest.raises(FormatError):
            parse_unverified_envelope(data)
        assert tracemalloc.get_traced_memory()[1] - before < 1 << 16
        tracemalloc.reset_peak()
    tracemalloc.stop()


def _sealed() -> tuple[Envelope, EpochSecret]:
    device, _ = enrol()
    secret = EpochSecret(bytes(range(32)))
    header = Header(
        VaultId(bytes(32)), device.public.id, 1, EnvelopeHash(NO_HASH), epoch=1
    )
    data = seal_envelope(b"content", header, key=device.signing, secret=secret)
    return parse_unverified_envelope(data).verify(device.public.signing), secret


@pytest.mark.parametrize(
    "change",
    [
        {"vault": VaultId(bytes([1]) * 32)},
        {"author": DeviceId(bytes(16))},
        {"number": 2},
        {"previous": EnvelopeHash(bytes([1]) * 32)},
        {"epoch": 2},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_a_seal_opens_under_its_own_header_alone(change: dict[str, object]) -> None:
    """Swapped between vaults, authors, numbers, pasts or epochs, a seal is shut."""
    envelope, secret = _sealed()
    header = replace(envelope.header, **change)  # type: ignore[arg-type]

    assert envelope.open(secret) == b"content"
    with pytest.raises(TamperedError):
        replace(envelope, header=header).open(secret)


def test_small_envelopes_have_one_size() -> None:
    """The relay cannot tell a heartbeat from a change, nor a short one from a long."""
    device, _ = enrol()
    secret = EpochSecret(bytes(32))
    header = Header(
        VaultId(bytes(32)), device.public.id, 1, EnvelopeHash(NO_HASH), epoch=1
    )
    sizes = {
        len(seal_envelope(bytes(n), header, key=device.signing, secret=secret))
        for n in (0, 1, 500, 1023)
    }

    assert len(sizes) == 1


def test_padding_comes_off_inside_only() -> None:
    """What is sealed is as long as its bucket."""
    envelope, secret = _sealed()

    assert len(envelope.sealed) > 1024
    assert envelope.open(secret) == b"content"
    with pytest.raises(FormatError):
        unpad(b"content", floor=1024)

"""Messages about logs and fork evidence: one spelling, and nothing else escapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_fork import ForkEvidence
from clisk_vault.log_leaf import LogRow
from clisk_vault.log_message import (
    MAX_MESSAGE_BYTES,
    CosignedHead,
    HeldSize,
    LogMessage,
    LogNews,
    parse_log_message,
)
from clisk_vault.merkle import leaf_hash
from clisk_vault.primitives import VerifyKey
from tests.vectors import load_vectors

B32 = st.binary(min_size=32, max_size=32)
_EVIDENCE = [
    case.raw("evidence")
    for case in load_vectors("access-log", where=lambda one: one["kind"] == "evidence")
]


@st.composite
def rows(draw: st.DrawFn, old: int) -> tuple[LogRow, ...]:
    count = draw(st.integers(1, 5))
    found = []
    for at in range(count):
        leaf = draw(st.binary(max_size=40))
        ciphertext = draw(st.none() | st.binary(min_size=1, max_size=40))
        head = draw(st.none() | st.binary(min_size=1, max_size=40))
        if at == count - 1:
            head = head or b"head"
        epoch = draw(st.integers(0, 9))
        found.append(LogRow(old + at, leaf, leaf_hash(leaf), epoch, ciphertext, head))
    return tuple(found)


@st.composite
def messages(draw: st.DrawFn) -> LogMessage:
    which = draw(st.integers(1, 3))
    number = st.integers(1, (1 << 32) - 1)
    if which == 1:
        old = draw(st.integers(0, 1 << 20))
        proof = tuple(draw(st.lists(B32, max_size=4)))
        return LogNews(draw(number), old, proof, draw(rows(old)), draw(st.booleans()))
    if which == 2:
        return CosignedHead(draw(st.binary(max_size=200)))
    device = draw(st.binary(min_size=16, max_size=16))
    return HeldSize(device, draw(number), draw(st.integers(0, (1 << 32) - 1)))


@given(messages())
def test_a_message_is_read_back(message: LogMessage) -> None:
    """Each kind comes back as it was."""
    assert parse_log_message(message.encode()) == message


@given(st.binary(max_size=80) | messages().map(lambda one: one.encode()), st.data())
def test_bytes_parse_to_themselves_or_are_refused(
    data: bytes, draw: st.DataObject
) -> None:
    """Nothing but a named refusal escapes, and accepted bytes are canonical."""
    changed = bytearray(data)
    if changed:
        at = draw.draw(st.integers(0, len(changed) - 1))
        changed[at] ^= draw.draw(st.integers(0, 255))
    try:
        message = parse_log_message(bytes(changed))
    except (FormatError, UnsupportedError):
        return
    assert message.encode() == changed


def test_a_message_over_its_limit_is_refused_before_it_is_read() -> None:
    """Half a megabyte is the most."""
    with pytest.raises(FormatError):
        parse_log_message(cbor.encode({1: 2, 2: bytes(MAX_MESSAGE_BYTES)}))


@given(st.binary(max_size=80) | st.sampled_from(_EVIDENCE), st.data())
def test_changed_evidence_shows_nothing_or_is_itself(
    data: bytes, draw: st.DataObject
) -> None:
    """A flipped bit is refused by name, or does not verify."""
    changed = bytearray(data)
    if changed:
        at = draw.draw(st.integers(0, len(changed) - 1))
        changed[at] ^= draw.draw(st.integers(1, 255))
    try:
        found = ForkEvidence.parse(bytes(changed))
        assert found.encode() == changed
        found.check()
    except (FormatError, TamperedError, UnsupportedError):
        return
    raise AssertionError("changed evidence was accepted")


def test_evidence_under_a_made_up_key_is_no_evidence() -> None:
    """Both heads are signed by the keys that the evidence names."""
    [good] = [
        ForkEvidence.parse(case.raw("evidence"))
        for case in load_vectors(
            "access-log", where=lambda one: str(one) == "evidence_good"
        )
    ]
    key = VerifyKey(bytes(32))
    for changed in (
        ForkEvidence(
            good.small, good.large, key, good.large_key, good.root, good.proof
        ),
        ForkEvidence(
            good.small, good.large, good.small_key, key, good.root, good.proof
        ),
    ):
        with pytest.raises(TamperedError):
            changed.check()

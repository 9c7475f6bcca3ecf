"""protocol/snapshot.md §2 to §4: the formats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.membership import Head
from clisk_sync.snapshot import (
    Body,
    Covered,
    Entry,
    open_part,
    parse_unverified_ack,
    parse_unverified_snapshot,
    seal_part,
    sign_snapshot,
)
from clisk_vault import cbor
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import (
    DeviceId,
    EnvelopeHash,
    ItemId,
    PartHash,
    RecordHash,
    SnapshotHash,
    VaultId,
)
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import SigningKey, VerifyKey
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_REFUSALS = (FormatError, UnsupportedError, TamperedError)


def _vectors(kind: str) -> list[Vector]:
    return load_vectors("snapshot", where=lambda case: case["kind"] == kind)


def _body(case: Vector) -> Body:
    number = {name: case[name] for name in ("height", "epoch", "parts")}
    return Body(
        vault=VaultId(case.raw("vault")),
        author=DeviceId(case.raw("author")),
        height=int(number["height"]),
        previous=SnapshotHash(bytes(32)),
        epoch=int(number["epoch"]),
        membership=Head(0, RecordHash(bytes(32))),
        covered={},
        parts=(PartHash(bytes(32)),) * int(number["parts"]),
        time_ms=0,
    )


@pytest.mark.parametrize("case", _vectors("snapshot"), ids=str)
def test_snapshot_vector(case: Vector) -> None:
    """Each published snapshot is read or refused as published."""
    data, public = case.raw("snapshot"), VerifyKey(case.raw("public"))
    if case.result == "ok":
        snapshot = parse_unverified_snapshot(data).verify(public)
        assert snapshot.body.height == case["height"]
        check_cddl(data, page="snapshot", rule="snapshot")
        payload = parse_unverified_snapshot(data)._signed.unverified_payload
        check_cddl(payload, page="snapshot", rule="snapshot-payload")
        return
    with pytest.raises(refusal(case.result)):
        parse_unverified_snapshot(data).verify(public)


@pytest.mark.parametrize("case", _vectors("part"), ids=str)
def test_part_vector(case: Vector) -> None:
    """Each published part is opened or refused as published."""

    def opened() -> list[Entry]:
        secret = EpochSecret(case.raw("secret"))
        index = int(case["index"])
        return open_part(case.raw("part"), _body(case), index, secret=secret)

    if case.result == "ok":
        rows = [[each.item, each.change] for each in opened()]
        assert cbor.encode(rows) == case.raw("content")
        check_cddl(case.raw("content"), page="snapshot", rule="part-content")
        return
    with pytest.raises(refusal(case.result)):
        opened()


@pytest.mark.parametrize("case", _vectors("ack"), ids=str)
def test_ack_vector(case: Vector) -> None:
    """Each published acknowledgement is read or refused as published."""
    data, public = case.raw("ack"), VerifyKey(case.raw("public"))
    if case.result == "ok":
        parse_unverified_ack(data).verify(public)
        check_cddl(data, page="snapshot", rule="snapshot-ack")
        payload = parse_unverified_ack(data)._signed.unverified_payload
        check_cddl(payload, page="snapshot", rule="snapshot-ack-payload")
        return
    with pytest.raises(refusal(case.result)):
        parse_unverified_ack(data).verify(public)


_GOOD = [case.raw("snapshot") for case in _vectors("snapshot") if case.result == "ok"]
_GOOD += [case.raw("ack") for case in _vectors("ack") if case.result == "ok"]


@given(st.sampled_from(_GOOD), st.data())
def test_a_changed_snapshot_or_ack_is_refused(good: bytes, data: st.DataObject) -> None:
    """Any change fails at the shape or at the signature, and nowhere later."""
    raw = bytearray(good)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    public = VerifyKey(_vectors("snapshot")[0].raw("public"))
    for parse in (parse_unverified_snapshot, parse_unverified_ack):
        with pytest.raises(_REFUSALS):
            parse(bytes(raw)).verify(public)


_KEY = SigningKey(bytes(range(32)))
_SECRET = EpochSecret(bytes(32))


@given(
    covered=st.dictionaries(
        st.binary(min_size=16, max_size=16),
        st.tuples(
            st.integers(1, 1 << 40), st.binary(min_size=32, max_size=32),
            st.integers(1, 99),
        ),
        min_size=1, max_size=5,
    ),
    height=st.integers(2, 1 << 40),
    parts=st.lists(st.binary(min_size=32, max_size=32), min_size=1, unique=True),
)  # fmt: skip
def test_what_is_signed_is_read_back(
    covered: dict[bytes, tuple[int, bytes, int]], height: int, parts: list[bytes]
) -> None:
    """One body has one spelling."""
    body = Body(
        vault=VaultId(bytes(32)),
        author=DeviceId(bytes(16)),
        height=height,
        previous=SnapshotHash(bytes(31) + b"\x01"),
        epoch=3,
        membership=Head(2, RecordHash(bytes(32))),
        covered={
            DeviceId(device): Covered(number, EnvelopeHash(digest), epoch)
            for device, (number, digest, epoch) in covered.items()
        },
        parts=tuple(map(PartHash, parts)),
        time_ms=5,
    )

    data = sign_snapshot(body, _KEY)
    read = parse_unverified_snapshot(data).verify(_KEY.public())

    assert read.body == body
    assert sign_snapshot(read.body, _KEY) == data


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.binary(max_size=99))))
def test_a_part_opens_to_what_was_sealed(rows: list[tuple[bytes, bytes]]) -> None:
    """And its length is a bucket: 1,024 bytes and what sealing adds, for all small."""
    body = _body(_vectors("part")[0])
    entries = [Entry(ItemId(item), change) for item, change in sorted(rows)]

    part = seal_part(entries, body, 0, secret=_SECRET)

    assert open_part(part, body, 0, secret=_SECRET) == entries
    with pytest.raises(TamperedError):
        open_part(part, body, 1, secret=_SECRET)

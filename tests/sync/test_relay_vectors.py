"""The published vectors of relay-api.md, and what holds for its parsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync import relay_answers
from clisk_sync.errors import CallerError, RelayMisbehaved
from clisk_sync.login import parse_unverified_login, sign_login
from clisk_sync.origin import relay_origin
from clisk_sync.refusals import TABLE, Code
from clisk_sync.relay_answers import parse_answer
from clisk_sync.sequence import (
    MAX_ENTRY_BYTES,
    MAX_RECORD_ITEM_BYTES,
    SequenceReader,
    encode_entry,
    encode_record_item,
    parse_entry,
    parse_record_item,
)
from clisk_vault.cose import parse_sign1
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.primitives import SigningKey, VerifyKey
from tests.vectors import PROTOCOL, Vector, check_cddl, load_vectors, refusal


def _of(kind: str) -> list[Vector]:
    return load_vectors("relay-api", where=lambda vector: vector["kind"] == kind)


@pytest.mark.parametrize("vector", _of("address"), ids=str)
def test_address_vector(vector: Vector) -> None:
    """An address has one spelling; anything that is no address is refused."""
    if vector.result == "ok":
        assert relay_origin(vector["url"]) == vector["origin"]
        assert relay_origin(vector["origin"]) == vector["origin"]
        return
    with pytest.raises(CallerError):
        relay_origin(vector["url"])


@pytest.mark.parametrize("vector", _of("login"), ids=str)
def test_login_vector(vector: Vector) -> None:
    """A login says who, where and in answer to what, and only its signer could."""
    data, public = vector.raw("login"), VerifyKey(vector.raw("public"))
    if vector.result != "ok":
        with pytest.raises(refusal(vector.result)):
            parse_unverified_login(data).verify(public)
        return
    login = parse_unverified_login(data)
    login.verify(public)
    assert login.device == vector.raw("device")
    assert login.origin == vector["origin"]
    assert login.vault == vector.raw("vault")
    assert login.challenge == vector.raw("challenge")
    check_cddl(data, page="relay-api", rule="relay-login")
    payload = parse_sign1(data, max_bytes=2000, what="login").unverified_payload
    check_cddl(payload, page="relay-api", rule="relay-login-payload")


def _items(
    stream: bytes, parse: Callable[[bytes], Any], *, most: int, step: int
) -> Iterator[Any]:
    reader = SequenceReader(max_item_bytes=most, max_bytes=1 << 24)
    for at in range(0, len(stream), step):
        yield from map(parse, reader.feed(stream[at : at + step]))
    reader.close()


_STREAMS: dict[str, tuple[Callable[[bytes], Any], int]] = {
    "entries": (parse_entry, MAX_ENTRY_BYTES),
    "records": (parse_record_item, MAX_RECORD_ITEM_BYTES),
}


@pytest.mark.parametrize("step", [1, 7, 1 << 16])
@pytest.mark.parametrize("vector", _of("entries") + _of("records"), ids=str)
def test_stream_vector(vector: Vector, step: int) -> None:
    """A stream gives the same items, or the same refusal, however it is cut up."""
    parse, most = _STREAMS[vector["kind"]]
    found = _items(vector.raw("stream"), parse, most=most, step=step)
    if vector.result != "ok":
        with pytest.raises(FormatError):
            list(found)
        return
    if vector["kind"] == "records":
        assert list(found) == [bytes.fromhex(item) for item in vector["items"]]
    else:
        pairs = [(at, bytes.fromhex(body)) for at, body in vector["items"]]
        assert list(found) == pairs


@pytest.mark.parametrize("vector", _of("answer"), ids=str)
def test_answer_vector(vector: Vector) -> None:
    """A JSON answer is read exactly."""
    model = getattr(relay_answers, vector["model"])
    if vector.result == "ok":
        parse_answer(model, vector["text"].encode())
        return
    with pytest.raises(RelayMisbehaved) as err:
        parse_answer(model, vector["text"].encode())
    assert err.value.__cause__ is None


def test_what_we_write_matches_the_cddl() -> None:
    """Our own items are what the page says."""
    entry = encode_entry(5, b"envelope")
    check_cddl(entry, page="relay-api", rule="relay-entry")
    check_cddl(encode_record_item(b"record"), page="relay-api", rule="relay-record")


def test_the_page_lists_every_refusal() -> None:
    """The table of the page and the table of the program are the same."""
    text = (PROTOCOL / "relay-api.md").read_text(encoding="utf-8")
    section = text.split("## 7.")[1].split("## 8.")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", section, flags=re.MULTILINE)
    assert {code: int(status) for code, status in rows} == {
        code.value: row.status for code, row in TABLE.items()
    }
    assert set(TABLE) == set(Code)
    assert all(row.status >= 400 for row in TABLE.values())


_ENTRIES = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=400)))


@given(_ENTRIES, st.integers(1, 50))
def test_a_stream_is_read_as_it_was_written(
    entries: list[tuple[int, bytes]], step: int
) -> None:
    """However the pieces fall, the same entries come out."""
    stream = b"".join(encode_entry(*entry) for entry in entries)
    assert list(_items(stream, parse_entry, most=1000, step=step)) == entries


@given(
    st.binary(max_size=60)
    | st.tuples(_ENTRIES, st.binary(max_size=5)).map(
        lambda both: b"".join(encode_entry(*entry) for entry in both[0]) + both[1]
    ),
    st.integers(1, 20),
)
def test_a_stream_is_canonical_or_refused(stream: bytes, step: int) -> None:
    """What is accepted is what we would write; all else is a FormatError."""
    try:
        entries = list(_items(stream, parse_entry, most=1000, step=step))
    except FormatError:
        return
    assert b"".join(encode_entry(*entry) for entry in entries) == stream


@given(st.binary(max_size=40) | st.binary(max_size=40).map(cbor2.dumps))
def test_a_record_item_is_canonical_or_refused(data: bytes) -> None:
    """What is accepted is what we would write; all else is a FormatError."""
    try:
        record = parse_record_item(data)
    except FormatError:
        return
    assert encode_record_item(record) == data


def test_an_item_above_the_bound_is_refused_at_its_head() -> None:
    """A relay that announces a huge item is stopped before it sends it."""
    reader = SequenceReader(max_item_bytes=100, max_bytes=1 << 20)
    with pytest.raises(FormatError):
        list(reader.feed(b"\x82\x01\x5a\x7f\xff\xff\xff"))


def test_a_stream_above_the_bound_is_refused() -> None:
    """A relay that never ends is stopped."""
    reader = SequenceReader(max_item_bytes=100, max_bytes=1000)
    with pytest.raises(FormatError):
        for _ in range(1000):
            list(reader.feed(encode_entry(1, bytes(50))))


_KEY = SigningKey(bytes(range(32)))
_LOGIN = sign_login(
    _KEY,
    device=DeviceId(bytes(16)),
    origin="https://relay.example",
    vault=VaultId(bytes(32)),
    challenge=bytes(16),
)


@given(st.data())
def test_a_changed_login_is_refused(data: st.DataObject) -> None:
    """Any flipped bit is malformed, tampered, or another claim that does not hold."""
    raw = bytearray(_LOGIN)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((FormatError, refusal("tampered"))):
        parse_unverified_login(bytes(raw)).verify(_KEY.public())


@given(st.text(max_size=40) | st.from_regex(r"https?://[\w.:@/\\-]{0,30}"))
def test_an_address_is_canonical_or_refused(url: str) -> None:
    """What is accepted is told in one spelling, and that is accepted as itself."""
    try:
        origin = relay_origin(url)
    except CallerError:
        return
    assert relay_origin(origin) == origin

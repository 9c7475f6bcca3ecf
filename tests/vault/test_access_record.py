"""Access records: one spelling, nothing oversized, nothing unknown taken for known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor
from clisk_vault.access_record import (
    MAX_CONTENT_BYTES,
    AccessRecord,
    Content,
    LogMark,
    Outcome,
    Requester,
    RequesterKind,
    Use,
    encode_content,
    parse_content,
)
from clisk_vault.errors import CallerError, FormatError, UnsupportedError
from clisk_vault.ids import DeviceId, GrantId, ItemId

DEVICE = DeviceId(bytes(range(16)))
IDS = st.binary(min_size=16, max_size=16)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TIMES = st.integers(0, (1 << 48) - 1)
RECORDS = st.builds(
    AccessRecord,
    outcome=st.sampled_from(Outcome),
    who=st.builds(
        Requester,
        st.sampled_from(RequesterKind),
        TEXTS,
        st.none() | st.binary(min_size=32, max_size=32),
    ),
    purpose=TEXTS,
    device=IDS.map(DeviceId),
    time_ms=TIMES,
    item=st.none() | IDS.map(ItemId),
    field=st.none() | TEXTS,
    origin=st.none() | TEXTS,
    grant=st.none() | IDS.map(GrantId),
    use=st.sampled_from(Use),
)
CONTENTS = RECORDS | st.builds(LogMark, IDS.map(DeviceId), TIMES)


def record(**changes: object) -> AccessRecord:
    fields: dict[str, object] = {
        "outcome": Outcome.GRANTED,
        "who": Requester(RequesterKind.PERSON, "terminal"),
        "purpose": "show",
        "device": DEVICE,
        "time_ms": 1,
    }
    return AccessRecord(**{**fields, **changes})  # type: ignore[arg-type]


@given(CONTENTS)
def test_every_record_is_read_back(content: Content) -> None:
    """What is written is read as it was, and has one spelling."""
    data = encode_content(content)
    assert parse_content(data) == content
    assert encode_content(parse_content(data)) == data


@given(st.binary(max_size=60) | CONTENTS.map(encode_content), st.data())
def test_bytes_parse_to_themselves_or_are_refused(
    data: bytes, draw: st.DataObject
) -> None:
    """Nothing but a named refusal escapes, and accepted bytes are canonical."""
    changed = bytearray(data)
    if changed:
        changed[draw.draw(st.integers(0, len(changed) - 1))] ^= draw.draw(
            st.integers(0, 255)
        )
    try:
        content = parse_content(bytes(changed))
    except (FormatError, UnsupportedError):
        return
    assert encode_content(content) == changed


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "x" * 513},
        {"field": "x" * 513},
        {"origin": "x" * 513},
        {"who": Requester(RequesterKind.PERSON, "x" * 513)},
        {"who": Requester(RequesterKind.KONNECTOR, "x", bytes(31))},
        {"device": DeviceId(bytes(15))},
        {"item": ItemId(bytes(17))},
        {"grant": GrantId(b"")},
        {"time_ms": -1},
        {"time_ms": 1 << 48},
    ],
)
def test_a_record_that_could_not_be_read_back_is_not_made(
    changes: dict[str, object],
) -> None:
    """Oversized text, ids of another length and wild times are the caller's fault."""
    with pytest.raises(CallerError):
        record(**changes)


@pytest.mark.parametrize("mark", [(bytes(15), 0), (bytes(16), -1)])
def test_a_mark_that_could_not_be_read_back_is_not_made(
    mark: tuple[bytes, int],
) -> None:
    """The same holds for events of the log itself."""
    with pytest.raises(CallerError):
        LogMark(DeviceId(mark[0]), mark[1])


def test_a_record_longer_than_sixteen_buckets_is_not_written() -> None:
    """Characters of four bytes cannot make an entry longer than its bound."""
    wide = "\N{GRINNING FACE}" * 512
    with pytest.raises(CallerError, match=str(MAX_CONTENT_BYTES)):
        encode_content(record(purpose=wide, field=wide, origin=wide))


@pytest.mark.parametrize(
    ("key", "what"), [(1, "outcome"), (2, "kind of requester"), (10, "use")]
)
def test_an_unknown_number_is_unsupported_by_name(key: int, what: str) -> None:
    """A later outcome or kind is not guessed at."""
    value: dict[int, cbor.Encodable] = {
        1: 1,
        2: {1: 1, 2: "x"},
        5: "p",
        8: DEVICE,
        9: 1,
        10: 1,
    }
    value[key] = {1: 99, 2: "x"} if key == 2 else 99
    with pytest.raises(UnsupportedError, match=f"{what} 99"):
        parse_content(cbor.encode(value))


def test_json_of_a_record_is_words_and_hex() -> None:
    """What `--json` shows holds no number that needs a table."""
    shown = record(item=ItemId(bytes(16))).to_json()
    assert shown["outcome"] == "granted"
    assert shown["kind"] == "person"
    assert shown["item"] == "00" * 16
    assert shown["grant"] is None
    assert LogMark(DEVICE, 5).to_json() == {"device": DEVICE.hex(), "time_ms": 5}


def test_every_use_is_found_by_its_word() -> None:
    """Words in lists, filters and requests are the uses' own, and no others."""
    assert [Use.of(use.word) for use in Use] == list(Use)
    with pytest.raises(CallerError, match="no such use"):
        Use.of("GIT_CREDENTIAL")

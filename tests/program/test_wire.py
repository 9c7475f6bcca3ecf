"""One message a line: protocol/agent.md §2."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk import wire
from clisk.errors import WireError

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_a_message_comes_back_as_it_was_sent(body: dict[str, object]) -> None:
    """Encoding then parsing is the identity, and a message is exactly one line."""
    message = {**body, "v": wire.VERSION}

    line = wire.encode_line(message)

    assert line.count(b"\n") == 1
    assert wire.parse_line(line) == message


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda raw: raw + b"\n"))
def test_bytes_are_a_message_or_refused(data: bytes) -> None:
    """Nothing but WireError escapes the parser."""
    try:
        message = wire.parse_line(data)
    except WireError:
        return
    assert message["v"] == wire.VERSION


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"v":1}', "cut short"),
        (b"[1]\n", "not a JSON object"),
        (b'{"v":1,"v":1}\n', "not JSON"),
        (b'{"v":1,"x":{"a":1,"a":2}}\n', "not JSON"),
        (b'{"v":1,"x":NaN}\n', "not JSON"),
        (b'{"v":1,"x":' + b"[" * 100_000 + b"\n", "not JSON"),
        (b'{"v":2}\n', "not version 1"),
        (b'{"v":true}\n', "not version 1"),
        (b"{}\n", "not version 1"),
        (b'{"v":1,"x":"\xff"}\n', "not JSON"),
    ],
)
def test_what_is_no_message_is_named(line: bytes, what: str) -> None:
    """Each kind of bad line is refused by name."""
    with pytest.raises(WireError, match=what):
        wire.parse_line(line)


def test_a_bad_line_is_not_quoted() -> None:
    """A line may hold a passphrase: neither the error nor its cause repeats it."""
    with pytest.raises(WireError) as caught:
        wire.parse_line(b'{"v":1,"passphrase":"planted-secret"\n')

    assert "planted" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_message_has_a_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither end sends or accepts more than MAX_LINE bytes."""
    monkeypatch.setattr(wire, "MAX_LINE", 64)
    long = {"v": 1, "x": "y" * 64}

    with pytest.raises(WireError, match="at most 64"):
        wire.encode_line(long)
    with pytest.raises(WireError, match="too long"):
        wire.parse_line(json.dumps(long).encode() + b"\n")

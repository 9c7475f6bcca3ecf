"""Messages of a konnector: protocol/konnector-bridge.md §3, and its vectors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnector_runner.bridge import (
    Call,
    Callback,
    Event,
    HandshakeRequest,
    HandshakeResponse,
    Message,
    Note,
    Response,
    encode_message,
    parse_message,
)
from konnector_runner.errors import FormatError
from konnector_runner.strict_json import Json
from tests.vectors import Vector, load_vectors

_PAGE = "konnector-bridge"
_MESSAGES = load_vectors(_PAGE, where=lambda v: v.case.startswith("messages/"))

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_json: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3)
    ),
    max_leaves=8,
)
_id = st.integers(0, 2**53 - 1)
_session = _id | _text
_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_args = st.lists(_json, max_size=3)
_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(HandshakeRequest, _session),
    st.builds(HandshakeResponse, _session),
    st.builds(Call, _session, _id, _name, _args),
    st.builds(Response, _session, _id, result=_json),
    st.builds(Response, _session, _id, error=_json),
    st.builds(Response, _session, _id),
    st.builds(Event, _session, _name, _json),
    st.builds(Callback, _session, _id, _id, _args),
)


@pytest.mark.parametrize("vector", _MESSAGES, ids=str)
def test_message_vector(vector: Vector) -> None:
    """Each published text is the published message, or none."""
    text = vector.raw("text").decode("utf-8", "surrogatepass")
    if vector.result == "malformed":
        with pytest.raises(FormatError):
            parse_message(text)
        return

    message = parse_message(text)

    assert not isinstance(message, Note)
    assert encode_message(message) == vector.raw("written").decode()


@given(_messages)
def test_a_message_written_is_read_as_itself(message: Message) -> None:
    """Writing loses nothing, and what was written is a fixed point."""
    text = encode_message(message)

    again = parse_message(text)

    assert not isinstance(again, Note)
    assert again == message
    assert encode_message(again) == text


@given(st.text() | _json.map(json.dumps) | _messages.map(encode_message), st.data())
def test_any_text_is_a_message_or_a_format_error(
    text: str, data: st.DataObject
) -> None:
    """Nothing but FormatError escapes, and an accepted text is stable."""
    at = data.draw(st.integers(0, len(text)))
    mutated = text[:at] + data.draw(st.text(max_size=2)) + text[at + 1 :]
    try:
        message = parse_message(mutated)
    except FormatError:
        return
    if not isinstance(message, Note):
        assert parse_message(encode_message(message)) == message


def test_an_oversized_message_is_refused_before_it_is_read() -> None:
    """The limit is the reader's, and holds for what is not JSON too."""
    with pytest.raises(FormatError, match="longer than 10 characters"):
        parse_message("x" * 11, max_characters=10)


def test_a_refusal_quotes_nothing_of_the_message() -> None:
    """Neither its text nor its cause holds what may be a secret."""
    with pytest.raises(FormatError) as caught:
        parse_message('{"password": "s3cret"')

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "s3cret" not in str(caught.value)


def test_a_note_is_only_a_hint() -> None:
    """What is not post-me is kept short and has no other meaning."""
    note = parse_message(json.dumps({"message": "x" * 5000, "action": "call"}))

    assert note == Note("x" * 256)


def test_arguments_do_not_show_in_a_repr() -> None:
    """A traceback or a log that prints a message prints no argument of it."""
    shown = repr([Call(1, 2, "fillText", ["s3cret"]), Response(1, 2, result="s3cret")])

    assert "s3cret" not in shown

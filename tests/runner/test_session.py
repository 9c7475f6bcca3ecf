"""One conversation, without a browser: protocol/konnector-bridge.md §4."""

from __future__ import annotations

from konnector_runner.bridge import Call, Event, HandshakeResponse, Response
from konnector_runner.session import (
    SET_TYPE_REQUEST,
    Answered,
    Asked,
    Failed,
    Send,
    Session,
    Told,
    error_text,
)
from konnector_runner.strict_json import Json


def _session(*methods: str) -> Session:
    return Session(7, methods=frozenset(methods))


def test_a_call_is_answered_once() -> None:
    """The second answer to one call is an answer to nothing."""
    session = _session()
    call = session.call("click", ["#go"])

    first = session.receive(Response(7, call.request, result=True))
    second = session.receive(Response(7, call.request, result=False))

    assert call == Call(7, 1, "click", ["#go"])
    assert first == [Answered(1, value=True)]
    assert second == []


def test_the_handshake_made_call_zero() -> None:
    """The page posted it itself, so its answer is awaited from the start."""
    assert _session().receive(Response(7, SET_TYPE_REQUEST)) == [Answered(0, None)]


def test_an_answer_to_a_call_never_made_means_nothing() -> None:
    """A site can not answer ahead of time."""
    session = _session()

    assert session.receive(Response(7, 1, result="forged")) == []
    session.call("checkAuthenticated", [])
    assert session.receive(Response(7, 2, result="forged")) == []


def test_another_session_is_not_this_one() -> None:
    """Neither another number, nor the same as a text, nor true for 1."""
    session = Session(1, methods=frozenset({"getCredentials"}))
    for other in (2, "1", True):
        assert session.receive(Call(other, 0, "getCredentials", [])) == []


def test_a_method_that_is_not_allowed_does_not_exist() -> None:
    """The refusal is post-me's own, word for word."""
    effects = _session("sendToPilot").receive(Call(7, 3, "getCredentials", []))

    says = 'The method "getCredentials" has not been implemented.'
    error: Json = {"name": "Error", "message": says}
    assert effects == [Send(Response(7, 3, error=error))]


def test_an_allowed_call_is_asked_until_it_is_answered() -> None:
    """The same number again, while the first is open, is no second call."""
    session = _session("saveFiles")
    call = Call(7, 0, "saveFiles", [[]])

    assert session.receive(call) == [Asked(0, "saveFiles", [[]])]
    assert session.receive(call) == []
    assert session.answer(0, [1]) == Response(7, 0, result=[1])
    assert session.receive(call) == [Asked(0, "saveFiles", [[]])]


def test_a_flood_of_calls_is_bounded() -> None:
    """Beyond 256 open calls each is refused at once."""
    session = _session("runInWorker")
    for number in range(256):
        assert session.receive(Call(7, number, "runInWorker", [])) != []

    (refused,) = session.receive(Call(7, 256, "runInWorker", []))

    assert isinstance(refused, Send)
    session.answer(0)
    assert session.receive(Call(7, 257, "runInWorker", [])) == [
        Asked(257, "runInWorker", [])
    ]


def test_errors_have_the_text_of_whatever_was_thrown() -> None:
    """An Error, a plain string, or anything; bounded."""
    session = _session()
    request = session.call("click", []).request
    thrown: Json = {"name": "Error", "message": "LOGIN_FAILED"}

    assert session.receive(Response(7, request, error=thrown)) == [
        Failed(1, "LOGIN_FAILED")
    ]
    assert error_text("context deadline exceeded") == "context deadline exceeded"
    assert error_text(None) == error_text({}) == error_text([]) == "UNKNOWN_ERROR"
    assert len(error_text("x" * 100_000)) == 4096


def test_a_plain_rejection_is_a_string() -> None:
    """Konnectors compare one of the launcher's errors with a plain string."""
    refused = _session().refuse(4, "took more than 30000 ms", plain=True)

    assert refused == Response(7, 4, error="took more than 30000 ms")


def test_events_and_a_late_handshake() -> None:
    """Events are told; a second handshake changes nothing."""
    session = _session()

    assert session.receive(Event(7, "log", {"msg": "hi"})) == [
        Told("log", {"msg": "hi"})
    ]
    assert session.receive(Event(7, "log")) == [Told("log", None)]
    assert session.receive(HandshakeResponse(7)) == []

"""A trace shows what was said, and no secret in any spelling."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from clisk_vault.keys import SecretText
from konnector_runner import trace as module
from konnector_runner.errors import CollectError
from konnector_runner.redaction import Redactor
from konnector_runner.trace import PAGES_NAME, PROTOCOL_NAME, Trace

_SECRET = 'Pä"ß+wörd 7'


def _written(folder: Path, *messages: object, value: str = _SECRET) -> str:
    """Return what stands in the trace of *messages*; released after they were seen."""
    trace = Trace(folder, lambda: 1.5)
    for message in messages:
        trace.message("pilot", json.dumps(message), sent=True)
    trace.page("worker", "https://shop.example/a?token=abc#x")
    redactor = Redactor()
    redactor.add(SecretText(value))
    trace.write(redactor)
    return (folder / PROTOCOL_NAME).read_text()


def _call(*args: object, method: str = "runInWorker") -> dict[str, object]:
    return {"action": "call", "methodName": method, "args": list(args)}


_SPELT = {
    "plain": _SECRET,
    "in JSON": json.dumps({"x": _SECRET}),
    "in JSON twice": json.dumps(json.dumps(_SECRET)),
    "in an address": f"https://x.example/?p={quote(_SECRET)}",
    "in base64": base64.b64encode(_SECRET.encode()).decode(),
    "in base64, inside": base64.b64encode(f"me:{_SECRET}!".encode()).decode(),
    "in base64 for addresses": base64.urlsafe_b64encode(
        f"a{_SECRET}".encode()
    ).decode(),
    "in hex": _SECRET.encode().hex().upper(),
    "backwards": _SECRET[::-1],
    "letter by letter": list(_SECRET),
    "with a line between letters": "-".join(_SECRET),
}


@pytest.mark.parametrize("name", _SPELT)
def test_a_released_value_is_in_no_spelling(tmp_path: Path, name: str) -> None:
    """What a konnector may have made of a value, before it was known to be one."""
    text = _written(tmp_path, _call("fillText", "#p", _SPELT[name]))
    control = Trace(tmp_path / "control", lambda: 0)
    control.message("pilot", json.dumps(_call(_SPELT[name])), sent=True)
    control.write(Redactor())

    assert "[redacted]" in text, text
    shown = (tmp_path / "control" / PROTOCOL_NAME).read_text()
    assert "[redacted]" not in shown


_UNKNOWN = {
    "typed into the site": {
        "action": "event",
        "eventName": "workerEvent",
        "payload": {"event": "loginSubmit", "payload": {"word": "typed-by-hand"}},
    },
    "handed over to be saved": _call(
        {"word": "typed-by-hand"}, method="saveCredentials"
    ),
    "a cookie": {"result": [{"name": "s", "value": "typed-by-hand", "domain": "x"}]},
    "a cookie to be kept": _call("typed-by-hand", method="saveCookieToKeychain"),
    "given to the pilot": _call({"a": "typed-by-hand"}, method="sendToPilot"),
    "by the name of its member": _call({"newPassword": "typed-by-hand"}),
    "a code by its name": _call({"otp": 493817, "userToken": ["typed-by-hand"]}),
}


@pytest.mark.parametrize("name", _UNKNOWN)
def test_what_the_redactor_can_not_know_is_left_out_by_its_place(
    tmp_path: Path, name: str
) -> None:
    """What a person typed, cookies and credentials: the shape stays, no value does."""
    text = _written(tmp_path, _UNKNOWN[name])

    assert "typed-by-hand" not in text
    assert "493817" not in text


def test_what_an_author_needs_is_there(tmp_path: Path) -> None:
    """Methods, arguments, order and pages, in lines of JSON; of addresses no query."""
    text = _written(tmp_path, _call("click", "#login button"))

    (line,) = map(json.loads, text.splitlines())
    assert line["message"]["args"] == ["click", "#login button"]
    assert (line["at"], line["role"], line["sent"]) == (1.5, "pilot", True)
    (page,) = (tmp_path / PAGES_NAME).read_text().splitlines()
    assert json.loads(page)["page"] == "https://shop.example/a"


def test_a_long_message_is_cut_after_it_was_redacted(tmp_path: Path) -> None:
    """A value across the cut does not leave its first half."""
    text = _written(tmp_path, _call("x" * 3_880 + _SECRET + "y" * 2_000))

    assert _SECRET[:4] not in text
    assert len(text) < 5_000


def test_files_and_nonsense_are_named_and_not_kept(tmp_path: Path) -> None:
    """Data, and what is no message, only say how long they are."""
    data = "data:application/pdf;base64," + "QUJD" * 100
    trace = Trace(tmp_path, lambda: 0)
    trace.message("worker", json.dumps({"result": data}), sent=False)
    trace.message("worker", "not json", sent=False)
    trace.write(Redactor())

    text = (tmp_path / PROTOCOL_NAME).read_text()
    assert "QUJD" not in text
    assert f"[data of {len(data)} characters]" in text
    assert "not json" not in text


def test_a_flood_does_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lines are kept; they are what an author looks at."""
    monkeypatch.setattr(module, "_MOST_LINES", 10)

    assert len(_written(tmp_path, *[_call(n) for n in range(50)]).splitlines()) == 10


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    """The run's own error is not hidden behind a traceback."""
    (tmp_path / "file").write_text("")

    with pytest.raises(CollectError, match="trace was not written"):
        _written(tmp_path / "file", _call())

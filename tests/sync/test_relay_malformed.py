"""Whatever is sent to a relay, it answers with a named refusal, never with 500."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.login import sign_login
from clisk_sync.refusals import Code
from clisk_sync.relay import Limits, Rate
from clisk_sync.testing import Family
from tests.sync.relay_kit import ORIGIN, Here, bearer, here, refusal_of

_FREE = Rate(1e9, 1e9)
_LIMITS = Limits(appends=_FREE, creations=_FREE, logins=_FREE, mailbox_calls=_FREE)


class Target:
    """A relay with one vault, driven from plain test functions."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, relay: Here, family: Family, token: str
    ) -> None:
        self.loop = loop
        self.relay = relay
        self.family = family
        self.token = token
        # Made once: what hypothesis draws may not depend on their random parts.
        self.good = _good(family)

    def send(self, method: str, path: str, **more: Any) -> Any:
        sending = self.relay.client.request(method, path, **more)
        return self.loop.run_until_complete(sending)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        opened = here(folder, _LIMITS)
        relay = loop.run_until_complete(opened.__aenter__())
        stack.callback(
            lambda: loop.run_until_complete(opened.__aexit__(None, None, None))
        )
        family, token = loop.run_until_complete(relay.found())
        yield Target(loop, relay, family, token)


def _check(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, answer.status_code
    assert refusal_of(answer) in set(Code)


def _body_paths(target: Target) -> list[str]:
    vault = f"/v1/vaults/{target.family.vault.hex()}"
    return ["/v1/vaults", f"{vault}/tokens", f"{vault}/records", f"{vault}/envelopes"]


@given(st.binary(max_size=300), st.integers(0, 3))
def test_junk_is_refused(target: Target, body: bytes, which: int) -> None:
    """Bytes that are nothing at all."""
    path = _body_paths(target)[which]
    _check(target.send("POST", path, content=body, headers=bearer(target.token)))


def _good(family: Family) -> list[bytes]:
    founder = family.founder
    login = sign_login(
        founder.secrets.signing,
        device=founder.secrets.public.id,
        origin=ORIGIN,
        vault=founder.vault,
        challenge=bytes(56),
    )
    return [Family.found().genesis, login, family.add()[0], founder.peek()]


@given(st.data(), st.integers(0, 3))
def test_a_good_body_gone_bad_is_refused(
    target: Target, data: st.DataObject, which: int
) -> None:
    """One changed byte, a missing end, or more at the end."""
    body = bytearray(target.good[which])
    at = data.draw(st.integers(0, len(body) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "add", "insert"])):
        case "flip":
            body[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del body[at:]
        case "add":
            body += data.draw(st.binary(min_size=1, max_size=9))
        case "insert":
            body[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    path = _body_paths(target)[which]
    answer = target.send(
        "POST", path, content=bytes(body), headers=bearer(target.token)
    )
    if which == 0 and answer.status_code == 201:
        raise AssertionError("a changed genesis founded a vault")
    _check(answer)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="/?#"), max_size=70)


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    st.lists(
        st.sampled_from(["v1", "vaults", "mailboxes", "news"]) | _TEXT, max_size=5
    ),
    st.dictionaries(st.sampled_from(["after", "wait_ms"]), _TEXT, max_size=2),
    st.sampled_from(["", "Bearer", "Bearer ", "Basic eDp5", "Bearer 00", "Bearer é"]),
)
def test_odd_requests_are_refused(
    target: Target, method: str, parts: list[str], query: dict[str, str], token: str
) -> None:
    """Paths, queries and headers of every kind."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    headers = {"Authorization": token.encode("latin-1")}
    _check(target.send(method, ORIGIN + path, params=query, headers=headers))


@given(
    st.sampled_from(["envelopes?after=", "news?wait_ms=0&after=", "news?wait_ms="]),
    st.sampled_from(
        ["-1", "01", "+1", "1e3", "1.0", "٣", "", " 1", "9" * 19, "9" * 400]
    )
    | _TEXT.filter(lambda text: not text.isdecimal()),
)
def test_numbers_have_one_spelling(target: Target, query: str, number: str) -> None:
    """A number in a query that is not plain, or too large, is malformed."""
    path = f"/v1/vaults/{target.family.vault.hex()}/{query}{quote(number)}"
    answer = target.send("GET", path, headers=bearer(target.token))
    assert (answer.status_code, refusal_of(answer)) == (400, "malformed")


@pytest.mark.parametrize("length", ["-1", "x", "1_0", "99999999999999999999"])
def test_an_odd_content_length_is_refused(target: Target, length: str) -> None:
    """Whatever the server before us lets through."""
    headers = bearer(target.token) | {"Content-Length": length}
    path = _body_paths(target)[3]
    answer = target.send("POST", path, content=b"x", headers=headers)
    assert refusal_of(answer) in {"malformed", "too-large"}


@pytest.mark.parametrize(
    "mailbox", ["", "00", "AB" * 32, "zz" * 32, "00" * 33, "%00" * 64]
)
def test_a_mailbox_id_has_one_spelling(target: Target, mailbox: str) -> None:
    """Anything but 64 lower-case digits is no mailbox."""
    answer = target.send("PUT", f"/v1/mailboxes/{mailbox}/0", content=b"x")
    assert refusal_of(answer) in {"malformed", "no-such-route"}


def test_a_fault_of_ours_is_named_and_tells_nothing(target: Target) -> None:
    """Should the relay itself fail, the answer says so and quotes nothing."""

    async def fail(_genesis: bytes) -> None:
        raise RuntimeError("a secret of the house")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target.relay.relay, "create", fail)
        answer = target.send("POST", "/v1/vaults", content=b"x")
    assert (answer.status_code, refusal_of(answer)) == (500, "internal")
    assert "secret" not in answer.text

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
from clisk_sync.snapshot import Body, Covered, part_hash, sign_ack, sign_snapshot
from clisk_sync.testing import Family
from clisk_sync.transport import NO_HASH
from clisk_vault.device import enrol
from clisk_vault.ids import SnapshotHash
from clisk_vault.primitives import sha256
from tests.sync.relay_kit import ORIGIN, Here, bearer, here, refusal_of
from tests.sync.relay_page import LISTED, Listed

_FREE = Rate(1e9, 1e9)
_PART = b"a part of a snapshot, sealed" * 9
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
        self.part = part_hash(_PART).hex()
        # Made once: what hypothesis draws may not depend on their random parts.
        self.good = _good(family)

    def path(self, row: Listed) -> str:
        """Return where the row's request goes, with parts that are right."""
        vault = self.family.vault.hex()
        return row.path.replace("{vault}", vault).replace("{part}", self.part)

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
        family, token = loop.run_until_complete(_found(relay))
        yield Target(loop, relay, family, token)


async def _found(relay: Here) -> tuple[Family, str]:
    """Return a vault with one envelope."""
    family, token = await relay.found()
    await relay.append(family.founder, token, family.founder.write())
    return family, token


def _check(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, answer.status_code
    assert refusal_of(answer) in set(Code)


# Every request with a body, as the page lists them. A mailbox takes any bytes.
BODIES = [row for row in LISTED if row.body and "{mailbox}" not in row.path]


def _good(family: Family) -> dict[str, bytes]:
    """Return a body for each row of BODIES that the relay takes, or has taken."""
    founder = family.founder
    author, signing = founder.secrets.public.id, founder.secrets.signing
    login = sign_login(
        signing, device=author, origin=ORIGIN, vault=founder.vault, challenge=bytes(56)
    )
    snapshot = sign_snapshot(
        Body(
            vault=family.vault,
            author=author,
            height=1,
            previous=SnapshotHash(NO_HASH),
            epoch=1,
            membership=family.membership.head,
            covered={author: Covered(founder.number, founder.previous, 1)},
            parts=(part_hash(_PART),),
            time_ms=0,
        ),
        signing,
    )
    named = SnapshotHash(sha256(snapshot))
    return {
        "POST /v1/vaults": Family.found().genesis,
        "POST /v1/vaults/{vault}/tokens": login,
        "POST /v1/vaults/{vault}/records": family.record_adding(enrol()[0]),
        "POST /v1/vaults/{vault}/envelopes": founder.peek(),
        "PUT /v1/vaults/{vault}/parts/{part}": _PART,
        "POST /v1/vaults/{vault}/snapshots": snapshot,
        "POST /v1/vaults/{vault}/acks": sign_ack(
            family.vault, author, 1, named, key=signing
        ),
    }


def test_every_request_with_a_body_is_fuzzed(target: Target) -> None:
    """A route that the page lists cannot be forgotten here."""
    assert target.good.keys() == {str(row) for row in BODIES}
    assert len(BODIES) == 7


def test_control_good_snapshots_are_taken(target: Target) -> None:
    """What is spoilt below is right: part, snapshot and acknowledgement."""
    for row in BODIES[-3:]:
        body, headers = target.good[str(row)], bearer(target.token)
        answer = target.send(
            row.method, target.path(row), content=body, headers=headers
        )
        assert answer.status_code == 204, (str(row), answer.text)


@pytest.mark.parametrize("row", BODIES, ids=str)
@given(body=st.binary(max_size=300))
def test_junk_is_refused(target: Target, row: Listed, body: bytes) -> None:
    """Bytes that are nothing at all."""
    headers = bearer(target.token)
    path = target.path(row)
    _check(target.send(row.method, path, content=body, headers=headers))


@pytest.mark.parametrize("row", BODIES, ids=str)
@given(data=st.data())
def test_a_good_body_gone_bad_is_refused(
    target: Target, row: Listed, data: st.DataObject
) -> None:
    """One changed byte, a missing end, or more at the end."""
    body = bytearray(target.good[str(row)])
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
    answer = target.send(
        row.method, target.path(row), content=bytes(body), headers=bearer(target.token)
    )
    assert answer.status_code != 201, "a changed genesis founded a vault"
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
    path = f"/v1/vaults/{target.family.vault.hex()}/envelopes"
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

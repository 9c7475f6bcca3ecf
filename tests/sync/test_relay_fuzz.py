"""The relay's API against its own page and schema: every answer is one they list.

Requests are drawn for each row of the table in protocol/relay-api.md §2, with
parts that are right, wrong or odd.
"""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_sync.refusals import TABLE, Code
from clisk_sync.relay.routes import ROUTES
from clisk_sync.sequence import SequenceReader
from clisk_sync.testing import Family
from tests.sync import test_relay_malformed
from tests.sync.relay_kit import bearer
from tests.sync.relay_page import LISTED, SCHEMA, Listed
from tests.sync.test_relay_malformed import Target

target = test_relay_malformed.target  # the fixture


def test_the_page_lists_every_route() -> None:
    """And no other: what is fuzzed below is all that there is."""
    served = {
        (method, route.path)
        for route in ROUTES
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert {(row.method, row.path) for row in LISTED} == served


def _answer(data: st.DataObject, row: Listed, target: Target) -> Any:
    family = target.family
    right = {
        "vault": family.vault.hex(),
        "mailbox": data.draw(st.sampled_from(["00" * 32, "ff" * 32])),
        "slot": data.draw(st.sampled_from(["0", "7"])),
        "part": data.draw(st.sampled_from([target.part, "ab" * 32])),
    }
    odd = st.sampled_from(
        ["", "0" * 64, "F" * 64, "-1", "8", "00", "é", "%00", "a" * 99]
    )
    path = row.path
    for name, value in right.items():
        wrong = data.draw(st.integers(0, 4)) == 0
        path = path.replace(f"{{{name}}}", data.draw(odd) if wrong else value)
    number = st.sampled_from(["0", "1", "01", "-1", "", "9" * 18, "9" * 19, "1e3", "٣"])
    # No wait: what it ends with is tested elsewhere.
    query = {
        name: "0" if name == "wait_ms" else data.draw(number) for name in row.query
    }
    bodies = [*target.good.values(), Family.found().genesis, b"", b"\xa0", b"x" * 9000]
    body = data.draw(st.sampled_from(bodies) | st.binary(max_size=64))
    token = data.draw(st.sampled_from([target.token, target.token, "", "00", "x"]))
    headers = bearer(token)
    if data.draw(st.booleans()):
        headers["Clisk-Invite"] = data.draw(st.sampled_from(["", "00" * 16, "x"]))
    return target.send(row.method, path, params=query, content=body, headers=headers)


@pytest.mark.parametrize("row", LISTED, ids=str)
@given(data=st.data())
def test_every_answer_is_one_that_is_listed(
    target: Target, row: Listed, data: st.DataObject
) -> None:
    """A success of the page's table, or a refusal of its other one."""
    answer = _answer(data, row, target)

    if answer.status_code < 300:
        assert answer.status_code in row.statuses
        _check_success(row, answer)
    else:
        body = answer.json()
        _validate("Refused", body)
        assert TABLE[Code(body["error"])].status == answer.status_code


def _check_success(row: Listed, answer: Any) -> None:
    kind = answer.headers.get("content-type", "")
    if row.model:
        assert kind == "application/json"
        _validate(row.model, answer.json())
    elif kind == "application/cbor-seq":
        reader = SequenceReader(max_item_bytes=1 << 21, max_bytes=1 << 24)
        list(reader.feed(answer.content))
        reader.close()
    else:
        assert kind.split(";")[0] in {"", "application/octet-stream", "text/plain"}


def _validate(name: str, body: Any) -> None:
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    jsonschema.validate(body, schema)

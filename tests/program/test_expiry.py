"""When an item expires: listed, shown and told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.program.world import Device, device


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("expiry") / "laptop") as laptop:
        laptop.init("--name", "laptop")
        yield laptop


def test_what_has_expired_is_listed_shown_and_told(laptop: Device) -> None:
    """By its date; what expires later is not, and health says how soon."""
    laptop.ok("add", "note", "Old pass", "-s", "expires=2020-01-01")
    laptop.ok("add", "note", "New pass", "-s", "expires=2999-01-01")
    laptop.add_login("Plain", "gL7#vQ2m!xW9zT4k")

    listed = laptop.ok("list", "--expired")
    shown = laptop.ok("get", "Old pass")
    told = laptop.ok("health")
    soon = laptop.ok("health", "--expires-within", "36500")

    assert [line.split("\t")[1] for line in listed.splitlines()] == [
        "Old pass (expired)"
    ]
    assert re.search(r"expires\t2020-01-01T00:00:00\S+  \(expired\)\n", shown)
    assert "(expired)" not in laptop.ok("get", "New pass")
    assert re.search(r"expired on (2020-01-01|2019-12-31)", told)
    assert "New pass" not in told + soon
    laptop.ok("edit", "Old pass", "--clear", "expires")
    assert laptop.ok("list", "--expired") == ""

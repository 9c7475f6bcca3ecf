"""Where sites have passwords changed: found by their hosts, as published."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from urllib.parse import urlsplit

import pytest

from clisk_vault.change_pages import change_page

_DATA = resources.files("clisk_vault") / "data"


def test_the_pages_are_as_they_were_published() -> None:
    """All of them, under their notice: the file whose digest data/README.md has."""
    raw = (_DATA / "change-password-URLs.json").read_bytes()
    notice = (_DATA / "README.md").read_text(encoding="utf-8")

    assert len(json.loads(raw)) == 652
    assert hashlib.sha256(raw).hexdigest() in notice


def test_every_page_is_an_address_that_can_be_shown() -> None:
    """With https, a host, and nothing that a terminal would take for a command."""
    for site, page in json.loads(
        (_DATA / "change-password-URLs.json").read_text(encoding="utf-8")
    ).items():
        parts = urlsplit(page)
        assert (parts.scheme, parts.username, parts.port) == ("https", None, None), site
        assert parts.hostname
        assert page.isascii()
        assert page.isprintable()


@pytest.mark.parametrize(
    ("addresses", "page"),
    [
        (["https://www.netflix.com/login"], "https://www.netflix.com/password"),
        (["x.example", "netflix.com"], "https://www.netflix.com/password"),
        (["https://evilnetflix.com"], None),
        (["https://netflix.com.evil.example/"], None),
        (["com", "", "https://"], None),
        ([], None),
    ],
)
def test_a_site_is_found_by_its_host_and_those_above(
    addresses: list[str], page: str | None
) -> None:
    """And no other is: a name that only begins or ends alike is somebody else's."""
    assert change_page(addresses) == page

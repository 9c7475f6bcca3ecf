"""A mock site is a folder, and stays in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from konnector_runner.errors import MockSiteError
from konnector_runner.mock_site import load_mock_site

_ROUTE = {"url": "https://shop.example/"}


def _site(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "site.json").write_text(text)
    return folder


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "link"])
def test_a_route_can_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """A site that somebody gave along reads no file of the person's."""
    (tmp_path / "secret").write_text("planted")
    folder = _site(
        tmp_path / "mock", json.dumps({"routes": [{**_ROUTE, "file": name}]})
    )
    (folder / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(MockSiteError, match="outside of the mock site"):
        load_mock_site(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"routes": [{"url": "file:///etc"}]}',
        '{"routes": [{"url": "https://shop.example/", "status": 99}]}',
        '{"routes": [{"url": "https://shop.example/", "tpyo": 1}]}',
        '{"routes": [{"url": "https://shop.example/", "file": "missing.html"}]}',
    ],
)
def test_what_is_no_site_is_named(tmp_path: Path, text: str) -> None:
    """A misspelt route is said, with where the layout is described."""
    with pytest.raises(MockSiteError) as caught:
        load_mock_site(_site(tmp_path / "mock", text))

    assert "docs/" in caught.value.advice

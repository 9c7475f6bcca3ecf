"""Konnectors against mock sites: docs/test-konnectors.md."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from konnector_runner.mock_site import MockRequest, load_mock_site
from scripts.test_konnectors import main

_OURS = Path(__file__).parents[1] / "konnectors"


@pytest.mark.browser
def test_our_konnector_uses_every_method_of_the_launcher(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each step that does not hold throws; the password has every awkward sign."""
    assert main([str(_OURS)]) == 0
    assert "passed" in capsys.readouterr().out


@pytest.mark.browser
def test_a_wrong_password_fails_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came instead is told, and the exit code is 1: the control of the above."""
    shutil.copytree(_OURS / "library", tmp_path / "library")
    path = tmp_path / "library" / "mock" / "site.json"
    site = json.loads(path.read_text())
    site["routes"][1]["form"]["word"] = "something else"
    site["expect"] = {"outcome": "failed", "saved": []}
    path.write_text(json.dumps(site))
    bundle = tmp_path / "library" / "main.js"
    # The page for a wrong password has no shelf: do not wait a minute for it.
    text = bundle.read_text()
    bundle.write_text(text.replace('"#shelf")', '"#shelf", { timeout: 1 })'))

    assert main([str(tmp_path)]) == 0

    site["expect"] = {"outcome": "done"}
    path.write_text(json.dumps(site))
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert "outcome: 'failed' where 'done' was expected" in said


@pytest.mark.parametrize("content", [None, "a file", "empty"])
def test_a_folder_without_konnectors_is_told_so(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do, and exit code 2; a broken konnector is a failure of its own."""
    if content == "a file":
        (tmp_path / "file").write_text("x")
        assert main([str(tmp_path / "file")]) == 2
    elif content == "empty":
        (tmp_path / "broken").mkdir()
        assert main([str(tmp_path)]) == 1
        assert "manifest.konnector" in capsys.readouterr().out
        return
    else:
        assert main([str(tmp_path)]) == 2
    assert "hint: " in capsys.readouterr().err


def test_plain_files_answer_by_host_and_never_from_outside(tmp_path: Path) -> None:
    """index.html, the file itself, or .html; a path that climbs is no file."""
    folder = tmp_path / "mock"
    (folder / "a.example" / "deep").mkdir(parents=True)
    (folder / "site.json").write_text('{"account": {"login": "me"}}')
    (folder / "a.example" / "deep" / "index.html").write_text("<p>{login}")
    (folder / "a.example" / "page.html").write_text("page")
    (tmp_path / "secret.html").write_text("outside")
    site = load_mock_site(folder)

    def get(path: str) -> tuple[int, bytes]:
        answer = site.answer(MockRequest("GET", f"https://a.example/{path}"))
        return answer.status, answer.body

    assert site.origins == ("https://a.example",)
    assert get("deep/") == (200, b"<p>me")
    assert get("page?x=1") == (200, b"page")
    assert get("page.html") == (200, b"page")
    assert get("nothing")[0] == 404
    for climbing in ("../../secret.html", "..%2f..%2fsecret", "%2e%2e/%2e%2e/secret"):
        assert site.answer(
            MockRequest("GET", f"https://a.example/{climbing}")
        ).body != (b"outside")

"""Looking breached passwords up: in place, in ranges, and without trusting the data."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import breaches
from clisk_vault.breaches import (
    SortedFile,
    breach_digest,
    open_breaches,
    seen_in_range,
)
from clisk_vault.errors import FormatError, StoreError
from clisk_vault.keys import SecretText


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()


def _file(path: Path, words: list[str], *, end: str = "\n") -> Path:
    lines = sorted(f"{_digest(word)}:{count}" for count, word in enumerate(words, 1))
    path.write_text(end.join(lines) + end * bool(lines), newline="")
    return path


def test_a_digest_is_as_the_data_has_it() -> None:
    """The well-known one."""
    assert breach_digest(SecretText("password")) == (
        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 17, 200])
def test_each_line_is_found_and_nothing_else(
    tmp_path: Path, count: int, end: str
) -> None:
    """First, last, and all between; with either end of line."""
    words = [f"word {n}" for n in range(count)]
    source = SortedFile(_file(tmp_path / "sorted.txt", words, end=end))

    assert [source.seen(_digest(w)) for w in words] == list(range(1, count + 1))
    assert [source.seen(_digest(f"other {n}")) for n in range(50)] == [0] * 50
    assert source.seen("0" * 40) == source.seen("F" * 40) == 0


def test_a_file_without_a_last_line_feed_is_whole_too(tmp_path: Path) -> None:
    """As some tools write it."""
    path = _file(tmp_path / "sorted.txt", ["a", "b", "c"])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    assert [SortedFile(path).seen(_digest(w)) for w in "abc"] == [1, 2, 3]


def test_a_file_in_lower_case_is_searched_too(tmp_path: Path) -> None:
    """As some tools write it; the order is the same."""
    path = _file(tmp_path / "sorted.txt", [f"{n}" for n in range(50)])
    path.write_text(path.read_text().lower())

    found = [SortedFile(path).seen(_digest(f"{n}")) for n in range(50)]
    assert found == list(range(1, 51))


def test_a_large_file_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 lines a search looks at fewer than forty."""
    words = [str(number) for number in range(20_000)]
    source = SortedFile(_file(tmp_path / "sorted.txt", words))
    looked, line_from = list[int](), breaches._line_from

    def noted(file: BinaryIO, at: int) -> tuple[int, bytes]:
        looked.append(at)
        return line_from(file, at)

    monkeypatch.setattr(breaches, "_line_from", noted)

    assert source.seen(_digest("777")) == 778
    assert 0 < len(looked) < 40


@pytest.mark.parametrize(
    "content",
    [b"not hashes\n" * 50, b"\0" * 5000, b"A" * 39 + b":1\n", b"A" * 40 + b":x\n",
     b"A" * 40 + b"\n", b"A" * 4000],
)  # fmt: skip
def test_what_is_not_such_a_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """By name, so that nobody reads "not breached" out of the wrong file."""
    path = tmp_path / "wrong.txt"
    path.write_bytes(content)

    with pytest.raises(FormatError, match="sorted by hash"):
        open_breaches(path).seen(_digest("x"))


@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_a_folder_of_ranges(tmp_path: Path, suffix: str) -> None:
    """One file for each first five digits; a missing one is no answer."""
    digest = _digest("word")
    lines = [f"{_digest('other')[5:]}:3", f"{digest[5:]}:42"]
    (tmp_path / f"{digest[:5]}{suffix}").write_text("\r\n".join(lines))
    source = open_breaches(tmp_path)

    assert source.seen(digest) == 42
    with pytest.raises(StoreError, match="no range"):
        source.seen("0" * 40)


def test_padding_is_not_a_breach() -> None:
    """A service adds lines that count 0: taken for real they would cry wolf."""
    digest = _digest("mine")

    assert seen_in_range([f"{digest[5:]}:0"], digest) == 0
    assert seen_in_range([f"{digest[5:].lower()}:1 "], digest) == 1
    assert seen_in_range([], digest) == 0
    with pytest.raises(FormatError):
        seen_in_range(["<html>"], digest)


def test_there_must_be_something(tmp_path: Path) -> None:
    """A name that was mistyped is told."""
    with pytest.raises(StoreError, match="no such file or folder"):
        open_breaches(tmp_path / "missing")
    with pytest.raises(StoreError, match="name too long"):
        open_breaches(tmp_path / ("x" * 5000))


@given(st.sets(st.integers(0, 400), max_size=60), st.integers(0, 400))
def test_a_search_finds_what_is_there(numbers: set[int], wanted: int) -> None:
    """Binary search and a look at every line agree."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(number) for number in sorted(numbers)]
        source = SortedFile(_file(Path(folder) / "f", words))
        expected = words.index(str(wanted)) + 1 if wanted in numbers else 0
        assert source.seen(_digest(str(wanted))) == expected

"""Checkpoints: one spelling each."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError

ROOT = base64.b64encode(bytes(32)).decode()
LINES = st.text(
    st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1
)


@given(
    LINES,
    st.integers(0, (1 << 63) - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(LINES, max_size=2).map(tuple),
)
def test_every_checkpoint_is_read_back(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    """What is written is read as it was."""
    head = Checkpoint(origin, size, root, extensions)
    assert Checkpoint.parse(head.encode()) == head


@given(
    st.text(max_size=80)
    | st.builds(
        "{}\n{}\n{}\n{}".format,
        st.text(max_size=3),
        st.text(alphabet="0123456789 +-", max_size=4),
        st.just(ROOT) | st.text(alphabet="A=", max_size=44),
        st.text(alphabet="a\n", max_size=3),
    )
)
def test_text_parses_to_itself_or_is_refused(text: str) -> None:
    """Nothing but FormatError escapes, and accepted text is canonical."""
    try:
        head = Checkpoint.parse(text)
    except FormatError:
        return
    assert head.encode() == text


@pytest.mark.parametrize(
    "text",
    [
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n١\n{ROOT}\n",
        f"o\n9223372036854775808\n{ROOT}\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\r\n",
        f"\n1\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-2]}B=\n",
        "o\n1\nAAAA\n",
        "o\n1\n",
        "",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """Leading zeros, signs, other digits, other roots and extra lines are refused."""
    with pytest.raises(FormatError):
        Checkpoint.parse(text)

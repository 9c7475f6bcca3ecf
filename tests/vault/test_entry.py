"""protocol/item.md §2: which keys and values an author may write."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.entry import (
    MAX_SEEN,
    EntryKey,
    EntryValue,
    Role,
    check_entries,
    check_field,
    parse_key,
    parse_seen,
    write_seen,
)
from clisk_vault.errors import FormatError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId
from tests.vault.items import NOON, A, B, stamp

_FIELDS = st.from_regex(r"[a-z][a-z0-9_-]{0,9}(\.[a-z0-9_-]{1,9}){0,3}", fullmatch=True)


@given(field=_FIELDS, role=st.sampled_from(Role), ms=st.integers(0, 10**6))
def test_a_key_reads_back_as_written(field: str, role: Role, ms: int) -> None:
    """Writing a key and parsing it give the same parts."""
    key = EntryKey(field, role, stamp(ms=ms))

    assert parse_key(str(key)) == key


@given(text=st.one_of(st.text(max_size=90), _FIELDS.map(lambda f: f"{f}/{stamp()}")))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    """What is accepted is written back the same."""
    with suppress(FormatError):
        assert str(parse_key(text)) == text


@pytest.mark.parametrize("newline_at", ["title\n", "ti\ntle", "\ntitle"])
def test_a_field_with_a_line_break_is_refused(newline_at: str) -> None:
    """A pattern's `$` would let one through."""
    with pytest.raises(FormatError, match="not a field name"):
        check_field(newline_at)


def test_a_device_writes_in_no_other_name() -> None:
    """An entry stamped by another device than the author is refused."""
    entries: dict[str, EntryValue] = {f"title/{stamp(B)}": "x"}

    check_entries(entries, author=B)
    with pytest.raises(FormatError, match="not the author"):
        check_entries(entries, author=A)


@pytest.mark.parametrize(
    "field",
    ["password", "notes", "totp", "ssh.private_key", "passkey.0a1b2c3d.private_key"],
)
def test_a_secret_in_the_clear_is_refused(field: str) -> None:
    """A broken device cannot put a password where it is shown unasked."""
    with pytest.raises(FormatError, match="in the clear"):
        check_entries({f"{field}/{stamp()}": "hunter2"}, author=A)


def test_a_refusal_shows_no_value() -> None:
    """An error names the fault, never the value or the key that has it."""
    with pytest.raises(FormatError) as caught:
        check_entries({f"password/{stamp()}": "hunter2"}, author=A)

    assert "hunter2" not in str(caught.value)
    assert "password" not in str(caught.value)


def test_marks_read_back_as_written() -> None:
    """A list of stamps is sorted, whatever order it is handed over in."""
    stamps = [stamp(B, ms=2), stamp(A, ms=1)]

    assert parse_seen(write_seen(stamps)) == sorted(stamps)


def test_a_list_of_many_stamps_is_refused_unread() -> None:
    """The limit holds before any stamp is parsed."""
    devices = [DeviceId(at.to_bytes(16)) for at in range(MAX_SEEN + 1)]
    stamps = [Stamp(NOON, 0, device) for device in devices]

    assert len(parse_seen(write_seen(stamps[:-1]))) == MAX_SEEN
    with pytest.raises(FormatError, match="too long"):
        parse_seen(write_seen(stamps))

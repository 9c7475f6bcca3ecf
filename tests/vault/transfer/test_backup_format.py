"""The records of a backup against their published vectors, and to bytes and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import VaultError
from clisk_vault.transfer.backup_format import (
    BackupHead,
    encode_records,
    end_frame,
    parse_backup,
)
from tests.vectors import Vector, load_vectors, refusal

_CASES = load_vectors("backup")


@pytest.mark.parametrize("vector", _CASES, ids=str)
def test_each_vector_gives_its_result(vector: Vector) -> None:
    """The good ones are read, and written again to the same bytes."""
    data = vector.raw("backup")
    if vector.result != "ok":
        with pytest.raises(refusal(vector.result)):
            parse_backup(data)
        return

    records = parse_backup(data)

    head = records[0]
    assert isinstance(head, BackupHead)
    assert len(records) == vector["records"]
    assert (head.vault, head.time_ms) == (vector.raw("vault"), vector["time_ms"])
    frames = b"".join(encode_records(records))
    assert frames + end_frame(frames) == data


@given(data=st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    """Canonical or refused: no byte of a backup may be another one."""
    whole = next(each for each in _CASES if each.case == "whole").raw("backup")
    place = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = bytearray(whole)
    changed[place] ^= flip

    with pytest.raises(VaultError):
        parse_backup(bytes(changed))


@given(data=st.binary(max_size=64))
def test_noise_is_refused(data: bytes) -> None:
    """Bytes of nothing are refused by name."""
    with pytest.raises(VaultError):
        parse_backup(data)

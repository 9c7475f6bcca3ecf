"""Contents of entries: padding, sealing to a place, commitments and openings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cose
from clisk_vault.access_record import LogMark, encode_content
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.ids import DeviceId
from clisk_vault.keys import EpochSecret, LogEntryKey
from clisk_vault.labels import Label
from clisk_vault.log_entry import (
    EntryPlace,
    Opening,
    commit,
    derive_log_key,
    open_entry,
    pad,
    seal_entry,
    unpad,
)
from clisk_vault.log_leaf import LeafType
from tests.vault.test_access_record import CONTENTS

PLACE = EntryPlace("v/d/1", 3, LeafType.READ, 1)
KEY = derive_log_key(EpochSecret(bytes(32)), origin="v/d/1", epoch=1)
MARK = LogMark(DeviceId(bytes(16)), 7)


@given(st.binary(max_size=4094))
def test_padding_hides_the_length_in_buckets(content: bytes) -> None:
    """Padded text is whole buckets of 256 bytes and gives the content back."""
    padded = pad(content)
    assert unpad(padded) == content
    assert len(padded) % 256 == 0
    assert len(padded) - len(content) < 258


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\0",
        pad(b"x")[:-1],
        pad(b"x") + bytes(256),
        pad(b"x")[:-1] + b"\1",
        b"\1\0" + bytes(254),
        bytes(256 * 17),
        (4095).to_bytes(2) + bytes(256 * 17 - 2),
    ],
)
def test_other_paddings_are_refused(padded: bytes) -> None:
    """Short, long, or with something in the padding: none is a second spelling."""
    with pytest.raises(FormatError):
        unpad(padded)


@given(CONTENTS)
def test_an_entry_opens_to_what_was_sealed(content: object) -> None:
    """Sealing then opening gives the content, and the commitment holds."""
    sealed = seal_entry(KEY, content, place=PLACE)  # type: ignore[arg-type]
    opening = open_entry(KEY, sealed.ciphertext, place=PLACE)
    assert opening.check(sealed.commitment) == content


@pytest.mark.parametrize(
    "place",
    [
        EntryPlace("v/d/2", 3, LeafType.READ, 1),
        EntryPlace("v/d/1", 4, LeafType.READ, 1),
        EntryPlace("v/d/1", 3, LeafType.REFUSED, 1),
        EntryPlace("v/d/1", 3, LeafType.READ, 2),
    ],
)
def test_an_entry_moved_to_another_place_does_not_open(place: EntryPlace) -> None:
    """Log, number, type and epoch are all bound to the sealed content."""
    sealed = seal_entry(KEY, MARK, place=PLACE)
    with pytest.raises(TamperedError):
        open_entry(KEY, sealed.ciphertext, place=place)


@pytest.mark.parametrize(
    ("origin", "epoch", "secret"), [("v/d/2", 1, 0), ("v/d/1", 2, 0), ("v/d/1", 1, 1)]
)
def test_each_log_and_epoch_has_its_own_key(
    origin: str, epoch: int, secret: int
) -> None:
    """A key of another log, epoch or secret opens nothing."""
    other = derive_log_key(
        EpochSecret(bytes([secret] * 32)), origin=origin, epoch=epoch
    )
    sealed = seal_entry(KEY, MARK, place=PLACE)
    with pytest.raises(TamperedError):
        open_entry(other, sealed.ciphertext, place=PLACE)


def test_an_opening_of_something_else_is_refused() -> None:
    """Neither another key nor another text passes for what was committed to."""
    padded = pad(encode_content(MARK))
    key = LogEntryKey(bytes(32))
    commitment = commit(key, padded)

    assert Opening(key, padded).check(commitment) == MARK
    for lie in (
        Opening(LogEntryKey(bytes([1] * 32)), padded),
        Opening(key, pad(encode_content(LogMark(MARK.device, 8)))),
    ):
        with pytest.raises(TamperedError):
            lie.check(commitment)


def test_equal_entries_do_not_look_alike() -> None:
    """Two equal reads share neither commitment nor ciphertext: they are unlinkable."""
    one, two = (seal_entry(KEY, MARK, place=PLACE) for _ in range(2))
    assert one.commitment != two.commitment
    assert one.ciphertext != two.ciphertext


def test_the_key_of_an_entry_is_shown_only_when_it_is_handed_over() -> None:
    """An opening prints without its key; to_json gives it."""
    opening = Opening(LogEntryKey(bytes([7] * 32)), pad(b""))
    assert "0707" not in repr(opening)
    assert "07" * 8 not in str(opening)
    assert opening.to_json()["key"] == "07" * 32


def test_a_sealed_text_too_short_for_a_key_is_malformed() -> None:
    """Authentic bytes that hold no entry key are refused, not sliced."""
    short = cose.encrypt0(
        KEY, b"short", label=Label.LOG_PAYLOAD, context=PLACE.context()
    )
    with pytest.raises(FormatError):
        open_entry(KEY, short, place=PLACE)

"""protocol/item.md §7: a sealed value opens in its own place and nowhere else."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import pytest

import clisk_vault
from clisk_vault import cbor
from clisk_vault.entry import MAX_VALUE_BYTES
from clisk_vault.errors import FormatError, TamperedError, VaultError
from clisk_vault.field_seal import FieldPlace, open_field, seal_field, sealed_epoch
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.keys import EpochSecret, SecretText
from tests.vault.items import A, B, stamp

_EPOCHS = {1: EpochSecret(b"\x01" * 32), 2: EpochSecret(b"\x02" * 32)}
_VAULTS = [VaultId(bytes([at]) * 32) for at in (1, 2)]
_ITEMS = [ItemId(bytes([at]) * 16) for at in (1, 2)]
_FIELDS = ["password", "totp", "custom.0a1b2c3d.hidden"]
_STAMPS = [stamp(A), stamp(A, counter=1), stamp(B)]
_HOME = FieldPlace(_VAULTS[0], _ITEMS[0], "password", _STAMPS[0])


def _seal(place: FieldPlace = _HOME, *, epoch: int = 1, text: str = "hunter2") -> bytes:
    return seal_field(_EPOCHS[epoch], SecretText(text), epoch=epoch, place=place)


def _open(value: bytes, place: FieldPlace = _HOME) -> SecretText:
    return open_field(_EPOCHS.__getitem__, value, place=place)


@pytest.mark.parametrize("text", ["hunter2", "", "Größe 🔑\n", "x" * 40_000])
def test_open_undoes_seal(text: str) -> None:
    """In its own place a value comes back, under the epoch it names."""
    value = _seal(epoch=2, text=text)

    assert _open(value) == SecretText(text)
    assert sealed_epoch(value) == 2


def test_bw05_field_swapping_fails_for_every_pair() -> None:
    """No sealed value opens as another field, item, version or vault's."""
    places = [
        FieldPlace(vault, item, field, version)
        for vault, item, field, version in product(_VAULTS, _ITEMS, _FIELDS, _STAMPS)
    ]
    values = {place: _seal(place) for place in places}

    for here, there in permutations(places, 2):
        with pytest.raises(TamperedError):
            _open(values[there], here)


def test_a_value_does_not_open_under_another_epoch() -> None:
    """The epoch's number is bound too, even where two epochs had one secret."""
    epoch, sealed = cbor.expect_list(
        cbor.parse(_seal(), max_bytes=999), what="value", max_items=2
    )
    assert epoch == 1
    moved = cbor.encode([2, sealed])

    with pytest.raises(TamperedError):
        _open(moved)
    with pytest.raises(TamperedError):
        open_field(lambda _: _EPOCHS[1], moved, place=_HOME)


def test_a_value_is_sealed_anew_each_time() -> None:
    """Two seals of one text in one place have nothing in common."""
    assert _seal() != _seal()


def test_any_flipped_bit_is_refused() -> None:
    """Exhaustively: no bit of a sealed value can change."""
    value = _seal()

    for at, bit in product(range(len(value)), range(8)):
        changed = bytearray(value)
        changed[at] ^= 1 << bit
        with pytest.raises((FormatError, TamperedError, KeyError)):
            _open(bytes(changed))


def test_any_length_but_its_own_is_refused() -> None:
    """Cut short or longer, nothing opens."""
    value = _seal()

    for bad in (*(value[:at] for at in range(len(value))), value + b"\0"):
        with pytest.raises(VaultError):
            _open(bad)


def test_a_value_over_the_limit_is_refused_unread() -> None:
    """The reader's limit."""
    with pytest.raises(FormatError, match="at most"):
        sealed_epoch(bytes(MAX_VALUE_BYTES + 1))


def test_the_key_is_of_one_place() -> None:
    """Each of vault, item, field and version gives another key."""
    keys = [
        place.key(_EPOCHS[1]).expose()
        for place in (
            _HOME,
            replace(_HOME, vault=_VAULTS[1]),
            replace(_HOME, item=_ITEMS[1]),
            replace(_HOME, field="totp"),
            replace(_HOME, version=_STAMPS[1]),
        )
    ]

    assert len(set(keys)) == len(keys)


def test_only_reveal_opens_a_field() -> None:
    """There is one way to a plaintext: no other module so much as names it."""
    root = Path(clisk_vault.__file__).parents[1]
    naming = set()
    for package in ("clisk", "clisk_sync", "clisk_vault", "konnector_runner"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if "open_field" in {
                    getattr(node, "id", None),
                    getattr(node, "attr", None),
                    getattr(node, "name", None),
                }:
                    naming.add(path.name)

    assert naming == {"field_seal.py", "reveal.py"}

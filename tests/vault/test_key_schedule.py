"""protocol/key-schedule.md: derive, seal, wrap, stretch, device ids."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from argon2.low_level import hash_secret_raw
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor, passphrase
from clisk_vault.device import DevicePublic, enrol
from clisk_vault.errors import CostLimitError, FormatError, TamperedError
from clisk_vault.keys import EpochSecret, LocalKey, SecretText, UnlockKey
from clisk_vault.labels import Label
from clisk_vault.passphrase import Argon2Profile, CostLimits
from clisk_vault.primitives import (
    SEAL_OVERHEAD,
    SigningKey,
    derive,
    open_sealed,
    seal,
    sign,
    verify,
)
from clisk_vault.wrapping import WrappingKey, parse_wrap_public, unwrap, wrap
from tests.vectors import Vector, check_cddl, load_vectors, refusal

_PAGE = Path(__file__).parents[2] / "protocol" / "key-schedule.md"
_KEY = LocalKey(bytes(range(32)))


def _derive(case: Vector) -> None:
    label = Label(case["label"].encode())
    key = derive(LocalKey(case.raw("key")), label, case.raw("context"), LocalKey)
    assert key == LocalKey(case.raw("derived"))


def _seal(case: Vector) -> None:
    key, aad = LocalKey(case.raw("key")), case.raw("aad")
    assert open_sealed(key, case.raw("sealed"), aad=aad) == case.raw("plaintext")
    nonce = case.raw("nonce")
    again = seal(key, case.raw("plaintext"), aad=aad, random=lambda _: nonce)
    assert again == case.raw("sealed")


def _unwrap(case: Vector) -> None:
    key = WrappingKey(case.raw("key"))
    assert key.public() == case.raw("public")
    info, wrapped = case.raw("info"), case.raw("wrapped")
    secret = unwrap(key, wrapped, info=info, into=EpochSecret)
    assert secret == EpochSecret(case.raw("secret"))


def _passphrase(case: Vector) -> None:
    profile = Argon2Profile(case["memory_kib"], case["passes"], case["lanes"])
    text = SecretText(case["passphrase"])
    stretched = passphrase.stretch(text, case.raw("salt"), profile)
    assert stretched.expose() == case.raw("stretched")
    key = derive(stretched, Label.UNLOCK_KEY, b"", UnlockKey)
    assert key == UnlockKey(case.raw("unlock_key"))


def _device(case: Vector) -> None:
    value = cbor.parse(case.raw("keys"), max_bytes=2000)
    device = DevicePublic.from_value(value)
    assert device.id == case.raw("device_id")
    assert cbor.encode(device.to_value()) == case.raw("keys")


_RUNS = {
    "derive": _derive,
    "seal": _seal,
    "unwrap": _unwrap,
    "passphrase": _passphrase,
    "device": _device,
}


@pytest.mark.parametrize("case", load_vectors("key-schedule"), ids=str)
def test_key_schedule_vector(case: Vector) -> None:
    """Each published vector gives the published result."""
    run = _RUNS[case["kind"]]
    if case.result == "ok":
        run(case)
        return
    with pytest.raises(refusal(case.result)):
        run(case)


def test_the_page_lists_every_label_and_no_other() -> None:
    """protocol/key-schedule.md §3 and labels.py are one table."""
    table = _PAGE.read_text().split("## 3. Labels")[1].split("## 4.")[0]
    listed: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        names = re.findall(r"`([^`]+)`", row)
        stem = names[0].rsplit("-", 1)[0]
        listed |= {stem + name if name.startswith("-") else name for name in names}

    assert listed == {label.value.decode() for label in Label}


def test_no_label_holds_the_byte_that_ends_it() -> None:
    """The zero byte between label and context keeps derivations apart."""
    assert not any(b"\0" in label.value for label in Label)


@given(st.binary(max_size=200), st.binary(max_size=40), st.data())
def test_any_changed_bit_of_a_sealed_text_is_refused(
    plaintext: bytes, aad: bytes, data: st.DataObject
) -> None:
    """Open undoes seal, and nothing else opens."""
    sealed = seal(_KEY, plaintext, aad=aad)
    assert open_sealed(_KEY, sealed, aad=aad) == plaintext
    assert len(sealed) == len(plaintext) + SEAL_OVERHEAD

    raw = bytearray(sealed)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(TamperedError):
        open_sealed(_KEY, bytes(raw), aad=aad)


def test_two_seals_of_one_text_share_nothing() -> None:
    """The nonce is fresh each time, so equal secrets do not look equal."""
    first, second = (seal(_KEY, b"same", aad=b"") for _ in range(2))

    assert first[:24] != second[:24]
    assert first[24:] != second[24:]


def test_a_wrapped_secret_is_for_one_device_and_one_use() -> None:
    """Another device, or other info, cannot unwrap; base mode needs no sender."""
    mine, other = WrappingKey.generate(), WrappingKey.generate()
    secret = EpochSecret(bytes(range(32)))
    wrapped = wrap(mine.public(), secret, info=b"use")

    assert unwrap(mine, wrapped, info=b"use", into=EpochSecret) == secret
    for key, info in ((other, b"use"), (mine, b"other")):
        with pytest.raises(TamperedError):
            unwrap(key, wrapped, info=info, into=EpochSecret)


def test_there_is_no_classical_fallback() -> None:
    """A bare X25519 key is not a wrapping key."""
    with pytest.raises(FormatError):
        parse_wrap_public(bytes(32))


def test_a_signature_is_over_the_message_and_by_the_key() -> None:
    """Another message or key is refused."""
    key = SigningKey.generate()
    signature = sign(key, b"message")

    verify(key.public(), b"message", signature)
    for public, message in (
        (key.public(), b"massage"),
        (SigningKey.generate().public(), b"message"),
    ):
        with pytest.raises(TamperedError):
            verify(public, message, signature)


@pytest.mark.parametrize(
    "profile", [Argon2Profile(8, 1, 1), Argon2Profile(1 << 24, 3, 1)]
)
def test_bw07_a_file_cannot_choose_a_cheap_or_ruinous_profile(
    profile: Argon2Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile outside the reader's limits is refused before Argon2 runs."""
    runs: list[object] = []
    monkeypatch.setattr(passphrase, "hash_secret_raw", runs.append)

    with pytest.raises(CostLimitError):
        passphrase.stretch(SecretText("x"), bytes(16), profile)
    assert not runs


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 256])
def test_dl06_argon2_runs_for_a_passphrase_of_any_length(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No length takes a shortcut around the key derivation."""
    cheap = Argon2Profile(memory_kib=8, passes=1, lanes=1)
    runs: list[object] = []

    def counted(*args: object, **kwargs: object) -> bytes:
        runs.append(args)
        return hash_secret_raw(*args, **kwargs)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(passphrase, "hash_secret_raw", counted)

    limits = CostLimits(floor=cheap, ceiling=cheap)
    passphrase.stretch(SecretText("x" * length), bytes(16), cheap, limits=limits)

    assert len(runs) == 1


def test_a_device_id_cannot_be_claimed_for_other_keys() -> None:
    """The id depends on each of the four public keys."""
    (mine, _), (other, _) = enrol(), enrol()
    mixed = [
        replace(mine.public, **{name: getattr(other.public, name)})
        for name in ("signing", "wrapping", "log", "cosign")
    ]

    assert all(device.id != mine.public.id for device in mixed)


def test_device_keys_are_what_the_cddl_describes() -> None:
    """The published schema accepts the published good case."""
    [good] = load_vectors("key-schedule", where=lambda v: v.case == "device_good")
    check_cddl(good.raw("keys"), page="key-schedule", rule="device-keys")

"""protocol/vault-file.md: headers, device secrets, sealed rows."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor
from clisk_vault.device import enrol
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    FormatError,
    PassphraseError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.ids import DeviceId, ItemId, VaultId
from clisk_vault.keys import SecretText, StorageKey, UnlockKey
from clisk_vault.local_seal import TableSeal
from clisk_vault.overview import ItemOverview, _to_value
from clisk_vault.passphrase import Argon2Profile, CostLimits
from clisk_vault.vault_file import (
    KeyringSecret,
    VaultHeader,
    encode_header,
    new_header,
    open_secrets,
    parse_header,
    seal_secrets,
    unlock_key,
)
from tests.vault.made import CHEAP
from tests.vectors import Vector, check_cddl, load_vectors, refusal


def _limits(case: Vector) -> CostLimits:
    return CostLimits(
        Argon2Profile(*case["limits"]["floor"]),
        Argon2Profile(*case["limits"]["ceiling"]),
    )


def _header(case: Vector) -> None:
    header = parse_header(case.raw("header"))
    _limits(case).check(header.profile)
    assert encode_header(header) == case.raw("header")
    check_cddl(case.raw("header"), page="vault-file", rule="header")


def _secrets(case: Vector) -> None:
    header = parse_header(case.raw("header"))
    keyring = KeyringSecret(case.raw("keyring")) if case["keyring"] else None
    key = unlock_key(
        header, SecretText(case["passphrase"]), keyring, limits=_limits(case)
    )
    secrets = open_secrets(key, header, case.raw("sealed"))
    assert key == UnlockKey(case.raw("unlock_key"))
    again = open_secrets(key, header, seal_secrets(key, header, secrets))
    assert again.storage == secrets.storage
    assert cbor.parse(case.raw("secrets"), max_bytes=4096) == {
        1: secrets.signing.expose(),
        2: secrets.wrapping.expose(),
        3: secrets.storage.expose(),
        4: secrets.public.to_value(),
        5: secrets.cosign.expose(),
    }
    check_cddl(case.raw("secrets"), page="vault-file", rule="device-secrets")


def _row(case: Vector) -> None:
    seal = TableSeal(
        StorageKey(case.raw("storage_key")), VaultId(case.raw("vault")), case["table"]
    )
    assert seal.open(case.raw("row"), case.raw("sealed")) == case.raw("plaintext")


@pytest.mark.parametrize("case", load_vectors("vault-file"), ids=str)
def test_vault_file_vector(case: Vector) -> None:
    """Each published vector gives the published result."""
    run = {"header": _header, "secrets": _secrets, "row": _row}[case["kind"]]
    if case.result == "ok":
        run(case)
        return

    with pytest.raises(refusal(case.result)):
        run(case)


def _headers() -> st.SearchStrategy[VaultHeader]:
    numbers = st.integers(0, 0xFFFFFFFF)
    return st.builds(
        VaultHeader,
        vault_id=st.binary(min_size=32, max_size=32).map(VaultId),
        device_id=st.binary(min_size=16, max_size=16).map(DeviceId),
        profile=st.builds(
            Argon2Profile, memory_kib=numbers, passes=numbers, lanes=numbers
        ),
        salt=st.binary(min_size=16, max_size=16),
        keyring=st.booleans(),
    )


@given(_headers())
def test_a_header_is_read_back_as_written(header: VaultHeader) -> None:
    """Parsing inverts encoding."""
    assert parse_header(encode_header(header)) == header


@given(_headers(), st.data())
def test_header_bytes_are_canonical_or_refused(
    header: VaultHeader, data: st.DataObject
) -> None:
    """Bytes parse to what spells them, or raise a named error."""
    raw = bytearray(encode_header(header))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    try:
        parsed = parse_header(bytes(raw))
    except (FormatError, UnsupportedError):
        return

    assert encode_header(parsed) == bytes(raw)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_header_or_refused(raw: bytes) -> None:
    """Junk raises a named error and nothing else."""
    with pytest.raises((FormatError, UnsupportedError)):
        parse_header(raw)


def test_every_byte_of_the_header_is_authenticated() -> None:
    """Whatever is changed in a header that still parses, the secrets do not open."""
    secrets, _ = enrol()
    header = new_header(secrets, VaultId(os.urandom(32)), CHEAP, keyring=False)
    key = UnlockKey(os.urandom(32))
    sealed, raw = seal_secrets(key, header, secrets), encode_header(header)
    tried = 0
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            other = parse_header(changed)
        except (FormatError, UnsupportedError):
            continue
        tried += 1
        with pytest.raises(TamperedError):
            open_secrets(key, other, sealed)

    assert tried > 32 + 16 + 16


@given(st.integers(0), st.integers(0, 7))
def test_no_bit_of_the_sealed_secrets_can_be_changed(at: int, bit: int) -> None:
    """Any flipped bit is refused."""
    _, header, key, sealed = _SEALED
    spoilt = bytearray(sealed)
    spoilt[at % len(spoilt)] ^= 1 << bit

    with pytest.raises((FormatError, PassphraseError, TamperedError)):
        open_secrets(key, header, bytes(spoilt))


def _sealed() -> tuple[object, VaultHeader, UnlockKey, bytes]:
    secrets, _ = enrol()
    header = new_header(secrets, VaultId(bytes(32)), CHEAP, keyring=False)
    key = UnlockKey(bytes(32))
    return secrets, header, key, seal_secrets(key, header, secrets)


_SEALED = _sealed()


def test_limits_come_before_the_keyring() -> None:
    """A header that asks for too little is refused whatever else is wrong."""
    _, header, _, _ = _SEALED

    with pytest.raises(CostLimitError):
        unlock_key(header, SecretText("x"), KeyringSecret(bytes(32)))


def test_a_keyring_secret_that_no_header_asks_for_is_refused() -> None:
    """A flag switched off in the file does not quietly drop the keyring."""
    _, header, _, _ = _SEALED

    with pytest.raises(CallerError):
        unlock_key(
            header,
            SecretText("x"),
            KeyringSecret(bytes(32)),
            limits=CostLimits(CHEAP, CHEAP),
        )


def test_a_header_shows_no_secret() -> None:
    """What is printed of a header and of device secrets holds no key."""
    secrets, header, _, _ = _SEALED

    assert "redacted" in repr(secrets)
    assert "redacted" not in repr(header)


def test_the_overview_is_what_its_cddl_says() -> None:
    """Pages are read by this device only, and still have one published shape."""
    entry = ItemOverview(
        item=ItemId(b"i" * 16),
        type="login",
        title="Bank",
        username="alice",
        uris=("https://bank.example",),
        tags=("money",),
        folder="Work",
        favourite=True,
        trashed=False,
        conflict=True,
        changed_ms=1_700_000_000_000,
    )

    for each in (entry, entry._replace(expires_ms=1_800_000_000_000)):
        check_cddl(
            cbor.encode({bytes(each.item): _to_value(each)}),
            page="vault-file",
            rule="overview-page",
        )

"""The header of a vault file and the device secrets behind it.

Implements protocol/vault-file.md §2. Everything in the header is associated
data of the sealed device secrets; what a reader is willing to run is the
reader's own choice. Knows nothing of items.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clisk_vault import cbor, cose
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.errors import (
    CallerError,
    FormatError,
    PassphraseError,
    TamperedError,
    UnsupportedError,
    WrongKeyError,
)
from clisk_vault.ids import DEVICE_ID_LENGTH, VAULT_ID_LENGTH, DeviceId, VaultId
from clisk_vault.keys import SecretBytes, SecretText, StorageKey, UnlockKey
from clisk_vault.labels import Label
from clisk_vault.passphrase import (
    LIMITS,
    SALT_BYTES,
    Argon2Profile,
    CostLimits,
    stretch,
)
from clisk_vault.primitives import Random, SigningKey, derive
from clisk_vault.wrapping import WrappingKey

FORMAT = 1
SUITE = 1
MAX_HEADER_BYTES = 256
MAX_SEALED_BYTES = 4096

_FORMAT, _SUITE, _VAULT, _DEVICE, _ARGON2, _SALT, _KEYRING = range(1, 8)
_SIGNING, _WRAPPING, _STORAGE, _PUBLIC, _COSIGN = range(1, 6)


class KeyringSecret(SecretBytes):
    """The 32 random bytes that the operating system's keyring holds, where chosen."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class VaultHeader:
    """What a locked vault says of itself; believed only once it has opened."""

    vault_id: VaultId
    device_id: DeviceId
    profile: Argon2Profile
    salt: bytes
    keyring: bool


def encode_header(header: VaultHeader) -> bytes:
    """Return the one encoding of *header* (protocol/vault-file.md §2.1)."""
    profile = header.profile
    return cbor.encode(
        {
            _FORMAT: FORMAT,
            _SUITE: SUITE,
            _VAULT: header.vault_id,
            _DEVICE: header.device_id,
            _ARGON2: [profile.memory_kib, profile.passes, profile.lanes],
            _SALT: header.salt,
            _KEYRING: header.keyring,
        }
    )


def parse_header(data: bytes) -> VaultHeader:
    """Return the header that *data* spells.

    Raises:
        UnsupportedError: a format or suite that this program does not know.
        FormatError: not a header, or not its one spelling.

    Spec: protocol/vault-file.md §2.1. Vectors: vault-file/.
    """
    what = "vault header"
    value = cbor.parse(data, max_bytes=MAX_HEADER_BYTES, what=what)
    _check_versions(value)
    fields = cbor.expect_map(
        value,
        {
            _FORMAT: int,
            _SUITE: int,
            _VAULT: bytes,
            _DEVICE: bytes,
            _ARGON2: list,
            _SALT: bytes,
            _KEYRING: bool,
        },
        what=what,
    )
    vault_id = cbor.expect_bytes(fields[_VAULT], length=VAULT_ID_LENGTH, what=what)
    device_id = cbor.expect_bytes(fields[_DEVICE], length=DEVICE_ID_LENGTH, what=what)
    return VaultHeader(
        VaultId(vault_id),
        DeviceId(device_id),
        _parse_profile(fields[_ARGON2]),
        cbor.expect_bytes(fields[_SALT], length=SALT_BYTES, what=f"{what}: salt"),
        keyring=fields[_KEYRING] is True,
    )


def _check_versions(value: cbor.Value) -> None:
    # Before the shape: another format may have other keys, and deserves its name.
    versions = value if isinstance(value, dict) else {}
    for key, known, name in ((_FORMAT, FORMAT, "format"), (_SUITE, SUITE, "suite")):
        number = versions.get(key)  # type: ignore[call-overload]  # keys of any kind
        if type(number) is not int:
            raise FormatError(f"vault header: no {name} number")
        if number != known:
            raise UnsupportedError(f"vault header: {name} {number} is not known")


def _parse_profile(value: cbor.Value) -> Argon2Profile:
    what = "vault header: Argon2 profile"
    numbers = cbor.expect_list(value, what=what, max_items=3)
    if len(numbers) != 3:
        raise FormatError(f"{what}: not three numbers")
    memory, passes, lanes = (
        cbor.expect_uint(number, what=what, at_most=0xFFFFFFFF) for number in numbers
    )
    return Argon2Profile(memory, passes, lanes)


def new_header(
    secrets: DeviceSecrets,
    vault_id: VaultId,
    profile: Argon2Profile,
    *,
    keyring: bool,
    random: Random = os.urandom,
) -> VaultHeader:
    """Return a header with a fresh salt."""
    salt = random(SALT_BYTES)
    return VaultHeader(vault_id, secrets.public.id, profile, salt, keyring)


def unlock_key(
    header: VaultHeader,
    passphrase: SecretText,
    keyring: KeyringSecret | None = None,
    *,
    limits: CostLimits = LIMITS,
) -> UnlockKey:
    """Return the key that *passphrase* makes under the header; slow on purpose.

    Raises:
        CostLimitError: the header's profile is outside *limits*; nothing was run.
        CallerError: a keyring secret is missing, or given where none is used.
    """
    # The reader's bounds come first: neither a keyring prompt nor one pass of
    # Argon2 happens for a header that asks for too little or too much.
    limits.check(header.profile)
    if header.keyring is not (keyring is not None):
        raise CallerError(
            "vault header: keyring secret "
            + ("needed" if header.keyring else "given, but none is in use"),
            advice="this vault's keyring setting and the keyring do not agree",
        )
    stretched = stretch(passphrase, header.salt, header.profile, limits=limits)
    context = b"" if keyring is None else keyring.expose()
    return derive(stretched, Label.UNLOCK_KEY, context, UnlockKey)


def seal_secrets(
    key: UnlockKey,
    header: VaultHeader,
    secrets: DeviceSecrets,
    *,
    random: Random = os.urandom,
) -> bytes:
    """Return *secrets* sealed under *key*, bound to every byte of *header*."""
    plaintext = cbor.encode(
        {
            _SIGNING: secrets.signing.expose(),
            _WRAPPING: secrets.wrapping.expose(),
            _STORAGE: secrets.storage.expose(),
            _PUBLIC: secrets.public.to_value(),
            _COSIGN: secrets.cosign.expose(),
        }
    )
    return cose.encrypt0(
        key,
        plaintext,
        label=Label.DEVICE_SECRETS,
        context=encode_header(header),
        random=random,
    )


def open_secrets(key: UnlockKey, header: VaultHeader, sealed: bytes) -> DeviceSecrets:
    """Return the device secrets that *sealed* holds.

    Raises:
        PassphraseError: *key* is not the one it was sealed under.
        TamperedError: the header or the sealed bytes were changed.
        FormatError: not device secrets, or keys that do not belong together.
    """
    try:
        plaintext = cose.decrypt0(
            key,
            sealed,
            label=Label.DEVICE_SECRETS,
            context=encode_header(header),
            max_bytes=MAX_SEALED_BYTES,
        )
    except WrongKeyError:
        raise PassphraseError from None
    except TamperedError as err:
        raise TamperedError("vault header or device secrets: changed on disk") from err
    secrets = _parse_secrets(plaintext)
    if secrets.public.id != header.device_id:
        raise TamperedError("vault header: names another device than its secrets")
    return secrets


def _parse_secrets(plaintext: bytes) -> DeviceSecrets:
    what = "device secrets"
    fields = cbor.expect_map(
        cbor.parse(plaintext, max_bytes=MAX_SEALED_BYTES, what=what),
        {
            _SIGNING: bytes,
            _WRAPPING: bytes,
            _STORAGE: bytes,
            _PUBLIC: dict,
            _COSIGN: bytes,
        },
        what=what,
    )
    signing, wrapping, storage, cosign = (
        cbor.expect_bytes(fields[at], length=kind.LENGTH, what=what)
        for at, kind in (
            (_SIGNING, SigningKey),
            (_WRAPPING, WrappingKey),
            (_STORAGE, StorageKey),
            (_COSIGN, SigningKey),
        )
    )
    secrets = DeviceSecrets(
        SigningKey(signing),
        WrappingKey(wrapping),
        StorageKey(storage),
        SigningKey(cosign),
        DevicePublic.from_value(fields[_PUBLIC]),
    )
    halves = (
        secrets.signing.public(),
        secrets.wrapping.public(),
        secrets.cosign.public(),
    )
    public = secrets.public
    if halves != (public.signing, public.wrapping, public.cosign):
        raise FormatError(f"{what}: private and public keys do not belong together")
    return secrets

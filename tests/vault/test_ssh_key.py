"""SSH keys: what is signed, and what is refused. OpenSSH's view: test_ssh_agent."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import CallerError, FormatError
from clisk_vault.keys import SecretText
from clisk_vault.ssh_key import parse_public, sign

_Key = (
    ed25519.Ed25519PrivateKey
    | ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
)


def _private(key: _Key, passphrase: bytes | None = None) -> SecretText:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        how = serialization.BestAvailableEncryption(passphrase)
    pkcs8 = serialization.PrivateFormat.PKCS8
    return SecretText(
        key.private_bytes(serialization.Encoding.PEM, pkcs8, how).decode()
    )


def _public(key: _Key) -> bytes:
    openssh = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return parse_public(key.public_key().public_bytes(*openssh).decode())


_ED = ed25519.Ed25519PrivateKey.generate()
_RSA = rsa.generate_private_key(65537, 2048)


def test_another_public_key_is_not_signed_for() -> None:
    """Attack: an item shows the public key of a key that it does not hold."""
    with pytest.raises(FormatError, match="not that of its private key"):
        sign(_private(_ED), None, public=_public(_RSA), data=b"", flags=4)


@pytest.mark.parametrize("flags", [0, 1, 6, 8])
def test_rsa_with_sha1_is_not_signed(flags: int) -> None:
    """Attack: a server that only knows ssh-rsa gets a signature that can be forged."""
    with pytest.raises(CallerError, match="SHA-1"):
        sign(_private(_RSA), None, public=_public(_RSA), data=b"x", flags=flags)


def test_flags_are_for_rsa_alone() -> None:
    """What a flag would mean for another key is not guessed."""
    with pytest.raises(CallerError):
        sign(_private(_ED), None, public=_public(_ED), data=b"x", flags=2)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - weak is the point
        ec.generate_private_key(ec.SECP256K1()),
    ],
)
def test_a_weak_or_unknown_key_is_refused(key: _Key) -> None:
    """A key that nobody should use is not used."""
    with pytest.raises(FormatError):
        sign(_private(key), None, public=b"", data=b"x", flags=2)


def test_a_passphrase_of_the_key_opens_it_and_another_does_not() -> None:
    """The field ssh.passphrase; its absence and its error look alike."""
    sealed = _private(_ED, b"inner")

    assert sign(sealed, SecretText("inner"), public=_public(_ED), data=b"x", flags=0)
    for wrong in (None, SecretText("outer")):
        with pytest.raises(FormatError, match="cannot be read"):
            sign(sealed, wrong, public=_public(_ED), data=b"x", flags=0)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----",
    ],
)
def test_a_broken_private_key_is_not_quoted(text: str) -> None:
    """The refusal holds nothing of what may be half a key."""
    with pytest.raises(FormatError) as refused:
        sign(SecretText(text), None, public=b"", data=b"", flags=0)

    assert refused.value.__cause__ is None
    assert "AAAA" not in str(refused.value) + refused.value.advice


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5",
        "a b" * 9999,
    ],
)
def test_a_public_key_that_is_none_is_refused(line: str) -> None:
    """Cut short, not base64, of another kind, too long."""
    with pytest.raises(FormatError):
        parse_public(line)


@given(st.text(max_size=80) | st.text(max_size=60).map("ssh-ed25519 ".__add__))
def test_any_text_is_a_public_key_or_a_format_error(line: str) -> None:
    """Nothing else is raised."""
    with suppress(FormatError):
        assert parse_public(line)

"""Secrets never print, pickle, copy or hash themselves."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from clisk_vault.errors import FormatError, VaultError
from clisk_vault.ids import parse_hex
from clisk_vault.keys import EpochSecret, SecretBytes, SecretText, StorageKey

_SECRETS: list[SecretBytes | SecretText] = [
    EpochSecret(b"planted-secret-planted-secret-32"),
    SecretText("planted-secret"),
]


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_never_prints_itself(secret: SecretBytes | SecretText) -> None:
    """Neither repr, str, format nor %-formatting shows it."""
    for shown in (
        repr(secret),
        str(secret),
        f"{secret:>5}",
        "{} {!r}".format(*[secret] * 2),
    ):
        assert "planted" not in shown
        assert "redacted" in shown


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_is_not_in_a_traceback(secret: SecretBytes | SecretText) -> None:
    """A failure that holds one prints its type only."""
    try:
        raise VaultError(f"failed with {secret}")
    except VaultError as err:
        shown = "".join(
            traceback.TracebackException.from_exception(
                err, capture_locals=True
            ).format()
        )
    assert "planted" not in shown


@pytest.mark.parametrize("secret", _SECRETS)
def test_a_secret_is_never_pickled_copied_or_hashed(
    secret: SecretBytes | SecretText,
) -> None:
    """Each way to multiply it is refused."""
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, hash):
        with pytest.raises(TypeError):
            attempt(secret)


def test_keys_of_two_kinds_are_never_equal() -> None:
    """Equal bytes in another type are another key."""
    assert EpochSecret(bytes(32)) == EpochSecret(bytes(32))
    assert EpochSecret(bytes(32)) != StorageKey(bytes(32))


def test_a_key_of_the_wrong_length_says_so_without_showing_it() -> None:
    """The message holds lengths only."""
    with pytest.raises(ValueError, match="must be 32 bytes, got 7") as caught:
        EpochSecret(b"planted")
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "AB" * 16, "ab" * 15, "zz" * 16, " " + "ab" * 16])
def test_an_id_has_one_spelling(text: str) -> None:
    """Only lower-case hex of the right length is an id."""
    assert parse_hex("ab" * 16, length=16, what="id") == b"\xab" * 16
    with pytest.raises(FormatError):
        parse_hex(text, length=16, what="id")

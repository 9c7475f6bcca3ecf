"""A recovery secret as words, and a vault id as printed: protocol/recovery.md §3.

The home of mnemonic. No error repeats what was typed: it may be the secret.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from mnemonic import Mnemonic

from clisk_sync.errors import KitError
from clisk_vault.ids import VAULT_ID_LENGTH, VaultId
from clisk_vault.keys import RecoverySecret
from clisk_vault.primitives import sha256

WORDS: Final = 24
_PREFIX: Final = 4
_GROUP: Final = 4
_CHECK_BYTES: Final = 2


@cache
def _list() -> Mnemonic:
    return Mnemonic("english")


@cache
def _by_prefix() -> dict[str, str]:
    """Return the list by the first four letters, which no two words share."""
    return {word[:_PREFIX]: word for word in _list().wordlist}


def secret_words(secret: RecoverySecret) -> list[str]:
    """Return the 24 words of *secret*; they are the secret."""
    return _list().to_mnemonic(secret.expose()).split()


def parse_words(text: str) -> RecoverySecret:
    """Return the secret that the words in *text* spell.

    Case and white space are free; four letters of a word are enough.

    Raises:
        KitError: not 24 words, one that is not on the list, or a wrong checksum.
    """
    typed = text.casefold().split()
    if len(typed) != WORDS:
        raise KitError(f"recovery words: {len(typed)} words, {WORDS} are needed")
    words = [_word(place, word) for place, word in enumerate(typed, start=1)]
    try:
        raw = _list().to_entropy(words)
    except ValueError:
        # From None: the cause says the words.
        raise KitError(
            "recovery words: the checksum does not fit",
            advice="one word is another than on the paper, or two changed places:"
            " compare each",
        ) from None
    return RecoverySecret(bytes(raw))


def check_line(text: str, *, first: int) -> str:
    """Return the words of one line as they stand on the list.

    *first* is the place of the first one, for the error.

    Raises:
        KitError: a word that is not on the list.
    """
    typed = text.casefold().split()
    return " ".join(_word(place, word) for place, word in enumerate(typed, start=first))


def _word(place: int, typed: str) -> str:
    word = _by_prefix().get(typed[:_PREFIX])
    if word is None or not word.startswith(typed):
        raise KitError(
            f"recovery words: word {place} is not on the list",
            advice="read it again; the first four letters are enough",
        )
    return word


def print_vault_id(vault: VaultId) -> str:
    """Return the vault id in groups of four, the last of which is a check."""
    digits = (vault + sha256(vault)[:_CHECK_BYTES]).hex()
    return " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))


def parse_printed_vault_id(text: str) -> VaultId:
    """Return the vault id that print_vault_id() printed.

    Raises:
        KitError: another length, other characters, or a check that does not fit.
    """
    digits = "".join(text.casefold().split()).replace("-", "")
    wanted = 2 * (VAULT_ID_LENGTH + _CHECK_BYTES)
    if len(digits) != wanted or set(digits) - set("0123456789abcdef"):
        raise KitError(
            "vault number: not 17 groups of four digits 0 to 9 and letters a to f",
            advice="copy it whole from the page, with its last group",
        )
    raw = bytes.fromhex(digits)
    vault, check = raw[:VAULT_ID_LENGTH], raw[VAULT_ID_LENGTH:]
    if sha256(vault)[:_CHECK_BYTES] != check:
        raise KitError(
            "vault number: its last group does not fit",
            advice="compare each group with the page",
        )
    return VaultId(vault)

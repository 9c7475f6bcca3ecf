"""Where secrets come in: a terminal or a file descriptor.

Never an argument, which every process may read, and never the environment,
which every child inherits.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from clisk import output
from clisk.errors import InputError, NoTerminalError
from clisk_vault.keys import SecretText

_MAX_BYTES = 64 * 1024
_NO_TERMINAL = "there is no terminal to ask on"
_DESCRIPTOR = "pass it through a descriptor; see the options in --help"


def read_secret(descriptor: int) -> SecretText:
    """Return all of what *descriptor* gives, without one line feed at its end.

    Raises:
        InputError: it is not open, empty, too long, or not UTF-8 text.
    """
    raw = bytearray()
    try:
        while len(raw) <= _MAX_BYTES and (part := os.read(descriptor, _MAX_BYTES)):
            raw += part
    except OSError as err:
        raise InputError(
            f"descriptor {descriptor} cannot be read: {err.strerror}",
            advice="give an open one, such as 0: printf %s SECRET | clisk ...",
        ) from err
    if len(raw) > _MAX_BYTES:
        raise InputError(
            f"descriptor {descriptor}: more than {_MAX_BYTES} bytes",
            advice="give the secret alone, not a whole file",
        )
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError:
        # From None: the cause carries the bytes.
        raise InputError(
            f"descriptor {descriptor}: not UTF-8 text",
            advice="save what is read there as UTF-8",
        ) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise InputError(
            f"descriptor {descriptor} gave nothing",
            advice="write the secret to it, or leave the option out to be asked",
        )
    return SecretText(text)


def ask_secret(prompt: str, *, twice: bool = False) -> SecretText:
    """Return what a person types on the terminal, unseen.

    *twice* is for a secret that is chosen here and now: where it is easily guessed
    they are told so, and decide.

    Raises:
        InputError: no terminal, nothing typed, or two different answers.
    """
    typed = _ask(f"{prompt}: ")
    if not typed:
        raise InputError("nothing was typed", advice="try again")
    if twice:
        _warn_if_weak(SecretText(typed))
    if twice and _ask("the same once more: ") != typed:
        raise InputError("the two are not the same", advice="try again")
    return SecretText(typed)


def ask_optional_secret(prompt: str) -> SecretText | None:
    """Return what a person types, unseen, or None for an empty line."""
    typed = _ask(f"{prompt}: ")
    return SecretText(typed) if typed else None


def ask_line(prompt: str, *, advice: str = _DESCRIPTOR) -> str:
    """Return a line that a person types on the terminal, seen.

    Raises:
        InputError: there is no terminal; *advice* says how to do without.
    """
    try:
        # Opened twice: a terminal cannot seek, which one file for both would need.
        with (
            Path("/dev/tty").open("w", encoding="utf-8") as screen,
            Path("/dev/tty").open(encoding="utf-8") as keyboard,
        ):
            screen.write(prompt)
            screen.flush()
            return keyboard.readline().strip()
    except OSError:
        raise NoTerminalError(_NO_TERMINAL, advice=advice) from None


def _warn_if_weak(chosen: SecretText) -> None:
    # Late: the tables of words are large, and most commands choose no secret.
    from clisk_vault.strength import STRONG, estimate

    strength = estimate(chosen)
    if strength.score < STRONG:
        output.say(
            f"whoever has the file guesses that in about"
            f" 10^{strength.guesses_log10:.0f} tries; Ctrl-C to think again, and"
            " for a better one: clisk generate passphrase"
        )


def _ask(prompt: str) -> str:
    try:
        # getpass would fall back to standard input, with echo.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return getpass.getpass(prompt)
    except EOFError:
        raise InputError("nothing was typed", advice="try again") from None
    except OSError:
        raise NoTerminalError(_NO_TERMINAL, advice=_DESCRIPTOR) from None

"""Asks a person by SSH_ASKPASS, as OpenSSH does, or on the terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from clisk.errors import CliskError, InputError
from clisk.passphrase_input import ask_line, ask_secret
from clisk_vault.keys import SecretText

_ADVICE = "set SSH_ASKPASS to a program that asks, or sign without asking: --allow"


def asker() -> Callable[[str], bool]:
    """Return what asks a person yes or no, by the first way that there is.

    Raises:
        InputError: there is neither a program for it nor a terminal.
    """
    program = os.environ.get("SSH_ASKPASS")
    if program:
        return lambda question: _by_program(program, question)
    try:
        Path("/dev/tty").open("rb").close()
    except OSError:
        raise InputError("there is nobody to be asked here", advice=_ADVICE) from None
    return lambda question: (
        ask_line(f"{question} [y/N] ", advice=_ADVICE).lower() in ("y", "yes")
    )


def ask_passphrase(question: str) -> SecretText:
    """Return the passphrase that a person types, unseen.

    Raises:
        InputError: there is nobody to be asked, or nothing was typed.
    """
    program = os.environ.get("SSH_ASKPASS")
    if not program:
        return ask_secret(question)
    done = _run([program, f"{question}: "], dict(os.environ))
    typed = done.stdout.removesuffix(b"\n").removesuffix(b"\r")
    if done.returncode != 0 or not typed:
        raise InputError("the passphrase was not typed", advice="ask again")
    try:
        return SecretText(typed.decode())
    except UnicodeDecodeError:
        # From None: the cause carries the bytes.
        raise InputError(
            "what SSH_ASKPASS wrote is not UTF-8 text", advice="use another program"
        ) from None


def confirm(question: str, *, advice: str) -> None:
    """Ask a person on the terminal whether to go on; return if they say yes.

    Raises:
        CliskError: they do not.
        InputError: there is no terminal; *advice* says how to do without.
    """
    if ask_line(f"{question} [y/N] ", advice=advice).lower() not in ("y", "yes"):
        raise CliskError("nothing was done", advice="run it again when you are sure")


def _by_program(program: str, question: str) -> bool:
    env = {**os.environ, "SSH_ASKPASS_PROMPT": "confirm"}
    return _run([program, question], env).returncode == 0


def _run(words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except OSError as err:
        raise InputError(
            f"SSH_ASKPASS cannot be started: {err.strerror}", advice=_ADVICE
        ) from None

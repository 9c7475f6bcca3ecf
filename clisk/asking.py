"""Asks a person yes or no: by SSH_ASKPASS, as OpenSSH does, or on the terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from clisk.errors import InputError
from clisk.passphrase_input import ask_line

_ADVICE = "set SSH_ASKPASS to a program that asks, or sign without asking: --allow"


def asker() -> Callable[[str], bool]:
    """Return what asks a person, by the first way that there is.

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


def _by_program(program: str, question: str) -> bool:
    try:
        done = subprocess.run(
            [program, question],
            env={**os.environ, "SSH_ASKPASS_PROMPT": "confirm"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    except OSError as err:
        raise InputError(
            f"SSH_ASKPASS cannot be started: {err.strerror}", advice=_ADVICE
        ) from None
    return done.returncode == 0

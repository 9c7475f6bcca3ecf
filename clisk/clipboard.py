"""The clipboard, through the programs that every desktop has for it.

A value goes to a program's standard input, never into its arguments.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clisk.errors import CliskError

_SECONDS = 5
_MAX_OSC_BYTES = 74_994  # what terminals commonly take


class ClipboardError(CliskError):
    """There is no clipboard here, or it does not answer."""

    default_advice = (
        "install wl-clipboard (Wayland), xclip or xsel (X11);"
        " or write the value: clisk get ITEM -f FIELD"
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """How a clipboard is written, read and emptied."""

    copy: tuple[str, ...]
    paste: tuple[str, ...]
    clear: tuple[str, ...]
    hint: tuple[str, ...] = ()
    """What tells a clipboard manager to keep no history; added where it is known."""


_WAYLAND = Tool(
    ("wl-copy", "--type", "text/plain"),
    ("wl-paste", "--no-newline"),
    ("wl-copy", "--clear"),
    ("--sensitive",),
)
_X11 = (
    Tool(
        ("xclip", "-selection", "clipboard", "-in"),
        ("xclip", "-selection", "clipboard", "-out"),
        ("xclip", "-selection", "clipboard", "-in"),
    ),
    Tool(
        ("xsel", "--clipboard", "--input"),
        ("xsel", "--clipboard", "--output"),
        ("xsel", "--clipboard", "--clear"),
    ),
)
_MACOS = Tool(("pbcopy",), ("pbpaste",), ("pbcopy",))


def find_tool() -> Tool | None:
    """Return what reaches this session's clipboard, or None."""
    found: list[Tool] = []
    if os.environ.get("WAYLAND_DISPLAY"):
        found.append(_WAYLAND)
    if os.environ.get("DISPLAY"):
        found += _X11
    found.append(_MACOS)
    return next((tool for tool in found if shutil.which(tool.copy[0])), None)


def copy(tool: Tool, value: str) -> bool:
    """Put *value* into the clipboard; return whether it is marked as sensitive."""
    hinted = bool(tool.hint) and _knows(tool)
    _run((*tool.copy, *(tool.hint if hinted else ())), value.encode())
    return hinted


def paste(tool: Tool) -> bytes | None:
    """Return what the clipboard holds; None where it is empty."""
    try:
        done = subprocess.run(
            tool.paste,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Mark:
    """By which a value is known again without being kept."""

    salt: str
    digest: str

    @classmethod
    def of(cls, value: bytes) -> Mark:
        """Return the mark of *value*."""
        salt = secrets.token_hex(16)
        return cls(salt, _digest(salt, value))

    def fits(self, value: bytes) -> bool:
        """Say whether *value* is the one that was marked."""
        return hmac.compare_digest(self.digest, _digest(self.salt, value))


def clear_if_ours(tool: Tool, mark: Mark) -> bool:
    """Empty the clipboard if it still holds what was marked; say whether it did."""
    held = paste(tool)
    if held is None or not mark.fits(held):
        return False
    _run(tool.clear, b"")
    return True


def terminal_sequence(value: str) -> str:
    """Return what asks a terminal to take *value* (OSC 52); "" asks it to forget.

    It works over ssh too, and nothing can be read back by it.

    Raises:
        ClipboardError: the value is longer than terminals take.
    """
    spelled = base64.b64encode(value.encode()).decode()
    if len(spelled) > _MAX_OSC_BYTES:
        raise ClipboardError("the value is too long for a terminal's clipboard")
    # An empty text would be ignored by some; "!" is no base64 and clears.
    return f"\x1b]52;c;{spelled or '!'}\x07"


def write_to_terminal(text: str) -> None:
    """Write a sequence to this session's terminal; raises ClipboardError if none."""
    try:
        with Path("/dev/tty").open("w", encoding="ascii") as terminal:
            terminal.write(text)
    except OSError:
        raise ClipboardError("there is no clipboard here") from None


def _knows(tool: Tool) -> bool:
    try:
        done = subprocess.run(
            (tool.copy[0], "--help"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tool.hint[0].encode() in done.stdout + done.stderr


def _run(command: tuple[str, ...], given: bytes) -> None:
    try:
        done = subprocess.run(
            command,
            input=given,
            # It stays to serve the clipboard, and would hold a pipe open.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise ClipboardError(f"{command[0]} did not do it") from None
    if done.returncode != 0:
        raise ClipboardError(f"{command[0]} refused")


def _digest(salt: str, value: bytes) -> str:
    # Slow on purpose: the mark outlives this process, and a PIN is soon guessed.
    return hashlib.scrypt(value, salt=salt.encode(), n=1 << 14, r=8, p=1).hex()

"""What may reach a terminal. Light: `clisk get` uses it too."""

from __future__ import annotations

import sys

from clisk.errors import InputError

# Escape sequences can retitle, recolour and even answer for the person; bidi
# controls can make one address look like another.
_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}
_BIDI = {
    code: f"\\u{code:04x}"
    for code in [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
}
_SPELT_OUT = _CONTROLS | _BIDI


def printable(text: str) -> str:
    """Return *text* with control characters spelt out, line feeds too."""
    return text.translate(_SPELT_OUT)


def write_value(value: str, *, newline: bool = True) -> None:
    """Write *value* to standard output exactly as it is.

    Raises:
        InputError: it holds control characters and a terminal would obey them.
    """
    if sys.stdout.isatty() and any(
        ord(sign) in _CONTROLS and sign not in "\n\t" for sign in value
    ):
        raise InputError(
            "the value holds control characters, not written to a terminal",
            advice="send it to a file or a program: clisk get ... > FILE",
        )
    sys.stdout.write(value + "\n" * newline)
    sys.stdout.flush()

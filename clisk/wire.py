"""One message a line between the agent and its clients: protocol/agent.md §2.

Used by both ends. Standard library only, and little of it: `clisk get` pays for it.
"""

from __future__ import annotations

import json

from clisk.errors import WireError

VERSION = 1
MAX_LINE = 32 * 1024 * 1024
"""Bytes of one message, line feed included. An imported file is the largest."""

Message = dict[str, object]


def encode_line(message: Message) -> bytes:
    """Return *message* as one line.

    Raises:
        WireError: longer than MAX_LINE.
    """
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise WireError(
            f"a message of {len(line)} bytes, at most {MAX_LINE} are allowed",
            advice="split the work into smaller parts",
        )
    return line


def parse_line(line: bytes) -> Message:
    """Return the message that *line* holds.

    Raises:
        WireError: no whole line, not one JSON object, a key given twice, a
            number that JSON does not have, or nesting beyond reason.
    """
    if not line.endswith(b"\n"):
        raise WireError("a message was cut short")
    if len(line) > MAX_LINE:
        raise WireError("a message is too long")
    try:
        message = json.loads(
            line, object_pairs_hook=_once, parse_constant=_no_such_number
        )
    except (ValueError, RecursionError):
        # From None: the cause may quote the line, and a line may hold a secret.
        raise WireError("a message is not JSON") from None
    if not isinstance(message, dict):
        raise WireError("a message is not a JSON object")
    if message.get("v") != VERSION or isinstance(message["v"], bool):
        raise WireError(f"a message is not version {VERSION} of the agent protocol")
    return message


def _once(pairs: list[tuple[str, object]]) -> Message:
    message = dict(pairs)
    if len(message) != len(pairs):
        raise ValueError("a key is given twice")
    return message


def _no_such_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")

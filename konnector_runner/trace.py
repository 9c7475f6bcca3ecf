"""What a konnector and its launcher said to each other, for the konnector's author.

Two files: `protocol.jsonl`, a line a message, and `pages.jsonl`, where the pages were.
Every released value is replaced in every spelling that the redactor knows, in lines
written before its release too, so nothing is on disk until the run is over. Values that
a person typed into the site, cookies and credentials that are handed over are not known
to it, so they are left out by where they stand.

Spec: docs/konnectors.md, "When it does not work".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from konnector_runner.atomic import replace
from konnector_runner.errors import CollectError, FormatError
from konnector_runner.redaction import REDACTED, Redactor
from konnector_runner.strict_json import Json, parse_json

PROTOCOL_NAME, PAGES_NAME = "protocol.jsonl", "pages.jsonl"
_MOST_LINES = 20_000
_MOST_CHARACTERS = 4_000
_LONGEST_READ = 1_000_000
_NAMED = re.compile(
    r"pass|pwd|secret|token|credential|cookie|authorization|otp|^pin$|^code$|session$",
    re.IGNORECASE,
)
_HAND_OVER = re.compile(r"Credentials$|Cookie|Keychain|^sendToPilot$|^storeFromWorker$")
_DATA = re.compile(r"data:[\w/.+-]*;base64,[A-Za-z0-9+/=]{64,}")


@dataclass(slots=True)
class Trace:
    """Collects one run's lines; *clock* gives seconds since it began."""

    folder: Path
    clock: Callable[[], float]
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _pages: list[dict[str, Any]] = field(default_factory=list)

    def message(self, role: str, text: str, *, sent: bool) -> None:
        """Keep one message between the launcher and *role*."""
        if len(self._lines) < _MOST_LINES:
            row = {"at": self._now(), "role": role, "sent": sent}
            self._lines.append({**row, "message": _shown(text)})

    def page(self, role: str, where: str) -> None:
        """Keep where *role*'s page is now."""
        if len(self._pages) < _MOST_LINES:
            address = where.partition("?")[0].partition("#")[0]
            self._pages.append({"at": self._now(), "role": role, "page": address})

    def write(self, redactor: Redactor) -> None:
        """Write both files, redacted.

        Raises:
            CollectError: the folder can not be written to.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, rows in ((PROTOCOL_NAME, self._lines), (PAGES_NAME, self._pages)):
                lines = [_line(row, redactor) for row in rows]
                replace(self.folder / name, "".join(lines).encode())
        except OSError as err:
            raise CollectError(f"the trace was not written: {err.strerror}") from None

    def _now(self) -> float:
        return round(self.clock(), 3)


def _shown(text: str) -> Json:
    """Return *text* as JSON without what stands where secrets stand."""
    if len(text) > _LONGEST_READ:
        return f"[{len(text)} characters]"
    try:
        value = parse_json(text, max_characters=_LONGEST_READ, what="message")
    except FormatError:
        return f"[{len(text)} characters that are no JSON]"
    if not isinstance(value, dict):
        return _walk(value)
    if value.get("eventName") == "workerEvent":
        return {**value, "payload": _hidden(value.get("payload"))}
    if _HAND_OVER.search(str(value.get("methodName", ""))):
        return {**value, "args": _hidden(value.get("args"))}
    return _walk(value)


def _walk(value: Json) -> Json:
    """Replace the values of members that are called as secrets are."""
    if isinstance(value, dict):
        if {"name", "value"} <= value.keys() and "domain" in value:
            return {**value, "value": REDACTED}
        return {
            key: _hidden(each) if _NAMED.search(key) else _walk(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_walk(each) for each in value]
    if isinstance(value, str):
        return _DATA.sub(lambda found: f"[data of {len(found[0])} characters]", value)
    return value


def _hidden(value: Json | None) -> Json:
    """Keep the shape of *value* and none of its texts and numbers."""
    if isinstance(value, dict):
        return {key: _hidden(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    return value if value is None or isinstance(value, bool) else REDACTED


def _line(row: dict[str, Any], redactor: Redactor) -> str:
    """Redacted before it is cut: half a value would pass."""
    text = redactor.clean(json.dumps(row, ensure_ascii=False))
    if len(text) > _MOST_CHARACTERS:
        text = json.dumps(f"{text[:_MOST_CHARACTERS]}… [{len(text)} characters]")
    return f"{text}\n"

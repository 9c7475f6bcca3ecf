"""Handles: what a konnector's code holds in place of a secret.

The pilot gets a random string for each secret field. It can pass the string
around, and only in the arguments of a call to the worker page does it become
the value again, on an origin that the source grants. In the other direction a
page that shows a released value is given back the handle, so that the pilot
does not learn by reading the form what it was not given.

Spec: protocol/konnector-bridge.md §5.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from clisk_vault.keys import SecretText
from konnector_runner.spelling import spell, spellings
from konnector_runner.strict_json import Json

_PREFIX = "clisk-handle-"
_HANDLE = re.compile(rf"{_PREFIX}[0-9a-f]{{32}}")
# A value of fewer characters is taken back only where it is a whole string:
# inside longer text it could be anything.
_MIN_INSIDE = 8


class Handles:
    """The handles of one run, and the values released for them so far."""

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._field_by_handle: dict[str, str] = {}
        self._handle_by_field: dict[str, str] = {}
        self._released: list[tuple[SecretText, str]] = []

    def issue(self, field: str) -> str:
        """Return the handle of *field*: the same one for the whole run."""
        if field not in self._handle_by_field:
            handle = _PREFIX + self._random(16).hex()
            self._handle_by_field[field] = handle
            self._field_by_handle[handle] = field
        return self._handle_by_field[field]

    def is_handle(self, value: Json) -> bool:
        """Say whether *value* is a handle of this run."""
        return isinstance(value, str) and value in self._field_by_handle

    def fields_in(self, value: Json) -> set[str]:
        """Return the fields whose handles stand in *value*, however deep.

        Inside a longer text too: konnectors build addresses, JSON and the source
        of functions around what they were given.
        """
        return {
            self._field_by_handle[found]
            for text in _strings(value)
            for found in _HANDLE.findall(text)
            if found in self._field_by_handle
        }

    def fill(self, value: Json, released: dict[str, SecretText]) -> Json:
        """Return *value* with the handles of the *released* fields filled in."""
        if isinstance(value, str):
            return self._fill_text(value, released)
        if isinstance(value, list):
            return [self.fill(member, released) for member in value]
        if isinstance(value, dict):
            return {
                self._fill_text(key, released): self.fill(member, released)
                for key, member in value.items()
            }
        return value

    def _fill_text(self, text: str, released: dict[str, SecretText]) -> str:
        def value(found: re.Match[str]) -> str:
            secret = released.get(self._field_by_handle.get(found[0], ""))
            if secret is None:
                return found[0]
            return spell(text, found, secret.expose())

        return _HANDLE.sub(value, text)

    def remember(self, field: str, value: SecretText) -> None:
        """Take *value* back as its handle from now on (see hide)."""
        pair = (value, self.issue(field))
        if value.expose() and not any(value == known for known, _ in self._released):
            self._released.append(pair)

    def hide(self, value: Json) -> Json:
        """Return *value* with every released secret in it put back as its handle."""
        if not self._released:
            return value
        if isinstance(value, str):
            return self._hide_text(value)
        if isinstance(value, list):
            return [self.hide(member) for member in value]
        if isinstance(value, dict):
            return {
                self._hide_text(key): self.hide(member) for key, member in value.items()
            }
        return value

    def _hide_text(self, text: str) -> str:
        for secret, handle in self._released:
            plain = secret.expose()
            if text == plain:
                return handle
            if len(plain) >= _MIN_INSIDE:
                text = text.replace(plain, handle)
                for spelling in spellings(plain):
                    text = text.replace(spelling, handle)
        return text


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)
    elif isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from _strings(member)

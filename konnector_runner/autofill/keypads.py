"""Keys that a page draws for a password: protocol/autofill.md §5.2."""

from __future__ import annotations

from konnector_runner.autofill.facts import FieldFacts, FrameFacts

_DIGITS = frozenset("0123456789")


def keypad_for(password: FieldFacts, frame: FrameFacts) -> tuple[tuple[str, int], ...]:
    """Return the keys to press for *password*: at least each digit, each once.

    Keys with a picture have no label that we could read; two keys with the same
    label leave a doubt. Both mean that there is no keypad for us.
    """
    same = [key for key in frame.keys if key.form == password.form]
    for keys in (same, list(frame.keys)):
        labels = [key.label for key in keys]
        if set(labels) >= _DIGITS and len(labels) == len(set(labels)):
            return tuple((key.label, key.element) for key in keys)
    return ()

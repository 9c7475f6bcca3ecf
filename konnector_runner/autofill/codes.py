"""Which fields of a form ask for a one-time code: protocol/autofill.md §3.3."""

from __future__ import annotations

from collections.abc import Sequence

from konnector_runner.autofill.evidence import is_code, is_text, takes_digits, token
from konnector_runner.autofill.facts import FieldFacts
from konnector_runner.autofill.forms import Form
from konnector_runner.autofill.plan import Fill, Role

_BOXES = range(4, 11)


def code_for(form: Form) -> Fill | None:
    """Return where a one-time code goes, or None where none is asked for."""
    boxes = _boxes(form)
    if boxes:
        return Fill(Role.ONE_TIME_CODE, tuple(field.element for field in boxes))
    codes = [f for f in form.fields if is_code(f) and not f.read_only]
    marked = [f for f in codes if token(f) == "one-time-code"]
    chosen = marked or codes
    if len(chosen) != 1 or len(form.texts) > 2:
        return None
    return Fill(Role.ONE_TIME_CODE, (chosen[0].element,))


def _boxes(form: Form) -> Sequence[FieldFacts]:
    """Return fields for one character each, side by side."""
    run: list[FieldFacts] = []
    for field in form.fields:
        if run and not _continues(run[-1], field):
            if len(run) in _BOXES:
                return run
            run = []
        if _is_box(field):
            run.append(field)
    return run if len(run) in _BOXES else []


def _is_box(field: FieldFacts) -> bool:
    if not (is_text(field) or field.type == "password") or field.width > 100:
        return False
    if field.max_length == 1 or token(field) == "one-time-code":
        return True
    # No limit, or that of the whole code so that it can be pasted.
    return field.width <= 64 and takes_digits(field) and field.max_length in {0, 6, 8}


def _continues(before: FieldFacts, field: FieldFacts) -> bool:
    return (
        _is_box(field)
        and abs(before.y - field.y) <= 4
        and abs(before.width - field.width) <= 4
    )

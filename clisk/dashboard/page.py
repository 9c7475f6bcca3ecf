"""A row of the table of routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from clisk.dashboard.visit import Visit

MAX_FORM = 1 << 20
Run = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """One path and what answers it. GET shows; whatever changes or reads is POST."""

    method: str
    path: str
    run: Run
    when_locked: bool = False
    """A locked session may ask for it as well."""
    max_bytes: int = MAX_FORM
    """The longest body that a form sends; above MAX_FORM it may hold a file."""


def show(path: str, run: Run, *, when_locked: bool = False) -> Page:
    """Return a page that is looked at."""
    return Page("GET", path, run, when_locked)


def act(
    path: str, run: Run, *, when_locked: bool = False, max_bytes: int = MAX_FORM
) -> Page:
    """Return what a form does."""
    return Page("POST", path, run, when_locked, max_bytes)

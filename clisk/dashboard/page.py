"""A row of the table of routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from clisk.dashboard.visit import Visit

Run = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Page:
    """One path and what answers it. GET shows; whatever changes or reads is POST."""

    method: str
    path: str
    run: Run
    when_locked: bool = False
    """A locked session may ask for it as well."""


def show(path: str, run: Run, *, when_locked: bool = False) -> Page:
    """Return a page that is looked at."""
    return Page("GET", path, run, when_locked)


def act(path: str, run: Run, *, when_locked: bool = False) -> Page:
    """Return what a form does."""
    return Page("POST", path, run, when_locked)

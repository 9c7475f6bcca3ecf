"""What a browser asks a mock site, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MockRequest:
    """What a browser asks for."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class MockAnswer:
    """What it gets; headers may repeat."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

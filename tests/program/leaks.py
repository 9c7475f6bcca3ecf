"""Looks for secrets in bytes, in every spelling that a slip would leave them in."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def _base64_cores(secret: bytes, encode: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Yield the part of base64 that *secret* fixes, at each of three alignments."""
    for before in range(3):
        text = encode(bytes(before) + secret)
        first = (before * 8 + 5) // 6
        last = (before + len(secret)) * 8 // 6
        yield text[first:last]


def spellings(secret: str) -> dict[str, bytes]:
    """Return what *secret* looks like in the spellings that are searched for."""
    raw = secret.encode()
    plain = {
        "UTF-8": raw,
        "UTF-16": secret.encode("utf-16-le"),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
    }
    cores = {
        f"{name} {at}": core
        for name, encode in (
            ("base64", base64.b64encode),
            ("base64url", base64.urlsafe_b64encode),
        )
        for at, core in enumerate(_base64_cores(raw, encode))
    }
    return plain | cores


def leaks(data: bytes, secrets: Iterable[str]) -> list[str]:
    """Return which of *secrets* are in *data*, by name of their spelling."""
    return [
        f"{secret[:9]}… as {name}"
        for secret in secrets
        for name, spelt in spellings(secret).items()
        if spelt in data
    ]


def leaks_in_files(folder: Path, secrets: Iterable[str]) -> list[str]:
    """Return the leaks in every file under *folder*, and in the files' names."""
    wanted = list(secrets)
    found = []
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        found += [f"{path.name}: {leak}" for leak in leaks(data, wanted)]
        found += [f"name: {leak}" for leak in leaks(str(path).encode(), wanted)]
    return found

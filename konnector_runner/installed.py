"""The konnectors that are installed, each pinned by the digest of its code.

    <folder>/<slug>/installed.json          which digest counts, since when, from where
    <folder>/<slug>/<digest>/manifest.konnector, main.js

The pin is replaced in one step, after the files that it names are on disk. What was
changed on disk afterwards is not run: the digest is computed anew at each load.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.atomic import replace, sweep
from konnector_runner.errors import KonnectorError, NotInstalledError
from konnector_runner.konnector import (
    BUNDLE_NAME,
    MANIFEST_NAME,
    Konnector,
    load_konnector,
)

_PIN_NAME = "installed.json"
_MAX_PIN = 64 * 1024


class _Pin(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    installed: Annotated[str, Field(max_length=64)]
    source: Annotated[str, Field(max_length=4096)]


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed konnector: its code, and where it came from when."""

    konnector: Konnector
    installed: str
    source: str


class InstalledKonnectors:
    """The konnectors in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def slugs(self) -> list[str]:
        """Return the names of all that are installed, readable or not."""
        return sorted(path.parent.name for path in self._folder.glob(f"*/{_PIN_NAME}"))

    def load(self, slug: str) -> Installed:
        """Return what is installed as *slug*.

        Raises:
            NotInstalledError: nothing is.
            KonnectorError: its files are not those that were installed.
        """
        pin = self._pin(slug)
        try:
            konnector = load_konnector(self._folder / slug / pin.digest)
        except KonnectorError as err:
            raise _spoilt(slug) from err
        if konnector.digest.hex() != pin.digest or konnector.manifest.slug != slug:
            raise _spoilt(slug)
        return Installed(konnector, pin.installed, pin.source)

    def put(self, konnector: Konnector, *, source: str, now: datetime) -> None:
        """Install *konnector*, in place of what has its slug."""
        slug, digest = konnector.manifest.slug, konnector.digest.hex()
        place = self._folder / slug / digest
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(place / MANIFEST_NAME, konnector.manifest_bytes)
        replace(place / BUNDLE_NAME, konnector.bundle.encode())
        pin = _Pin(
            digest=digest,
            installed=now.isoformat(timespec="seconds"),
            source=source[:4096],
        )
        replace(self._folder / slug / _PIN_NAME, pin.model_dump_json().encode())
        for other in self._versions(slug):
            if other.name != digest:
                shutil.rmtree(other)
        sweep(self._folder / slug)

    def remove(self, slug: str) -> None:
        """Remove what is installed as *slug*.

        Raises:
            NotInstalledError: nothing is.
        """
        if slug not in self.slugs():
            raise NotInstalledError("no konnector is installed by this name")
        # The pin goes first: what is half removed is not installed.
        (self._folder / slug / _PIN_NAME).unlink()
        shutil.rmtree(self._folder / slug)

    def _versions(self, slug: str) -> Iterator[Path]:
        return (path for path in (self._folder / slug).iterdir() if path.is_dir())

    def _pin(self, slug: str) -> _Pin:
        if slug not in self.slugs():
            raise NotInstalledError("no konnector is installed by this name")
        try:
            with (self._folder / slug / _PIN_NAME).open("rb") as file:
                return _Pin.model_validate_json(file.read(_MAX_PIN))
        except (OSError, ValidationError):
            raise _spoilt(slug) from None


def _spoilt(slug: str) -> KonnectorError:
    return KonnectorError(
        "the konnector's files are not those that were installed",
        advice=f"do not run it; install it again: clisk konnector remove {slug}",
    )

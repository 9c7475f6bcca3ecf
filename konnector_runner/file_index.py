"""The index of a folder of collected files: what a later run need not fetch.

Spec: protocol/konnector-bridge.md §7.3.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.atomic import replace
from konnector_runner.errors import CollectError

INDEX_NAME = ".clisk-files.json"
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SavedFile:
    """One file in the folder, by the key that tells it from the others."""

    key: str
    # Relative to the account's folder, with "/" between the parts.
    path: str
    size: int
    sha256: str
    media_type: str
    # What the konnector said of it, for its own later look (shouldReplaceFile).
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The id that bills refer to and the konnector is shown."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]


class _Entry(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
    )
    key: str
    path: str = Field(pattern=r"^[^./][^/]*(/[^./][^/]*)*$")
    size: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    media_type: str
    metadata: dict[str, Any] = Field(default_factory=dict)


class _Index(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
    )
    version: Literal[1]
    files: list[_Entry]


class FileIndex:
    """The files of one account's folder; a file that has gone is forgotten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / INDEX_NAME
        self._files = _load(self._path)

    def find(self, key: str) -> SavedFile | None:
        """Return the file saved under *key*, if it is still there."""
        saved = self._files.get(key)
        if saved is None or not (self._folder / saved.path).is_file():
            return None
        return saved

    def owns(self, path: str) -> bool:
        """Say whether the file at *path* was written by a run."""
        return any(saved.path == path for saved in self._files.values())

    def add(self, saved: SavedFile) -> None:
        """Take *saved* in, on disk too."""
        self._files[saved.key] = saved
        entries = [
            _Entry(
                key=file.key,
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                media_type=file.media_type,
                metadata=file.metadata,
            )
            for file in self._files.values()
        ]
        index = _Index(version=1, files=entries)
        replace(self._path, index.model_dump_json(indent=1).encode())

    def all(self) -> list[SavedFile]:
        """Return the files that are still there."""
        return [saved for key in self._files if (saved := self.find(key)) is not None]


def _load(path: Path) -> dict[str, SavedFile]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CollectError("index of collected files too long")
        index = _Index.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError:
        # Starting afresh would fetch everything again beside what is there.
        raise CollectError(
            "index of collected files that is not one",
            advice=f"restore {INDEX_NAME}, or remove it to collect everything anew",
        ) from None
    return {
        entry.key: SavedFile(
            entry.key,
            entry.path,
            entry.size,
            entry.sha256,
            entry.media_type,
            entry.metadata,
        )
        for entry in index.files
    }

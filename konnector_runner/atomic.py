"""Files that are there whole or not at all, whatever is interrupted when."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from konnector_runner.errors import CollectError

_PREFIX = ".clisk-"
_SUFFIX = ".part"


def write_new(path: Path, data: bytes) -> None:
    """Write *data* to *path*, which must not exist.

    Raises:
        FileExistsError: there is something by that name.
        OSError: as the system has it.
    """
    part = _write_part(path.parent, data)
    try:
        # A link fails where a rename would silently replace.
        os.link(part, path)
    finally:
        part.unlink()
    _sync_folder(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Write *data* to *path*, in place of what is there."""
    part = _write_part(path.parent, data)
    try:
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove the parts that an interrupted run left in *folder* and below it."""
    for part in folder.rglob(f"{_PREFIX}*{_SUFFIX}"):
        part.unlink(missing_ok=True)


def make_folder(root: Path, parts: tuple[str, ...]) -> Path:
    """Make the folder *parts* below *root* and return it.

    Raises:
        CollectError: a link on the way leads out of *root*.
    """
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.resolve().is_relative_to(root.resolve()):
        raise CollectError("a folder for the data leads out of the run's folder")
    return folder


def _write_part(folder: Path, data: bytes) -> Path:
    part = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Writing a file with secrets: mode 0600, whole or not at all, over nothing unasked."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from clisk.errors import InputError


def check_target(path: Path, *, replace: bool = False) -> None:
    """Refuse to write where something is already.

    Raises:
        InputError: a symbolic link, whatever it points at; a folder; or a file,
            unless *replace*.
    """
    if path.is_symlink():
        raise InputError(
            "the output is a symbolic link, which may point anywhere",
            advice="name the file itself",
        )
    if path.is_dir():
        raise InputError("the output is a folder", advice="name a file in it")
    if path.exists() and not replace:
        raise InputError(
            "there is a file by that name",
            advice="choose another name, or replace it with --force",
        )
    if not path.parent.is_dir():
        raise InputError(
            "the output's folder does not exist",
            advice="make it first, or write elsewhere",
        )


def write_new(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write *data* to *path*, readable by its owner alone, durable when this returns.

    Raises:
        InputError: as check_target(), or the disk refuses; nothing is left.
    """
    check_target(path, replace=replace)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(part, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                part.replace(path)
            else:
                # Unlike a rename, a link never takes the place of what came since.
                os.link(part, path)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise InputError(
            "a file by that name has just been made", advice="choose another name"
        ) from None
    except OSError as err:
        raise InputError(
            f"the output cannot be written: {err.strerror}",
            advice="look at free space and permissions there, or write elsewhere",
        ) from err

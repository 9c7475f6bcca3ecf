"""settings.json: what this device is told and need not keep secret.

Whoever can write to the home folder can change it, so nothing in it is
trusted: a relay's address only decides who is asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clisk.errors import HomeError

NAME = "settings.json"
_MAX_BYTES = 64 * 1024


class Settings(BaseModel):
    """The contents of the file."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
    )
    version: Literal[1] = 1
    relay: str | None = None
    # Lets this vault into a relay once; worth nothing afterwards.
    invite: str = ""


def load_settings(folder: Path) -> Settings:
    """Return the settings kept in *folder*, or the defaults.

    Raises:
        HomeError: the file is there and is not one of ours.
    """
    path = folder / NAME
    try:
        with path.open("rb") as file:
            return Settings.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValidationError):
        raise HomeError(
            f"{NAME} cannot be used", advice=f"remove {NAME} from the home folder"
        ) from None


def save_settings(folder: Path, settings: Settings) -> None:
    """Put *settings* into *folder*, whole or not at all."""
    partial = folder / f"{NAME}.part"
    with partial.open("w", encoding="utf-8") as file:
        file.write(settings.model_dump_json() + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / NAME)

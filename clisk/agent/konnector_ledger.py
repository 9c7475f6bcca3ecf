"""What konnectors did on this device, and when they are to run: sealed in one file.

Which sites a person has accounts at is nobody's business, so the list is sealed
like everything else that this device keeps for itself: protocol/vault-file.md §4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clisk.errors import CliskError, HomeError
from clisk_vault.errors import CallerError, VaultError
from clisk_vault.ids import ItemId
from clisk_vault.local_seal import TableSeal, table_key
from clisk_vault.vault import Vault

FOLDER = "sessions"
_TABLE = "konnector-ledger"
_NAME = "ledger"
_MAX_RUNS = 500
_MAX_SCHEDULES = 100
Result = TypeVar("Result")

_CLOSED = ConfigDict(
    frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
)


class RunRow(BaseModel):
    """One run. Without an outcome it goes on, or was cut short."""

    model_config = _CLOSED
    number: int
    konnector: str
    item: str
    started_ms: int
    by: Literal["person", "schedule"]
    outcome: Literal["done", "failed", "interrupted"] | None = None
    code: str = ""
    message: str = ""
    account: str | None = None
    saved: int = 0
    seconds: float = 0


class ScheduleRow(BaseModel):
    """A konnector that is run again and again."""

    model_config = _CLOSED
    number: int
    konnector: str
    # What `clisk konnector run` is given: an installed name, or a folder.
    source: str
    item: str
    folder: str | None
    every_seconds: int
    next_ms: int
    # The code that ended the last run, where a person has to act first.
    held: str | None = None


class Book(BaseModel):
    """The whole file."""

    model_config = _CLOSED
    version: Literal[1] = 1
    runs: tuple[RunRow, ...] = ()
    schedules: tuple[ScheduleRow, ...] = ()
    # Newer than any number given out, so that none is used twice.
    next_number: int = Field(default=1, gt=0)


def why_waiting(vault: Vault, row: ScheduleRow) -> str | None:
    """Return the code of what keeps *row* from running at all; None: nothing."""
    try:
        asks = vault.view(ItemId(bytes.fromhex(row.item))).asks_passphrase
    except CallerError:
        return None  # the item is gone: the run says so
    return "PASSPHRASE_NEEDED" if asks else None


class Ledger:
    """Reads and changes the file of one vault; to be used on the vault's thread."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder / FOLDER
        self._path = self._folder / _NAME
        self._seal = TableSeal(vault.secrets.storage, vault.id, _TABLE)

    def read(self) -> Book:
        """Return what is written.

        Raises:
            HomeError: the file is there and does not open.
        """
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return Book()
        try:
            return Book.model_validate_json(self._seal.open(b"book", sealed))
        except (VaultError, ValidationError):
            raise HomeError(
                "the list of konnector runs cannot be read",
                advice=f"remove {FOLDER}/{_NAME} from the home folder to begin anew",
            ) from None

    def change(self, work: Callable[[Book], tuple[Book, Result]]) -> Result:
        """Write what *work* makes of the book, whole or not at all."""
        book, result = work(self.read())
        runs = book.runs[-_MAX_RUNS:]
        if len(book.schedules) > _MAX_SCHEDULES:
            raise CliskError(
                f"at most {_MAX_SCHEDULES} schedules",
                advice="remove one that you do not need: clisk konnector schedules",
            )
        text = book.model_copy(update={"runs": runs}).model_dump_json()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        # Imported here: the runner's package is no part of a plain `clisk get`.
        from konnector_runner import atomic

        atomic.replace(self._path, self._seal.seal(b"book", text.encode()))
        return result


def session_table(konnector: str, item: ItemId) -> str:
    """Return the table's name under which a session is sealed: one an account."""
    return f"konnector-session/{konnector}/{item.hex()}"


def session_file(folder: Path, konnector: str, item: ItemId) -> Path:
    """Return where the session stands; its name says nothing of the site."""
    name = hashlib.sha256(session_table(konnector, item).encode()).hexdigest()[:32]
    return folder / FOLDER / f"{name}.session"


def session_key(vault: Vault, konnector: str, item: ItemId) -> bytes:
    """Return the key of one session: for the process that runs the browser."""
    return table_key(vault.secrets.storage, session_table(konnector, item)).expose()

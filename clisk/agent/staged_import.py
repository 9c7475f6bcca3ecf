"""An import that a client hands over in parts: whole, or forgotten at hang-up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from clisk.errors import CliskError
from clisk_vault.transfer.bounded import MAX_FILES_BYTES, MAX_ITEMS
from clisk_vault.transfer.imported import (
    Attached,
    ForeignFile,
    ForeignItem,
    ImportPlan,
)


class StagingError(CliskError):
    """The parts of an import came in a way that makes no whole."""

    default_advice = "the program that asked is at fault: update it, or report it"


@dataclass
class StagedImport:
    """What has come so far. Nothing of it is in the vault."""

    source: str
    folders: tuple[str, ...]
    items: list[ForeignItem] = field(default_factory=list)
    bytes: int = 0
    plan: ImportPlan | None = None

    def add(self, item: ForeignItem, size: int) -> None:
        """Take the next item of about *size* bytes.

        Raises:
            StagingError: more than an import may be.
        """
        self._grow(size)
        if len(self.items) >= MAX_ITEMS:
            raise StagingError(
                f"an import of more than {MAX_ITEMS} items",
                advice="import it in several parts",
            )
        self.items.append(item)

    def attach(self, file: Attached) -> None:
        """Give the item that came last one more file.

        Raises:
            StagingError: no item came yet, or more than an import may be.
        """
        self._grow(len(file.data))
        if not self.items:
            raise StagingError("a file without an item")
        last = self.items[-1]
        self.items[-1] = replace(last, attached=(*last.attached, file))

    def file(self) -> ForeignFile:
        """Return the whole."""
        return ForeignFile(self.source, tuple(self.items), self.folders)

    def _grow(self, size: int) -> None:
        self.bytes += size
        if self.bytes > MAX_FILES_BYTES:
            raise StagingError(
                f"an import of more than {MAX_FILES_BYTES} bytes",
                advice="import it in several parts",
            )


@dataclass
class StagedBackup:
    """The bytes of a backup that have come so far."""

    data: bytearray = field(default_factory=bytearray, repr=False)

    def add(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            StagingError: more than a backup may be.
        """
        if len(self.data) + len(part) > MAX_FILES_BYTES:
            raise StagingError(
                f"a backup of more than {MAX_FILES_BYTES} bytes",
                advice="restore with the version that wrote it, or report it",
            )
        self.data += part

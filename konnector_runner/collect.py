"""What a run collects: plain files in a folder of the person's, without doubles.

The konnector says what a file is called and where it comes from; this module
decides where it lands. Nothing leaves the account's folder, nothing is written
over that a run did not write, nothing is ever there by half.

Spec: protocol/konnector-bridge.md §7.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from konnector_runner import atomic
from konnector_runner.bills import Bill, BillBook, parse_bill
from konnector_runner.data_uri import parse_data_uri
from konnector_runner.entries import (
    SaveOptions,
    document_id,
    file_key,
    folder_parts,
    metadata_of,
    parse_options,
    without_content,
)
from konnector_runner.errors import CollectError, FormatError
from konnector_runner.file_index import FileIndex, SavedFile
from konnector_runner.limits import RunLimits
from konnector_runner.safe_names import numbered, safe_name
from konnector_runner.strict_json import Json

Download = Callable[[dict[str, Json]], Awaitable[str]]
Warn = Callable[[str], None]
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Collector:
    """Collects for one account into one folder."""

    def __init__(
        self,
        root: Path,
        account: str,
        *,
        konnector: str,
        limits: RunLimits,
        warn: Warn,
    ) -> None:
        """Open the folder of *account* below *root*, and tidy it up."""
        self._account = account
        self._konnector = konnector
        self._limits = limits
        self._warn = warn
        root.mkdir(parents=True, exist_ok=True)
        self.folder = atomic.make_folder(
            root, (safe_name(account, fallback="account"),)
        )
        atomic.sweep(self.folder)
        self._index = FileIndex(self.folder)
        self._book = BillBook(self.folder)
        self.saved: list[SavedFile] = []
        self.already_there = 0
        self.bills: list[Bill] = []

    def existing(self) -> dict[str, Json]:
        """Return what fetch() is told of the files that are there already."""
        return {saved.key: self._document(saved) for saved in self._index.all()}

    def documents(self) -> list[dict[str, Json]]:
        """Return the io.cozy.files document of each file that is there."""
        return [self._document(saved) for saved in self._index.all()]

    def bill_documents(self) -> list[dict[str, Json]]:
        """Return the io.cozy.bills document of each bill."""
        ids = {saved.path: saved.id for saved in self._index.all()}
        return [
            {
                "_id": bill.id,
                "_type": "io.cozy.bills",
                "date": bill.date,
                "amount": bill.amount,
                "currency": bill.currency,
                "vendor": bill.vendor,
                "contractId": bill.contract,
                "vendorRef": bill.vendor_ref,
                "invoice": f"io.cozy.files:{ids.get(bill.file, '')}",
                "cozyMetadata": {"sourceAccountIdentifier": self._account},
            }
            for bill in self._book.all()
        ]

    async def save_files(
        self, entries: list[Json], options: dict[str, Json], download: Download
    ) -> list[Json]:
        """Save *entries*, and return them with what became of each.

        Raises:
            FormatError: no fileIdAttributes, or too many entries.
            CollectError: the disk is full, or the folder is not to be written.
        """
        if len(entries) > self._limits.files:
            raise FormatError(f"saveFiles: more than {self._limits.files} entries")
        chosen = parse_options(options)
        done: list[Json] = []
        for entry in entries:
            if isinstance(entry, dict) and isinstance(entry.get("filename"), str):
                done.append(await self._save_entry(entry, chosen, download))
            else:
                self._warn("saveFiles: an entry without a file name is left out")
        return done

    def save_bills(self, entries: list[Json]) -> list[Json]:
        """Note the bills among *entries*, which save_files returned.

        Raises:
            FormatError: an entry with a file lacks what makes it a bill.
        """
        if len(entries) > self._limits.bills:
            raise FormatError(f"saveBills: more than {self._limits.bills} entries")
        by_id = {saved.id: saved for saved in self._index.all()}
        bills: list[Bill] = []
        done: list[Json] = []
        for entry in entries:
            saved = by_id.get(document_id(entry))
            if saved is None or not isinstance(entry, dict):
                self._warn("saveBills: an entry without a saved file is left out")
                continue
            bill = parse_bill(entry, file=saved.path)
            bills.append(bill)
            invoice: Json = f"io.cozy.files:{saved.id}"
            done.append({**entry, "currency": bill.currency, "invoice": invoice})
        self.bills += self._book.add(bills)
        return done

    async def _save_entry(
        self, entry: dict[str, Json], options: SaveOptions, download: Download
    ) -> Json:
        key = file_key(entry, options.key_attributes)
        known = self._index.find(key)
        if known is not None and entry.get("forceReplaceFile") is not True:
            self.already_there += 1
            return self._result(entry, known)
        content = await self._content(entry, download)
        if content is None:
            return self._result(entry, None)
        media_type, data = content
        try:
            path = self._place(entry, options, data, replacing=known)
        except OSError as err:
            if err.errno in _FULL:
                raise CollectError("DISK_QUOTA_EXCEEDED") from None
            raise CollectError("a collected file could not be written") from err
        digest = hashlib.sha256(data).hexdigest()
        saved = SavedFile(
            key,
            path,
            len(data),
            digest,
            options.media_type or media_type,
            metadata_of(entry, options),
        )
        self._index.add(saved)
        self.saved.append(saved)
        return self._result(entry, saved)

    async def _content(
        self, entry: dict[str, Json], download: Download
    ) -> tuple[str, bytes] | None:
        """Return the type and bytes of an entry; None, with a warning, without any."""
        given, stream = entry.get("dataUri"), entry.get("filestream")
        try:
            if entry.get("fileurl"):
                given = await download(entry)
            if isinstance(given, str):
                content = parse_data_uri(given, max_bytes=self._limits.file_bytes)
            elif isinstance(stream, str):
                content = ("text/plain", stream.encode())
            else:
                raise FormatError("file without content")
        except FormatError as err:
            self._warn(f"saveFiles: {err}")
            return None
        if not content[1]:
            self._warn("saveFiles: BAD_DOWNLOADED_FILE, the file is empty")
            return None
        return content

    def _place(
        self,
        entry: dict[str, Json],
        options: SaveOptions,
        data: bytes,
        *,
        replacing: SavedFile | None,
    ) -> str:
        if replacing is not None:
            atomic.replace(self.folder / replacing.path, data)
            return replacing.path
        parts = folder_parts(entry, options)
        folder = atomic.make_folder(self.folder, parts)
        name = safe_name(str(entry["filename"]), fallback="file")
        for number in range(1, 1000):
            candidate = name if number == 1 else numbered(name, number)
            path = "/".join((*parts, candidate))
            if _same_content(folder / candidate, data) and not self._index.owns(path):
                return path  # ours from a run that ended before its index was written
            try:
                atomic.write_new(folder / candidate, data)
            except FileExistsError:
                continue
            return path
        raise CollectError("too many files of one name")

    def _result(self, entry: dict[str, Json], saved: SavedFile | None) -> Json:
        result = without_content(entry)
        if saved is not None:
            result["fileDocument"] = self._document(saved)
        return result

    def _document(self, saved: SavedFile) -> dict[str, Json]:
        """Return the io.cozy.files document that konnectors expect to see."""
        name = saved.path.rpartition("/")[2]
        return {
            "_id": saved.id,
            "id": saved.id,
            "_type": "io.cozy.files",
            "type": "file",
            "name": name,
            "size": str(saved.size),
            "mime": saved.media_type,
            "metadata": {**saved.metadata, "fileIdAttributes": saved.key},
            "cozyMetadata": {
                "createdByApp": self._konnector,
                "sourceAccountIdentifier": self._account,
            },
        }


def _same_content(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False

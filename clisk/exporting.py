"""Takes everything out of the agent, and writes it in another program's words."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from clisk.client import AgentClient
from clisk.wire import Message
from clisk_vault.keys import SecretText
from clisk_vault.transfer.csv_out import Formulas
from clisk_vault.transfer.imported import Attached
from clisk_vault.transfer.outgoing import Earlier, LossReport, Outgoing

PLAIN = ("bitwarden", "csv", "cxf")
SEALED = ("bitwarden-encrypted", "kdbx")
FORMATS = (*PLAIN, *SEALED)


@dataclass
class Export:
    """What an export is to be."""

    format: str
    password: SecretText | None = None
    formulas: Formulas = Formulas.REFUSE
    trash: bool = False
    folder: str | None = None
    tag: str | None = None


def export(
    agent: AgentClient,
    wanted: Export,
    passphrase: SecretText,
    on_items: Callable[[int, int], None],
) -> tuple[bytes, LossReport, int]:
    """Return the file, what it has no place for, and the number of its items.

    Raises:
        AgentRefusal: a wrong passphrase, or a record that could not be written.
        UnsupportedError, FormatError, CallerError: as the writers.
    """
    if wanted.format == "kdbx":
        from clisk_vault.transfer.keepass import pykeepass

        pykeepass()  # said before anything is read
    begun = agent.call(
        "export.begin",
        {
            "passphrase": passphrase.expose(),
            "format": wanted.format,
            "trash": wanted.trash,
            "folder": wanted.folder,
            "tag": wanted.tag,
        },
    )
    total = cast(int, begun["items"])
    folders = cast(list[str], begun["folders"])
    report = LossReport()
    files = wanted.format == "kdbx"
    items = list(_items(agent, total, on_items, files=files))
    return _write(wanted, items, folders, report), report, total


def _items(
    agent: AgentClient, total: int, on_items: Callable[[int, int], None], *, files: bool
) -> Iterator[Outgoing]:
    done = 0
    while done < total:
        page = cast(
            list[dict[str, Any]], agent.call("export.items", {"start": done})["items"]
        )
        if not page:
            return
        for row in page:
            yield _outgoing(agent, row, files=files)
        done += len(page)
        on_items(done, total)


def _outgoing(agent: AgentClient, row: dict[str, Any], *, files: bool) -> Outgoing:
    attached = []
    for each in row["files"]:
        data = b""
        if files:
            asked: Message = {"item": row["item"], "field": each["field"]}
            answer = agent.call("export.file", asked)
            data = base64.b64decode(cast(str, answer["data"]))
        attached.append(Attached(each["name"], data))
    return Outgoing(
        row["item"],
        row["fields"],
        frozenset(row["secret"]),
        tuple(Earlier(e["name"], e["time_ms"], e["value"]) for e in row["earlier"]),
        tuple(attached),
    )


def _write(
    wanted: Export, items: list[Outgoing], folders: list[str], report: LossReport
) -> bytes:
    if wanted.format == "csv":
        from clisk_vault.transfer.csv_out import write_csv

        return write_csv(items, report, formulas=wanted.formulas)
    if wanted.format == "cxf":
        from clisk_vault.transfer.cxf_out import write_cxf

        return write_cxf(items, folders, report, now_s=int(time.time()))
    if wanted.format == "kdbx":
        from clisk_vault.transfer.keepass_out import write_kdbx

        assert wanted.password is not None
        return write_kdbx(items, folders, wanted.password, report)
    from clisk_vault.transfer.bitwarden_out import write_bitwarden

    plain = write_bitwarden(items, folders, report)
    if wanted.format == "bitwarden":
        return plain
    import os

    from clisk_vault.transfer.bitwarden_encrypted import seal_protected

    assert wanted.password is not None
    return seal_protected(plain, wanted.password, random=os.urandom)

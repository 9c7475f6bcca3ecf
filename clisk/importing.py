"""Reads a file of another program, and hands what it holds to the agent.

Here and not in the agent: a parser of strangers' bytes has no business beside the
keys. What it may take of memory is bounded, whatever the file says.
"""

from __future__ import annotations

import base64
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from clisk.client import AgentClient, OnEvent
from clisk.wire import Message
from clisk_vault.errors import CostLimitError, FormatError
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import ForeignFile, ForeignItem

MEMORY_BYTES = 4 * 1024 * 1024 * 1024
"""Of address space while it reads: an Argon2 run of 1 GiB fits."""
_PART_CHARS = 4 * 1024 * 1024
_PART_ITEMS = 2000
_PAGE = 1000
# A file of another program was never made by this one: the general hint would mislead.
_ADVICE = "nothing was imported; export it once more there, and give --format if known"


@contextmanager
def bounded_memory(limit: int = MEMORY_BYTES) -> Iterator[None]:
    """Let the block take no more address space than *limit* bytes.

    Raises:
        CostLimitError: it wanted more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    except MemoryError:
        raise CostLimitError(
            f"reading the file takes more than {limit // (1 << 20)} MiB of memory",
            advice="nothing was imported; is the file what it should be?",
        ) from None
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def read(
    data: bytes, name: str, *, secrets: FileSecrets, mapping: Mapping[str, str] | None
) -> ForeignFile:
    """Return what *data* holds, within bounded memory; raises as read_file()."""
    with bounded_memory():
        try:
            return read_file(data, name, secrets=secrets, mapping=mapping or None)
        except FormatError as err:
            if err.advice == FormatError.default_advice:
                err.advice = _ADVICE
            raise


def hand_over(
    agent: AgentClient, file: ForeignFile, *, dry_run: bool, on_event: OnEvent
) -> Message:
    """Give the agent all of *file*, and return what it made of it."""
    agent.call("import.begin", {"source": file.source, "folders": list(file.folders)})
    part: list[Message] = []
    size = 0
    for item in file.items:
        spelt = _spell(item)
        cost = sum(len(name) + len(text) for name, text in spelt.items())
        if part and (size + cost > _PART_CHARS or len(part) >= _PART_ITEMS):
            agent.call("import.items", {"items": part})
            part, size = [], 0
        part.append(
            {
                "key": item.key,
                "place": item.place,
                "fields": spelt,
                "kept_aside": list(item.kept_aside),
            }
        )
        size += cost
        if item.attached:
            agent.call("import.items", {"items": part})
            part, size = [], 0
            for each in item.attached:
                content = base64.b64encode(each.data).decode()
                agent.call("import.file", {"name": each.name, "data": content})
    if part:
        agent.call("import.items", {"items": part})
    return agent.call("import.finish", {"dry_run": dry_run}, on_event=on_event)


def report(agent: AgentClient) -> Iterator[Message]:
    """Yield what was, or would be, done with each item."""
    start = 0
    while True:
        rows = agent.call("import.report", {"start": start})["items"]
        assert isinstance(rows, list)
        yield from rows
        if len(rows) < _PAGE:
            return
        start += _PAGE


def _spell(item: ForeignItem) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.expose()
        for name, value in item.fields.items()
    }

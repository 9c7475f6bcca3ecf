"""What the dashboard's process writes when something fails inside, and where."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any, cast

import anyio
import httpx
import pytest
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser

from clisk.dashboard import app as application
from clisk.dashboard.gate import MAX_BODY
from clisk.dashboard.serve import _log_to_stderr
from clisk.dashboard.visit import GivenFile

_SECRET = "planted-secret-9"


@pytest.fixture
def loggers() -> Iterator[None]:
    """Put the loggers back as they were."""
    names = ("uvicorn", "clisk.dashboard")
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).propagate)
        for name in names
    }
    yield
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers[:] = handlers
        logging.getLogger(name).propagate = propagate


@pytest.mark.usefixtures("loggers")
def test_no_secret_of_a_fault_reaches_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The server would write the traceback with the words of the error."""
    _log_to_stderr()
    # Where a logger without a handler of its own would write, as in a real process.
    last_resort = io.StringIO()
    root = logging.StreamHandler(last_resort)
    logging.getLogger().addHandler(root)

    try:
        raise ValueError(_SECRET)
    except ValueError as err:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        anyio.run(application._fault, cast("Any", None), err)

    logging.getLogger().removeHandler(root)

    said = capfd.readouterr()
    assert _SECRET not in said.out + said.err + last_resort.getvalue()
    assert "fault: ValueError" in said.err, "the positive control: its place is told"


def test_no_file_that_is_sent_is_written_to_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longest body fits into memory, where the file is read from at once."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    body = httpx.Request(
        "POST", "http://host/", files={"file": ("scan.pdf", b"x" * (3 << 20))}
    )

    async def parts() -> AsyncGenerator[bytes, None]:
        yield body.read()

    async def parse() -> int:
        parser = MultiPartParser(Headers(body.headers), parts())
        form = await parser.parse()
        file = form["file"]
        assert isinstance(file, UploadFile)
        size = len(await file.read())
        await form.close()
        return size

    assert anyio.run(parse) == 3 << 20
    assert MultiPartParser.spool_max_size > MAX_BODY


def test_a_file_that_is_sent_is_in_no_error() -> None:
    """Its bytes and what a form held stay out of what may be logged."""
    given = GivenFile("scan.pdf", "application/pdf", _SECRET.encode())

    assert _SECRET not in repr(given)
    assert _SECRET not in repr(replace(given, name="other.pdf"))

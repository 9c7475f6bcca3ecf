"""Structured logs: one JSON object a line, without payloads, tokens or whole ids."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from clisk_vault.primitives import sha256

logger = logging.getLogger("clisk_sync.relay")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; its fields are in `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(line | getattr(record, "facts", {}), separators=(",", ":"))


def set_up_logs() -> None:
    """Write the relay's log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name, level in (("clisk_sync.relay", "INFO"), ("uvicorn.error", "WARNING")):
        target = logging.getLogger(name)
        target.handlers[:] = [handler]
        target.setLevel(level)
        target.propagate = False


def log_event(event: str, **facts: Any) -> None:
    """Note something about the process."""
    logger.info(event, extra={"facts": facts})


def log_request(
    *,
    does: str,
    method: str,
    status: int,
    code: str,
    seconds: float,
    sent_bytes: int,
    vault: str | None,
) -> None:
    """Note a request: what it was and what came of it, never what was in it."""
    facts: dict[str, Any] = {
        "does": does,
        "method": method,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "sent_bytes": sent_bytes,
    }
    if code:
        facts["code"] = code
    if vault is not None:
        # Tells two vaults apart in a log; does not name one.
        facts["vault"] = sha256(b"relay log", vault.encode())[:4].hex()
    logger.info("request", extra={"facts": facts})


def log_failure(err: BaseException) -> None:
    """Note where the relay itself failed; messages of errors may quote input."""
    frames = traceback.extract_tb(err.__traceback__)
    where = [f"{frame.name}:{frame.lineno}" for frame in frames[-8:]]
    facts = {"kind": type(err).__name__, "where": where}
    logger.error("failure", extra={"facts": facts})

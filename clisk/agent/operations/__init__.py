"""What the agent can be asked, one subject a module."""

from __future__ import annotations

import importlib

MODULES = (
    "life",
    "watching",
    "items",
    "names",
    "reading",
    "conflicts",
    "one_time_codes",
    "health",
    "organise",
    "attachments",
    "trash",
    "duplicates",
    "cloning",
    "transfer",
    "export",
    "backup",
    "grants",
    "access",
    "log",
    "log_list",
    "log_summary",
    "log_retention",
    "log_export",
    "sync",
    "compaction",
    "devices",
    "pairing",
    "joining",
    "recovery",
    "konnector",
    "runs",
    "schedules",
    "proposals",
    "fill",
    "ssh",
    "tokens",
)


def load() -> None:
    """Fill the registry's table."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")

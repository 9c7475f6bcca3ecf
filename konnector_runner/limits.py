"""Every bound of a run, in one place: the reader's choice, never the sender's."""

from __future__ import annotations

from dataclasses import dataclass

from konnector_runner.bridge import MAX_MESSAGE


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Times as the Cozy app has them; sizes are ours."""

    handshake_seconds: float = 10
    set_worker_state_seconds: float = 30
    run_seconds: float = 15 * 60
    message_characters: int = MAX_MESSAGE
    file_bytes: int = 64 * 1024 * 1024
    files: int = 10_000
    bills: int = 10_000
    log_lines: int = 2_000
    log_characters: int = 4_096

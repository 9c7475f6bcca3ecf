"""What is left in the agent's memory once the vault is locked: SECURITY.md.

Read as root reads it, from /proc/PID/mem; the agent itself forbids that to others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.program.leaks import spellings
from tests.program.world import Device, device

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.getuid() != 0 or not sys.platform.startswith("linux"),
        reason="only root on Linux may read the memory of the agent",
    ),
]

_PASSPHRASE = "planted passphrase xW4 in memory"
_PASSWORD = "planted-password-pQ7-in-memory"
_UNREAD = "planted-password-vB2-never-read"


def count_in_memory(pid: int, secrets: Iterable[str]) -> dict[str, int]:
    """Return how often each secret is in the memory of a process, in any spelling."""
    wanted = {secret: list(spellings(secret).values()) for secret in secrets}
    found = dict.fromkeys(wanted, 0)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or "[vv" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                data = os.pread(memory.fileno(), end - start, start)
            except OSError:
                continue  # gone meanwhile, or not backed by memory
            for secret, spelled in wanted.items():
                found[secret] += sum(data.count(each) for each in spelled)
    return found


def test_the_search_finds_what_is_there() -> None:
    """Positive control: a plain text, and the same in UTF-16 and in base64."""
    program = (
        "import sys,base64; s=sys.stdin.readline().strip();"
        "a=s.encode('utf-16-le'); b=base64.b64encode(s.encode());"
        "print(1,flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(f"{_PASSWORD}\n")
        running.stdin.flush()
        running.stdout.readline()
        found = count_in_memory(running.pid, [_PASSWORD, _UNREAD])
        running.stdin.close()

    assert found[_PASSWORD] >= 3
    assert found[_UNREAD] == 0


def _agent(home: Device) -> int:
    return int((home.home / "agent.lock").read_text())


def test_a_locked_agent_has_no_passphrase_and_no_password(tmp_path: Path) -> None:
    """Attack: the memory of the agent is searched after unlock, read and lock.

    While the vault is open, what was never read is there only sealed.
    """
    with device(tmp_path / "home") as home:
        home.init(passphrase=_PASSPHRASE)
        home.add_login("Read", _PASSWORD)
        home.add_login("Unread", _UNREAD)
        home.ok("agent", "stop")
        home.unlock(_PASSPHRASE)
        assert home.ok("get", "Read", "-f", "password") == f"{_PASSWORD}\n"
        secrets = [_PASSPHRASE, _PASSWORD, _UNREAD]
        is_open = count_in_memory(_agent(home), secrets)
        home.ok("lock")
        locked = count_in_memory(_agent(home), secrets)

    assert is_open[_UNREAD] == 0
    assert locked == dict.fromkeys(secrets, 0)

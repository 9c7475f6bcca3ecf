"""What holds for every test: no network, and the hypothesis profiles."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fast",
    max_examples=25,
    deadline=None,  # the machines that run this are shared and noisy
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "ci", settings.get_profile("fast"), max_examples=200, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

_MEMORY_DISK = Path("/dev/shm")
_ROOM_BYTES = 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary files on a disk in memory, where there is one with room.

    The tests commit tens of thousands of times. To SQLite a commit is as real
    there; what a disk does when the power fails no test here can show.
    """
    if config.option.basetemp or "TMPDIR" in os.environ or not _MEMORY_DISK.is_dir():
        return
    if shutil.disk_usage(_MEMORY_DISK).free < _ROOM_BYTES:
        return
    folder = tempfile.mkdtemp(prefix="clisk-tests-", dir=_MEMORY_DISK)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


class NetworkTouchedError(BaseException):
    """A test tried to leave this machine; no `except Exception` may hide it."""


def stays_here(address: Any) -> bool:
    """Say whether a socket address is a Unix path or on the loopback interface."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(name: str, *, address_at: int) -> Any:
    real = getattr(socket.socket, name)

    def guarded(self: socket.socket, *args: Any) -> Any:
        if not stays_here(args[address_at]):
            raise NetworkTouchedError(f"{name} to an address off this machine")
        return real(self, *args)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Make every way off this machine fail, name look-ups too."""
    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not stays_here((name,)):
            raise NetworkTouchedError("look-up of a name off this machine")
        return real_lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lookup)
        for name, address_at in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
            patch.setattr(socket.socket, name, _guarded(name, address_at=address_at))
        yield

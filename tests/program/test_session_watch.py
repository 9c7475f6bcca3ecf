"""The vault locks when the machine sleeps or its screen is locked: a real D-Bus."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
from jeepney import DBusAddress, new_signal
from jeepney.io.asyncio import open_dbus_connection

from clisk.agent.session_watch import means_lock, watch

_LOGIN = "org.freedesktop.login1"
_SAVER = "org.gnome.ScreenSaver"


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    """Run a bus of the test's own and give its address."""
    program = shutil.which("dbus-daemon")
    assert program, "dbus-daemon is missing; Debian: apt-get install dbus-daemon"
    with subprocess.Popen(
        (program, "--session", "--nofork", "--print-address"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


@pytest.mark.parametrize(
    ("interface", "signal", "body", "locks"),
    [
        (f"{_LOGIN}.Manager", "PrepareForSleep", (True,), True),
        (f"{_LOGIN}.Manager", "PrepareForSleep", (False,), False),
        (f"{_LOGIN}.Session", "Lock", (), True),
        (f"{_LOGIN}.Session", "Unlock", (), False),
        (_SAVER, "ActiveChanged", (True,), True),
        (_SAVER, "ActiveChanged", (False,), False),
        (f"{_LOGIN}.Manager", "Lock", (), False),
    ],
)
def test_which_signals_lock(
    interface: str, signal: str, body: tuple[bool, ...], locks: bool
) -> None:
    """Going to sleep and a locked screen; not waking up."""
    assert means_lock(interface, signal, body) is locks


@pytest.mark.parametrize(
    ("interface", "signal", "body"),
    [
        (f"{_LOGIN}.Manager", "PrepareForSleep", (True,)),
        (f"{_LOGIN}.Session", "Lock", ()),
        (_SAVER, "ActiveChanged", (True,)),
    ],
)
def test_a_signal_on_the_bus_locks(
    bus: str, interface: str, signal: str, body: tuple[bool, ...]
) -> None:
    """What the system sends reaches the agent; waking up before it does not."""

    async def run() -> int:
        locked: asyncio.Queue[int] = asyncio.Queue()
        times = 0

        async def lock() -> None:
            nonlocal times
            times += 1
            await locked.put(times)

        watching = asyncio.create_task(watch(lock, buses=[bus]))
        async with await open_dbus_connection(bus) as sender:

            async def send(what: tuple[bool, ...]) -> None:
                path = DBusAddress("/org/test", interface=interface)
                kind = "b" if what else None
                await sender.send(new_signal(path, signal, kind, what))

            if body:
                await send((False,))
            # The watcher may not listen yet: said again until it is heard.
            while locked.empty():
                await send(body)
                with suppress(TimeoutError):
                    await asyncio.wait_for(locked.get(), timeout=0.2)
                    break
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        return times

    assert asyncio.run(asyncio.wait_for(run(), timeout=30)) >= 1


def test_without_a_bus_the_agent_works(capfd: pytest.CaptureFixture[str]) -> None:
    """No bus, a broken address: nothing is said, and nothing ends."""

    async def lock() -> None:
        raise AssertionError("nobody asked for it")

    asyncio.run(watch(lock, buses=["unix:path=/nonexistent/bus", "nonsense"]))

    assert capfd.readouterr() == ("", "")

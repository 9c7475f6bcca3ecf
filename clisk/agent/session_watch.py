"""Locks the vault when the machine goes to sleep or its screen is locked.

The home of jeepney. Listens on D-Bus, to logind and to desktops' screen savers; where
there is no bus nothing is said, and the idle timer works as ever. A message can only
lock: whoever sends a false one costs the person a passphrase.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from clisk.agent.journal import log

_LOGIN = "org.freedesktop.login1"
_SAVERS = ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver")
# (interface, signal, what it must say); None: whatever it says.
_MEANS_LOCK: tuple[tuple[str, str, tuple[bool, ...] | None], ...] = (
    (f"{_LOGIN}.Manager", "PrepareForSleep", (True,)),
    (f"{_LOGIN}.Session", "Lock", None),
    *((saver, "ActiveChanged", (True,)) for saver in _SAVERS),
)
BUSES = ("SYSTEM", "SESSION")


def means_lock(interface: str, signal: str, body: object) -> bool:
    """Say whether a signal means that nobody is at the machine any more."""
    return any(
        (interface, signal) == (where, what) and said in (None, body)
        for where, what, said in _MEANS_LOCK
    )


async def watch(
    lock: Callable[[], Awaitable[None]], *, buses: Sequence[str] = BUSES
) -> None:
    """Call *lock* at each such signal, on every bus that there is."""
    await asyncio.gather(*(_watch_bus(bus, lock) for bus in buses))


async def _watch_bus(bus: str, lock: Callable[[], Awaitable[None]]) -> None:
    # Late: an agent that answers needs no bus for it; and where there are none at
    # all (macOS), neither is the library.
    try:
        from jeepney import HeaderFields, MatchRule, MessageType
        from jeepney.bus_messages import message_bus
        from jeepney.io.asyncio import open_dbus_connection
    except ModuleNotFoundError:
        return
    try:
        async with await open_dbus_connection(bus) as connection:
            for interface, signal, _ in _MEANS_LOCK:
                rule = MatchRule(type="signal", interface=interface, member=signal)
                await connection.send(message_bus.AddMatch(rule))
            log.info("listens to a bus")
            while True:
                message = await connection.receive()
                header = message.header
                if header.message_type is MessageType.signal and means_lock(
                    str(header.fields.get(HeaderFields.interface)),
                    str(header.fields.get(HeaderFields.member)),
                    message.body,
                ):
                    log.info("asleep or screen locked")
                    await lock()
    # A bus may be absent, go away, or speak in a way that the library does not
    # expect; none of that may end the agent.
    except Exception as err:  # noqa: BLE001 - see above
        log.info("no bus: %s", type(err).__name__)

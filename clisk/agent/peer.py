"""Who is at the other end of the socket, as the kernel says."""

from __future__ import annotations

import socket
import struct

_UCRED = struct.Struct("=iII")  # pid, uid, gid: unix(7)


def peer_user(stream: socket.socket) -> int | None:
    """Return the user id of the process that connected; None if unknown here.

    The socket's mode already keeps others out; this holds when the folder was
    once opened to them, or when the descriptor was handed over.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    raw = stream.getsockopt(socket.SOL_SOCKET, option, _UCRED.size)
    _, user, _ = _UCRED.unpack(raw)
    return int(user)

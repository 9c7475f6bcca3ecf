"""The address of a relay: protocol/relay-api.md §1."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from clisk_sync.errors import CallerError

_MAX_CHARS = 300
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_loopback(host: str) -> bool:
    """Say whether *host* names this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def relay_origin(url: str) -> str:
    """Return the one spelling of a relay's address: scheme, host, port if unusual.

    Raises:
        CallerError: not an address of a relay, or http to another machine.
    """
    advice = "write it like https://relay.example"
    if len(url) > _MAX_CHARS or not url.isascii() or any(c <= " " for c in url):
        raise CallerError("relay address: not a plain address", advice=advice)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CallerError("relay address: not well formed", advice=advice) from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise CallerError("relay address: not https and a host", advice=advice)
    if parts.username is not None or parts.password is not None:
        raise CallerError("relay address: holds a user or password", advice=advice)
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "\\" in url:
        raise CallerError("relay address: more than scheme and host", advice=advice)
    if parts.scheme == "http" and not is_loopback(host):
        raise CallerError(
            "relay address: http is for this machine only",
            advice="use https, so that nobody on the way can delay or drop at will",
        )
    shown = f"[{host}]" if ":" in host else host
    unusual = port is not None and port != _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if unusual else "")

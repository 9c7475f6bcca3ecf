"""The relay: stores envelopes it cannot read and puts them in order.

Spec: protocol/relay-api.md. Needs the extra `relay`.
"""

from clisk_sync.relay.app import create_app
from clisk_sync.relay.limits import Limits, Rate
from clisk_sync.relay.server import RunningRelay, serve, start
from clisk_sync.relay.settings import Settings

__all__ = [
    "Limits",
    "Rate",
    "RunningRelay",
    "Settings",
    "create_app",
    "serve",
    "start",
]

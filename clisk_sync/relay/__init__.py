"""The relay: stores envelopes it cannot read and puts them in order.

Spec: protocol/relay-api.md. Needs the extra `relay`.
"""

from clisk_sync.relay.app import create_app
from clisk_sync.relay.invites import make_invite
from clisk_sync.relay.limits import Limits, Rate
from clisk_sync.relay.server import RunningRelay, serve, start
from clisk_sync.relay.settings import Creation, Settings

__all__ = [
    "Creation",
    "Limits",
    "Rate",
    "RunningRelay",
    "Settings",
    "create_app",
    "make_invite",
    "serve",
    "start",
]

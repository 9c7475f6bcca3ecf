"""Who may look: one-time links and what they open. Implements protocol/dashboard.md §2.

No network in here, and no clock or randomness of its own. Tokens are kept as
their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from clisk.errors import CliskError

TOKEN_BYTES = 32
LINK_SECONDS = 120.0
IDLE_SECONDS = 15 * 60.0

Draw = Callable[[int], bytes]
Clock = Callable[[], float]


class LinkError(CliskError):
    """A link that opens nothing."""

    default_advice = "make a new one: clisk dashboard"


@dataclass(slots=True)
class Session:
    """What one browser may do; *locked*: send a passphrase, and nothing else."""

    form_token: str = field(repr=False)
    locked: bool
    used_at: float
    opened: int
    """How often the vault had been opened when this session was last unlocked."""
    language: str | None = None
    kept: dict[str, object] = field(default_factory=dict, repr=False)
    """What lasts as long as the session: a pairing, a run that is watched."""


@dataclass(slots=True)
class _Link:
    until: float
    session: bytes | None = None


class Sessions:
    """The links that were shown and the sessions that they opened."""

    def __init__(self, *, draw: Draw, clock: Clock, idle_seconds: float) -> None:
        self._draw = draw
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._links: dict[bytes, _Link] = {}
        self._sessions: dict[bytes, Session] = {}

    def new_link(self) -> str:
        """Return a token that opens one session, once, within two minutes."""
        token = self._token()
        self._links[_hash(token)] = _Link(self._clock() + LINK_SECONDS)
        return token

    def open(self, token: str, *, opened: int, locked: bool) -> str:
        """Return the cookie of a new session.

        Raises:
            LinkError: no such link, or too late; or a second time, and then what
                it opened is ended, for one of the two was not the person.
        """
        link = self._links.get(_hash(token))
        if link is None:
            raise LinkError("this link opens nothing")
        if link.session is not None:
            self._sessions.pop(link.session, None)
            raise LinkError(
                "this link was opened twice, so what it had opened was ended"
            )
        if self._clock() >= link.until:
            raise LinkError("this link is too old: it was good for two minutes")
        cookie = self._begin(opened=opened, locked=locked)
        link.session = _hash(cookie)
        return cookie

    def find(self, cookie: str, *, touch: bool) -> Session | None:
        """Return the session of *cookie* while it lasts; *touch*: a person asks."""
        key = _hash(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock()
        if now - session.used_at >= self._idle_seconds:
            del self._sessions[key]
            return None
        if touch:
            session.used_at = now
        return session

    def heard(self, *, opened: int, unlocked: bool) -> None:
        """Lock the sessions that were unlocked for a vault that has closed since."""
        for session in self._sessions.values():
            if not unlocked or session.opened != opened:
                session.locked = True
                session.kept.clear()

    def unlock(self, cookie: str, *, opened: int) -> str:
        """Return the cookie of the session that takes the place of a locked one."""
        key = _hash(cookie)
        before = self._sessions.pop(key, None)
        fresh = self._begin(opened=opened, locked=False)
        if before is not None:
            self._sessions[_hash(fresh)].language = before.language
        # The link that opened the one before now stands for this one.
        for link in self._links.values():
            if link.session == key:
                link.session = _hash(fresh)
        return fresh

    def end(self, cookie: str) -> None:
        """End a session; harmless when there is none."""
        self._sessions.pop(_hash(cookie), None)

    def _begin(self, *, opened: int, locked: bool) -> str:
        cookie = self._token()
        self._sessions[_hash(cookie)] = Session(
            form_token=self._token(),
            locked=locked,
            used_at=self._clock(),
            opened=opened,
        )
        return cookie

    def _token(self) -> str:
        return base64.urlsafe_b64encode(self._draw(TOKEN_BYTES)).rstrip(b"=").decode()


def form_token_fits(session: Session, given: str) -> bool:
    """Say whether a form came from one of our own pages."""
    return hmac.compare_digest(session.form_token.encode(), given.encode())


def _hash(token: str) -> bytes:
    # Looked up by hash, so that the time a look-up takes says nothing about a token.
    return hashlib.sha256(token.encode()).digest()

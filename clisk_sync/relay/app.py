"""The ASGI application: protocol/relay-api.md."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from clisk_sync.relay.frame import Frame, http_refusal
from clisk_sync.relay.routes import ROUTES
from clisk_sync.relay.service import Relay
from clisk_sync.relay.settings import Settings


def create_app(settings: Settings) -> Starlette:
    """Return the application; its lifespan opens and closes the database."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        relay = await Relay.open(settings)
        app.state.relay = relay
        try:
            yield
        finally:
            await relay.stop()

    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Frame)],
        exception_handlers={HTTPException: http_refusal},
        lifespan=lifespan,
    )
    # One spelling of each path, and never a redirect.
    app.router.redirect_slashes = False
    return app

"""Every route of the dashboard, by subject."""

from __future__ import annotations

from clisk.dashboard.page import Page
from clisk.dashboard.pages import (
    access,
    attachments,
    collected,
    conflicts,
    devices,
    door,
    duplicates,
    editing,
    generator,
    grants,
    health,
    history,
    items,
    konnectors,
    pairing,
    secrets,
    settings,
    syncing,
)

ROUTES: tuple[Page, ...] = (
    *door.ROUTES,
    *items.ROUTES,
    *attachments.ROUTES,
    *history.ROUTES,
    *editing.ROUTES,
    *generator.ROUTES,
    *secrets.ROUTES,
    *conflicts.ROUTES,
    *duplicates.ROUTES,
    *devices.ROUTES,
    *pairing.ROUTES,
    *grants.ROUTES,
    *konnectors.ROUTES,
    *collected.ROUTES,
    *access.ROUTES,
    *syncing.ROUTES,
    *health.ROUTES,
    *settings.ROUTES,
)

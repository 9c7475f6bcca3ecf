"""Devices: who belongs to the vault, and what follows when one is lost."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def listed(visit: Visit) -> Response:
    """Show members and former members."""
    template = "devices_list.html" if visit.fragment else "devices.html"
    code = visit.desk.ask("sync.code")["code"]
    return visit.show(template, code=code, **visit.desk.ask("devices"))


def consequences(visit: Visit) -> Response:
    """Ask before revoking, and say what it does and does not do."""
    device = visit.desk.ask("devices.find", device=visit.params["device"])
    return visit.show("revoke.html", device=device)


def revoke(visit: Visit) -> Response:
    """Revoke a device and list the passwords to change, worst first."""
    answer = visit.desk.ask("devices.revoke", device=visit.params["device"])
    return visit.show("revoked.html", **answer)


def exposed(visit: Visit) -> Response:
    """Show again what a revoked device could read, and what was changed since."""
    answer = visit.desk.ask("devices.exposed", device=visit.params["device"])
    return visit.show("revoked.html", **answer)


def rename(visit: Visit) -> Response:
    """Give this device another name."""
    visit.desk.ask("devices.rename", name=visit.form.get("name", "").strip())
    return visit.go("/devices")


def rotate(visit: Visit) -> Response:
    """Begin a new epoch."""
    epoch = visit.desk.ask("devices.rotate")["epoch"]
    return visit.notice(visit.words("devices.rotated", epoch=epoch))


ROUTES = (
    show("/devices", listed),
    act("/devices/rename", rename),
    act("/devices/rotate", rotate),
    show("/devices/{device:str}/revoke", consequences),
    act("/devices/{device:str}/revoke", revoke),
    show("/devices/{device:str}/exposed", exposed),
)

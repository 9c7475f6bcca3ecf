"""What two screens compare: protocol/safety-code.md."""

from __future__ import annotations

from clisk_sync.frontier import Frontier
from clisk_sync.membership import Membership
from clisk_vault import cbor
from clisk_vault.labels import Label
from clisk_vault.primitives import sha256

_GROUPS = 6
_DIGITS = 5


def safety_code(membership: Membership, frontier: Frontier) -> str:
    """Return the code of what this device believes: six groups of five digits."""
    marks: dict[bytes, cbor.Encodable] = {
        device: [chain.mark.number, chain.mark.hash]
        for device, chain in frontier.chains.items()
        if device in membership.devices and chain.mark.number
    }
    head = membership.head
    view = cbor.encode([membership.vault_id, [head.height, head.hash], marks])
    digest = sha256(Label.SAFETY_CODE.value, b"\0", view)
    width = _GROUPS * _DIGITS
    digits = f"{int.from_bytes(digest[:16]) % 10**width:0{width}}"
    return " ".join(digits[at : at + _DIGITS] for at in range(0, width, _DIGITS))

"""Where a departed device ends: protocol/membership.md §5.3, envelope.md §6 and §7.

Pure. What a device wrote up to its cut counts, whenever it arrives; what it wrote
after that is evidence, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from clisk_sync.envelope import Envelope
from clisk_sync.errors import AfterTheCut, ForkDetected, PeerError
from clisk_sync.frontier import Frontier, History, Missing
from clisk_sync.membership import Departed, Membership
from clisk_vault.ids import DeviceId


def check_cut(envelope: Envelope, frontier: Frontier, membership: Membership) -> None:
    """Refuse what a departed author wrote after its cut, and another last one.

    What is held already is left to Frontier.check_next().

    Raises:
        AfterTheCut: it does not count; the envelope is the evidence.
        ForkDetected: the revocation names another envelope at this number.
    """
    header = envelope.header
    departed = membership.departed.get(header.author)
    held = frontier.chain(header.author).mark.number
    if departed is None or header.number <= held:
        return
    cut = departed.cut
    if header.number > cut.number:
        raise AfterTheCut(
            "its author is revoked: kept, and never applied",
            device=header.author,
            number=header.number,
            evidence=(envelope.data,),
        )
    if header.number == cut.number and envelope.hash != cut.hash:
        raise ForkDetected(
            "its author's revocation names another one",
            device=header.author,
            number=header.number,
            evidence=(envelope.data, membership.records[departed.height]),
        )


def heed_cuts(
    frontier: Frontier, membership: Membership, history: History, *, now_ms: int
) -> tuple[Frontier, list[PeerError]]:
    """Return the frontier that misses what counts and no more, and what disagrees."""
    found, missing = list[PeerError](), dict(frontier.missing)
    for device, departed in membership.departed.items():
        if device == frontier.own:
            continue
        found.extend(_disputes(device, departed, frontier, membership, history))
        if frontier.chain(device).mark.number >= departed.cut.number:
            missing.pop(device, None)
        else:
            since = missing.get(device, Missing(0, now_ms))
            missing[device] = replace(since, number=departed.cut.number)
    return replace(frontier, missing=missing), found


def _disputes(
    device: DeviceId,
    departed: Departed,
    frontier: Frontier,
    membership: Membership,
    history: History,
) -> list[PeerError]:
    cut, newest = departed.cut, frontier.chain(device).mark
    record = membership.records[departed.height]
    held = history.hash_of(device, cut.number)
    if held is not None and held != cut.hash:
        kept = history.bytes_of(device, cut.number)
        return [
            ForkDetected(
                "its revocation names another one than was verified here",
                device=device,
                number=cut.number,
                evidence=(record,) if kept is None else (kept, record),
            )
        ]
    if newest.number > cut.number:
        kept = history.bytes_of(device, newest.number)
        return [
            AfterTheCut(
                "taken in before its author's revocation was known here",
                device=device,
                number=newest.number,
                evidence=(record,) if kept is None else (kept, record),
            )
        ]
    return []

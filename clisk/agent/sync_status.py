"""How things stand with the other devices and the relay, put together for people."""

from __future__ import annotations

import base64

from clisk.agent.alert_words import Words, words_for
from clisk.agent.registry import Answer
from clisk.agent.sync_driver import SyncDriver
from clisk_sync.evidence import EvidenceFile, Finding, encode_evidence
from clisk_sync.frontier_store import load_frontier
from clisk_sync.journal import Journal, State
from clisk_vault.errors import LogForked
from clisk_vault.ids import DeviceId
from clisk_vault.log_view import split_origin

# A device in use is heard of daily: after this it is off, or kept from us.
QUIET_MS = 2 * 24 * 60 * 60 * 1000


class Trouble(Answer):
    """Why the last round failed."""

    error: str
    message: str
    advice: str
    at_ms: int


class DeviceNews(Answer):
    """A member and the age of its news; *quiet*: nothing for over two days."""

    device: str
    name: str
    this: bool
    dormant: bool
    number: int
    heard_ms: int | None
    written_ms: int | None
    missing_since_ms: int | None
    quiet: bool


class AlertLine(Answer):
    """One finding. *id* is None for what is so now and not over: it has no past."""

    id: int | None
    kind: str
    device: str | None
    device_name: str | None
    number: int
    says: str
    next: str
    found_ms: int
    acknowledged: bool
    evidence: int


class SyncStatusAnswer(Answer):
    """The relay, each device, and all that was found and not acknowledged yet.

    *state* is ok, restored or revoked. *waiting* counts changes whose predecessors
    are missing, *quarantined* those refused, *set_aside* envelopes that nobody reads.
    """

    state: str
    relay: str | None
    last_contact_ms: int | None
    trouble: Trouble | None
    devices: list[DeviceNews]
    alerts: list[AlertLine]
    acknowledged: int
    unsent: int
    waiting: int
    quarantined: int
    set_aside: int
    safety_code: str


def sync_status(
    driver: SyncDriver, *, now_ms: int, everything: bool
) -> SyncStatusAnswer:
    """Return how things stand; *everything*: with what was acknowledged."""
    journal, replica = Journal(driver.vault.storage), driver.vault.replica
    trouble = driver.trouble
    lines = _alerts(driver, journal)
    own = driver.vault.device_id
    state = "restored" if journal.state(State.CLONED) else "ok"
    if own in driver.membership.departed:
        state = "revoked"
    return SyncStatusAnswer(
        state=state,
        relay=driver.relay_url,
        last_contact_ms=journal.state(State.CONTACT_MS) or None,
        trouble=None
        if trouble is None
        else Trouble(
            error=type(trouble.error).__name__,
            message=str(trouble.error),
            advice=trouble.error.advice,
            at_ms=trouble.at_ms,
        ),
        devices=_news(driver, now_ms),
        alerts=[line for line in lines if everything or not line.acknowledged],
        acknowledged=sum(line.acknowledged for line in lines),
        unsent=replica.unsent(),
        waiting=replica.orphans(),
        quarantined=len(replica.quarantine()),
        set_aside=len(journal.all_set_aside()),
        safety_code=driver.safety_code(),
    )


def _news(driver: SyncDriver, now_ms: int) -> list[DeviceNews]:
    own = driver.vault.device_id
    frontier = load_frontier(driver.vault.storage, own)
    lines = []
    for member in sorted(driver.membership.devices.values(), key=lambda m: m.height):
        chain, missing = frontier.chain(member.id), frontier.missing.get(member.id)
        this = member.id == own
        heard = chain.received_ms or None
        waits = not this and not member.dormant
        lines.append(
            DeviceNews(
                device=member.id.hex(),
                name=driver.name_of(member),
                this=this,
                dormant=member.dormant,
                number=chain.mark.number,
                heard_ms=None if this else heard,
                written_ms=chain.written_ms or None,
                missing_since_ms=None if missing is None else missing.since_ms,
                quiet=waits and now_ms - (heard or member.added_ms) > QUIET_MS,
            )
        )
    return lines


def _forks(driver: SyncDriver) -> list[AlertLine]:
    """Return a line for each log that was shown in two ways: kept for ever."""
    lines = []
    names = driver.device_names()
    for each in driver.vault.witness.kept():
        device, _ = split_origin(each.origin)
        lines.append(
            AlertLine(
                id=None,
                kind=LogForked.__name__,
                device=device.hex(),
                device_name=names.get(device),
                number=each.size,
                says=f"entry {each.size} of its access log exists twice, both signed",
                next=LogForked.default_advice,
                found_ms=each.found_ms,
                acknowledged=False,
                evidence=2,
            )
        )
    return lines


def _alerts(driver: SyncDriver, journal: Journal) -> list[AlertLine]:
    lines = [*_missing(driver), *_forks(driver)]
    for each in journal.evidence():
        words = words_for(
            each.kind,
            _who(driver, each.device),
            otherwise=Words(each.message, each.advice),
        )
        shown = (each.first, each.second)
        lines.append(
            AlertLine(
                id=each.id,
                kind=each.kind,
                device=None if each.device is None else each.device.hex(),
                device_name=None if each.device is None else _who(driver, each.device),
                number=each.number,
                says=words.says,
                next=words.next,
                found_ms=each.found_ms,
                acknowledged=each.acknowledged_ms is not None,
                evidence=sum(part is not None for part in shown),
            )
        )
    return lines


def _missing(driver: SyncDriver) -> list[AlertLine]:
    """Return a line for what is withheld now; it is gone when the relay gives it."""
    frontier = load_frontier(driver.vault.storage, driver.vault.device_id)
    lines = [
        _now(driver, "Withheld", device, missing.number, missing.since_ms)
        for device, missing in frontier.missing.items()
    ]
    if (record := frontier.missing_record) is not None:
        number, since_ms = record.number, record.since_ms
        lines.append(_now(driver, "RecordsWithheld", None, number, since_ms))
    return lines


def _now(
    driver: SyncDriver, kind: str, device: DeviceId | None, number: int, since_ms: int
) -> AlertLine:
    who = _who(driver, device)
    words = words_for(kind, who, otherwise=Words(kind, ""))
    return AlertLine(
        id=None,
        kind=kind,
        device=None if device is None else device.hex(),
        device_name=None if device is None else who,
        number=number,
        says=words.says,
        next=words.next,
        found_ms=since_ms,
        acknowledged=False,
        evidence=0,
    )


def _who(driver: SyncDriver, device: DeviceId | None) -> str:
    if device is None:
        return "a device"
    if device == driver.vault.device_id:
        return "this device"
    return driver.device_names().get(device, f"device {device.hex()[:8]}")


def evidence_file(driver: SyncDriver) -> str:
    """Return everything found, for others to check, in base64."""
    findings = tuple(
        Finding(
            each.kind,
            each.device,
            each.number,
            each.found_ms,
            tuple(part for part in (each.first, each.second) if part is not None),
        )
        for each in Journal(driver.vault.storage).evidence()
    )
    file = EvidenceFile(driver.vault.id, driver.membership.records, findings)
    return base64.b64encode(encode_evidence(file)).decode()

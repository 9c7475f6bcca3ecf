"""The frontier on disk: protocol/envelope.md §7, last paragraph.

Only what a step changed is written, in the transaction that keeps the envelope.
"""

from __future__ import annotations

from clisk_sync.envelope_content import Claim, Mark
from clisk_sync.frontier import Chain, Frontier, Missing, Said
from clisk_vault.ids import DeviceId, EnvelopeHash, RecordHash
from clisk_vault.storage import Column, Storage

# Stands in for a device where a membership record is what is missing.
_RECORDS = DeviceId(b"")


def load_frontier(storage: Storage, own: DeviceId) -> Frontier:
    """Return the frontier of the device *own* as last saved."""
    missing = {
        DeviceId(_bytes(device)): Missing(_int(number), _int(since))
        for device, number, since in storage.all(
            "SELECT device, number, since_ms FROM sync_missing"
        )
    }
    missing_record = missing.pop(_RECORDS, None)
    return Frontier(
        own, _load_chains(storage), _load_said(storage), missing, missing_record
    )


def save_frontier(storage: Storage, before: Frontier, after: Frontier) -> None:
    """Write what differs; call it within a transaction."""
    for device, chain in after.chains.items():
        if before.chains.get(device) != chain:
            _save_chain(storage, device, chain)
    for author, said in after.said.items():
        if before.said.get(author) != said:
            _save_said(storage, author, said)
    if (before.missing, before.missing_record) != (after.missing, after.missing_record):
        _save_missing(storage, after)


def _load_chains(storage: Storage) -> dict[DeviceId, Chain]:
    return {
        DeviceId(_bytes(device)): Chain(
            Mark(_int(number), EnvelopeHash(_bytes(digest))),
            _int(epoch),
            _int(written),
            _int(received),
        )
        for device, number, digest, epoch, written, received in storage.all(
            "SELECT device, number, hash, epoch, written_ms, received_ms"
            " FROM sync_chain"
        )
    }


def _load_said(storage: Storage) -> dict[DeviceId, Said]:
    marks: dict[DeviceId, dict[DeviceId, Mark]] = {}
    for author, device, number, digest in storage.all(
        "SELECT author, device, number, hash FROM sync_claim"
    ):
        mark = Mark(_int(number), EnvelopeHash(_bytes(digest)))
        of_author = marks.setdefault(DeviceId(_bytes(author)), {})
        of_author[DeviceId(_bytes(device))] = mark
    said = {}
    for author, number, height, digest in storage.all(
        "SELECT author, number, height, record_hash FROM sync_said"
    ):
        name = DeviceId(_bytes(author))
        claim = Claim(marks.get(name, {}), _int(height), RecordHash(_bytes(digest)))
        said[name] = Said(claim, _int(number))
    return said


def _save_chain(storage: Storage, device: DeviceId, chain: Chain) -> None:
    storage.execute(
        "INSERT OR REPLACE INTO sync_chain"
        " (device, number, hash, epoch, written_ms, received_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            device,
            chain.mark.number,
            chain.mark.hash,
            chain.epoch,
            chain.written_ms,
            chain.received_ms,
        ),
    )


def _save_said(storage: Storage, author: DeviceId, said: Said) -> None:
    storage.execute(
        "INSERT OR REPLACE INTO sync_said (author, number, height, record_hash)"
        " VALUES (?, ?, ?, ?)",
        (
            author,
            said.number,
            said.claim.membership_height,
            said.claim.membership_hash,
        ),
    )
    storage.execute("DELETE FROM sync_claim WHERE author = ?", (author,))
    storage.executemany(
        "INSERT INTO sync_claim (author, device, number, hash) VALUES (?, ?, ?, ?)",
        [
            (author, device, mark.number, mark.hash)
            for device, mark in said.claim.marks.items()
        ],
    )


def _save_missing(storage: Storage, frontier: Frontier) -> None:
    missing = dict(frontier.missing)
    if frontier.missing_record is not None:
        missing[_RECORDS] = frontier.missing_record
    storage.execute("DELETE FROM sync_missing")
    storage.executemany(
        "INSERT INTO sync_missing (device, number, since_ms) VALUES (?, ?, ?)",
        [(device, each.number, each.since_ms) for device, each in missing.items()],
    )


def _bytes(value: Column) -> bytes:
    assert isinstance(value, bytes)
    return value


def _int(value: Column) -> int:
    assert isinstance(value, int)
    return value

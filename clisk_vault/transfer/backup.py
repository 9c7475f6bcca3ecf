"""A full backup of a vault, and a new vault made of one: protocol/backup.md.

There is no key and no identity in a backup, so what is restored is a vault of its
own, with a device of its own: no clone of the one that was saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.entry import REMOVED as REMOVED_VALUE
from clisk_vault.entry import Entries, EntryKey, EntryValue, Role
from clisk_vault.errors import VaultError
from clisk_vault.field_seal import FieldPlace, seal_field
from clisk_vault.grants import Standing
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_store import Composer
from clisk_vault.keys import SecretText
from clisk_vault.reveal import ReadRequest
from clisk_vault.steps import Steps
from clisk_vault.transfer.backup_format import (
    CLEAR,
    REMOVED,
    SAME,
    SECRET,
    BackupFile,
    BackupFolder,
    BackupGrant,
    BackupHead,
    BackupItem,
    PastVersion,
    Record,
)
from clisk_vault.vault import Vault
from clisk_vault.versions import FieldView, Version

_WHO = Requester(RequesterKind.EXPORT, "command line")
_WHY = "full backup"
_FILES = "attachment."
# Told apart by keys of the vault that it was in; means nothing in another.
_OWN = ("imported.", _FILES)


def head_of(vault: Vault, time_ms: int) -> BackupHead:
    """Return what a backup says of where it came from."""
    return BackupHead(vault.id, vault.device_id, time_ms)


def back_up_items(vault: Vault, items: Sequence[ItemId]) -> list[Record]:
    """Return *items* with all their versions and files; each read is recorded first.

    Whoever makes a backup has typed the passphrase for it.

    Raises:
        ReadRefused: a record could not be written; nothing more is read.
        NotHereError: a file has not come whole from another device yet.
        TamperedError, FormatError: a sealed value was changed.
    """
    views = {item: vault.view(item) for item in items}
    requests = [
        ReadRequest(
            item,
            name,
            _WHO,
            _WHY,
            version=version.stamp,
            use=Use.BACKUP,
            confirmed=True,
        )
        for item, view in views.items()
        for name, field in _fields(view)
        for version in field.versions
        if version.secret and version.source == version.stamp
    ]
    values: dict[tuple[ItemId, str, Stamp], str] = {}
    answers = vault.reveal_many(requests)
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(answer, VaultError):
            raise answer
        assert request.version is not None
        values[request.item, request.field, request.version] = answer.expose()
    records: list[Record] = []
    for item, view in views.items():
        records.append(BackupItem(item, tuple(_versions(item, view, values))))
        records += _files(vault, item)
    return records


def back_up_rest(vault: Vault) -> list[Record]:
    """Return the folders, and the grants that stand and have no count of reads.

    A count is kept on the device that gave the grant; given anew it would begin anew.
    """
    standing = [
        state.grant
        for state in vault.grants()
        if vault.grant_standing(state) is Standing.VALID
        and state.grant.max_reads is None
    ]
    known = vault.ids()
    return [
        *(BackupFolder(name) for name in vault.folders()),
        *(
            BackupGrant(
                each.konnector, each.digest, each.item, each.fields, each.origins,
                each.purpose, each.expires_ms, each.plaintext_to_konnector,
            )
            for each in standing
            if each.item in known
        ),
    ]  # fmt: skip


def restoring(vault: Vault, records: Sequence[Record]) -> Steps[None]:
    """Bring all that a backup holds into *vault*, which has just been made.

    The items are made ready in steps; all is kept in one transaction, the last step.

    Raises:
        CallerError: an item that is there already.
    """
    items = [record for record in records if isinstance(record, BackupItem)]
    with vault.batch() as batch:
        for done, record in enumerate(items):
            yield done
            batch.compose(record.item, _composer(vault, record), new=True)
        while outdated := batch.drop_outdated():
            for record in items:
                if record.item in outdated:
                    yield len(items)
                    batch.compose(record.item, _composer(vault, record), new=True)
        with vault.storage.transaction():
            batch.keep()
            _restore_rest(vault, records)


def _restore_rest(vault: Vault, records: Sequence[Record]) -> None:
    """Bring in what is no item: files, grants, folders."""
    for record in records:
        match record:
            case BackupFile():
                vault.attachments.add(
                    record.item, record.name, record.data,
                    media_type=record.media_type, created=record.created,
                )  # fmt: skip
            case BackupGrant():
                vault.grant(
                    konnector=record.konnector, digest=record.digest,
                    item=record.item, fields=record.fields, origins=record.origins,
                    purpose=record.purpose, expires_ms=record.expires_ms,
                    plaintext_to_konnector=record.plaintext,
                )  # fmt: skip
            case BackupFolder():
                vault.add_folders([record.name])
            case BackupHead() | BackupItem():
                pass


def _fields(view: ItemView) -> Iterator[tuple[str, FieldView]]:
    for name, field in view.fields.items():
        if not name.startswith(_OWN):
            yield name, field


def _versions(
    item: ItemId, view: ItemView, values: dict[tuple[ItemId, str, Stamp], str]
) -> Iterator[PastVersion]:
    place = 0
    for name, field in _fields(view):
        places: dict[Stamp, int] = {}
        for version in _oldest_first(field):
            places[version.stamp] = place
            place += 1
            yield _past(item, name, version, places, values)


def _oldest_first(field: FieldView) -> list[Version]:
    """Return the versions in the order of their stamps, the current one last."""
    current = field.current
    rest = [each for each in reversed(field.versions) if each.stamp != current.stamp]
    return [*rest, current]


def _past(
    item: ItemId,
    name: str,
    version: Version,
    places: dict[Stamp, int],
    values: dict[tuple[ItemId, str, Stamp], str],
) -> PastVersion:
    time_ms = version.stamp.time_ms
    if version.removed:
        return PastVersion(name, time_ms, REMOVED)
    if version.source != version.stamp and version.source in places:
        return PastVersion(name, time_ms, SAME, same=places[version.source])
    if version.text is not None:
        return PastVersion(name, time_ms, CLEAR, version.text)
    return PastVersion(name, time_ms, SECRET, values[item, name, version.source])


def _files(vault: Vault, item: ItemId) -> Iterator[BackupFile]:
    for each in vault.attachments.of(item):
        request = ReadRequest(
            item, each.field, _WHO, _WHY, use=Use.BACKUP, confirmed=True
        )
        yield BackupFile(
            item, each.name, each.media_type, each.created,
            vault.attachments.read(request),
        )  # fmt: skip


def _composer(vault: Vault, record: BackupItem) -> Composer:
    """Return what writes an item's versions at their own times, sealed anew.

    All are this device's now, so they stand in one order; two that fall into one
    moment follow one another in it.
    """
    epoch = vault.epochs.current

    def value(version: PastVersion, at: Stamp) -> EntryValue:
        if version.kind != SECRET:
            return REMOVED_VALUE if version.kind == REMOVED else version.value
        return seal_field(
            vault.epochs.secret(epoch),
            SecretText(version.value),
            epoch=epoch,
            place=FieldPlace(vault.id, record.item, version.name, at),
            random=vault.session.random,
        )

    def composer(_view: ItemView, stamp: Stamp) -> Entries:
        entries: dict[str, EntryValue] = {}
        stamps: list[Stamp] = []
        last: dict[str, Stamp] = {}
        for version in record.versions:
            at = _after(version.time_ms, last.get(version.name), stamp)
            last[version.name] = at
            stamps.append(at)
            if version.kind == SAME:
                key = EntryKey(version.name, Role.SAME, at)
                entries[str(key)] = str(stamps[version.same])
            else:
                key = EntryKey(version.name, Role.VALUE, at)
                entries[str(key)] = value(version, at)
        return entries

    return composer


def _after(time_ms: int, before: Stamp | None, own: Stamp) -> Stamp:
    """Return the stamp at *time_ms*, or right after *before* if that is not earlier."""
    if before is None or time_ms > before.time_ms:
        return Stamp(time_ms, 0, own.device)
    return Stamp(before.time_ms, before.counter + 1, own.device)

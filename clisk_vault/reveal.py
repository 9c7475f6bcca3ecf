"""The one way to a plaintext: DESIGN §5.3, protocol/access-log.md §1.

The order is the promise: judge the request, make its record durable, and only
then open the seal. What cannot be recorded is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeAlias

from clisk_vault.access_record import (
    AccessRecord,
    Outcome,
    Requester,
    RequesterKind,
    Use,
)
from clisk_vault.entry import value_key
from clisk_vault.epochs import Epochs
from clisk_vault.errors import (
    CallerError,
    DiskFullError,
    FormatError,
    LockedError,
    PassphraseNeededError,
    ReadRefused,
    StoreError,
    UnrecordedError,
    VaultError,
)
from clisk_vault.field_seal import FieldPlace, open_field
from clisk_vault.grants import Grants
from clisk_vault.hlc import Stamp
from clisk_vault.ids import GrantId, ItemId
from clisk_vault.item_store import SETTINGS, ItemStore, StoredItem
from clisk_vault.keys import SecretText
from clisk_vault.log_leaf import MAX_GROUP
from clisk_vault.reserve import RESERVE_BYTES, Reserve
from clisk_vault.session import Session
from clisk_vault.versions import FieldView, Version


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One secret that is asked for: which, by whom, why, for which origin."""

    item: ItemId
    field: str
    who: Requester
    purpose: str
    origin: str | None = None
    version: Stamp | None = None
    """An earlier version of the field; None: the current one."""
    use: Use | None = None
    """What is done with it; None: what the rest of the request implies."""
    barred: str = ""
    """Why whoever asks may not have it, judged before: refused here, and recorded."""
    confirmed: bool = False
    """The passphrase was typed once more for this, or no value leaves the vault by it:
    what an item that asks for the passphrase wants to know."""

    @property
    def recorded_use(self) -> Use:
        """What the record says of the use."""
        if self.use is not None:
            return self.use
        if self.who.kind is RequesterKind.KONNECTOR:
            return Use.HAND_OVER if self.origin is None else Use.FILL
        if self.version is not None:
            return Use.HISTORY
        return Use.SHOW if self.origin is None else Use.FILL


Answer: TypeAlias = "SecretText | VaultError"
"""What one of many requests came to."""


class Recorder(Protocol):
    """What keeps the records: the access log."""

    def append(self, record: AccessRecord) -> int:
        """Add *record* and return its index.

        Outside of a transaction it is on disk when this returns.
        """

    def append_many(self, records: Sequence[AccessRecord]) -> range:
        """Add *records* and return their indexes; all or none, as append()."""


class Reader:
    """Answers read requests, and leaves a record of each."""

    def __init__(
        self,
        session: Session,
        items: ItemStore,
        epochs: Epochs,
        grants: Grants,
        log: Recorder,
    ) -> None:
        self._session = session
        self._items = items
        self._epochs = epochs
        self._grants = grants
        self._log = log
        self._reserve = Reserve(session.storage.path)
        self._reserve.fill()
        self._reserve_is_short = False

    def reveal(self, request: ReadRequest) -> SecretText:
        """Return the value asked for; its record is on disk before it is opened.

        Raises:
            ReadRefused: no grant covers it, the item asks for the passphrase, there
                is no such value, or the record could not be written. All but the
                last are recorded.
            TamperedError, FormatError: the sealed value was changed; recorded.
            LockedError: the vault is locked.
            CallerError: called within a transaction; its record could be undone
                after the value is out.
        """
        if self._session.storage.in_transaction:
            raise CallerError("reveal: within a transaction")
        try:
            stored, version = self._find(request)
            grant = self._judge(request, stored, version)
        except ReadRefused as refused:
            self._record_refusal(request, refused)
            raise
        self._record(request, Outcome.GRANTED, grant)
        try:
            return self._open(request, stored, version)
        except VaultError:
            self._record(request, Outcome.FAILED, grant)
            raise

    def reveal_many(self, requests: Iterable[ReadRequest]) -> Iterator[Answer]:
        """Yield what each request comes to, in order: a value, or why there is none.

        For what one action reads at once: an export, a check of all passwords. The
        records of 64 requests become durable together, under one head, before the
        first of the 64 seals is opened; what nobody goes on to ask for is not read.

        Raises:
            ReadRefused: the records could not be written; nothing more is read.
            LockedError, CallerError: as reveal().
        """
        waiting = iter(requests)
        while group := list(islice(waiting, MAX_GROUP)):
            yield from self._reveal_group(group)

    def record_refusal(
        self, who: Requester, why: str, *, use: Use, item: ItemId | None = None
    ) -> None:
        """Record a request that was refused before there was a value to ask for.

        *why*: a text of this program's, never what was typed: it may be a secret in the
        wrong place. Nothing is released, so a record that cannot be written is not
        an error here.
        """
        record = AccessRecord(
            Outcome.REFUSED,
            who,
            why,
            self._session.device_id,
            self._session.clock(),
            item=item,
            use=use,
        )
        with suppress(UnrecordedError):
            self._write([record])

    def _reveal_group(self, group: Sequence[ReadRequest]) -> list[Answer]:
        if self._session.storage.in_transaction:
            raise CallerError("reveal: within a transaction")
        judged = [self._judge_one(request) for request in group]
        records = [
            self._make_record(
                request,
                Outcome.REFUSED if isinstance(found, ReadRefused) else Outcome.GRANTED,
                _nearest(found) if isinstance(found, ReadRefused) else found[2],
            )
            for request, found in zip(group, judged, strict=True)
        ]
        self._write(records)
        return [
            found
            if isinstance(found, ReadRefused)
            else self._open_or_say(request, *found)
            for request, found in zip(group, judged, strict=True)
        ]

    def _judge_one(
        self, request: ReadRequest
    ) -> tuple[StoredItem, Version, GrantId | None] | ReadRefused:
        try:
            stored, version = self._find(request)
            grant = self._judge(request, stored, version)
        except ReadRefused as refused:
            return refused
        return stored, version, grant

    def _open_or_say(
        self,
        request: ReadRequest,
        stored: StoredItem,
        version: Version,
        grant: GrantId | None,
    ) -> Answer:
        try:
            return self._open(request, stored, version)
        except LockedError:
            raise
        except VaultError as err:
            self._record(request, Outcome.FAILED, grant)
            return err

    def _find(self, request: ReadRequest) -> tuple[StoredItem, Version]:
        if request.item == SETTINGS:
            raise ReadRefused(
                "settings hold nothing to read", advice="look at: clisk list"
            )
        try:
            stored = self._items.load(request.item)
        except CallerError:
            raise ReadRefused(
                "there is no such item", advice="look at: clisk list"
            ) from None
        version = _version(stored.view.fields.get(request.field), request.version)
        if version is None or version.removed:
            raise ReadRefused("the item has no such value", advice="look at: clisk get")
        return stored, version

    def _judge(
        self, request: ReadRequest, stored: StoredItem, version: Version
    ) -> GrantId | None:
        """Return the grant that the request rests on; a person needs none."""
        if request.barred:
            raise ReadRefused(request.barred)
        grant = self._grant_for(request, secret=version.secret)
        asks = version.secret and stored.view.asks_passphrase
        if asks and not request.confirmed:
            raise PassphraseNeededError
        return grant

    def _grant_for(self, request: ReadRequest, *, secret: bool) -> GrantId | None:
        if request.who.kind is not RequesterKind.KONNECTOR:
            return None
        if request.version is not None:
            raise ReadRefused(
                "no grant covers earlier values",
                advice="read them yourself: clisk history ITEM",
            )
        if request.who.digest is None:
            raise ReadRefused(
                "the konnector's code has no digest",
                advice="install it: clisk konnector install",
            )
        return self._grants.check(
            digest=request.who.digest,
            item=request.item,
            field=request.field,
            origin=request.origin,
            secret=secret,
        )

    def _open(
        self, request: ReadRequest, stored: StoredItem, version: Version
    ) -> SecretText:
        if version.text is not None:
            return SecretText(version.text)
        sealed = stored.entries.get(value_key(request.field, version.source))
        if not isinstance(sealed, bytes):
            raise FormatError("item: a sealed version without its value")
        place = FieldPlace(
            self._session.vault_id, request.item, request.field, version.source
        )
        return open_field(self._epochs.secret, sealed, place=place)

    def _record(
        self, request: ReadRequest, outcome: Outcome, grant: GrantId | None
    ) -> None:
        """Make the record durable.

        Raises:
            ReadRefused: it could not be written; nothing may be read.
        """
        self._write([self._make_record(request, outcome, grant)])

    def _make_record(
        self, request: ReadRequest, outcome: Outcome, grant: GrantId | None
    ) -> AccessRecord:
        field = request.field
        if request.version is not None:
            field = value_key(field, request.version)
        return AccessRecord(
            outcome,
            request.who,
            request.purpose,
            self._session.device_id,
            self._session.clock(),
            item=request.item,
            field=field,
            origin=request.origin,
            grant=grant,
            use=request.recorded_use,
        )

    def _write(self, records: Sequence[AccessRecord]) -> None:
        try:
            self._write_at_any_cost(records)
        except StoreError as err:
            raise UnrecordedError(
                f"the access log cannot be written, so nothing is read ({err})",
                advice=err.advice,
            ) from err

    def _write_at_any_cost(self, records: Sequence[AccessRecord]) -> None:
        """Write *records*, with what was kept aside where the disk is full."""
        drawn = False
        while True:
            try:
                if len(records) == 1:
                    self._log.append(records[0])
                else:
                    self._log.append_many(records)
            except DiskFullError:
                if not self._reserve.draw():
                    raise
                drawn = True
                # What waits in the write-ahead log holds room twice.
                with suppress(StoreError):
                    self._session.storage.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                self._keep_reserve(drawn=drawn)
                return

    def _keep_reserve(self, *, drawn: bool) -> None:
        """Make the reserve whole again once there is room without it."""
        if self._reserve_is_short and not drawn:
            self._reserve.fill()
            self._reserve_is_short = self._reserve.left < RESERVE_BYTES
        self._reserve_is_short = self._reserve_is_short or drawn

    def _record_refusal(self, request: ReadRequest, refused: ReadRefused) -> None:
        try:
            self._record(request, Outcome.REFUSED, _nearest(refused))
        except ReadRefused as unwritten:
            raise refused from unwritten


def _nearest(refused: ReadRefused) -> GrantId | None:
    return None if refused.nearest is None else GrantId(refused.nearest)


def _version(view: FieldView | None, stamp: Stamp | None) -> Version | None:
    if view is None:
        return None
    if stamp is None:
        return view.current
    return next((each for each in view.versions if each.stamp == stamp), None)

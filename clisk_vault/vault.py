"""One device's vault: DESIGN §5. The public door of this package.

Puts the parts together; each part has its own module. A call that returned has
reached the disk, and a call that raised has changed nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from clisk_vault.access_log import AccessLog
from clisk_vault.access_record import Requester, Use
from clisk_vault.attachment_store import Attachments
from clisk_vault.device import DeviceSecrets
from clisk_vault.draft import Edit, ItemDraft
from clisk_vault.epochs import Epochs
from clisk_vault.folders import Folders
from clisk_vault.grant_record import Grant, Signer
from clisk_vault.grants import Grants, GrantState, SpoiltGrant, Standing
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ITEM_ID_LENGTH, DeviceId, GrantId, ItemId, VaultId
from clisk_vault.item import TRUE, ItemView
from clisk_vault.item_batch import Batch
from clisk_vault.item_store import ItemStore
from clisk_vault.item_write import choose
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.log_bundle import BundleFacts
from clisk_vault.log_export import export_log
from clisk_vault.log_index import LogIndex
from clisk_vault.log_leaf import Restart
from clisk_vault.log_news import LogTeller
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.opening import (
    make_session,
    open_session,
    reseal,
    take_identity,
)
from clisk_vault.overview import ItemOverview, Overview, Tally
from clisk_vault.passphrase import FLOOR, LIMITS, Argon2Profile, CostLimits
from clisk_vault.primitives import Random, SigningKey
from clisk_vault.purging import Purging
from clisk_vault.replica import Replica
from clisk_vault.retention import LogRetention
from clisk_vault.reveal import Answer, Reader, ReadRequest
from clisk_vault.session import Clock, Session, wall_clock
from clisk_vault.storage import Storage
from clisk_vault.vault_file import KeyringSecret
from clisk_vault.versions import FieldView
from clisk_vault.witness import Witness


class Vault:
    """An unlocked vault, until lock(). One thread; one agent a vault."""

    def __init__(
        self, session: Session, log: AccessLog, *, limits: CostLimits = LIMITS
    ) -> None:
        """Use create() or unlock()."""
        self._session = session
        self._limits = limits
        self._overview = Overview(session)
        self.epochs = Epochs(session)
        self._items = ItemStore(session, self._overview, self.epochs)
        self._folders = Folders(self._items)
        self.log = log
        self.log_index = LogIndex(session, log)
        self.witness = Witness(session, log, self.epochs)
        self.teller = LogTeller(session, log)
        self._grants = Grants(session, self._items, self.log_index)
        self.retention = LogRetention(
            session, log, self.log_index, self._grants, self.epochs
        )
        self._reader = Reader(session, self._items, self.epochs, self._grants, log)
        self.attachments = Attachments(session, self._items, self._reader)
        self.purging = Purging(session, self._items, self._overview)
        self.replica = Replica(session, self._items, self._overview, self.purging)

    # -- opening and closing

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        passphrase: SecretText,
        secrets: DeviceSecrets,
        first_log_key: SigningKey,
        vault_id: VaultId,
        epochs: Mapping[int, EpochSecret],
        profile: Argon2Profile = FLOOR,
        keyring: KeyringSecret | None = None,
        limits: CostLimits = LIMITS,
        clock: Clock = wall_clock,
        random: Random = os.urandom,
        also: Callable[[Storage], None] | None = None,
    ) -> Vault:
        """Make a vault file for the device of *secrets* and return it unlocked.

        *also* writes what must be there from the first moment, in the same
        transaction: the membership records.

        Raises:
            StoreError: a file is there, or the disk refuses; nothing is left.
            CostLimitError: *profile* is outside *limits*.
        """
        session = make_session(
            path,
            passphrase=passphrase,
            secrets=secrets,
            first_log_key=first_log_key,
            vault_id=vault_id,
            epochs=epochs,
            profile=profile,
            keyring=keyring,
            limits=limits,
            clock=clock,
            random=random,
            also=also,
        )
        return cls._assemble(session, limits)

    @classmethod
    def unlock(
        cls,
        path: Path,
        passphrase: SecretText,
        *,
        keyring: KeyringSecret | None = None,
        limits: CostLimits = LIMITS,
        clock: Clock = wall_clock,
        random: Random = os.urandom,
    ) -> Vault:
        """Return the vault at *path*, unlocked.

        Raises:
            PassphraseError: the passphrase does not open it.
            CostLimitError: the file asks for work outside *limits*; none was done.
            TamperedError: the header or the device secrets were changed.
            StoreError, FormatError, UnsupportedError: as read_public().
        """
        session = open_session(
            path, passphrase, keyring=keyring, limits=limits, clock=clock, random=random
        )
        try:
            return cls._assemble(session, limits)
        except BaseException:
            session.close()
            raise

    @classmethod
    def _assemble(cls, session: Session, limits: CostLimits) -> Vault:
        log = AccessLog(session, Epochs(session))
        return cls(session, log, limits=limits)

    def change_passphrase(
        self,
        current: SecretText,
        new: SecretText,
        *,
        profile: Argon2Profile | None = None,
        keyring: KeyringSecret | None = None,
        new_keyring: KeyringSecret | None = None,
    ) -> None:
        """Seal the device secrets under *new*; keys of items and epochs stay.

        The current passphrase is asked for: an unlocked screen is not enough.
        *profile* None keeps the old one. *keyring* is the keyring's secret so far,
        *new_keyring* the one from now on, each None where none is used.

        Raises:
            PassphraseError: *current* is wrong.
            CostLimitError: the new profile is outside the limits.
        """
        reseal(
            self._session,
            current,
            new,
            limits=self._limits,
            profile=profile,
            keyring=keyring,
            new_keyring=new_keyring,
        )

    def take_identity(
        self,
        passphrase: SecretText,
        secrets: DeviceSecrets,
        first_log_key: SigningKey,
        *,
        keyring: KeyringSecret | None = None,
        also: Callable[[Storage], None],
    ) -> None:
        """Make this file that of another device, whose keys are *secrets*.

        For a file that was restored from a backup. Everything in it stays, the access
        log so far too; a new log begins. The storage key stays the same, for all rows
        are sealed under it. *also* joins the transaction. Lock this vault afterwards
        and unlock it anew: its parts still have the old identity in memory.

        Raises:
            PassphraseError: it does not open this vault; nothing was changed.
            CallerError: another storage key, or not the log key that is enrolled.
        """
        take_identity(
            self._session,
            passphrase,
            secrets,
            first_log_key,
            limits=self._limits,
            keyring=keyring,
            also=also,
        )

    def found_restored(self) -> None:
        """Close the access log and begin another: this file is an older copy.

        Called once, by whoever finds out; joins the caller's transaction.
        """
        self.log.begin_anew(Restart.RESTORED)

    def lock(self) -> None:
        """Drop the keys and close the file; every later call raises LockedError."""
        self._session.close()
        for part in (self._overview, self.epochs, self._items, self._grants):
            part.forget_opened()
        self.log.forget()
        self.log_index.forget()

    @property
    def locked(self) -> bool:
        """Whether lock() was called."""
        return self._session.locked

    # -- what the other packages build on

    @property
    def id(self) -> VaultId:
        """The vault's id, the same on every device."""
        return self._session.vault_id

    @property
    def device_id(self) -> DeviceId:
        """This device's id."""
        return self._session.device_id

    @property
    def secrets(self) -> DeviceSecrets:
        """This device's keys, for the layer that signs and unwraps with them."""
        return self._session.secrets

    @property
    def storage(self) -> Storage:
        """The open file, for owners of other tables."""
        return self._session.storage

    @property
    def session(self) -> Session:
        """Keys, clock and file, for parts that live and lock with this vault."""
        return self._session

    def trust(self, signer: Signer) -> None:
        """Take the keys that grants are verified with from *signer* from now on.

        Until then only this device's own grants verify. The membership knows the
        others.
        """
        self._grants.trust(signer)

    # -- items

    def add(self, draft: ItemDraft) -> ItemId:
        """Store a new item and return its id."""
        return self.add_many([draft])[0]

    def add_many(self, drafts: Iterable[ItemDraft]) -> list[ItemId]:
        """Store new items, all or none, and return their ids in order.

        Raises:
            CallerError: an item id that is there already, or a name or value that
                no field may have.
        """
        random = self._session.random
        chosen = [
            (draft.item or ItemId(random(ITEM_ID_LENGTH)), draft) for draft in drafts
        ]
        edits = ((item, draft.edit(random)) for item, draft in chosen)
        self._items.write(edits, new=True)
        return [item for item, _ in chosen]

    def edit(self, item: ItemId, edit: Edit, *, confirmed: bool = False) -> None:
        """Give fields of *item* new values; None takes one away.

        *confirmed*: the passphrase was typed once more for it.

        Raises:
            CallerError: no such item, or a name or value that no field may have.
            PassphraseNeededError: the item would no longer ask for the passphrase.
        """
        self.edit_many([(item, edit)], confirmed=confirmed)

    def edit_many(
        self, edits: Iterable[tuple[ItemId, Edit]], *, confirmed: bool = False
    ) -> None:
        """Edit several items, all or none; raises as edit()."""
        self._items.write(edits, confirmed=confirmed)

    def batch(self) -> AbstractContextManager[Batch]:
        """Give what makes writes to many items ready, to be kept all at once."""
        return Batch.begin(self._items, self.epochs)

    def noticing(self) -> AbstractContextManager[set[ItemId]]:
        """Give a set that every item joins that is written or forgotten meanwhile."""
        return self._items.noticing()

    def trash(self, item: ItemId) -> None:
        """Put *item* into the trash; purging.purge() forgets it for good."""
        self.edit(item, {"trashed": TRUE})

    def restore(self, item: ItemId) -> None:
        """Take *item* out of the trash."""
        self.edit(item, {"trashed": None})

    def ids(self) -> set[ItemId]:
        """Return the id of every item, those in the trash too."""
        return self._overview.ids()

    def overviews(self) -> list[ItemOverview]:
        """Return a line for every item, trashed ones too, by title."""
        return self._overview.by_title()

    def title(self, item: ItemId) -> str | None:
        """Return the title of an item, or None where there is no such item."""
        return self._overview.title(item)

    def tally(self) -> Tally:
        """Return how many items there are, in use, in conflict and in each folder."""
        return self._overview.tally()

    def find(
        self, query: str, *, near: bool = False, limit: int | None = None
    ) -> list[ItemOverview]:
        """Return the items not in the trash that match *query*, best first.

        *near*: where none does, those that a slip of the fingers kept away. With a
        *limit* it is at most so many, for showing results as a person types.
        """
        found = self._overview.find(query, near=near, limit=limit)
        return [each for each in found if not each.trashed]

    def view(self, item: ItemId) -> ItemView:
        """Return all that is not secret of *item*, with its history.

        Raises:
            CallerError: there is no such item.
        """
        return self._items.load(item).view

    def conflicts(self) -> list[tuple[ItemId, FieldView]]:
        """Return every field whose newest values did not see each other."""
        items = [each.item for each in self._overview.all() if each.conflict]
        return [(item, field) for item in items for field in self.view(item).conflicts]

    def settle(
        self, item: ItemId, field: str, version: Stamp, *, confirmed: bool = False
    ) -> None:
        """Make *version* of *field* the current one: of a conflict, or an older one.

        No seal is opened for it. *confirmed* as edit() has it.

        Raises:
            CallerError: no such item, field or version.
            PassphraseNeededError: as edit().
        """
        self._items.write_entries(
            item,
            lambda view, stamp: choose(view, stamp, field, version),
            confirmed=confirmed,
        )

    def rebuild_overview(self) -> None:
        """Make the overview anew from the items."""
        self._items.rebuild_overview()

    def folders(self) -> list[str]:
        """Return the names of all folders, empty ones too, sorted."""
        return sorted(self.tally().folder_names.union(self._folders.kept()))

    def add_folders(self, names: Iterable[str]) -> None:
        """Keep folders that may be empty; one that is there stays as it is."""
        self._folders.add(names)

    def rename_folder(self, old: str, new: str) -> None:
        """Keep a folder that may be empty by another name; items are not moved."""
        self._folders.rename(old, new)

    def remove_folder(self, name: str) -> None:
        """Keep an empty folder no longer, nor those within it; no item is moved."""
        self._folders.remove(name)

    # -- secrets and grants

    def export_log(
        self,
        folder: Path,
        *,
        who: str,
        peers: Sequence[NoteKey] = (),
        open_entries: Iterable[int] = (),
        seen: Sequence[UnverifiedNote] = (),
    ) -> BundleFacts:
        """Write the log for somebody outside: see log_export.exporting_log()."""
        return export_log(
            self._session,
            self.log,
            folder,
            who=who,
            peers=peers,
            open_entries=open_entries,
            seen=seen,
        )

    def reveal(self, request: ReadRequest) -> SecretText:
        """Return one value, after its record is on disk: see Reader.reveal()."""
        return self._reader.reveal(request)

    def reveal_many(self, requests: Iterable[ReadRequest]) -> Iterator[Answer]:
        """Yield a value for each request, or why not: see Reader.reveal_many()."""
        return self._reader.reveal_many(requests)

    def record_refusal(
        self, who: Requester, why: str, *, use: Use, item: ItemId | None = None
    ) -> None:
        """Record a refusal that came before any value: see Reader.record_refusal()."""
        self._reader.record_refusal(who, why, use=use, item=item)

    def grant(
        self,
        *,
        konnector: str,
        digest: bytes,
        item: ItemId,
        fields: Iterable[str],
        origins: Iterable[str],
        purpose: str,
        expires_ms: int | None = None,
        max_reads: int | None = None,
        plaintext_to_konnector: Iterable[str] = (),
        code_version: str | None = None,
        bundle: bytes | None = None,
    ) -> Grant:
        """Let a konnector's code read fields of one item: see Grants.give()."""
        return self._grants.give(
            konnector=konnector,
            digest=digest,
            item=item,
            fields=fields,
            origins=origins,
            purpose=purpose,
            expires_ms=expires_ms,
            max_reads=max_reads,
            plaintext_to_konnector=plaintext_to_konnector,
            code_version=code_version,
            bundle=bundle,
        )

    def grants(self) -> list[GrantState]:
        """Return every grant, oldest first, revoked ones too."""
        return self._grants.all()

    def grant_standing(self, state: GrantState) -> Standing:
        """Return whether a grant covers anything at all on this device now."""
        return self._grants.standing(state)

    def grant_clock_ms(self) -> int:
        """Return the time that ends of grants are compared with: Grants.now_ms()."""
        return self._grants.now_ms()

    def spoilt_grants(self) -> list[SpoiltGrant]:
        """Return what stands where a grant should and allows nothing."""
        return self._grants.spoilt()

    def revoke_grant(self, grant: GrantId) -> None:
        """Take a grant back, for good."""
        self._grants.revoke(grant)

"""Grants kept in the settings document, so that they sync: protocol/grant.md §4.

A grant is a signed value of the field `grant.<id>`; revoking writes
`grant.<id>.revoked`, and any such write counts for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from clisk_vault.entry import EntryValue, value_key
from clisk_vault.errors import CallerError, FormatError, ReadRefused, VaultError
from clisk_vault.grant_record import Grant, Signer, open_grant, sign_grant
from clisk_vault.ids import GRANT_ID_LENGTH, DeviceId, GrantId, ItemId
from clisk_vault.item import TRUE
from clisk_vault.item_store import ItemStore
from clisk_vault.primitives import VerifyKey
from clisk_vault.session import Session

_PREFIX = "grant."
_REVOKED = ".revoked"


@dataclass(frozen=True, slots=True)
class GrantState:
    """A grant as a person sees it in a list."""

    grant: Grant
    given_by: DeviceId
    revoked: bool


@dataclass(frozen=True, slots=True)
class SpoiltGrant:
    """A grant that does not verify here: it allows nothing, and is shown."""

    field: str
    error: VaultError


class Standing(StrEnum):
    """Whether a grant covers anything at all on this device now."""

    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    USED_UP = "used up"
    COUNTED_ELSEWHERE = "counted elsewhere"
    RESTORED = "restored since"


_WHY = {
    Standing.REVOKED: "the grant was revoked",
    Standing.EXPIRED: "the grant has expired",
    Standing.USED_UP: "the grant is used up",
    Standing.COUNTED_ELSEWHERE: (
        "the grant counts its reads, on the device that gave it alone"
    ),
    Standing.RESTORED: (
        "the grant counts its reads, and this device was restored since"
    ),
}


class GrantUse(Protocol):
    """What this device's access log knows: clisk_vault.log_index.LogIndex is one."""

    def uses(self, grant: GrantId) -> int:
        """Return how many reads a grant has covered here."""

    def latest_ms(self) -> int:
        """Return the latest time in the log."""

    def restored_ms(self) -> int | None:
        """Return when this device went on from a copy of itself, if it ever did."""


class Grants:
    """Gives, lists, revokes and checks grants."""

    def __init__(self, session: Session, items: ItemStore, use: GrantUse) -> None:
        self._session = session
        self._items = items
        self._use = use
        self._signer: Signer = self._own_key
        self._verified: dict[bytes, tuple[Grant, DeviceId, VerifyKey]] = {}

    def give(
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
        """Sign and store a new grant and return it; Grant says what each part means.

        Raises:
            CallerError: there is no such item.
            FormatError: a digest, field or origin that no reader would accept.
        """
        self._items.load(item)
        grant = Grant(
            GrantId(self._session.random(GRANT_ID_LENGTH)),
            konnector,
            digest,
            item,
            tuple(sorted(set(fields))),
            tuple(sorted(set(origins))),
            self._session.clock(),
            expires_ms,
            purpose,
            max_reads,
            tuple(sorted(set(plaintext_to_konnector))),
            code_version,
            bundle,
        )
        signed = sign_grant(
            grant,
            self._session.secrets.signing,
            self._session.device_id,
            self._session.vault_id,
        )
        self._items.write_settings({_field(grant.id): signed})
        return grant

    def revoke(self, grant: GrantId) -> None:
        """Take a grant back, for good; revoking it again changes nothing.

        Raises:
            CallerError: there is no such grant.
        """
        settings = self._items.settings().view
        if _field(grant) not in settings.fields:
            raise CallerError("there is no such grant", advice="look at: clisk grants")
        if _field(grant) + _REVOKED not in settings.fields:
            self._items.write_settings({_field(grant) + _REVOKED: TRUE})

    def all(self) -> list[GrantState]:
        """Return every grant that verifies, oldest first, revoked ones too."""
        states = [each for each in self._read() if isinstance(each, GrantState)]
        return sorted(states, key=lambda state: state.grant.created_ms)

    def spoilt(self) -> list[SpoiltGrant]:
        """Return what stands where a grant should, and is none."""
        return [each for each in self._read() if isinstance(each, SpoiltGrant)]

    def now_ms(self) -> int:
        """Return the time that ends of grants are compared with (grant.md §5.3).

        Never before what the access log has seen, whatever the clock is set to.
        """
        return max(self._session.clock(), self._use.latest_ms())

    def check(
        self,
        *,
        digest: bytes,
        item: ItemId,
        field: str,
        origin: str | None,
        secret: bool,
    ) -> GrantId:
        """Return a grant that covers this read now.

        Raises:
            ReadRefused: there is none; says what is wrong with the nearest one.
        """
        reason, nearest = "there is no grant for this konnector and item", None
        # Those that are not used up by it first.
        for state in sorted(self.all(), key=lambda one: bool(one.grant.max_reads)):
            grant = state.grant
            refusal = grant.refusal(
                digest=digest,
                item=item,
                field=field,
                origin=origin,
                secret=secret,
            )
            if refusal is None:
                refusal = _WHY.get(self.standing(state))
            if refusal is None:
                return state.grant.id
            if state.grant.item == item:
                reason, nearest = refusal, grant.id
        raise ReadRefused(reason, nearest=nearest)

    def standing(self, state: GrantState) -> Standing:
        """Return whether a grant covers anything at all on this device now."""
        grant = state.grant
        if state.revoked:
            return Standing.REVOKED
        if grant.expires_ms is not None and self.now_ms() >= grant.expires_ms:
            return Standing.EXPIRED
        if grant.max_reads is None:
            return Standing.VALID
        # Counted by one log, so that no two devices count to the limit: grant.md §5.1.
        if state.given_by != self._session.device_id:
            return Standing.COUNTED_ELSEWHERE
        restored = self._use.restored_ms()
        if restored is not None and grant.created_ms < restored:
            return Standing.RESTORED
        used_up = self._use.uses(grant.id) >= grant.max_reads
        return Standing.USED_UP if used_up else Standing.VALID

    def trust(self, signer: Signer) -> None:
        """Verify with the keys that *signer* gives from now on, not our own alone."""
        self._signer = signer

    def forget_opened(self) -> None:
        """Drop what is held in memory."""
        self._verified.clear()

    def _read(self) -> Iterator[GrantState | SpoiltGrant]:
        settings = self._items.settings()
        for name, view in settings.view.fields.items():
            if not name.startswith(_PREFIX) or name.endswith(_REVOKED):
                continue
            signed = settings.entries.get(value_key(name, view.current.source))
            try:
                grant, device = self._open(name, signed)
            except VaultError as err:
                yield SpoiltGrant(name, err)
            else:
                # The mark counts even where someone wrote over it: a grant never
                # comes back.
                revoked = name + _REVOKED in settings.view.fields
                yield GrantState(grant, device, revoked)

    def _open(self, name: str, signed: EntryValue | None) -> tuple[Grant, DeviceId]:
        """Return a grant that verifies, from memory if it did under the same key."""
        if not isinstance(signed, bytes):
            raise FormatError("grant: not signed bytes")
        known = self._verified.get(signed)
        if known is None or self._signer(known[1]) != known[2]:
            grant, device = open_grant(signed, self._session.vault_id, self._signer)
            key = self._signer(device)
            assert key is not None  # open_grant() has just verified under it
            known = self._verified[signed] = (grant, device, key)
        if _field(known[0].id) != name:
            raise FormatError("grant: stands in another grant's place")
        return known[:2]

    def _own_key(self, device: DeviceId) -> VerifyKey | None:
        public = self._session.secrets.public
        return public.signing if device == public.id else None


def _field(grant: GrantId) -> str:
    return f"{_PREFIX}{grant.hex()}"

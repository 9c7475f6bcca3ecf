"""Who belongs to a vault: protocol/membership.md §5.

Pure: no disk, no network. A `Membership` exists only verified, from the genesis
record up, and only moves forward. Steps are numbered as on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from clisk_sync.errors import (
    CallerError,
    MembershipError,
    MembershipFork,
    MembershipRollback,
    NotAMember,
)
from clisk_sync.record import UnverifiedRecord, parse_unverified_record
from clisk_sync.record_body import (
    MAX_DEVICES,
    Cut,
    EpochPart,
    Kind,
    RecordBody,
    SealedName,
    SharePart,
)
from clisk_sync.transport import MAX_RECORDS
from clisk_vault.device import DevicePublic
from clisk_vault.ids import DeviceId, RecordHash, VaultId
from clisk_vault.primitives import VerifyKey, sha256

_VERIFIED = object()


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record of a membership."""

    height: int
    hash: RecordHash


@dataclass(frozen=True, slots=True)
class Member:
    """A device, as the record that admitted it says; a later one may rename it."""

    public: DevicePublic
    name: SealedName
    added_by: DeviceId
    added_ms: int
    height: int
    # What its name is sealed to: the vault id, in a genesis the salt.
    binding: bytes
    # A recovery kit: it writes nothing, and nobody waits for it.
    dormant: bool = False
    # The device that it was before it took new keys.
    succeeds: DeviceId | None = None

    @property
    def id(self) -> DeviceId:
        """The device's id."""
        return self.public.id


@dataclass(frozen=True, slots=True)
class Departed:
    """A device that was revoked, or left: *by* is then itself."""

    member: Member
    cut: Cut
    by: DeviceId
    revoked_ms: int
    height: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """The beginning of an epoch, with what its sealed parts are bound to."""

    part: EpochPart
    binding: bytes
    author: DeviceId
    height: int


@dataclass(frozen=True, slots=True)
class Wrap:
    """A device's newest wrapped epoch secret, with what it is bound to."""

    epoch: int
    wrapped: bytes
    binding: bytes
    previous: bytes


@dataclass(frozen=True, slots=True)
class Membership:
    """The verified records of one vault and what follows from them."""

    vault_id: VaultId
    records: tuple[bytes, ...]
    head: Head
    devices: Mapping[DeviceId, Member]
    departed: Mapping[DeviceId, Departed]
    epochs: Mapping[int, Epoch]
    wraps: Mapping[DeviceId, Wrap]
    _proof: object

    def __post_init__(self) -> None:
        if self._proof is not _VERIFIED:
            raise CallerError("a membership is made by Membership.verify alone")

    @classmethod
    def verify(cls, vault_id: VaultId, records: Sequence[bytes]) -> Membership:
        """Return the membership that *records* spell, all of them checked.

        Raises:
            MembershipError, NotAMember: a record that must not be believed.
            FormatError, TamperedError: malformed, or not signed as it says.
            UnsupportedError: a suite or kind that this program does not read.
        """
        if not 1 <= len(records) <= MAX_RECORDS:
            raise MembershipError(f"{len(records)} records were given", height=0)
        membership = _found(vault_id, records[0])
        for data in records[1:]:
            membership = membership.extend(data)
        return membership

    @property
    def epoch(self) -> int:
        """The number of the current epoch."""
        return max(self.epochs)

    @property
    def owes_rotation(self) -> bool:
        """Whether the newest secret was drawn by a device that has left since.

        It knows that secret: nothing is to be sealed under it (§6).
        """
        return self.epochs[self.epoch].author not in self.devices

    def cosign_keys(self) -> set[VerifyKey]:
        """Return the countersigning key of everybody that is or was a member."""
        gone = (each.member for each in self.departed.values())
        return {each.public.cosign for each in (*self.devices.values(), *gone)}

    def epoch_at(self, height: int) -> int:
        """Return the number of the epoch that was current at *height*."""
        return max(
            number for number, epoch in self.epochs.items() if epoch.height <= height
        )

    def cut(self, device: DeviceId) -> Cut | None:
        """Return where *device* ends, None if it was never revoked."""
        departed = self.departed.get(device)
        return None if departed is None else departed.cut

    def was(self, device: DeviceId) -> frozenset[DeviceId]:
        """Return the devices that *device* succeeds, directly or not."""
        found, at = set[DeviceId](), self.known(device).succeeds
        while at is not None and at not in found:
            found.add(at)
            at = self.known(at).succeeds
        return frozenset(found)

    def known(self, device: DeviceId) -> Member:
        """Return the device of that id, active or departed.

        Raises:
            NotAMember: it never was a member.
        """
        departed = self.departed.get(device)
        return self.member(device) if departed is None else departed.member

    def member(self, device: DeviceId) -> Member:
        """Return the active device of that id.

        Raises:
            NotAMember: there is none.
        """
        try:
            return self.devices[device]
        except KeyError:
            raise NotAMember(
                f"device {device.hex()[:8]} is not a member of this vault"
            ) from None

    def hash_at(self, height: int) -> RecordHash | None:
        """Return the hash of the record at *height*, None above the head."""
        if height > self.head.height:
            return None
        return RecordHash(sha256(self.records[height]))

    def extend(self, data: bytes) -> Membership:
        """Return the membership with one more record, checked; self is unchanged.

        Raises:
            as verify().
        """
        record = parse_unverified_record(data)  # 5.1
        body = record.unverified_body
        self._check_place(body)  # 5.2
        record.verify(self.member(body.author).public.signing)  # 5.3, 5.4
        return _BY_KIND[body.kind](self._with_head(record), body)  # 5.5

    def advance(self, records: Sequence[bytes]) -> Membership:
        """Return the membership after *records*, the whole list that a relay gives.

        Raises:
            MembershipFork: another valid record where we hold one: evidence.
            MembershipRollback: fewer records than we hold.
            as verify().
        """
        for height, (ours, theirs) in enumerate(
            zip(self.records, records, strict=False)
        ):
            if ours != theirs:
                self._refuse_other(height, ours, theirs)
        if len(records) < len(self.records):
            raise MembershipRollback("no longer given", height=len(records))
        if len(records) > MAX_RECORDS:
            raise MembershipError("too many records", height=len(records))
        membership = self
        for data in records[len(self.records) :]:
            membership = membership.extend(data)
        return membership

    def _refuse_other(self, height: int, ours: bytes, theirs: bytes) -> None:
        """Raise a fork when *theirs* is valid at *height*, else what is wrong."""
        if height == 0:
            raise MembershipError("the genesis of another vault", height=0)
        Membership.verify(self.vault_id, [*self.records[:height], theirs])
        raise MembershipFork(height=height, ours=ours, theirs=theirs)

    def _check_place(self, body: RecordBody) -> None:
        if body.vault != self.vault_id:
            raise MembershipError("of another vault", height=body.height)
        if body.height != self.head.height + 1 or body.height >= MAX_RECORDS:
            raise MembershipError("not the next one", height=body.height)
        if body.previous != self.head.hash:
            raise MembershipError("does not build on the newest", height=body.height)

    def _with_head(self, record: UnverifiedRecord) -> Membership:
        return replace(
            self,
            records=(*self.records, record.data),
            head=Head(record.unverified_body.height, record.hash),
        )


def _genesis(_membership: Membership, body: RecordBody) -> Membership:
    raise MembershipError("a second genesis", height=body.height)


def _add(membership: Membership, body: RecordBody) -> Membership:
    assert body.device is not None
    assert body.name is not None
    assert body.share is not None
    device = body.device.id
    if device in membership.devices or device in membership.departed:
        raise MembershipError("adds a member again", height=body.height)
    # A borrowed key would let one device's countersignature pass for another's.
    if body.device.cosign in membership.cosign_keys():
        raise MembershipError("countersigns with another's key", height=body.height)
    if body.succeeds is not None and body.succeeds != body.author:
        # Only who holds the old keys says under which ones it goes on.
        raise MembershipError("succeeds another than its author", height=body.height)
    if len(membership.devices) >= MAX_DEVICES:
        raise MembershipError("one device too many", height=body.height)
    if not body.share.number == body.name.epoch == membership.epoch:
        raise MembershipError("not of the current epoch", height=body.height)
    member = _member(body, body.device, body.name, membership.vault_id)
    wrap = _wrap(membership, body, body.share)
    return replace(
        membership,
        devices={**membership.devices, device: member},
        wraps={**membership.wraps, device: wrap},
    )


def _revoke(membership: Membership, body: RecordBody) -> Membership:
    assert body.cut is not None
    device = body.cut.device
    if device not in membership.devices:
        raise MembershipError("revokes what is not a member", height=body.height)
    if len(membership.devices) == 1:
        raise MembershipError("revokes the last member", height=body.height)
    left = {each: who for each, who in membership.devices.items() if each != device}
    departed = Departed(
        membership.devices[device], body.cut, body.author, body.time_ms, body.height
    )
    return _begin_epoch(
        replace(
            membership,
            devices=left,
            departed={**membership.departed, device: departed},
        ),
        body,
    )


def _begin_epoch(membership: Membership, body: RecordBody) -> Membership:
    """Return *membership* with the epoch that *body* begins for all of its devices."""
    part = body.epoch
    assert part is not None
    if part.number != membership.epoch + 1:
        raise MembershipError("not the next epoch", height=body.height)
    if set(part.wraps) != set(membership.devices):
        raise MembershipError("not wrapped for all members alone", height=body.height)
    begun = Epoch(part, membership.vault_id, body.author, body.height)
    wraps = {
        device: _wrap(membership, body, SharePart(part.number, wrapped))
        for device, wrapped in part.wraps.items()
    }
    return replace(
        membership, epochs={**membership.epochs, part.number: begun}, wraps=wraps
    )


def _rename(membership: Membership, body: RecordBody) -> Membership:
    assert body.name is not None
    assert body.subject is not None
    member = membership.devices.get(body.subject)
    if member is None:
        raise MembershipError("renames what is not a member", height=body.height)
    if body.name.epoch != membership.epoch:
        raise MembershipError("not of the current epoch", height=body.height)
    renamed = replace(member, name=body.name, binding=membership.vault_id)
    return replace(membership, devices={**membership.devices, body.subject: renamed})


_BY_KIND: Mapping[Kind, Callable[[Membership, RecordBody], Membership]] = {
    Kind.GENESIS: _genesis,
    Kind.ADD: _add,
    Kind.REVOKE: _revoke,
    Kind.ROTATE: _begin_epoch,
    Kind.RENAME: _rename,
}


def _wrap(membership: Membership, body: RecordBody, share: SharePart) -> Wrap:
    assert body.previous is not None
    return Wrap(share.number, share.wrap, membership.vault_id, body.previous)


def _member(
    body: RecordBody, device: DevicePublic, name: SealedName, binding: bytes
) -> Member:
    return Member(
        public=device,
        name=name,
        added_by=body.author,
        added_ms=body.time_ms,
        height=body.height,
        binding=binding,
        dormant=body.dormant,
        succeeds=body.succeeds,
    )


def _found(vault_id: VaultId, data: bytes) -> Membership:
    """Return the membership of a genesis record alone, checked."""
    record = parse_unverified_record(data)  # 5.1
    body = record.unverified_body
    if VaultId(record.hash) != vault_id:
        raise MembershipError("not the genesis of this vault", height=0)
    if body.kind is not Kind.GENESIS:
        raise MembershipError("not a genesis", height=body.height)
    assert body.device is not None
    assert body.name is not None
    device = body.device.id
    if body.author != device:
        raise MembershipError("founded by another device than it adds", height=0)
    record.verify(body.device.signing)
    assert body.epoch is not None
    assert body.salt is not None
    if set(body.epoch.wraps) != {device} or body.name.epoch != 1:
        raise MembershipError("not sealed for its founder alone", height=0)
    wrap = Wrap(1, body.epoch.wraps[device], body.salt, b"")
    return Membership(
        vault_id=vault_id,
        records=(data,),
        head=Head(0, record.hash),
        devices={device: _member(body, body.device, body.name, body.salt)},
        departed={},
        epochs={1: Epoch(body.epoch, body.salt, device, 0)},
        wraps={device: wrap},
        _proof=_VERIFIED,
    )

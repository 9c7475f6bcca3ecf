"""What a relay admits to a vault's log: protocol/relay-api.md §4.

Pure: no disk, no network; the relay and the in-memory one of `testing` both ask
here. It keeps junk and strangers out of the log, so that devices need not read
it. No device relies on it: each checks everything again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.errors import PeerError
from clisk_sync.membership import Membership
from clisk_sync.record import parse_unverified_record
from clisk_sync.refusals import Code, refuse, refusing_bad_input
from clisk_sync.transport import NO_HASH
from clisk_vault.ids import DeviceId, EnvelopeHash, RecordHash, VaultId
from clisk_vault.primitives import VerifyKey, sha256


@dataclass(frozen=True, slots=True)
class Head:
    """The newest envelope of one device; number 0 is none."""

    number: int
    hash: EnvelopeHash

    @classmethod
    def none(cls) -> Head:
        """Return the head of a device that has sent nothing."""
        return cls(0, EnvelopeHash(NO_HASH))


@dataclass(frozen=True, slots=True)
class Admitted:
    """An envelope by a member, its signature checked; not yet placed."""

    vault: VaultId
    author: DeviceId
    number: int
    previous: EnvelopeHash
    hash: EnvelopeHash
    data: bytes
    # The membership it was checked against; placing it needs the same one.
    record_head: RecordHash


@dataclass(frozen=True, slots=True)
class Members:
    """What admission asks of a membership."""

    membership: Membership
    # Everybody that was ever a member: they may read why they no longer are.
    ever: Mapping[DeviceId, VerifyKey]

    @classmethod
    def verify(cls, vault: VaultId, records: Sequence[bytes]) -> Members:
        """Return the members that *records* make, all of them checked."""
        return cls._of(Membership.verify(vault, records))

    def extend(self, data: bytes) -> Members:
        """Return the members after one more record, checked."""
        return self._of(self.membership.extend(data))

    @classmethod
    def _of(cls, membership: Membership) -> Members:
        members = [
            *membership.devices.values(),
            *(each.member for each in membership.departed.values()),
        ]
        return cls(membership, {each.id: each.public.signing for each in members})

    @property
    def head(self) -> RecordHash:
        """The hash of the newest record."""
        return self.membership.head.hash

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.membership.records)

    def find(self, data: bytes) -> int | None:
        """Return the index of a record that is there already."""
        records = self.membership.records
        return records.index(data) if data in records else None

    def active(self, device: DeviceId) -> VerifyKey:
        """Return the key of *device*.

        Raises:
            AuthError: it is not a member now.
        """
        member = self.membership.devices.get(device)
        if member is None:
            raise refuse(Code.NOT_A_MEMBER)
        return member.public.signing

    def known(self, device: DeviceId) -> VerifyKey:
        """Return the key of *device*, a member now or once.

        Raises:
            AuthError: it never was.
        """
        key = self.ever.get(device)
        if key is None:
            raise refuse(Code.NOT_A_MEMBER)
        return key


def admit_genesis(data: bytes) -> Members:
    """Return the membership that *data* founds.

    Raises:
        RelayRefused: it is no genesis record, or not signed by its founder.
    """
    with _refusing_bad_records():
        return Members.verify(VaultId(sha256(data)), [data])


def admit_record(
    members: Members,
    data: bytes,
    *,
    author: DeviceId,
    newest: Callable[[DeviceId], Head] | None = None,
) -> Members:
    """Return the membership with one more record.

    *newest* tells the newest envelope of a device in the log: a revocation that
    does not know it is refused, so that no reader has taken in what does not count.

    Raises:
        RecordConflictError: it builds on another record than the newest, or its
            author has not read all of what the device that it revokes wrote.
        RelayRefused: malformed, by another device than *author*, or not valid.
    """
    with _refusing_bad_records():
        body = parse_unverified_record(data).unverified_body
        if body.vault != members.membership.vault_id:
            raise refuse(Code.WRONG_VAULT)
        if body.author != author:
            raise refuse(Code.WRONG_AUTHOR)
        is_behind = (
            body.cut is not None
            and newest is not None
            and body.cut.number < newest(body.cut.device).number
        )
        if body.previous != members.head or is_behind:
            raise refuse(
                Code.RECORD_OUT_OF_ORDER,
                head_number=members.count - 1,
                head_hash=members.head,
            )
        return members.extend(data)


def admit_envelope(members: Members, data: bytes, *, author: DeviceId) -> Admitted:
    """Return *data* as an envelope that *author*, a member, has signed.

    Cheap checks come first, the signature last.

    Raises:
        RelayRefused: malformed, not of this vault, author or epoch, or not signed.
    """
    with refusing_bad_input():
        envelope = parse_unverified_envelope(data)
        header = envelope.unverified_header
        if header.vault != members.membership.vault_id:
            raise refuse(Code.WRONG_VAULT)
        if header.author != author:
            raise refuse(Code.WRONG_AUTHOR)
        key = members.active(author)
        if header.epoch not in members.membership.epochs:
            raise refuse(Code.UNKNOWN_EPOCH)
        envelope.verify(key)
    return Admitted(
        vault=header.vault,
        author=header.author,
        number=header.number,
        previous=header.previous,
        hash=envelope.hash,
        data=data,
        record_head=members.head,
    )


def place(
    envelope: Admitted, head: Head, found: tuple[int, EnvelopeHash] | None
) -> int | None:
    """Return the position it has already, or None if it is the next of its author.

    *found* is what the log holds at its number: position and hash.

    Raises:
        NumberTakenError: something else stands at its number.
        ConflictError: it is not the one after *head*.
    """
    if found is not None:
        position, stored = found
        if stored == envelope.hash:
            return position
        raise refuse(Code.NUMBER_TAKEN, head_number=envelope.number, head_hash=stored)
    if envelope.number != head.number + 1 or envelope.previous != head.hash:
        raise refuse(Code.OUT_OF_ORDER, head_number=head.number, head_hash=head.hash)
    return None


@contextmanager
def _refusing_bad_records() -> Iterator[None]:
    with refusing_bad_input():
        try:
            yield
        except PeerError as err:
            raise refuse(Code.REFUSED_RECORD) from err

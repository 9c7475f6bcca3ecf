"""Writing membership records, and the secrets in them: protocol/membership.md §6.

The doors for a device: found a vault, add, revoke, rotate, rename, and take the
epoch secrets out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from clisk_sync.device_name import open_name, seal_name
from clisk_sync.envelope_content import Mark
from clisk_sync.epochs import (
    check_commitment,
    commit,
    open_previous,
    seal_previous,
    unwrap_epoch,
    wrap_epoch,
)
from clisk_sync.errors import MembershipError, NotAMember
from clisk_sync.membership import Member, Membership
from clisk_sync.record import sign_record
from clisk_sync.record_body import (
    SALT_BYTES,
    Cut,
    EpochPart,
    Kind,
    RecordBody,
    SharePart,
)
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import Random, sha256


def clock_ms() -> int:
    """Return the time now in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def found(
    secrets: DeviceSecrets,
    name: str,
    *,
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> tuple[bytes, VaultId, EpochSecret]:
    """Return a new vault: its genesis record, its id and its first epoch secret.

    Raises:
        FormatError: *name* is not a device name.
    """
    public, salt = secrets.public, random(SALT_BYTES)
    secret = EpochSecret(random(EpochSecret.LENGTH))
    wrap = wrap_epoch(secret, public, epoch=1, binding=salt, previous=b"")
    commitment = commit(secret, epoch=1, binding=salt)
    body = RecordBody(
        kind=Kind.GENESIS,
        height=0,
        author=public.id,
        time_ms=clock(),
        device=public,
        name=seal_name(
            name, public.id, epoch=1, secret=secret, binding=salt, random=random
        ),
        salt=salt,
        epoch=EpochPart(1, commitment, {public.id: wrap}, sealed_previous=None),
    )
    genesis = sign_record(secrets.signing, body)
    return genesis, VaultId(sha256(genesis)), secret


def add_record(
    membership: Membership,
    secrets: DeviceSecrets,
    secret: EpochSecret,
    newcomer: DevicePublic,
    name: str,
    *,
    dormant: bool = False,
    succeeds: DeviceId | None = None,
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> bytes:
    """Return the record that adds *newcomer*; *secret* is the current epoch's.

    *dormant*: it is a recovery kit. *succeeds*: this device itself, where it goes
    on under the newcomer's keys.

    Raises:
        MembershipError: the newcomer is a member already, or one too many.
        NotAMember: this device is none.
        TamperedError: *secret* is not the current epoch's.
        FormatError: *name* is not a device name.
    """
    _check_current(membership, secret)
    epoch, vault_id = membership.epoch, membership.vault_id
    wrap = wrap_epoch(
        secret,
        newcomer,
        epoch=epoch,
        binding=vault_id,
        previous=membership.head.hash,
    )
    sealed = seal_name(
        name, newcomer.id, epoch=epoch, secret=secret, binding=vault_id, random=random
    )
    body = replace(
        _next_body(membership, secrets, Kind.ADD, clock),
        device=newcomer,
        name=sealed,
        share=SharePart(epoch, wrap),
        dormant=dormant,
        succeeds=succeeds,
    )
    return _signed(membership, secrets, body)


def revoke_record(
    membership: Membership,
    secrets: DeviceSecrets,
    secret: EpochSecret,
    device: DeviceId,
    newest: Mark,
    *,
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> bytes:
    """Return the record that revokes *device*; *secret* is the current epoch's.

    *newest* is the last envelope of the device that counts: the newest that this
    device has verified. The device to be revoked gets no wrap of the new secret.

    Raises:
        MembershipError: *device* is no member, or the last one.
        NotAMember: this device is none.
        TamperedError: *secret* is not the current epoch's.
    """
    stay = [each for each in membership.devices.values() if each.id != device]
    if not stay:
        height = membership.head.height + 1
        raise MembershipError("revokes the last member", height=height)
    body = replace(
        _next_body(membership, secrets, Kind.REVOKE, clock),
        epoch=_next_epoch(membership, secret, stay, random),
        cut=Cut(device, newest.number, newest.hash),
    )
    return _signed(membership, secrets, body)


def rotate_record(
    membership: Membership,
    secrets: DeviceSecrets,
    secret: EpochSecret,
    *,
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> bytes:
    """Return the record that begins a new epoch; *secret* is the current epoch's.

    Raises:
        NotAMember: this device is none.
        TamperedError: *secret* is not the current epoch's.
    """
    stay = list(membership.devices.values())
    body = replace(
        _next_body(membership, secrets, Kind.ROTATE, clock),
        epoch=_next_epoch(membership, secret, stay, random),
    )
    return _signed(membership, secrets, body)


def rename_record(
    membership: Membership,
    secrets: DeviceSecrets,
    secret: EpochSecret,
    name: str,
    *,
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> bytes:
    """Return the record that gives this device another name.

    Raises:
        NotAMember: this device is none.
        TamperedError: *secret* is not the current epoch's.
        FormatError: *name* is not a device name.
    """
    _check_current(membership, secret)
    own = secrets.public.id
    sealed = seal_name(
        name,
        own,
        epoch=membership.epoch,
        secret=secret,
        binding=membership.vault_id,
        random=random,
    )
    body = replace(
        _next_body(membership, secrets, Kind.RENAME, clock), name=sealed, subject=own
    )
    return _signed(membership, secrets, body)


def _next_body(
    membership: Membership,
    secrets: DeviceSecrets,
    kind: Kind,
    clock: Callable[[], int],
) -> RecordBody:
    """Return what every record on the newest one says."""
    return RecordBody(
        kind=kind,
        vault=membership.vault_id,
        previous=membership.head.hash,
        height=membership.head.height + 1,
        author=secrets.public.id,
        time_ms=clock(),
    )


def _next_epoch(
    membership: Membership,
    before: EpochSecret,
    members: Sequence[Member],
    random: Random,
) -> EpochPart:
    """Return a new epoch for *members*, its secret fresh."""
    _check_current(membership, before)
    number, binding = membership.epoch + 1, membership.vault_id
    secret = EpochSecret(random(EpochSecret.LENGTH))
    wraps = {
        each.id: wrap_epoch(
            secret,
            each.public,
            epoch=number,
            binding=binding,
            previous=membership.head.hash,
        )
        for each in members
    }
    return EpochPart(
        number,
        commit(secret, epoch=number, binding=binding),
        wraps,
        seal_previous(before, secret, epoch=number, binding=binding, random=random),
    )


def _check_current(membership: Membership, secret: EpochSecret) -> None:
    begun = membership.epochs[membership.epoch]
    check_commitment(
        secret,
        begun.part.commitment,
        epoch=membership.epoch,
        binding=begun.binding,
    )


def _signed(membership: Membership, secrets: DeviceSecrets, body: RecordBody) -> bytes:
    record = sign_record(secrets.signing, body)
    # What others will refuse is not written: the reader's checks are the writer's.
    membership.extend(record)
    return record


def unwrap_epochs(
    membership: Membership, secrets: DeviceSecrets
) -> dict[int, EpochSecret]:
    """Return every epoch's secret, by number, for this device.

    One wrap is opened; the older secrets hang on it as a chain.

    Raises:
        NotAMember: nothing in the records is wrapped to this device.
        TamperedError: a secret is not the one that its record committed to.
    """
    opened, fault = open_epochs(membership, secrets)
    if fault is not None:
        raise fault
    return opened


def open_epochs(
    membership: Membership, secrets: DeviceSecrets
) -> tuple[dict[int, EpochSecret], TamperedError | None]:
    """Return the secrets that open, newest first, and what is wrong with the next.

    A member that spoils the chain behind a good secret does not keep the good one
    from this device, which may hold what is behind it already.

    Raises:
        NotAMember: nothing in the records is wrapped to this device.
    """
    wrap = membership.wraps.get(secrets.public.id)
    if wrap is None:
        raise NotAMember("this device is not a member of this vault")
    opened: dict[int, EpochSecret] = {}
    try:
        secret = unwrap_epoch(
            wrap.wrapped,
            secrets,
            epoch=wrap.epoch,
            binding=wrap.binding,
            previous=wrap.previous,
        )
        for number in range(wrap.epoch, 0, -1):
            part, binding = (
                membership.epochs[number].part,
                membership.epochs[number].binding,
            )
            opened[number] = check_commitment(
                secret, part.commitment, epoch=number, binding=binding
            )
            if part.sealed_previous is not None:
                secret = open_previous(
                    part.sealed_previous, secret, epoch=number, binding=binding
                )
    except (TamperedError, FormatError) as err:
        return opened, _as_tampered(err)
    return opened, None


def _as_tampered(err: TamperedError | FormatError) -> TamperedError:
    if isinstance(err, TamperedError):
        return err
    return TamperedError("an epoch secret inside a record is not sealed as it must be")


def device_name(member: Member, epochs: Mapping[int, EpochSecret]) -> str:
    """Return the name of *member*, opened with the secrets of *epochs*.

    Raises:
        FormatError, TamperedError: its sealed name is not a name of this device.
    """
    return open_name(
        member.name,
        member.id,
        secret=epochs[member.name.epoch],
        binding=member.binding,
    )

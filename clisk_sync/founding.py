"""Writing membership records, and the secrets in them: protocol/membership.md §6.

The doors for a device: found a vault, add a device, take the epoch secrets out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from clisk_sync.device_name import open_name, seal_name
from clisk_sync.epochs import (
    check_commitment,
    commit,
    open_previous,
    unwrap_epoch,
    wrap_epoch,
)
from clisk_sync.errors import NotAMember
from clisk_sync.membership import Member, Membership
from clisk_sync.record import sign_record
from clisk_sync.record_body import (
    SALT_BYTES,
    EpochPart,
    Kind,
    RecordBody,
    SharePart,
)
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.ids import VaultId
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
    clock: Callable[[], int] = clock_ms,
    random: Random = os.urandom,
) -> bytes:
    """Return the record that adds *newcomer*; *secret* is the current epoch's.

    Raises:
        MembershipError: the newcomer is a member already, or one too many.
        NotAMember: this device is none.
        TamperedError: *secret* is not the current epoch's.
        FormatError: *name* is not a device name.
    """
    epoch, vault_id = membership.epoch, membership.vault_id
    begun = membership.epochs[epoch]
    check_commitment(secret, begun.part.commitment, epoch=epoch, binding=begun.binding)
    wrap = wrap_epoch(
        secret,
        newcomer,
        epoch=epoch,
        binding=vault_id,
        previous=membership.head.hash,
    )
    body = RecordBody(
        kind=Kind.ADD,
        vault=vault_id,
        previous=membership.head.hash,
        height=membership.head.height + 1,
        author=secrets.public.id,
        time_ms=clock(),
        device=newcomer,
        name=seal_name(
            name,
            newcomer.id,
            epoch=epoch,
            secret=secret,
            binding=vault_id,
            random=random,
        ),
        share=SharePart(epoch, wrap),
    )
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
    wrap = membership.wraps.get(secrets.public.id)
    if wrap is None:
        raise NotAMember("this device is not a member of this vault")
    secret = unwrap_epoch(
        wrap.wrapped,
        secrets,
        epoch=wrap.epoch,
        binding=wrap.binding,
        previous=wrap.previous,
    )
    found_secrets: dict[int, EpochSecret] = {}
    for number in range(wrap.epoch, 0, -1):
        begun = membership.epochs[number]
        found_secrets[number] = check_commitment(
            secret, begun.part.commitment, epoch=number, binding=begun.binding
        )
        if begun.part.sealed_previous is not None:
            secret = open_previous(
                begun.part.sealed_previous, secret, epoch=number, binding=begun.binding
            )
    return found_secrets


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

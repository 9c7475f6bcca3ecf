"""Epoch secrets inside membership records: protocol/membership.md §4.

Wrapped to each device, committed to, and chained: the secret of an epoch opens
the one before, so a newcomer reads history with one wrap.
"""

from __future__ import annotations

import hmac
import os

from clisk_vault import cbor
from clisk_vault.cose import decrypt0, encrypt0
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.errors import TamperedError
from clisk_vault.ids import DeviceId
from clisk_vault.keys import EpochChainKey, EpochSecret
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive, hmac_sha256
from clisk_vault.wrapping import unwrap, wrap

_MAX_SEALED = 512


def commit(secret: EpochSecret, *, epoch: int, binding: bytes) -> bytes:
    """Return the commitment that a record publishes: it names one secret only."""
    context = cbor.encode([binding, epoch])
    return hmac_sha256(secret, Label.EPOCH_COMMITMENT.value, b"\0", context)


def check_commitment(
    secret: EpochSecret, commitment: bytes, *, epoch: int, binding: bytes
) -> EpochSecret:
    """Return *secret* when it is the one that the epoch's record committed to.

    Raises:
        TamperedError: another secret: somebody gives devices different keys.
    """
    if not hmac.compare_digest(
        commit(secret, epoch=epoch, binding=binding), commitment
    ):
        raise TamperedError(f"epoch {epoch}: not the secret that was committed to")
    return secret


def _wrap_info(
    epoch: int, binding: bytes, previous: bytes, recipient: DeviceId
) -> bytes:
    return cbor.encode([Label.EPOCH_WRAP.value, binding, epoch, previous, recipient])


def wrap_epoch(
    secret: EpochSecret,
    recipient: DevicePublic,
    *,
    epoch: int,
    binding: bytes,
    previous: bytes,
) -> bytes:
    """Return *secret* wrapped to *recipient* inside the record after *previous*."""
    info = _wrap_info(epoch, binding, previous, recipient.id)
    return wrap(recipient.wrapping, secret, info=info)


def unwrap_epoch(
    wrapped: bytes,
    secrets: DeviceSecrets,
    *,
    epoch: int,
    binding: bytes,
    previous: bytes,
) -> EpochSecret:
    """Return the secret that wrap_epoch() wrapped to this device.

    Raises:
        TamperedError: for another device, or from another record.
    """
    info = _wrap_info(epoch, binding, previous, secrets.public.id)
    return unwrap(secrets.wrapping, wrapped, info=info, into=EpochSecret)


def _chain_key(secret: EpochSecret, context: bytes) -> EpochChainKey:
    return derive(secret, Label.EPOCH_CHAIN_KEY, context, EpochChainKey)


def seal_previous(
    previous: EpochSecret,
    secret: EpochSecret,
    *,
    epoch: int,
    binding: bytes,
    random: Random = os.urandom,
) -> bytes:
    """Return the secret of the epoch before *epoch*, sealed under *epoch*'s."""
    context = cbor.encode([binding, epoch])
    return encrypt0(
        _chain_key(secret, context),
        previous.expose(),
        label=Label.EPOCH_CHAIN,
        context=context,
        random=random,
    )


def open_previous(
    sealed: bytes, secret: EpochSecret, *, epoch: int, binding: bytes
) -> EpochSecret:
    """Return the secret of the epoch before *epoch*.

    Raises:
        TamperedError: sealed under another secret or for another epoch.
    """
    context = cbor.encode([binding, epoch])
    plain = decrypt0(
        _chain_key(secret, context),
        sealed,
        label=Label.EPOCH_CHAIN,
        context=context,
        max_bytes=_MAX_SEALED,
    )
    if len(plain) != EpochSecret.LENGTH:
        raise TamperedError(f"epoch {epoch}: the one before is not a secret")
    return EpochSecret(plain)

"""What the made family goes through later: a revocation, a rotation, a new name.

The laptop revokes the tablet (epoch 2), the phone rotates (epoch 3), the laptop
takes another name.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import cache

from protocol.build.common import Cbor, Randomness, cbor
from protocol.build.family import (
    EPOCH_SECRET,
    LAPTOP,
    PHONE,
    TABLET,
    Body,
    Device,
    all_kept_wraps,
    family,
    genesis,
    record_hash,
    sealed_name,
    signed,
)
from protocol.build.suite import derive, encrypt0

SECRETS = {1: EPOCH_SECRET, 2: Randomness("epoch 2")(32), 3: Randomness("epoch 3")(32)}
# The tablet's third envelope is the last one that counts.
CUT: dict[int, Cbor] = {1: TABLET.id, 2: 3, 3: hashlib.sha256(b"third").digest()}
NEW_NAME = "work laptop"
# Lines of the file of wraps, by epoch and recipient; others are made of nothing.
_KEPT = {(2, "laptop"): 2, (2, "phone"): 3, (3, "laptop"): 4, (3, "phone"): 5}


def wrapped(epoch: int, device: Device) -> bytes:
    """Return the wrap of an epoch's secret that was made once, or only its shape."""
    line = _KEPT.get((epoch, device.name))
    if line is None:
        return Randomness(f"wrap {epoch} {device.name}")(1168)
    return all_kept_wraps()[line]


def epoch_part(epoch: int, *devices: Device) -> dict[int, Cbor]:
    """Return the part of a record that begins *epoch* for *devices* (§4)."""
    context = cbor([record_hash(genesis()), epoch])
    secret = SECRETS[epoch]
    wraps: dict[bytes, Cbor] = {each.id: wrapped(epoch, each) for each in devices}
    sealed = encrypt0(
        derive(secret, "clisk/1/epoch-chain-key", context),
        SECRETS[epoch - 1],
        label="clisk/1/epoch-chain",
        context=context,
        nonce=Randomness(f"chain {epoch}")(24),
    )
    commitment = b"clisk/1/epoch-commitment\0" + context
    return {
        1: epoch,
        2: hmac.digest(secret, commitment, "sha256"),
        3: wraps,
        4: sealed,
    }


def linked(kind: int, before: list[bytes], author: Device) -> Body:
    """Return what a record of that kind says before its own parts."""
    return {
        1: 1,
        2: kind,
        3: record_hash(genesis()),
        4: record_hash(before[-1]),
        5: len(before),
        6: author.id,
        7: 1_700_000_000_000 + 1000 * len(before),
    }


def revoke_body(before: list[bytes], author: Device = LAPTOP) -> Body:
    """Return the body by which *author* revokes the tablet, in epoch 1."""
    body = linked(3, before, author)
    return {**body, 11: epoch_part(2, LAPTOP, PHONE), 13: CUT}


def rotate_body(before: list[bytes], author: Device = PHONE) -> Body:
    """Return the body by which *author* begins epoch 3."""
    return {**linked(4, before, author), 11: epoch_part(3, LAPTOP, PHONE)}


def rename_body(before: list[bytes], author: Device = LAPTOP) -> Body:
    """Return the body by which *author* names the laptop anew, in epoch 3."""
    vault = record_hash(genesis())
    name = sealed_name(LAPTOP, vault, name=NEW_NAME, epoch=3, secret=SECRETS[3])
    return {**linked(5, before, author), 10: name, 14: LAPTOP.id}


@cache
def later_family() -> tuple[bytes, ...]:
    """Return the records of the family with all that it went through."""
    records = list(family())
    records.append(signed(revoke_body(records), LAPTOP))
    records.append(signed(rotate_body(records), PHONE))
    records.append(signed(rename_body(records), LAPTOP))
    return tuple(records)

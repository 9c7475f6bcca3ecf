"""A grant: leave for one konnector to read named fields of one item.

Implements protocol/grant.md: bytes, signature and the question whether a grant
covers a read. Where grants are kept is grants.py's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from clisk_vault import cbor, cose
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    GRANT_ID_LENGTH,
    ITEM_ID_LENGTH,
    DeviceId,
    GrantId,
    ItemId,
    VaultId,
)
from clisk_vault.labels import Label
from clisk_vault.primitives import SigningKey, VerifyKey

VERSION = 1
DIGEST_BYTES = 32
MAX_BYTES = 16 * 1024
MAX_FIELDS = 64
MAX_ORIGINS = 64
MAX_TEXT = 512

Signer: TypeAlias = Callable[[DeviceId], VerifyKey | None]
"""The signing key of a member device, or None for one that is not a member."""

(
    _VERSION,
    _ID,
    _KONNECTOR,
    _DIGEST,
    _ITEM,
    _FIELDS,
    _ORIGINS,
    _CREATED,
    _EXPIRES,
    _PURPOSE,
    _MAX_READS,
    _PLAINTEXT,
    _CODE_VERSION,
    _BUNDLE,
) = range(1, 15)
MAX_READS = (1 << 32) - 1

# scheme://host[:port] as a browser writes an origin (RFC 6454 §6.2): lower case,
# punycode, no path, no user, no trailing dot.
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Grant:
    """What was allowed, to whose code, for how long."""

    id: GrantId
    konnector: str
    digest: bytes
    item: ItemId
    fields: tuple[str, ...]
    origins: tuple[str, ...]
    created_ms: int
    expires_ms: int | None
    purpose: str
    max_reads: int | None = None
    """How many reads it covers, counted where it was given; None: any number."""
    plaintext_to_konnector: tuple[str, ...] = ()
    """Secret fields of which the konnector's own code may have the plaintext."""
    code_version: str | None = None
    """What the konnector called this version of itself; to show, never to judge."""
    bundle: bytes | None = None
    """SHA-256 of main.js alone: to say which file changed, never to judge."""

    def refusal(
        self,
        *,
        digest: bytes,
        item: ItemId,
        field: str,
        origin: str | None,
        secret: bool,
    ) -> str | None:
        """Return why this grant is for other reads than this one, or None.

        *origin* None: the value is handed to the konnector's own code. Whether the
        grant still holds is not known here: see Grants.standing().
        """
        if digest != self.digest:
            return "the konnector's code is not the code that was granted"
        if item != self.item:
            return "the grant is for another item"
        if field not in self.fields:
            return "the grant does not name this field"
        if origin is None and secret and field not in self.plaintext_to_konnector:
            return "the grant does not hand this field's plaintext to the konnector"
        if origin is not None and origin not in self.origins:
            return "the grant does not name this origin"
        return None


def encode_grant(grant: Grant) -> bytes:
    """Return the one encoding of *grant*, unsigned (protocol/grant.md §2)."""
    value: dict[int, cbor.Value] = {
        _VERSION: VERSION,
        _ID: grant.id,
        _KONNECTOR: grant.konnector,
        _DIGEST: grant.digest,
        _ITEM: grant.item,
        _FIELDS: list(grant.fields),
        _ORIGINS: list(grant.origins),
        _CREATED: grant.created_ms,
        _PURPOSE: grant.purpose,
    }
    if grant.expires_ms is not None:
        value[_EXPIRES] = grant.expires_ms
    if grant.max_reads is not None:
        value[_MAX_READS] = grant.max_reads
    if grant.plaintext_to_konnector:
        value[_PLAINTEXT] = list(grant.plaintext_to_konnector)
    if grant.code_version is not None:
        value[_CODE_VERSION] = grant.code_version
    if grant.bundle is not None:
        value[_BUNDLE] = grant.bundle
    return cbor.encode(value)


def sign_grant(
    grant: Grant, key: SigningKey, device: DeviceId, vault_id: VaultId
) -> bytes:
    """Return *grant* signed by *device* for one vault.

    Raises:
        FormatError: fields or origins that no reader would accept.
    """
    payload = encode_grant(grant)
    parse_grant(payload)
    return cose.sign1(
        key, payload, label=Label.GRANT, context=vault_id, kid=bytes(device)
    )


def open_grant(
    data: bytes, vault_id: VaultId, signer: Signer
) -> tuple[Grant, DeviceId]:
    """Return the grant in *data* and the device that gave it.

    Raises:
        TamperedError: not signed for this vault by a member's key.
        UnsupportedError: a version that this program does not know.
        FormatError: not a grant, or not its one spelling.

    Spec: protocol/grant.md §3. Vectors: grant/.
    """
    signed = cose.parse_sign1(data, max_bytes=MAX_BYTES, what="grant")
    if len(signed.kid) != DEVICE_ID_LENGTH:
        raise FormatError("grant: not signed by a device")
    device = DeviceId(signed.kid)
    key = signer(device)
    if key is None:
        raise TamperedError("grant: signed by a device that is not a member")
    return parse_grant(signed.verify(key, label=Label.GRANT, context=vault_id)), device


def parse_grant(payload: bytes) -> Grant:
    """Return the grant that *payload* spells; the signature is open_grant()'s.

    Raises:
        UnsupportedError: a version that this program does not know.
        FormatError: not a grant, or not its one spelling.
    """
    value = cbor.parse(payload, max_bytes=MAX_BYTES, what="grant")
    version = value.get(_VERSION) if isinstance(value, dict) else None  # type: ignore[call-overload]  # keys of any kind
    if type(version) is int and version != VERSION:
        raise UnsupportedError(f"grant: version {version} is not known")
    fields = cbor.expect_map(
        value,
        {
            _VERSION: int,
            _ID: bytes,
            _KONNECTOR: str,
            _DIGEST: bytes,
            _ITEM: bytes,
            _FIELDS: list,
            _ORIGINS: list,
            _CREATED: int,
            _PURPOSE: str,
        },
        optional={
            _EXPIRES: int,
            _MAX_READS: int,
            _PLAINTEXT: list,
            _CODE_VERSION: str,
            _BUNDLE: bytes,
        },
        what="grant",
    )
    return _from_fields(fields)


def _from_fields(fields: dict[int, cbor.Value]) -> Grant:
    def sized(key: int, length: int) -> bytes:
        return cbor.expect_bytes(fields[key], length=length, what="grant")

    def text(key: int) -> str:
        return cbor.expect_text(fields[key], what="grant", max_chars=MAX_TEXT)

    def optional_uint(key: int) -> int | None:
        value = fields.get(key)
        return None if value is None else cbor.expect_uint(value, what="grant")

    max_reads = optional_uint(_MAX_READS)
    if max_reads is not None and not 1 <= max_reads <= MAX_READS:
        raise FormatError("grant: covers no read, or more than can be counted")
    names = _names(fields[_FIELDS], max_items=MAX_FIELDS)
    if not names:
        raise FormatError("grant: names no field")
    return Grant(
        GrantId(sized(_ID, GRANT_ID_LENGTH)),
        text(_KONNECTOR),
        sized(_DIGEST, DIGEST_BYTES),
        ItemId(sized(_ITEM, ITEM_ID_LENGTH)),
        names,
        _origins(fields[_ORIGINS]),
        cbor.expect_uint(fields[_CREATED], what="grant"),
        optional_uint(_EXPIRES),
        text(_PURPOSE),
        max_reads,
        _plaintext(fields.get(_PLAINTEXT), names),
        text(_CODE_VERSION) if _CODE_VERSION in fields else None,
        sized(_BUNDLE, DIGEST_BYTES) if _BUNDLE in fields else None,
    )


def _plaintext(value: cbor.Value, granted: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return ()
    names = _names(value, max_items=MAX_FIELDS)
    # Left out when empty, so that one grant has one spelling.
    if not names or not set(names) <= set(granted):
        raise FormatError("grant: hands over no field, or one that it does not name")
    return names


def _names(value: cbor.Value, *, max_items: int) -> tuple[str, ...]:
    members = cbor.expect_list(value, what="grant", max_items=max_items)
    names = tuple(
        cbor.expect_text(name, what="grant", max_chars=MAX_TEXT) for name in members
    )
    # Sorted and without repeats: one grant has one spelling.
    if list(names) != sorted(set(names)):
        raise FormatError("grant: names out of order or repeated")
    return names


def _origins(value: cbor.Value) -> tuple[str, ...]:
    origins = _names(value, max_items=MAX_ORIGINS)
    for origin in origins:
        check_origin(origin)
    return origins


def check_origin(origin: str) -> None:
    """Refuse what no browser writes as an origin, so that comparing is equality.

    Raises:
        FormatError: a path, upper case, a default port, a user, another scheme.
    """
    found = _ORIGIN.fullmatch(origin)
    if found is None or found["port"] == _DEFAULT_PORTS[found["scheme"]]:
        raise FormatError(
            "grant: not an origin",
            advice="write it as scheme://host or scheme://host:port, in lower case",
        )

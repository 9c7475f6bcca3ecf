"""The fields of items, as data: which types there are and which fields are secret.

Spec: protocol/item.md §5. A type or field that is not in the tables is kept and
synced all the same; the tables say what this program shows and asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from clisk_vault.errors import CallerError


class Secrecy(Enum):
    """How a field stands in a document: text, sealed, or as its writer chose."""

    CLEAR = auto()
    SECRET = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: its name in a document, its name for people, and its secrecy."""

    name: str
    says: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ItemType:
    """One kind of item, with the fields that only it has."""

    name: str
    says: str
    fields: tuple[FieldSpec, ...]


def _secret(name: str, says: str) -> FieldSpec:
    return FieldSpec(name, says, secret=True)


COMMON_FIELDS = (
    FieldSpec("type", "type"),
    FieldSpec("title", "title"),
    _secret("notes", "notes"),
    FieldSpec("folder", "folder"),
    FieldSpec("favourite", "favourite"),
    FieldSpec("trashed", "in the trash"),
    FieldSpec("archived", "archived"),
    FieldSpec("reprompt", "ask for the passphrase again"),
    FieldSpec("created", "created"),
    FieldSpec("changed", "changed"),
    FieldSpec("used", "last used"),
    FieldSpec("expires", "expires"),
    FieldSpec("category", "what its source calls this kind of item"),
    FieldSpec("origin", "imported from"),
)

_LOGIN = (
    FieldSpec("username", "user name"),
    _secret("password", "password"),
    FieldSpec("password_changed", "password changed"),
    _secret("totp", "one-time code seed"),
)

_CARD = (
    FieldSpec("card.holder", "name on the card"),
    FieldSpec("card.brand", "brand"),
    _secret("card.number", "card number"),
    FieldSpec("card.exp_month", "expiry month"),
    FieldSpec("card.exp_year", "expiry year"),
    FieldSpec("card.valid_from", "valid from"),
    _secret("card.code", "security code"),
    _secret("card.pin", "PIN"),
)

_IDENTITY = (
    FieldSpec("identity.title", "title of address"),
    FieldSpec("identity.first_name", "first name"),
    FieldSpec("identity.middle_name", "middle name"),
    FieldSpec("identity.last_name", "last name"),
    FieldSpec("identity.full_name", "full name"),
    FieldSpec("identity.birth_date", "date of birth"),
    FieldSpec("identity.address1", "address, line 1"),
    FieldSpec("identity.address2", "address, line 2"),
    FieldSpec("identity.address3", "address, line 3"),
    FieldSpec("identity.city", "city"),
    FieldSpec("identity.state", "state"),
    FieldSpec("identity.postal_code", "postal code"),
    FieldSpec("identity.country", "country"),
    FieldSpec("identity.company", "company"),
    FieldSpec("identity.email", "email"),
    FieldSpec("identity.phone", "phone"),
    FieldSpec("identity.username", "user name"),
    _secret("identity.ssn", "social security number"),
    _secret("identity.passport_number", "passport number"),
    _secret("identity.licence_number", "driving licence number"),
)

_SSH_KEY = (
    _secret("ssh.private_key", "private key"),
    FieldSpec("ssh.public_key", "public key"),
    FieldSpec("ssh.fingerprint", "fingerprint"),
    FieldSpec("ssh.key_type", "kind of key"),
    FieldSpec("ssh.comment", "comment"),
    _secret("ssh.passphrase", "passphrase of the private key"),
)

ITEM_TYPES = {
    kind.name: kind
    for kind in (
        ItemType("login", "login", _LOGIN),
        ItemType("note", "secure note", ()),
        ItemType("card", "card", _CARD),
        ItemType("identity", "identity", _IDENTITY),
        ItemType("ssh-key", "SSH key", _SSH_KEY),
        ItemType("passkey", "passkey", ()),
    )
}

SSH_KINDS = ("ed25519", "ecdsa-p256", "rsa-4096")
"""The kinds of SSH key that this program makes."""

# Fields of which an item has any number: `<kind>.<8 hex digits>.<part>`. Any type
# of item may have them: a login with a passkey is a login that has `passkey` parts.
ELEMENTS = {
    "uri": (
        FieldSpec("value", "address"),
        FieldSpec("match", "how the address is matched"),
        FieldSpec("label", "what the address is called"),
    ),
    "tag": (FieldSpec("name", "tag"),),
    "custom": (
        FieldSpec("name", "name of the field"),
        FieldSpec("kind", "text, hidden, boolean or linked"),
        FieldSpec("value", "value of a text, boolean or linked field"),
        _secret("hidden", "value of a hidden field"),
        FieldSpec("format", "how the value is spelled: date, email, totp, ..."),
        FieldSpec("section", "the heading that the field stands under"),
        FieldSpec("key", "what the source calls the field"),
    ),
    "history": (
        _secret("password", "an earlier value, mostly a password"),
        FieldSpec("used", "when it was last used"),
        FieldSpec("field", "the field that had it, where not the password"),
    ),
    "passkey": (
        FieldSpec("credential_id", "credential id"),
        FieldSpec("key_type", "key type"),
        FieldSpec("algorithm", "algorithm"),
        FieldSpec("curve", "curve"),
        _secret("private_key", "private key"),
        FieldSpec("rp_id", "site"),
        FieldSpec("rp_name", "name of the site"),
        FieldSpec("user_handle", "user handle"),
        FieldSpec("user_name", "user name"),
        FieldSpec("user_display_name", "name shown"),
        FieldSpec("counter", "signature counter"),
        FieldSpec("discoverable", "discoverable"),
        FieldSpec("flags", "backup flags"),
        FieldSpec("created", "created"),
        _secret("extensions", "data of FIDO2 extensions"),
    ),
    "attachment": (
        FieldSpec("name", "file name"),
        FieldSpec("size", "size in bytes"),
        FieldSpec("media_type", "media type"),
        FieldSpec("created", "created"),
        FieldSpec("blob", "where its chunks are"),
        _secret("content", "what opens its chunks"),
    ),
    "extra": (
        FieldSpec("source", "where it came from"),
        _secret("data", "what had no place of its own, word for word"),
    ),
}
# A document with these is no item but a chunk of an attachment (attachment.py).
CHUNK_FIELDS = (
    _secret("chunk", "a part of an attachment"),
    FieldSpec("chunk.of", "the item that it belongs to"),
)
CUSTOM_KINDS = ("text", "hidden", "boolean", "linked")
URI_MATCHES = ("domain", "host", "starts-with", "exact", "regex", "never")

_ELEMENT_ID_BYTES = 4
_ELEMENT_ID_DIGITS = frozenset("0123456789abcdef")
_SECRET_BY_NAME = {
    spec.name: spec.secret
    for specs in (
        COMMON_FIELDS,
        CHUNK_FIELDS,
        *(kind.fields for kind in ITEM_TYPES.values()),
    )
    for spec in specs
}
_SECRET_BY_PART = {
    (kind, spec.name): spec.secret for kind, specs in ELEMENTS.items() for spec in specs
}


def secrecy(field: str) -> Secrecy:
    """Return how the value of *field* has to stand in a document."""
    secret = _SECRET_BY_NAME.get(field)
    if secret is None:
        parts = split_element(field)
        secret = None if parts is None else _SECRET_BY_PART.get((parts[0], parts[2]))
    if secret is None:
        return Secrecy.UNKNOWN
    return Secrecy.SECRET if secret else Secrecy.CLEAR


def element_field(kind: str, element: str, part: str) -> str:
    """Return the field name of one part of one element, as `uri.0a1b2c3d.value`."""
    return f"{kind}.{element}.{part}"


def split_element(field: str) -> tuple[str, str, str] | None:
    """Return kind, element id and part, or None where *field* is of no element."""
    parts = field.split(".")
    if len(parts) != 3 or parts[0] not in ELEMENTS:
        return None
    kind, element, part = parts
    if len(element) != 2 * _ELEMENT_ID_BYTES or not _ELEMENT_ID_DIGITS.issuperset(
        element
    ):
        return None
    return kind, element, part


def new_element_ids(count: int, random: Callable[[int], bytes]) -> list[str]:
    """Return *count* new element ids in ascending order.

    Elements written together are shown in the order of their ids, so handing
    these out one by one keeps the order that the elements had.
    """
    ids: set[str] = set()
    for _ in range(2 * count + 16):
        if len(ids) >= count:
            return sorted(ids)
        ids.add(random(_ELEMENT_ID_BYTES).hex())
    raise CallerError("element ids: the random source repeats itself")

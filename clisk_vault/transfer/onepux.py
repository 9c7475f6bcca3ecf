"""1Password's export: 1PUX, a zip with export.data and the files of its items.

A vault of an account becomes a folder. A field that ours have no name for becomes
a custom field under its own title; the rest is kept word for word.
"""

from __future__ import annotations

from collections.abc import Iterator

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.transfer.bounded import MAX_ITEMS, BoundedZip, load_object
from clisk_vault.transfer.foreign import ItemBuilder, Taken, pairs, rfc3339
from clisk_vault.transfer.imported import ForeignFile, ForeignItem

SOURCE = "1password"
_WHAT = "1PUX file"
_DATA = "export.data"
_ATTRIBUTES = "export.attributes"
_TYPES = {
    "001": "login", "002": "card", "003": "note", "004": "identity", "005": "login",
    "114": "ssh-key",
}  # fmt: skip
# 1Password's own ids of the fields of its cards and identities.
_CARD = {
    "cardholder": "card.holder", "type": "card.brand", "ccnum": "card.number",
    "cvv": "card.code",
}  # fmt: skip
_IDENTITY = {
    "firstname": "identity.first_name", "initial": "identity.middle_name",
    "lastname": "identity.last_name", "company": "identity.company",
    "email": "identity.email", "defphone": "identity.phone",
    "username": "identity.username",
}  # fmt: skip
_ADDRESS = {
    "street": "identity.address1", "city": "identity.city", "state": "identity.state",
    "zip": "identity.postal_code", "country": "identity.country",
}  # fmt: skip
_CONCEALED = ("concealed", "creditCardNumber")
_PLAIN = (
    "string", "url", "phone", "menu", "gender", "creditCardType", "reference",
)  # fmt: skip


def is_onepux(archive: BoundedZip) -> bool:
    """Return whether *archive* is such an export."""
    return _DATA in archive.names()


def read_onepux(archive: BoundedZip) -> ForeignFile:
    """Return what the export holds.

    Raises:
        FormatError, CostLimitError, UnsupportedError: not such an export, of a
            later version, or not within bounds.
    """
    if _ATTRIBUTES in archive.names():
        version = load_object(archive.read(_ATTRIBUTES), _WHAT).get("version")
        if version not in (2, 3):
            raise UnsupportedError(f"{_WHAT}: a version that is not known")
    document = Taken(load_object(archive.read(_DATA), _WHAT))
    files = {name.removeprefix("files/"): name for name in archive.names()}
    items: list[ForeignItem] = []
    folders: list[str] = []
    accounts = document.objects("accounts")
    if not accounts:
        raise FormatError(f"{_WHAT}: without an account")
    for account in accounts:
        account.drop("attrs")  # whose it was: name, email, avatar
        for vault in account.objects("vaults"):
            name = vault.object("attrs").text("name") or ""
            folders.append(name)
            for item in vault.objects("items"):
                if len(items) >= MAX_ITEMS:
                    raise FormatError(f"{_WHAT}: more than {MAX_ITEMS} items")
                place = f"{_WHAT}: item {len(items)}"
                items.append(_Item(item, name, place, archive, files).build())
    return ForeignFile(SOURCE, tuple(items), tuple(sorted({f for f in folders if f})))


class _Item:
    """One item on its way from their words to ours."""

    def __init__(
        self,
        item: Taken,
        folder: str,
        place: str,
        archive: BoundedZip,
        files: dict[str, str],
    ) -> None:
        self._item = item
        self._archive = archive
        self._files = files
        self._overview = item.object("overview")
        category = item.text("categoryUuid") or ""
        self._kind = _TYPES.get(category, "note")
        self._made = ItemBuilder(
            SOURCE, self._kind, self._overview.text("title") or "", place=place
        )
        self._made.key = item.text("uuid")
        self._made.set("folder", folder)
        if category not in _TYPES and category:
            self._made.custom("1Password category", category)

    def build(self) -> ForeignItem:
        self._common()
        details = self._item.object("details")
        for field in details.objects("loginFields"):
            self._login_field(field)
        self._made.set("notes", details.text("notesPlain"))
        self._made.set("password", details.text("password"))
        for section in details.objects("sections"):
            self._section(section)
        for earlier in details.objects("passwordHistory"):
            used = rfc3339(earlier.number("time"))
            self._made.earlier(earlier.text("value"), used)
        self._file(details.object("documentAttributes"))
        self._made.aside(self._item.left())
        return self._made.build()

    def _common(self) -> None:
        made, item, overview = self._made, self._item, self._overview
        made.flag("favourite", on=bool(item.number("favIndex")))
        made.time("created", item.number("createdAt"))
        made.time("changed", item.number("updatedAt"))
        state = item.text("state")
        made.flag("archived", on=state == "archived")
        made.flag("trashed", on=state in ("trashed", "deleted"))
        addresses = overview.objects("urls")
        uris = [text for each in addresses if (text := each.text("url"))]
        first = overview.text("url")
        if first and first not in uris:
            uris.insert(0, first)
        for uri in uris:
            made.uri(uri)
        for each in addresses:
            label = each.text("label")
            if label and label != "website":
                made.custom("label of an address", label)
        for tag in overview.texts("tags"):
            made.tag(tag)
        overview.drop("subtitle", "icons", "ps", "pbe", "pgrng", "watchtowerExclusions")

    def _login_field(self, field: Taken) -> None:
        value = field.text("value")
        designation = field.text("designation")
        hidden = field.text("fieldType") == "P"
        name = field.text("name") or field.text("id") or "field"
        field.drop("id", "fieldType")
        if designation in ("username", "password"):
            self._made.set(designation, value)
        elif value:
            self._made.custom(name, value, hidden=hidden)

    def _section(self, section: Taken) -> None:
        heading = section.text("title")
        section.drop("name", "hideAddAnotherField")
        for field in section.objects("fields"):
            title = field.text("title")
            name = field.text("id") or ""
            label = " / ".join(each for each in (heading, title or name) if each)
            value = field.object("value")
            field.drop(
                "guarded", "multiline", "dontGenerate", "inputTraits", "indexAtTop",
                "clipboardFilter", "placeholder",
            )  # fmt: skip
            self._value(name, label or "field", value)

    def _value(self, name: str, label: str, value: Taken) -> None:
        made = self._made
        if self._kind == "card" and name == "expiry":
            expiry = value.number("monthYear")
            if expiry:
                made.set("card.exp_month", str(expiry % 100))
                made.set("card.exp_year", str(expiry // 100))
        for text, hidden in self._texts(value):
            known = {"card": _CARD, "identity": _IDENTITY}.get(self._kind, {}).get(name)
            if known:
                made.set(known, text)
            else:
                made.custom(label, text, hidden=hidden)
        seed = value.text("totp")
        if seed:
            made.set("totp", seed)
        self._address(label, value.object("address"))
        email = value.object("email").text("email_address")
        if self._kind == "identity" and name == "email":
            made.set("identity.email", email)
        elif email:
            made.custom(label, email)
        self._key(value.object("sshKey"))
        self._file(value.object("file"))

    def _texts(self, value: Taken) -> Iterator[tuple[str, bool]]:
        for hidden, kinds in (
            (True, ("concealed", "creditCardNumber")),
            (False, _PLAIN),
        ):
            for kind in kinds:
                text = value.text(kind)
                if text:
                    yield text, hidden
        for kind in ("date", "monthYear"):
            number = value.number(kind)
            if number is not None:
                day = rfc3339(number) if kind == "date" else None
                yield day or str(number), False

    def _address(self, label: str, address: Taken) -> None:
        for key, field in _ADDRESS.items():
            text = address.text(key)
            if not text:
                continue
            if self._kind == "identity":
                self._made.set(field, text)
            else:
                self._made.custom(f"{label}: {key}", text)

    def _key(self, key: Taken) -> None:
        self._made.set("ssh.private_key", key.text("privateKey"))
        metadata = key.object("metadata")
        self._made.set("ssh.public_key", metadata.text("publicKey"))
        self._made.set("ssh.fingerprint", metadata.text("fingerprint"))
        for name, text in pairs(metadata.left()):
            self._made.custom(f"SSH key: {name}", text)
        for name in metadata.left():
            metadata.drop(name)
        metadata.drop("privateKey")

    def _file(self, file: Taken) -> None:
        name, document = file.text("fileName"), file.text("documentId")
        file.drop("decryptedSize")
        if not name or not document:
            return
        stored = self._files.get(f"{document}__{name}")
        if stored is None:
            self._made.aside({f"file {name}": "missing from the archive"})
            return
        self._made.attach(name, self._archive.read(stored))

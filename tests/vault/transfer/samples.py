"""The same made-up people's logins, written as other programs write them.

Written out by hand for each format, with nothing of ours, so that a reader's
mistake has no twin here.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CREATED, CHANGED = 1_600_000_000, 1_700_000_000
CREATED_TEXT = "2020-09-13T12:26:40.000Z"
CHANGED_TEXT = "2023-11-14T22:13:20.000Z"


@dataclass(frozen=True)
class Login:
    """One login, in nobody's words."""

    number: int
    title: str
    username: str
    password: str
    uri: str
    notes: str = ""
    totp: str = ""
    folder: str = ""
    favourite: bool = False
    tags: tuple[str, ...] = ()
    custom: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()


def logins(count: int) -> list[Login]:
    """Return *count* logins, every value of every one its own."""
    return [
        Login(
            n,
            title=f"Dienst №{n} “{n % 7}”",
            username=f"user{n}@mail{n % 50}.example",
            password=f"p\"ä,;{n}'\\-{n * 7919}",
            uri=f"https://s{n}.example/sign-in?x={n},y",
            notes=f'line one {n}\nline two; "quoted", 漢字 {n}' if n % 3 else "",
            totp=f"otpauth://totp/s{n}?secret=JBSWY3DPEHPK3PXP" if n % 4 == 0 else "",
            folder=f"Folder {n % 20}",
            favourite=n % 9 == 0,
            tags=(f"tag{n % 5}",) if n % 2 else (),
            custom={
                f"answer {n}": (f"secret answer {n}", True),
                "plain": (f"value {n}", False),
            },
            earlier=(f"old-{n}",) if n % 6 == 0 else (),
        )
        for n in range(count)
    ]


def onepux(logins: Iterable[Login]) -> bytes:
    """Return a 1PUX file."""
    vaults: dict[str, list[dict[str, Any]]] = {}
    for each in logins:
        fields = [
            {
                "title": name,
                "id": f"f{n}",
                "value": {"concealed" if hidden else "string": value},
                "guarded": False,
            }
            for n, (name, (value, hidden)) in enumerate(each.custom.items())
        ]
        if each.totp:
            fields.append(
                {
                    "title": "one-time password",
                    "id": "TOTP",
                    "value": {"totp": each.totp},
                }
            )
        vaults.setdefault(each.folder, []).append(
            {
                "uuid": f"uuid{each.number}",
                "favIndex": int(each.favourite),
                "createdAt": CREATED,
                "updatedAt": CHANGED,
                "state": "active",
                "categoryUuid": "001",
                "details": {
                    "loginFields": [
                        {"value": each.username, "id": "", "name": "username",
                         "fieldType": "T", "designation": "username"},
                        {"value": each.password, "id": "", "name": "password",
                         "fieldType": "P", "designation": "password"},
                    ],
                    "notesPlain": each.notes,
                    "sections": [{"title": "", "name": "s", "fields": fields}],
                    "passwordHistory": [
                        {"value": old, "time": CREATED} for old in each.earlier
                    ],
                },
                "overview": {
                    "subtitle": each.username,
                    "urls": [{"label": "website", "url": each.uri}],
                    "title": each.title,
                    "url": each.uri,
                    "tags": list(each.tags),
                },
            }
        )  # fmt: skip
    document = {
        "accounts": [
            {
                "attrs": {"accountName": "A", "email": "a@b.example"},
                "vaults": [
                    {"attrs": {"uuid": name, "name": name}, "items": items}
                    for name, items in vaults.items()
                ],
            }
        ]
    }
    attributes = {"version": 3, "description": "1Password Unencrypted Export"}
    return packed({"export.attributes": attributes, "export.data": document})


def packed(files: Mapping[str, Any]) -> bytes:
    """Return a zip of *files*; what is not bytes becomes JSON."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            data = (
                content if isinstance(content, bytes) else json.dumps(content).encode()
            )
            archive.writestr(name, data)
    return stream.getvalue()


def proton_document(logins: Iterable[Login]) -> dict[str, Any]:
    """Return the JSON of a Proton Pass export."""
    vaults: dict[str, dict[str, Any]] = {}
    for each in logins:
        vault = vaults.setdefault(
            each.folder, {"name": each.folder, "description": "", "items": []}
        )
        vault["items"].append(
            {
                "itemId": f"item{each.number}",
                "shareId": "share",
                "data": {
                    "metadata": {
                        "name": each.title, "note": each.notes, "itemUuid": "u",
                    },
                    "extraFields": [
                        {
                            "fieldName": name,
                            "type": "hidden" if hidden else "text",
                            "data": {"content": value},
                        }
                        for name, (value, hidden) in each.custom.items()
                    ],
                    "type": "login",
                    "content": {
                        "itemEmail": each.username,
                        "itemUsername": "",
                        "password": each.password,
                        "urls": [each.uri],
                        "totpUri": each.totp,
                        "passkeys": [],
                    },
                },
                "state": 1,
                "aliasEmail": None,
                "contentFormatVersion": 6,
                "createTime": CREATED,
                "modifyTime": CHANGED,
                "pinned": each.favourite,
            }
        )  # fmt: skip
    return {"version": "1.26.0", "userId": "u", "encrypted": False, "vaults": vaults}


def proton(logins: Iterable[Login]) -> bytes:
    """Return a Proton Pass zip."""
    return packed({"Proton Pass/data.json": proton_document(logins)})


def cxf(logins: Sequence[Login]) -> bytes:
    """Return a CXF 1.0 file."""

    def editable(kind: str, value: str, label: str | None = None) -> dict[str, str]:
        made = {"id": "aWQ", "fieldType": kind, "value": value}
        return made if label is None else {**made, "label": label}

    def item(each: Login) -> dict[str, Any]:
        credentials: list[dict[str, Any]] = [
            {
                "type": "basic-auth",
                "username": editable("string", each.username),
                "password": editable("concealed-string", each.password),
            }
        ]
        if each.notes:
            credentials.append(
                {"type": "note", "content": editable("string", each.notes)}
            )
        if each.totp:
            credentials.append(
                {"type": "totp", "secret": "JBSWY3DPEHPK3PXP", "period": 30,
                 "digits": 6, "username": f"s{each.number}", "algorithm": "sha1"}
            )  # fmt: skip
        fields = [
            editable("concealed-string" if hidden else "string", value, name)
            for name, (value, hidden) in each.custom.items()
        ]
        credentials.append({"type": "custom-fields", "fields": fields})
        return {
            "id": f"aXRlbQ{each.number}",
            "creationAt": CREATED,
            "modifiedAt": CHANGED,
            "title": each.title,
            "favorite": each.favourite,
            "scope": {"urls": [each.uri], "androidApps": []},
            "credentials": credentials,
            "tags": list(each.tags),
        }

    folders = sorted({each.folder for each in logins})
    document = {
        "version": {"major": 1, "minor": 0},
        "exporterRpId": "x.example",
        "exporterDisplayName": "X",
        "timestamp": CHANGED,
        "accounts": [
            {
                "id": "YWNj",
                "username": "u",
                "email": "e@x.example",
                "collections": [
                    {
                        "id": "Y29s",
                        "title": folder,
                        "items": [
                            {"item": f"aXRlbQ{each.number}"}
                            for each in logins
                            if each.folder == folder
                        ],
                    }
                    for folder in folders
                ],
                "items": [item(each) for each in logins],
            }
        ],
    }
    return json.dumps(document).encode()


def bitwarden(logins: Sequence[Login]) -> bytes:
    """Return a plain Bitwarden export."""
    folders = sorted({each.folder for each in logins})
    items = [
        {
            "type": 1, "name": each.title, "id": f"id-{each.number}", "reprompt": 0,
            "favorite": each.favourite, "notes": each.notes or None,
            "folderId": each.folder, "collectionIds": None,
            "fields": [
                {"type": int(hidden), "name": name, "value": value}
                for name, (value, hidden) in each.custom.items()
            ],
            "login": {
                "uris": [{"uri": each.uri}], "username": each.username,
                "password": each.password, "totp": each.totp or None,
                "fido2Credentials": [],
            },
            "passwordHistory": [
                {"password": old, "lastUsedDate": CREATED_TEXT} for old in each.earlier
            ],
            "creationDate": CREATED_TEXT, "revisionDate": CHANGED_TEXT,
        }
        for each in logins
    ]  # fmt: skip
    document = {
        "encrypted": False,
        "folders": [{"id": name, "name": name} for name in folders],
        "items": items,
    }
    return json.dumps(document).encode()


def bitwarden_zip(logins: Sequence[Login]) -> bytes:
    """Return what Bitwarden's clients export with attachments, two for each login.

    Of `zipfile` again, in the shape that JSZip gives it: folders are entries too.
    """
    files: dict[str, Any] = {"data.json": bitwarden(logins), "attachments/": b""}
    for each in logins:
        files[f"attachments/id-{each.number}/"] = b""
        for name in (f"scan №{each.number} 10:30.pdf", "same name"):
            content = f"{name} of {each.number}".encode() * 100
            files[f"attachments/id-{each.number}/{name}"] = content
    return packed(files)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV file as browsers write it."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue().encode()


def chrome(logins: Iterable[Login]) -> bytes:
    """Return what Chrome writes."""
    return table(
        ["name", "url", "username", "password", "note"],
        ([e.title, e.uri, e.username, e.password, e.notes] for e in logins),
    )


def firefox(logins: Iterable[Login]) -> bytes:
    """Return what Firefox writes."""
    header = ["url", "username", "password", "httpRealm", "formActionOrigin", "guid",
              "timeCreated", "timeLastUsed", "timePasswordChanged"]  # fmt: skip
    rows = (
        [e.uri, e.username, e.password, "", "", f"{{guid{e.number}}}",
         str(CREATED * 1000), str(CREATED * 1000), str(CHANGED * 1000)]
        for e in logins
    )  # fmt: skip
    return table(header, rows)


def safari(logins: Iterable[Login]) -> bytes:
    """Return what Safari writes."""
    return table(
        ["Title", "URL", "Username", "Password", "Notes", "OTPAuth"],
        ([e.title, e.uri, e.username, e.password, e.notes, e.totp] for e in logins),
    )


def lastpass(logins: Iterable[Login]) -> bytes:
    """Return what LastPass writes."""
    return table(
        ["url", "username", "password", "totp", "extra", "name", "grouping", "fav"],
        (
            [e.uri, e.username, e.password, e.totp, e.notes, e.title, e.folder,
             str(int(e.favourite))]
            for e in logins
        ),
    )  # fmt: skip


def bitwarden_csv(logins: Iterable[Login]) -> bytes:
    """Return what `bw export --format csv` writes."""
    header = ["folder", "favorite", "type", "name", "notes", "fields", "reprompt",
              "archivedDate", "login_uri", "login_username", "login_password",
              "login_totp"]  # fmt: skip
    rows = (
        [e.folder, "1" if e.favourite else "", "login", e.title, e.notes,
         "\n".join(f"{name}: {value}" for name, (value, _) in e.custom.items()), "0",
         "", e.uri, e.username, e.password, e.totp]
        for e in logins
    )  # fmt: skip
    return table(header, rows)


def keepass_xml_entries(made: Any, logins: Iterable[Login]) -> None:
    """Add *logins* to an open pykeepass database."""
    from lxml import etree

    root = made.tree.find("Root/Group")
    groups: dict[str, Any] = {}

    def text(parent: Any, tag: str, value: str) -> Any:
        child = etree.SubElement(parent, tag)
        child.text = value
        return child

    def strings(entry: Any, each: Login, password: str) -> None:
        values = [("Title", each.title, False), ("UserName", each.username, False),
                  ("Password", password, True), ("URL", each.uri, False),
                  ("Notes", each.notes, False)]  # fmt: skip
        if each.totp:
            values.append(("otp", each.totp, True))
        values += [(name, value, hid) for name, (value, hid) in each.custom.items()]
        for name, value, protected in values:
            pair = etree.SubElement(entry, "String")
            text(pair, "Key", name)
            holder = text(pair, "Value", value)
            if protected:
                holder.set("Protected", "True")

    def times(entry: Any, changed: int) -> None:
        holder = etree.SubElement(entry, "Times")
        since = 62_135_596_800
        for tag, seconds in (
            ("CreationTime", CREATED),
            ("LastModificationTime", changed),
        ):
            raw = (seconds + since).to_bytes(8, "little")
            text(holder, tag, base64.b64encode(raw).decode())

    for each in logins:
        if each.folder not in groups:
            group = etree.SubElement(root, "Group")
            text(
                group, "UUID", base64.b64encode(each.folder.encode().ljust(16)).decode()
            )
            text(group, "Name", each.folder)
            groups[each.folder] = group
        entry = etree.SubElement(groups[each.folder], "Entry")
        uuid = base64.b64encode(each.number.to_bytes(16)).decode()
        text(entry, "UUID", uuid)
        text(entry, "Tags", ";".join(each.tags))
        times(entry, CHANGED)
        strings(entry, each, each.password)
        history = etree.SubElement(entry, "History")
        for old in each.earlier:
            before = etree.SubElement(history, "Entry")
            text(before, "UUID", uuid)
            times(before, CREATED)
            strings(before, each, old)


def keepass(logins: Iterable[Login]) -> bytes:
    """Return a KDBX 4 database that is cheap to open."""
    import pykeepass

    made = pykeepass.create_database(io.BytesIO(), password="file password")
    parameters = made.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
    parameters["I"].value, parameters["M"].value = 1, 64 * 1024
    keepass_xml_entries(made, logins)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


@dataclass(frozen=True)
class Sample:
    """A format: its writer, and which of a login's values it has room for."""

    write: Callable[[list[Login]], bytes]
    source: str
    room: frozenset[str]


_ALL = frozenset(
    {"title", "uri", "notes", "totp", "folder", "favourite", "tags", "custom",
     "earlier", "times"}
)  # fmt: skip
SAMPLES = {
    "bitwarden": Sample(bitwarden, "bitwarden", _ALL - {"tags"}),
    "bitwarden-csv": Sample(
        bitwarden_csv,
        "bitwarden",
        frozenset({"title", "uri", "notes", "totp", "folder", "favourite", "lines"}),
    ),
    "onepux": Sample(onepux, "1password", _ALL),
    "proton": Sample(proton, "proton", _ALL - {"tags", "earlier"}),
    "cxf": Sample(cxf, "cxf", _ALL - {"earlier", "totp"} | {"seed"}),
    "keepass": Sample(keepass, "keepass", _ALL - {"favourite"}),
    "chrome": Sample(chrome, "chrome", frozenset({"title", "uri", "notes"})),
    "firefox": Sample(firefox, "firefox", frozenset({"uri", "times"})),
    "safari": Sample(safari, "safari", frozenset({"title", "uri", "notes", "totp"})),
    "lastpass": Sample(
        lastpass,
        "lastpass",
        frozenset({"title", "uri", "notes", "totp", "folder", "favourite"}),
    ),
}


def expected(each: Login, room: frozenset[str]) -> dict[str, Any]:
    """Return what has to be found of a login that went through such a format."""
    custom = {(n, v, h) for n, (v, h) in each.custom.items()}
    if "lines" in room:
        custom = {(n, v, True) for n, (v, _) in each.custom.items()}
    elif "custom" not in room:
        custom = set()
    kept: dict[str, Any] = {
        "title": each.title if "title" in room else f"s{each.number}.example",
        "username": each.username,
        "password": each.password,
        "uris": [each.uri],
        "notes": each.notes if "notes" in room else "",
        "totp": each.totp if "totp" in room else "",
        "folder": each.folder if "folder" in room else "",
        "favourite": each.favourite and "favourite" in room,
        "tags": list(each.tags) if "tags" in room else [],
        "custom": custom,
        "earlier": list(each.earlier) if "earlier" in room else [],
        "created": CREATED_TEXT if "times" in room else "",
        "changed": CHANGED_TEXT if "times" in room else "",
    }
    if "seed" in room and each.totp:
        kept["totp"] = (
            f"otpauth://totp/s{each.number}?secret=JBSWY3DPEHPK3PXP&algorithm=SHA1"
            "&digits=6&period=30"
        )
    return kept

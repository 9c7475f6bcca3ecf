"""Which program writes which columns: the CSV exports that are known by their heads.

Data only. A column that a layout does not name becomes a custom field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """The columns of one program, in lower case, and what each is to us."""

    source: str
    says: str
    columns: Mapping[str, str]
    needs: Sequence[str]
    """Without these columns it is another program's file."""
    key: str = ""
    """The column with the program's own id of a row, if it has one."""
    hidden: Sequence[str] = field(default=())
    """Columns without a field of ours whose values are secrets."""


# A target is a field of ours, or one of: uri, uris (one column, several, joined by
# commas), tag, tags, created_ms, changed_ms, flag:<field>, kind, lines, drop,
# note_of_a_kind.
LAYOUTS = (
    CsvLayout(
        "bitwarden",
        "Bitwarden",
        {
            "folder": "folder", "favorite": "flag:favourite", "type": "kind",
            "name": "title", "notes": "notes", "fields": "lines",
            "reprompt": "flag:reprompt", "archiveddate": "flag:archived",
            "login_uri": "uris", "login_username": "username",
            "login_password": "password", "login_totp": "totp",
        },
        ("login_uri", "login_username", "login_password", "login_totp"),
    ),
    CsvLayout(
        "firefox",
        "Firefox",
        {
            "url": "uri", "username": "username", "password": "password",
            "guid": "drop", "timecreated": "created_ms",
            "timelastused": "used_ms", "timepasswordchanged": "changed_ms",
        },
        ("url", "username", "password", "httprealm", "formactionorigin", "guid"),
        key="guid",
    ),
    CsvLayout(
        "lastpass",
        "LastPass",
        {
            "url": "uri", "username": "username", "password": "password",
            "totp": "totp", "extra": "note_of_a_kind", "name": "title",
            "grouping": "folder", "fav": "flag:favourite",
        },
        ("url", "username", "password", "extra", "name", "grouping", "fav"),
    ),
    CsvLayout(
        "keepassxc",
        "KeePassXC",
        {
            "group": "folder", "title": "title", "username": "username",
            "password": "password", "url": "uri", "notes": "notes", "totp": "totp",
            "icon": "drop", "last modified": "changed", "created": "created",
        },
        ("group", "title", "username", "password", "url", "notes"),
    ),
    CsvLayout(
        "1password",
        "1Password",
        {
            "title": "title", "url": "uri", "username": "username",
            "password": "password", "otpauth": "totp", "favorite": "flag:favourite",
            "archived": "flag:archived", "tags": "tags", "notes": "notes",
        },
        ("title", "url", "username", "password", "otpauth", "favorite", "archived"),
    ),
    CsvLayout(
        "safari",
        "Safari",
        {
            "title": "title", "url": "uri", "username": "username",
            "password": "password", "notes": "notes", "otpauth": "totp",
        },
        ("title", "url", "username", "password", "notes", "otpauth"),
    ),
    CsvLayout(
        "proton",
        "Proton Pass",
        {
            "type": "kind", "name": "title", "url": "uris", "username": "username",
            "password": "password", "note": "notes", "totp": "totp",
            "createtime": "created_s", "modifytime": "changed_s", "vault": "folder",
        },
        ("type", "name", "url", "email", "username", "password", "note", "totp"),
    ),
    CsvLayout(
        "chrome",
        "Chrome, Edge, Brave, Opera",
        {
            "name": "title", "url": "uri", "username": "username",
            "password": "password", "note": "notes",
        },
        ("name", "url", "username", "password"),
    ),
)  # fmt: skip

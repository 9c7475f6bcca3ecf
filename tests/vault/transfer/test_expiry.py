"""When an imported item expires: a time, or a custom field that says it as it came."""

from __future__ import annotations

import pytest

from clisk_vault.keys import SecretText
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.foreign import ItemBuilder
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.keepass_out import write_kdbx
from clisk_vault.transfer.outgoing import LossReport, Outgoing
from tests.vault.transfer.found import plain, rows

_PASSWORD = SecretText("file password")


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("2031-12-31", "2031-12-31T00:00:00Z"),
        ("2031-12-31T10:00:00+02:00", "2031-12-31T10:00:00+02:00"),
        ("31.12.2031", None),
        ("soon", None),
    ],
)
def test_what_is_no_date_is_kept_as_a_custom_field(
    text: str, field: str | None, *, ours: bool
) -> None:
    """Also what a file of ours says: it may be of an older vault."""
    made = ItemBuilder("test", "login", "x", place="test")
    if not ours:
        made.set("expires", text)
    elif not made.ours("expires", text):
        made.custom("clisk:expires", text)

    fields = plain(made.build())

    assert fields.get("expires") == field
    kept = [row["value"] for row in rows(fields, "custom")]
    assert kept == ([] if field else [text])


def test_an_expiry_goes_through_keepass() -> None:
    """As KeePass has it: a time, and that it counts."""
    fields = {"type": "login", "title": "x", "expires": "2031-12-31T00:00:00Z"}
    item = Outgoing("1" * 32, fields, frozenset())

    data = write_kdbx([item], [], _PASSWORD, LossReport())
    (home,) = read_file(data, secrets=FileSecrets(password=_PASSWORD)).items

    assert plain(home)["expires"] == "2031-12-31T00:00:00.000Z"

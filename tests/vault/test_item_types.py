"""protocol/item.md §5: the tables of fields, and the page that lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from clisk_vault.entry import check_field
from clisk_vault.errors import CallerError
from clisk_vault.item_types import (
    CHUNK_FIELDS,
    COMMON_FIELDS,
    ELEMENTS,
    ITEM_TYPES,
    FieldSpec,
    Secrecy,
    element_field,
    new_element_ids,
    secrecy,
    split_element,
)
from tests.vault.items import seeded
from tests.vectors import PROTOCOL

_PAGE = (PROTOCOL / "item.md").read_text(encoding="utf-8")


def _rows() -> Iterator[tuple[str, bool, bool]]:
    """Yield field name, whether it is secret, and whether it is an element's part."""
    section = _PAGE.split("## 5. Types and fields")[1].split("## 6.")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 3 or cells[1] == "clear parts":
            continue
        kind = cells[0].strip("`")
        of_element = kind in ELEMENTS
        clear = re.sub(r": (`[a-z-]+`[ ,;]*)+", " ", cells[1])
        for text, secret in ((clear, False), (cells[2], True)):
            for name in re.findall(r"`([^`]+)`", text):
                full = f"{kind}{name}" if name.startswith(".") else name
                yield (
                    (element_field(kind, "0a1b2c3d", full), secret, True)
                    if of_element
                    else (full, secret, False)
                )


def _specs() -> dict[str, bool]:
    plain: list[FieldSpec] = [
        *COMMON_FIELDS,
        *CHUNK_FIELDS,
        *(spec for kind in ITEM_TYPES.values() for spec in kind.fields),
    ]
    found = {spec.name: spec.secret for spec in plain}
    for kind, parts in ELEMENTS.items():
        found |= {element_field(kind, "0a1b2c3d", s.name): s.secret for s in parts}
    return found


def test_the_page_and_the_tables_list_the_same_fields() -> None:
    """Another implementation seals just what this one seals."""
    assert {name: secret for name, secret, _ in _rows()} == _specs()


@pytest.mark.parametrize("field", sorted(_specs()))
def test_each_field_has_a_name_and_a_secrecy(field: str) -> None:
    """Every name is one that an entry may have."""
    check_field(field)
    wanted = Secrecy.SECRET if _specs()[field] else Secrecy.CLEAR
    assert secrecy(field) is wanted


@pytest.mark.parametrize(
    "field",
    [
        "later",
        "uri.0a1b2c3d.later",
        "later.0a1b2c3d.value",
        "custom.0a1b2c3.hidden",
        "custom.0A1B2C3D.hidden",
        "custom.0a1b2c3d",
        "custom.0a1b2c3d.hidden.more",
    ],
)
def test_what_is_in_no_table_is_unknown(field: str) -> None:
    """Neither shown as clear nor refused as secret: it is as its writer chose."""
    assert secrecy(field) is Secrecy.UNKNOWN


def test_element_fields_split_as_they_were_joined() -> None:
    """Kind, id and part come back."""
    assert split_element(element_field("uri", "0a1b2c3d", "value")) == (
        "uri",
        "0a1b2c3d",
        "value",
    )


def test_new_element_ids_are_distinct_and_in_order() -> None:
    """Handed out one by one they keep the order of a list."""
    ids = new_element_ids(500, seeded())

    assert ids == sorted(set(ids))
    assert len(ids) == 500


def test_a_broken_random_source_is_noticed() -> None:
    """Two elements never share an id."""
    with pytest.raises(CallerError, match="repeats itself"):
        new_element_ids(2, bytes)

"""Lists and searches: right, kept in step, and quick without opening an item."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault import cbor
from clisk_vault.document import EntryDocument
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.overview import ItemOverview, _from_value, _to_value
from clisk_vault.search import SearchIndex, normalise
from clisk_vault.storage import Column
from clisk_vault.vault import Vault
from tests.vault.made import PASSWORD, add_login, unlock


def test_a_line_shows_what_a_list_needs(vault: Vault) -> None:
    """Title, type, user name, addresses, tags, folder, flags and time."""
    item = vault.add(
        ItemDraft(
            "login",
            "Bank",
            {"username": "alice", "folder": "Money", "favourite": "true"},
            uris=("https://b.example", "https://a.example"),
            tags=("z", "a"),
        )
    )

    assert vault.overviews() == [
        ItemOverview(
            item,
            "login",
            "Bank",
            "alice",
            ("https://b.example", "https://a.example"),
            ("a", "z"),
            "Money",
            favourite=True,
            trashed=False,
            conflict=False,
            changed_ms=vault.session.clock(),
        )
    ]


def test_lists_and_searches_open_no_item(
    vault: Vault, vault_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlocking, listing and finding load no document."""
    add_login(vault)
    vault.lock()
    monkeypatch.setattr(
        EntryDocument, "load", lambda *_: pytest.fail("a document was loaded")
    )

    again = unlock(vault_path)

    assert len(again.overviews()) == len(again.find("bank")) == 1
    again.lock()


def test_no_secret_is_in_the_overview(vault: Vault) -> None:
    """Pages hold titles and user names, and not one secret field."""
    vault.add(ItemDraft("note", "n", {"notes": SecretText(PASSWORD)}))
    row = vault.storage.one("SELECT page, sealed FROM overview")
    assert row is not None
    assert isinstance(row[0], int)
    assert isinstance(row[1], bytes)

    page = vault.session.table("overview").open(bytes([row[0]]), row[1])

    assert PASSWORD.encode() not in page


def _pages(vault: Vault) -> dict[Column, Column]:
    rows = vault.storage.all("SELECT page, sealed FROM overview")
    return {row[0]: row[1] for row in rows}


def test_an_edit_writes_one_page(vault: Vault) -> None:
    """The page of the item's first byte; the others keep their very bytes."""
    items = [ItemId(bytes([first]) * 16) for first in (1, 2, 3)]
    vault.add_many(ItemDraft("note", f"{item[0]}", item=item) for item in items)
    before = _pages(vault)

    vault.edit(items[1], {"title": "changed"})

    after = _pages(vault)
    assert {page for page in before if before[page] != after[page]} == {2}


def test_a_page_put_in_anothers_place_does_not_open(
    vault: Vault, vault_path: Path
) -> None:
    """Pages swapped on disk are seen, not shown."""
    for first in (1, 2):
        vault.add(ItemDraft("note", "n", item=ItemId(bytes([first]) * 16)))
    vault.storage.execute(
        "UPDATE overview SET sealed ="
        " (SELECT sealed FROM overview WHERE page = 1) WHERE page = 2"
    )
    vault.lock()
    again = unlock(vault_path)

    with pytest.raises(TamperedError):
        again.overviews()
    again.lock()


def _lines() -> st.SearchStrategy[ItemOverview]:
    texts = st.text(max_size=5)
    return st.builds(
        ItemOverview,
        item=st.binary(min_size=16, max_size=16).map(ItemId),
        type=texts,
        title=texts,
        username=texts,
        uris=st.lists(texts, max_size=3).map(tuple),
        tags=st.lists(texts, max_size=3).map(tuple),
        folder=texts,
        favourite=st.booleans(),
        trashed=st.booleans(),
        conflict=st.booleans(),
        changed_ms=st.integers(0, 1 << 48),
    )


@given(st.lists(_lines(), max_size=4, unique_by=lambda line: line.item))
def test_a_page_is_read_back_as_written(lines: list[ItemOverview]) -> None:
    """Parsing inverts encoding."""
    page = cbor.encode({bytes(line.item): _to_value(line) for line in lines})

    read_back = cast("dict[bytes, cbor.Value]", cbor.parse_own(page))

    for line in lines:
        assert _from_value(line.item, read_back[line.item]) == line


# --- search


def _index(*titles: str) -> SearchIndex[str]:
    index: SearchIndex[str] = SearchIndex()
    for title in titles:
        index.put(title, title, ())
    return index


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("bank", "My BANK"),
        ("BÄNK", "bank"),
        ("creme", "Crème brûlée"),
        ("crème", "creme"),
        ("strasse", "Straße"),
        ("straße", "STRASSE"),
        ("ﬁle", "file"),
        ("istanbul", "İstanbul"),
        ("ελλας", "ΕΛΛΆΣ"),
        ("brulee creme", "Crème brûlée"),
        ("anк", "банк anк"),
        ("12", "room 12b"),
    ],
)
def test_case_and_accents_do_not_matter(query: str, title: str) -> None:
    """What a person types finds what a person wrote."""
    assert _index(title, "something else").find(query) == [title]


@given(st.text(min_size=1, max_size=8))
def test_a_text_finds_itself(text: str) -> None:
    """Whatever the script, however composed: every word of a title finds it."""
    for form in ("NFC", "NFD"):
        typed = unicodedata.normalize(form, text)
        assert _index(text).find(typed) == [text]


@given(st.text(max_size=8))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """So a normalised query and a normalised title meet."""
    assert normalise(normalise(text)) == normalise(text)


def test_all_words_must_be_there() -> None:
    """Anywhere among the texts, in any order."""
    index: SearchIndex[int] = SearchIndex()
    index.put(1, "GitHub", ("alice", "https://github.com", "work"))
    index.put(2, "GitHub", ("bob", "https://github.com", "home"))

    assert index.find("work git") == [1]
    assert index.find("github bob") == [2]
    assert index.find("alice bob") == []


def test_better_matches_come_first() -> None:
    """Whole title, its beginning, a word's beginning, its middle, then the rest."""
    index: SearchIndex[str] = SearchIndex()
    for title, others in (
        ("Other", ("https://bank.example",)),
        ("Embankment", ()),
        ("My bank", ()),
        ("Bank of Example", ()),
        ("Bank", ()),
    ):
        index.put(title, title, others)

    assert index.find("bank") == [
        "Bank", "Bank of Example", "My bank", "Embankment", "Other",
    ]  # fmt: skip


def test_nothing_typed_finds_everything_by_title() -> None:
    """The order of a list."""
    assert _index("b", "A", "c").find("  ") == ["A", "b", "c"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("gihtub", ["GitHub"]),
        ("githb", ["GitHub"]),
        ("githhub", ["GitHub"]),
        ("gitgub", ["GitHub"]),
        ("gihtu", ["GitHub"]),
        ("deustche bnak", ["Deutsche Bank"]),
        ("github", ["GitHub"]),
        ("ghub", []),
        ("xyzzy", []),
        ("gub", []),
        ("", ["Deutsche Bank", "GitHub"]),
    ],
)
def test_a_slip_of_the_fingers_finds_what_was_meant(
    typed: str, found: list[str]
) -> None:
    """Letters exchanged, left out, doubled, mistyped, also while still typing."""
    index = _index("GitHub", "Deutsche Bank")

    assert index.near(typed) == found


def test_a_slip_finds_nothing_where_words_are_exact() -> None:
    """`find` never guesses: it chooses what is read, edited and thrown away."""
    assert _index("GitHub").find("gihtub") == []


@given(st.lists(st.text("ab c", max_size=4)), st.text("ab ", max_size=3))
def test_a_limit_gives_the_beginning_of_the_whole(
    titles: list[str], query: str
) -> None:
    """The short way for a person who types shows the same as the long way."""
    index = _index(*titles)
    whole = [normalise(title) for title in index.find(query)]

    for limit in (1, 2, 5):
        found = [normalise(title) for title in index.find(query, limit=limit)]
        assert found == whole[:limit]


def test_a_search_follows_an_edit(vault: Vault) -> None:
    """The old title is found no more, the new one at once."""
    item = add_login(vault)

    vault.edit(item, {"title": "Renamed"})

    assert [each.title for each in vault.find("bank")] == ["Renamed"]  # its address
    assert [each.item for each in vault.find("renamed")] == [item]
    vault.edit(item, {"username": "zoe"})
    assert vault.find("alice") == []


def test_a_line_says_when_an_item_expires(vault: Vault, vault_path: Path) -> None:
    """Kept on disk with the others, which have no such time; an odd one is none."""
    gone = vault.add(ItemDraft("card", "Visa", {"expires": "2020-01-01T00:00:00Z"}))
    never = vault.add(ItemDraft("card", "Other"))
    odd = vault.add(ItemDraft("card", "Odd", {"expires": "soon"}))
    vault.lock()
    again = unlock(vault_path)

    lines = {each.item: each.expires_ms for each in again.overviews()}
    again.edit(gone, {"expires": None})
    after = {each.item: each.expires_ms for each in again.overviews()}
    again.lock()

    assert lines == {gone: 1_577_836_800_000, never: None, odd: None}
    assert after[gone] is None


def test_many_words_that_may_mean_much_are_searched_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Attack: a long query, each word of which may stand for four others."""
    index: SearchIndex[int] = SearchIndex()
    for number, ending in enumerate("abcdefgh"):
        index.put(number, " ".join(f"{word}{ending}" for word in _WORDY), ())
    asked = list[str]()
    find = index.find

    def counted(query: str, **more: int | None) -> list[int]:
        asked.append(query)
        return find(query, **more)

    monkeypatch.setattr(index, "find", counted)
    index.near(" ".join(f"{word}z" for word in _WORDY), limit=5)
    assert 1 < len(asked) <= 65


_WORDY = ("alpha", "bravo", "delta", "gamma", "kappa", "omega", "sigma", "theta")

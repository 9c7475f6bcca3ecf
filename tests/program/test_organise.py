"""Keeping order from the command line: trash, history, tags, files, duplicates."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.world import Device, answered, device


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init("--name", "laptop")
        yield laptop


def _titles(laptop: Device, *words: str) -> list[str]:
    return [each["title"] for each in laptop.ask("list", *words)["items"]]


def test_items_are_favoured_archived_tagged_and_moved(laptop: Device) -> None:
    """And lists show just what was asked for."""
    laptop.add_login("Red", "1", "--uri", "https://red.example/in", "--match", "host")
    laptop.add_login("Blue", "2", "--uri", "https://blue.example")

    assert laptop.run("favourite", "Red").err == "done: 1 item\n"
    laptop.ok("tag", "add", "work", "Red", "Blue")
    laptop.ok("tag", "add", "work", "Red")
    laptop.ok("tag", "rm", "work", "Blue")
    laptop.ok("folder", "move", "Home/Paint", "Red", "Blue")
    laptop.ok("folder", "add", "Empty")
    laptop.ok("archive", "Blue")

    assert _titles(laptop, "--favourite") == ["Red"]
    assert _titles(laptop, "--tag", "work") == ["Red"]
    assert _titles(laptop, "--folder", "Home") == ["Red"]
    assert _titles(laptop, "--archived") == ["Blue"]
    assert _titles(laptop, "--url", "https://red.example/other") == ["Red"]
    assert _titles(laptop, "--url", "https://www.red.example/") == []
    assert _titles(laptop, "--since", "1h") == ["Red"]
    assert _titles(laptop, "--since", "2999-01-01") == []
    assert _titles(laptop, "rde") == []
    assert _titles(laptop, "exmaple") == ["Red"]
    assert laptop.ok("get", "Blue", "-f", "password") == "2\n"
    assert laptop.ok("tag", "list") == "work\t1\n"
    assert laptop.ok("folder", "list") == "Empty\t0\nHome/Paint\t2\n"
    laptop.ok("folder", "rename", "Home", "House")
    laptop.ok("folder", "rename", "Empty", "Full")
    assert laptop.ok("folder", "list") == "Full\t0\nHouse/Paint\t2\n"
    laptop.ok("archive", "--undo", "Blue")
    laptop.ok("favourite", "--off", "Red")
    assert sorted(_titles(laptop, "--folder", "House/Paint")) == ["Blue", "Red"]


def test_earlier_values_are_listed_shown_and_brought_back(laptop: Device) -> None:
    """Numbers count from the newest; secrets are masked until they are asked for."""
    laptop.add_login("Site", "planted-one", "-u", "alice")
    laptop.run("edit", "Site", "--read", "password=0", given="planted-two")

    listed = laptop.ok("history", "Site", "--field", "password")

    assert [line.split("\t")[:2] for line in listed.splitlines()] == [
        ["password", "1"], ["password", "2"],
    ]  # fmt: skip
    assert "planted" not in laptop.ok("history", "Site")
    words = ("history", "Site", "--field", "password")
    assert laptop.ok(*words, "--show", "2") == "planted-one\n"
    restored = laptop.run(*words, "--restore", "2")
    assert restored.err.startswith("restored what laptop wrote on ")
    assert laptop.ok("get", "Site", "-f", "password") == "planted-one\n"
    newest = laptop.ask("log", "list")["records"]
    assert "history" in str(newest)
    refused = laptop.run(*words, "--restore", "9")
    assert refused.code == 1
    assert refused.err.splitlines() == [
        "error: the field has no such version",
        "hint: clisk history ITEM --field FIELD lists them",
    ]


def test_a_version_is_meant_by_its_stamp_though_numbers_move(laptop: Device) -> None:
    """What was number 2 when it was looked at is brought back, and not today's."""
    laptop.add_login("Moved", "planted-first")
    laptop.run("edit", "Moved", "--read", "password=0", given="planted-second")
    words = ("history", "Moved", "--field", "password")
    seen = laptop.ask(*words)["fields"][0]["versions"][1]["version"]
    laptop.run("edit", "Moved", "--read", "password=0", given="planted-third")

    assert laptop.ok(*words, "--show", seen) == "planted-first\n"
    laptop.ok(*words, "--restore", seen)

    assert laptop.ok("get", "Moved", "-f", "password") == "planted-first\n"
    unknown = laptop.run(*words, "--restore", seen.replace("-", "-f")[:-1])
    assert unknown.code == 1
    assert "hint: " in unknown.err


def test_the_trash_is_listed_restored_and_emptied(laptop: Device) -> None:
    """Emptying asks first, and takes only what is in the trash."""
    for title in ("Gone", "Back"):
        laptop.add_login(title, "x")
        laptop.ok("rm", title)

    assert len(laptop.ok("trash", "list").splitlines()) == 2
    laptop.ok("trash", "restore", "Back")
    unasked = laptop.run("trash", "empty", "Gone")
    assert unasked.code == 1
    assert "--yes" in unasked.err
    no = answered(laptop, "n", "trash", "empty", "Gone")
    assert (no.code, no.out) == (1, "")
    assert no.err.startswith("error: nothing was done\n")
    assert "Gone" in laptop.ok("trash", "list")
    assert laptop.run("trash", "restore", "Nope").err.splitlines() == [
        "error: no item matches",
        "hint: look at: clisk trash list",
    ]
    refused = laptop.run("trash", "empty", "Back", "--yes")
    assert refused.code == 1
    assert "hint: " in refused.err
    assert laptop.run("trash", "empty", "Gone", "--yes").err == "forgotten: 1 item\n"
    assert laptop.run("trash", "list").err == "the trash is empty\n"
    laptop.add_login("Third", "x")
    laptop.ok("rm", "Third")
    yes = answered(laptop, "y", "trash", "empty", "Third")
    assert yes.err == "forgotten: 1 item\n"
    assert laptop.run("trash", "empty").code == 2
    laptop.ok("trash", "keep", "0")
    assert laptop.ask("trash", "list")["days"] == 0


def test_a_tag_or_folder_that_is_not_there_is_named(laptop: Device) -> None:
    """It is misspelt, which is not the same as empty."""
    laptop.add_login("Filed", "x", "--tag", "paid", "--folder", "Bills/2026")
    laptop.ok("folder", "add", "Empty one")

    for words, kind in (
        (("list", "--tag", "nope"), "tag"),
        (("list", "--tag", "pai", "--json"), "tag"),
        (("list", "--folder", "Bill"), "folder"),
        (("tag", "rm", "nope", "Filed"), "tag"),
    ):
        said = laptop.run(*words)
        assert (said.code, said.out) == (1, "")
        assert f"there is no such {kind}" in said.err
        assert f"clisk {kind} list" in said.err
    assert laptop.ok("list", "--folder", "Empty one") == ""
    assert laptop.ok("list", "nothing like it", "--tag", "paid") == ""
    assert "Filed" in laptop.ok("list", "--folder", "Bills")


def test_a_tag_is_renamed_on_every_item(laptop: Device) -> None:
    """One that has both keeps one; what is in the trash has it when it comes back."""
    for title in ("Old tag", "Both tags", "Thrown"):
        laptop.add_login(title, "x", "--tag", "before")
    laptop.ok("edit", "Both tags", "--tag", "after")
    laptop.ok("rm", "Thrown")

    assert laptop.run("tag", "rename", "before", "after").err == (
        "renamed on 3 items\n"
    )

    laptop.ok("rm", "--restore", "Thrown")
    assert sorted(_titles(laptop, "--tag", "after")) == [
        *("Both tags", "Old tag", "Thrown"),
    ]
    assert laptop.ok("get", "Both tags").count("tag\tafter\n") == 1
    assert "before" not in laptop.ok("tag", "list")
    refused = laptop.run("tag", "rename", "before", "after")
    assert (refused.code, "no such tag" in refused.err) == (1, True)


def test_a_tag_is_taken_off_by_an_edit(laptop: Device) -> None:
    """With other changes or alone; a tag that it does not have is misspelt."""
    laptop.add_login("Tagged", "x", "--tag", "one", "--tag", "two")

    laptop.ok("edit", "Tagged", "--untag", "one", "--tag", "three")

    shown = laptop.ok("get", "Tagged")
    assert ("two" in shown, "three" in shown, "one" in shown) == (True, True, False)
    refused = laptop.run("edit", "Tagged", "--untag", "one", "--tag", "four")
    assert "the item has no such tag" in refused.err
    assert "four" not in laptop.ok("get", "Tagged")


def test_a_file_goes_in_and_comes_out(laptop: Device, tmp_path: Path) -> None:
    """Byte for byte, readable by nobody else, and over nothing that is there."""
    data = bytes(range(256)) * 300
    source, target = tmp_path / "scan.pdf", tmp_path / "out.pdf"
    source.write_bytes(data)
    laptop.add_login("Passport", "x")

    said = laptop.run("attach", "add", "Passport", str(source))
    assert (said.code, said.err) == (0, "attached scan.pdf: 76800 bytes\n")
    listed = laptop.ok("attach", "list", "Passport")
    assert listed.split("\t")[1:] == ["scan.pdf", "76800", "application/pdf", "yes\n"]
    assert "scan.pdf\t76800\n" in laptop.ok("get", "Passport")
    laptop.ok("attach", "get", "Passport", "scan.pdf", "-o", str(target))
    assert target.read_bytes() == data
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = laptop.run("attach", "get", "Passport", "scan.pdf", "-o", str(target))
    assert again.code == 1
    assert "--force" in again.err
    twice = laptop.run("attach", "add", "Passport", str(source))
    assert twice.code == 1
    assert "--name" in twice.err
    laptop.ok("attach", "rm", "Passport", "scan.pdf")
    assert laptop.ok("attach", "list", "Passport") == ""
    records = laptop.ask("log", "list")["records"]
    assert sum("attachment" in str(each) for each in records) == 1


def test_a_file_that_is_too_large_is_refused(laptop: Device, tmp_path: Path) -> None:
    """Before anything is sent, with the limit and what to do."""
    source = tmp_path / "big"
    with source.open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    laptop.add_login("Big", "x")

    refused = laptop.run("attach", "add", "Big", str(source))

    assert refused.code == 1
    assert "error: the file is larger than 10,485,760 bytes" in refused.err
    assert "hint: " in refused.err


_EARLIER = ("history", "Twin", "-f", "password", "--show", "2")


def test_what_is_there_twice_becomes_one(laptop: Device) -> None:
    """The other's password is kept as an earlier one."""
    for password in ("kept", "other"):
        laptop.add_login("Twin", password, "-u", "bob", "--uri", "https://twin.example")
    (group,) = laptop.ask("duplicates")["groups"]
    passwords = {
        laptop.ok("get", each["item"], "-f", "password").strip(): each["item"]
        for each in group
    }

    laptop.ok("merge", passwords["kept"], passwords["other"])

    assert _titles(laptop, "Twin") == ["Twin"]
    assert laptop.ok("get", "Twin", "-f", "password") == "kept\n"
    assert laptop.ok(*_EARLIER) == "other\n"
    assert laptop.run("duplicates").err == "no two items look alike\n"
    assert laptop.run("merge", passwords["kept"], passwords["kept"]).code == 1


def test_fields_of_each_kind_are_added_and_taken_off(laptop: Device) -> None:
    """Also by the name that a person sees; an address goes with all of its parts."""
    laptop.add_login(
        "Kinds", "x",
        "--uri", "https://a.example", "--uri", "https://b.example", "--match", "exact",
        "--checkbox", "Terms=true", "--linked", "Who=username", "--custom", "Pet=cat",
    )  # fmt: skip

    laptop.ok("edit", "Kinds", "--clear", "uri 2", "--clear", "Pet")

    shown = laptop.ok("get", "Kinds")
    assert "Terms\ttrue\n" in shown
    assert "Who\tusername\n" in shown
    assert "Pet" not in shown
    assert shown.count("https://") == 1
    wrong = laptop.run("edit", "Kinds", "--checkbox", "Terms=maybe")
    assert wrong.code == 1
    assert "hint: NAME=true" in wrong.err


def test_a_folder_is_forgotten_and_its_items_stay(laptop: Device) -> None:
    """Those within it too; a name that no folder has is told."""
    laptop.add_login("Leaf", "1")
    laptop.ok("folder", "add", "Tree/Bare")
    laptop.ok("folder", "move", "Tree/Branch", "Leaf")

    said = laptop.run("folder", "rm", "Tree")

    assert said.err == "removed; 1 item now in none\n"
    assert "Tree" not in laptop.ok("folder", "list")
    assert _titles(laptop, "Leaf") == ["Leaf"]
    assert "there is no such folder" in laptop.run("folder", "rm", "Tree").err


def test_several_items_go_into_the_trash_at_once_or_none(laptop: Device) -> None:
    """A name that nothing matches leaves the others where they are."""
    laptop.add_login("Ash", "1")
    laptop.add_login("Birch", "2")

    assert laptop.run("rm", "Ash", "Birch", "No such tree").code == 1
    assert _titles(laptop, "Ash") == ["Ash"]
    laptop.ok("rm", "Ash", "Birch")
    assert _titles(laptop, "Ash") == _titles(laptop, "Birch") == []
    laptop.ok("rm", "--restore", "Ash", "Birch")
    assert _titles(laptop, "Birch") == ["Birch"]


def test_an_address_is_looked_up_without_its_scheme(laptop: Device) -> None:
    """As a person types it; what is no address at all gets a hint of ours."""
    laptop.add_login("Lime", "1", "--uri", "https://lime.example/in")

    assert _titles(laptop, "--url", "lime.example") == ["Lime"]
    assert _titles(laptop, "--url", "www.lime.example/x") == ["Lime"]
    assert "konnector" not in laptop.run("list", "--url", "a b").err


def test_an_item_is_cloned_and_the_reads_are_recorded(
    laptop: Device, tmp_path: Path
) -> None:
    """The id on standard output; what came along and what did not, beside it."""
    laptop.add_login("Original", "planted-orig", "-u", "alice", "--tag", "work")
    laptop.run("edit", "Original", "-s", "passkey.0a0a0a0a.rp_id=site.example")
    source = tmp_path / "note.txt"
    source.write_text("hello\n")
    laptop.ok("attach", "add", "Original", str(source))

    said = laptop.run("clone", "Original", "--title", "Second")

    assert said.err == "made: Second, with 1 file; left out: 1 passkey\n"
    made = said.out.strip()
    assert laptop.ok("get", made, "-f", "password") == "planted-orig\n"
    assert laptop.ok("attach", "get", made, "note.txt") == "hello\n"
    assert _titles(laptop, "--tag", "work").count("Second") == 1
    recorded = laptop.ask("log", "list", "--item", "Original")["records"]
    assert {"clone"} == {each["purpose"] for each in recorded}
    blank = laptop.run("clone", "Original", "--title", " ")
    assert (blank.code, blank.out) == (1, "")
    assert "an item needs a title" in blank.err


_IMPOSSIBLE = "https://(www.example"


@pytest.mark.parametrize(
    "words",
    [
        ("add", "login", "Bad", "--uri", _IMPOSSIBLE, "--match", "regex"),
        ("add", "login", "Bad", "--uri", "x" * 600, "--match", "regex"),
        ("edit", "Pattern", "--uri", _IMPOSSIBLE, "--match", "regex"),
        ("edit", "Pattern", "-s", f"uri={_IMPOSSIBLE}"),
        ("edit", "Address", "--match", "regex"),
    ],
)
def test_an_impossible_pattern_is_refused(
    laptop: Device, words: tuple[str, ...]
) -> None:
    """Whether the address is new, or the way to match it: it would match no page."""
    if not laptop.ask("list", "--url", "https://pattern.example/")["items"]:
        laptop.add_login(
            "Pattern", "1", "--uri", r"https://pattern\.example/.*", "--match", "regex"
        )
        laptop.add_login("Address", "1", "--uri", _IMPOSSIBLE)

    said = laptop.run(*words)

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: the address is no regular expression")
    assert "hint: such as --match regex" in said.err
    assert laptop.ask("list", "Bad")["items"] == []
    assert _titles(laptop, "--url", "https://pattern.example/in") == ["Pattern"]


def test_a_way_to_match_without_an_address_is_refused(laptop: Device) -> None:
    """It would be dropped; in edit it is for the addresses that are there."""
    said = laptop.run("add", "login", "No address", "--match", "host")

    assert (said.code, said.out) == (1, "")
    assert (
        said.err == "error: there is no address to match\nhint: give one: --uri URL\n"
    )
    assert laptop.ask("list", "No address")["items"] == []


def test_a_linked_field_gives_the_field_that_it_shows(laptop: Device) -> None:
    """A read of that field, which the log names; a link to a link goes on."""
    laptop.add_login(
        "Linked", "planted-linked", "-u", "alice", "--linked", "L=password"
    )
    laptop.ok("edit", "Linked", "--linked", "M=L", "--custom", "Pet=cat")
    laptop.ok("edit", "Linked", "--linked", "P=Pet", "--linked", "Q=P")

    assert laptop.ok("get", "Linked", "-f", "L") == "planted-linked\n"
    assert laptop.ok("get", "Linked", "-f", "M") == "planted-linked\n"
    assert laptop.ok("get", "Linked", "-f", "Q") == "cat\n"
    reads = laptop.ask("log", "list", "--item", "Linked")["records"]
    assert {each["field"] for each in reads} == {"password"}
    laptop.ok("edit", "Linked", "-s", "L=username")
    assert laptop.ok("get", "Linked", "-f", "M") == "alice\n"


def test_a_link_that_leads_nowhere_is_refused(laptop: Device) -> None:
    """As it is made, changed, or read after its field was emptied, or in a ring."""
    laptop.add_login("Lost", "x", "-u", "alice", "--linked", "L=username")
    for words in (
        ("add", "login", "Nope", "--linked", "L=nope"),
        ("add", "login", "Nope", "--linked", "L=card.number"),
        ("add", "login", "Nope", "--linked", "L=L"),
        ("edit", "Lost", "--linked", "M=nope"),
        ("edit", "Lost", "-s", "L=nope"),
    ):
        said = laptop.run(*words)
        assert (said.code, said.out) == (1, ""), words
        assert said.err.startswith("error: there is no field by that name to be shown")
    assert laptop.ask("list", "Nope")["items"] == []

    laptop.ok("edit", "Lost", "--clear", "username")
    emptied = laptop.run("get", "Lost", "-f", "L")
    laptop.ok("edit", "Lost", "--linked", "M=L")
    laptop.ok("edit", "Lost", "-s", "L=M")
    ring = laptop.run("get", "Lost", "-f", "L")

    for said in (emptied, ring):
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("error: the linked field shows none")


def test_a_token_for_a_linked_field_covers_what_it_shows(laptop: Device) -> None:
    """Attack: what a link shows is changed, to read another field with the token."""
    laptop.add_login("Tok", "planted-tok", "-u", "alice", "--linked", "L=password")
    laptop.ok("edit", "Tok", "--read", "notes=0", given="planted-notes")
    made = laptop.run(
        *("token", "create", "job", "--item", "Tok", "-f", "L"),
        *("--uses", "5", "--expires", "1h"),
    )
    token = made.out.strip()
    words = ("read", "clisk://Tok/L", "--token-fd", "0")

    good = laptop.run(*words, given=token)
    laptop.ok("edit", "Tok", "-s", "L=notes")
    bad = laptop.run(*words, given=token)

    assert good.out == "planted-tok\n", (made, good)
    assert (bad.code, bad.out) == (1, "")
    assert "planted" not in bad.err


def test_a_removed_file_comes_back_in_one_step(laptop: Device, tmp_path: Path) -> None:
    """By its name; the history of the item has one row for it in any state."""
    source = tmp_path / "scan.txt"
    source.write_text("scanned\n")
    laptop.add_login("Filing", "x")
    laptop.ok("attach", "add", "Filing", str(source))

    def rows() -> list[list[str]]:
        lines = laptop.ok("history", "Filing").splitlines()
        return [
            line.split("\t") for line in lines if "scan" in line or "attach" in line
        ]

    here = rows()
    laptop.ok("attach", "rm", "Filing", "scan.txt")
    gone, listed = rows(), laptop.ok("attach", "list", "Filing", "--removed")
    laptop.ok("attach", "restore", "Filing", "scan.txt")
    back = rows()

    assert [(row[0], row[-1]) for row in here] == [("scan.txt", "8 bytes")]
    assert [(row[0], row[-1]) for row in gone] == [
        ("scan.txt", "(removed: clisk attach restore)")
    ]
    assert [(row[0], row[-1]) for row in back] == [("scan.txt", "8 bytes")]
    assert listed.split("\t")[1:3] == ["scan.txt", "8"]
    assert laptop.ok("attach", "get", "Filing", "scan.txt") == "scanned\n"
    assert laptop.ok("attach", "list", "Filing", "--removed") == ""
    again = laptop.run("attach", "restore", "Filing", "scan.txt")
    assert (again.code, again.out) == (1, "")
    assert "hint: clisk attach list ITEM --removed" in again.err


def test_a_file_comes_back_beside_no_other_of_its_name(
    laptop: Device, tmp_path: Path
) -> None:
    """Two of one name are told apart by their ids; one that is there is in the way."""
    source = tmp_path / "scan.txt"
    laptop.add_login("Twice", "x")
    for text in ("one\n", "two\n"):
        source.write_text(text)
        laptop.ok("attach", "add", "Twice", str(source))
        laptop.ok("attach", "rm", "Twice", "scan.txt")
    removed = laptop.ask("attach", "list", "Twice", "--removed")["removed"]

    unclear = laptop.run("attach", "restore", "Twice", "scan.txt")
    laptop.ok("attach", "restore", "Twice", removed[-1]["id"])
    taken = laptop.run("attach", "restore", "Twice", "scan.txt")

    assert unclear.err.startswith("error: 2 files of that name were taken off")
    assert laptop.ok("attach", "get", "Twice", "scan.txt") == "one\n"
    assert taken.err.startswith("error: the item has an attachment of this name")
    assert (unclear.code, taken.code) == (1, 1)


def test_the_history_brings_a_file_back_whole(laptop: Device, tmp_path: Path) -> None:
    """Not one of its parts, which nothing could open."""
    source = tmp_path / "part.txt"
    source.write_text("whole\n")
    laptop.add_login("Parts", "x")
    laptop.ok("attach", "add", "Parts", str(source))
    laptop.ok("attach", "rm", "Parts", "part.txt")
    fields = laptop.ask("history", "Parts")["fields"]
    (size,) = [each["field"] for each in fields if "attachment" in each["field"]]

    laptop.ok("history", "Parts", "--field", size, "--restore", "2")

    assert laptop.ok("attach", "get", "Parts", "part.txt") == "whole\n"


_SEEDS = ("JBSWY3DPEHPK3PXP", "GEZDGNBVGY3TQOJQ")


def test_after_a_merge_the_other_values_are_earlier_ones(laptop: Device) -> None:
    """Of the same field, by its plain name, in the history and in the log."""
    ids = []
    for seed in _SEEDS:
        ids.append(laptop.add_login("Merged", f"planted-{seed}", "-u", f"u-{seed}"))
        laptop.ok("edit", ids[-1], "--read", "totp=0", given=seed)

    laptop.ok("merge", *ids)
    listed = laptop.ok("history", ids[0])
    shown = laptop.ok("history", ids[0], "-f", "totp", "--show", "2")

    rows = [line.split("\t")[:2] for line in listed.splitlines()]
    for field in ("totp", "password", "username"):
        assert [n for name, n in rows if name == field] == ["1", "2", "3"]
    assert not [name for name, _ in rows if "history" in name]
    assert shown == f"{_SEEDS[1]}\n"
    assert laptop.ok("get", ids[0], "-f", "totp") == f"{_SEEDS[0]}\n"
    assert laptop.ok("get", ids[0], "-f", "username") == f"u-{_SEEDS[0]}\n"
    log = laptop.ok("log", "list", "--item", ids[0])
    assert "\ttotp (earlier)\thistory\t" in log


def test_what_an_import_brought_of_earlier_values_has_plain_names(
    laptop: Device,
) -> None:
    """By the field that had them; the log says it like the item."""
    laptop.add_login("Imported", "x")
    words = ("edit", "Imported", "-s", "history.0a0a0a0a.field=totp", "--read")
    laptop.ok(*words, "history.0a0a0a0a.password=0", given="planted-seed")
    laptop.ok(*words[:2], "--read", "history.0b0b0b0b.password=0", given="planted-old")

    shown = laptop.ok("get", "Imported")
    value = laptop.ok("get", "Imported", "-f", "earlier totp")
    log = laptop.ok("log", "list", "--item", "Imported")

    assert {"earlier totp", "earlier password"} <= {
        line.split("\t")[0] for line in shown.splitlines()
    }
    assert value == "planted-seed\n"
    assert "\tearlier totp\tshow\t" in log

"""One byte changed anywhere in the log's tables is found, and named."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clisk_vault.errors import FormatError
from tests.vault.logs import EXPORT, World, make_world

BLOBS = ("leaf", "leaf_hash", "ciphertext", "head")
BASE = 1 << 32
# What may be said of a change in each column of entry i; {n} is i + 1.
SAYS = {
    "leaf": r"edited leaf {i}:",
    "leaf_hash": r"edited hash of leaf {i}:|edited leaf",
    "ciphertext": r"edited content of entry {i}:",
    "head": r"(edited head|unknown key at head) {n}:",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Eight entries, each with its head but for a group of three at the end."""
    made = make_world(tmp_path_factory.mktemp("log"), entries=5)
    made.log.append_many([made.record(who=EXPORT) for _ in range(3)])
    assert made.findings() == []
    yield made
    made.session.close()


def stored(world: World, column: str, at: int) -> bytes | None:
    row = world.storage.one(
        f"SELECT {column} FROM log_entry WHERE position = ?",  # noqa: S608  # our names
        (BASE + at,),
    )
    assert row is not None
    (value,) = row
    assert value is None or isinstance(value, bytes)
    return value


def with_byte(
    world: World, column: str, at: int, offset: int, change: int
) -> list[str]:
    value = bytearray(stored(world, column, at) or b"")
    value[offset] ^= change
    with world.undone():
        world.execute(
            f"UPDATE log_entry SET {column} = ? WHERE position = ?",  # noqa: S608
            bytes(value),
            BASE + at,
        )
        return world.findings()


def check(world: World, column: str, at: int, offset: int, change: int) -> None:
    found = with_byte(world, column, at, offset, change)
    pattern = SAYS[column].format(i=at, n=at + 1)
    assert any(re.match(pattern, one) for one in found), (column, at, offset, found)
    # Nothing else is blamed, but for the head whose key the changed leaf names.
    following = at + 2 if at < 4 else 8
    rest = [one for one in found if not re.match(pattern, one)]
    assert all(one.startswith(f"head {following} cannot be checked") for one in rest), (
        rest
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_of_a_column_is_found_and_named(
    world: World, data: st.DataObject
) -> None:
    """Whichever column, entry and byte: the finding is at that entry."""
    column = data.draw(st.sampled_from(BLOBS))
    at = data.draw(st.integers(0, 7))
    value = stored(world, column, at)
    if value is not None:
        offset = data.draw(st.integers(0, len(value) - 1))
        check(world, column, at, offset, data.draw(st.integers(1, 255)))


@pytest.mark.slow
@pytest.mark.parametrize("column", BLOBS)
def test_every_byte_of_a_column(world: World, column: str) -> None:
    """The same for each byte of each entry, the lowest bit turned."""
    for at in range(8):
        for offset in range(len(stored(world, column, at) or b"")):
            check(world, column, at, offset, 1)


@pytest.mark.parametrize("bit", range(0, 64, 3))
def test_a_changed_number_is_found(world: World, bit: int) -> None:
    """Another epoch or position of an entry, any bit of it, is found."""
    change = 1 << bit if bit < 63 else -(1 << 63)
    with world.undone():
        world.execute(
            "UPDATE log_entry SET epoch = (epoch | ?) - (epoch & ?) WHERE position = ?",
            change,
            change,
            BASE + 3,
        )
        assert world.findings() == ["the content of entry 3 does not open"]
    with world.undone():
        world.execute(
            "UPDATE OR REPLACE log_entry SET position = (position | ?) - (position & ?)"
            " WHERE position = ?",
            change,
            change,
            BASE + 3,
        )
        assert "missing: entry 3" in world.findings()


@pytest.mark.parametrize("column", ["sealed", "size", "slot"])
def test_a_changed_signer_is_found(world: World, column: str) -> None:
    """Every byte of the kept key, and either number beside it, is found."""
    row = world.storage.one("SELECT sealed FROM log_signer")
    assert row is not None
    (sealed,) = row
    assert isinstance(sealed, bytes)
    changes: list[bytes | int] = [0, 2, 7, 9, 1 << 40]
    if column == "sealed":
        changes = [
            sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :]
            for n in range(len(sealed))
        ]
    for change in changes:
        with world.undone():
            world.execute(f"UPDATE log_signer SET {column} = ?", change)  # noqa: S608
            found = world.findings()
        assert any(one.startswith("the key kept for the head after 8") for one in found)


@pytest.mark.parametrize("column", ["ciphertext", "head"])
def test_a_column_that_is_emptied_is_found(world: World, column: str) -> None:
    """Content or head taken away from any entry is named."""
    says = {
        "ciphertext": "the content of entry {} is missing",
        "head": "missing: head {}",
    }
    for at in range(8):
        if stored(world, column, at) is None:
            continue
        with world.undone():
            world.execute(
                f"UPDATE log_entry SET {column} = NULL WHERE position = ?",  # noqa: S608
                BASE + at,
            )
            n = at if column == "ciphertext" else at + 1
            assert world.findings() == [says[column].format(n)]


def test_a_column_of_another_kind_is_refused(world: World) -> None:
    """A table that was made loose and filled with text is refused, not read."""
    with world.undone(), pytest.raises(FormatError, match="another kind"):
        world.execute("ALTER TABLE log_entry RENAME TO log_entry_before")
        world.execute(
            "CREATE TABLE log_entry AS SELECT position, 'text' AS leaf, leaf_hash,"
            " epoch, ciphertext, head FROM log_entry_before"
        )
        world.findings()

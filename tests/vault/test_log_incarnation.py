"""Beginning anew: after a restore, after damage, under a new identity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_vault.access_log import AccessLog
from clisk_vault.device import enrol
from clisk_vault.errors import CallerError
from clisk_vault.log_leaf import Leaf, Restart
from clisk_vault.note import UnverifiedNote
from clisk_vault.session import Session
from clisk_vault.verdict import Finding, Notice
from tests.vault.logs import World, counting_random, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path, entries=5)
    yield world
    world.session.close()


def _begun(log: AccessLog) -> Leaf:
    return Leaf.parse(log.leaf(0))


def test_a_restored_log_says_restored_and_not_tampered(world: World) -> None:
    """The new log names the old one's end; nothing that was there is accused."""
    end = world.log.head()

    origin = world.log.begin_anew(Restart.RESTORED)

    assert origin == world.log.origin
    assert origin.endswith("/2")
    assert _begun(world.log).checkpoint == end
    verdict = world.log.verify(world.secrets.public.signing)
    assert verdict.findings == ()
    assert [one.kind for one in verdict.notices] == [Notice.AFTER_RESTORE]
    assert "restored" in " ".join(verdict.sentences())
    [closed] = world.log.earlier()
    assert closed.verify(world.enrolled).findings == ()
    assert closed.size == 5


def test_what_a_restore_has_lost_is_named(world: World, tmp_path: Path) -> None:
    """A newer head that a peer saw is not here: found, by the name of restored."""
    (tmp_path / "newer").mkdir()
    newer = make_world(tmp_path / "newer", entries=9)

    world.log.begin_anew(Restart.RESTORED, newest=newer.log.head())

    [closed] = world.log.earlier()
    [found] = closed.verify(world.enrolled).findings
    assert (found.kind, found.first, found.last) == (Finding.RESTORED, 6, 9)
    newer.session.close()


def test_calling_a_change_a_restore_hides_nothing(world: World) -> None:
    """An edited entry of the closed log is named as such, whatever was said."""
    end = world.log.head()
    world.log.begin_anew(Restart.RESTORED)
    assert _begun(world.log).checkpoint == end
    world.execute(
        "UPDATE log_entry SET leaf_hash = zeroblob(32) WHERE position = ?",
        (1 << 32) + 2,
    )

    [closed] = world.log.earlier()
    kinds = {one.kind for one in closed.verify(world.enrolled).findings}
    assert Finding.EDITED_LEAF_HASH in kinds


def test_entries_cut_off_before_a_new_beginning_are_missed(world: World) -> None:
    """The new log says where the old one ended, so its end cannot be cut later."""
    world.log.begin_anew(Restart.DAMAGED)
    world.execute(
        "DELETE FROM log_entry WHERE position >= ? AND position < 2 << 32",
        (1 << 32) + 3,
    )

    [closed] = world.log.earlier()
    found = closed.verify(world.enrolled).findings
    assert (Finding.TRUNCATED, 4, 5) in {(f.kind, f.first, f.last) for f in found}


def test_the_closed_logs_key_is_erased(world: World) -> None:
    """Nobody signs under the old name again."""
    world.log.begin_anew(Restart.RESTORED)
    assert world.storage.all("SELECT slot FROM log_signer") == [(2,)]


def test_a_rolled_back_beginning_leaves_the_old_log(world: World) -> None:
    """Whoever calls within a transaction that fails finds all as it was."""
    before = world.log.origin
    with pytest.raises(RuntimeError), world.storage.transaction():
        world.log.begin_anew(Restart.RESTORED)
        raise RuntimeError
    assert world.log.origin == before
    assert world.log.append(world.record()) == 5
    assert world.findings() == []


def test_it_can_begin_anew_more_than_once(world: World) -> None:
    """Each log names the one before."""
    world.log.begin_anew(Restart.RESTORED)
    world.log.append(world.record())
    world.log.begin_anew(Restart.DAMAGED)

    assert world.log.origin.endswith("/3")
    first, second = world.log.earlier()
    assert first.verify(world.enrolled).findings == ()
    signing = world.secrets.public.signing
    kinds = [one.kind for one in second.verify(signing).findings]
    assert kinds == [Finding.DAMAGED]
    assert world.log.verify(signing).findings == ()
    assert [at for at, _ in second.records()] == [1]


def test_a_log_without_a_readable_head_can_begin_anew(world: World) -> None:
    """Where nothing is left to name, nothing is named."""
    world.execute("UPDATE log_entry SET head = x'00' WHERE head IS NOT NULL")
    log = world.reopened()
    log.append(world.record())
    assert _begun(log).checkpoint is None
    assert log.verify(world.secrets.public.signing).findings == ()


def test_a_new_identity_goes_on_in_the_same_file(world: World) -> None:
    """A restored device that became another one begins that one's first log."""
    end, old = world.log.head(), world.log.origin
    secrets, first_log_key = enrol(counting_random("another"))
    session = Session(
        world.storage,
        secrets,
        world.session.vault_id,
        clock=world.session.clock,
        random=world.session.random,
    )
    log = AccessLog(session, world.epochs)
    with pytest.raises(CallerError, match="not the first key"):
        log.begin_anew(Restart.RESTORED)

    origin = log.begin_anew(Restart.RESTORED, first_log_key=first_log_key)

    assert origin.split("/")[1:] == [secrets.public.id.hex(), "1"]
    log.append(world.record(device=secrets.public.id))
    assert log.verify(secrets.public.log).findings == ()
    note = _begun(log).checkpoint
    assert note == end
    assert UnverifiedNote.parse(note).text.startswith(old)
    [closed] = log.earlier()
    assert closed.verify(world.enrolled).findings == ()
    assert len(list(closed.records())) == 4

"""What the relay keeps, in which order, and what it does when the disk refuses."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from clisk_sync.admission import Admitted, Head, Members, admit_envelope
from clisk_sync.errors import CallerError, NumberTakenError, QuotaError, RelayRefused
from clisk_sync.relay import Limits
from clisk_sync.relay.news import News
from clisk_sync.relay.store import Store
from clisk_sync.relay.store_append import MembershipMovedError
from clisk_sync.relay.store_schema import MIGRATIONS, REVISIONS
from clisk_sync.relay.store_tables import METADATA
from clisk_sync.relay.writer import Writer
from clisk_sync.testing import Author, Family
from clisk_vault.device import enrol
from clisk_vault.ids import DeviceId
from clisk_vault.storage import Storage

_LIMITS = Limits()


def _run(folder: Path, test: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await Store.open(folder / "relay.db")
        try:
            await test(store)
        finally:
            await store.close()

    asyncio.run(run())


async def _founded(store: Store) -> tuple[Family, Members]:
    family = Family.found()
    await store.create_vault(family.vault, family.genesis, at=0)
    return family, Members.verify(family.vault, [family.genesis])


def _admit(members: Members, author: Author, content: bytes = b"") -> Admitted:
    device = author.secrets.public.id
    return admit_envelope(members, author.write(content), author=device)


async def _log(store: Store, family: Family, after: int = 0) -> list[tuple[int, bytes]]:
    vault = family.vault
    page = await store.page(vault, after=after, most=10_000, most_bytes=1 << 30)
    return [*page.first, *[entry async for entry in store.rest(vault, page)]]


def test_a_batch_is_placed_in_order(tmp_path: Path) -> None:
    """Envelopes of several vaults in one commit get positions of their own."""

    async def test(store: Store) -> None:
        one, one_members = await _founded(store)
        two, two_members = await _founded(store)
        batch = [
            _admit(one_members, one.founder),
            _admit(two_members, two.founder),
            _admit(one_members, one.founder),
        ]
        assert await store.append(batch, limits=_LIMITS, at=7) == [1, 1, 2]
        assert await _log(store, one) == [(1, batch[0].data), (2, batch[2].data)]
        assert await _log(store, two) == [(1, batch[1].data)]
        assert (await store.vault(one.vault)).head == 2

    _run(tmp_path, test)


def test_a_batch_may_hold_the_same_envelope_twice(tmp_path: Path) -> None:
    """An impatient device's repetition in one commit gets the same position."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        first = _admit(members, family.founder)
        second = _admit(members, family.founder)
        batch = [first, first, second, first, second]
        assert await store.append(batch, limits=_LIMITS, at=0) == [1, 1, 2, 1, 2]
        assert len(await _log(store, family)) == 2

    _run(tmp_path, test)


def test_one_refusal_does_not_spoil_a_batch(tmp_path: Path) -> None:
    """What is wrong is refused alone: a fork, a full vault, an old membership."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        forked = admit_envelope(
            members,
            family.founder.peek(b"x"),
            author=family.founder.secrets.public.id,
        )
        first = _admit(members, family.founder)
        large = _admit(members, family.founder, bytes(50_000))
        other, other_members = await _founded(store)
        moved = _admit(other_members, other.founder)
        record, _ = other.add()
        await store.append_record(
            other.vault,
            after=other_members.head,
            record=record,
            record_hash=other_members.extend(record).head,
            heads={},
        )
        results = await store.append(
            [first, forked, large, moved], limits=Limits(vault_bytes=20_000), at=0
        )
        assert results[0] == 1
        assert isinstance(results[1], NumberTakenError)
        assert isinstance(results[2], QuotaError)
        assert isinstance(results[3], MembershipMovedError)
        assert len(await _log(store, family)) == 1

    _run(tmp_path, test)


def test_a_record_rests_on_the_heads_it_was_checked_against(tmp_path: Path) -> None:
    """An envelope that came between the check and the append is not overlooked."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        founder = family.founder.secrets.public.id
        await store.append([_admit(members, family.founder)], limits=Limits(), at=0)
        record = family.record_adding(enrol()[0])

        async def append(heads: dict[DeviceId, Head]) -> int:
            return await store.append_record(
                family.vault,
                after=members.head,
                record=record,
                record_hash=members.extend(record).head,
                heads=heads,
            )

        with pytest.raises(MembershipMovedError):
            await append({founder: Head.none()})
        assert await append(await store.heads(family.vault)) == 1

    _run(tmp_path, test)


def test_of_two_records_at_once_one_is_told_of_the_other(tmp_path: Path) -> None:
    """A record that was checked against an older membership is not appended."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        first, second = (family.record_adding(enrol()[0]) for _ in range(2))

        async def append(record: bytes) -> int:
            return await store.append_record(
                family.vault,
                after=members.head,
                record=record,
                record_hash=members.extend(record).head,
                heads={},
            )

        assert await append(first) == 1
        with pytest.raises(MembershipMovedError):
            await append(second)
        assert await store.records(family.vault) == [family.genesis, first]

    _run(tmp_path, test)


def test_many_writers_leave_no_gap_and_readers_skip_nothing(tmp_path: Path) -> None:
    """While 8 devices write, each reader sees a prefix without holes, ever longer."""

    async def test(store: Store) -> None:
        family = Family.found()
        await store.create_vault(family.vault, family.genesis, at=0)
        members = Members.verify(family.vault, [family.genesis])
        authors = [family.founder]
        for _ in range(7):
            record, author = family.add()
            after = members.head
            members = members.extend(record)
            await store.append_record(
                family.vault,
                after=after,
                record=record,
                record_hash=members.head,
                heads={},
            )
            authors.append(author)
        writer = Writer(store, _LIMITS, lambda _vault, _written: None)
        writer.start()
        positions: list[int] = []
        done = asyncio.Event()

        async def write(author: Author) -> None:
            for _ in range(15):
                positions.append(await writer.append(_admit(members, author)))

        async def read() -> int:
            after = 0
            while True:
                last = done.is_set()
                for position, _ in await _log(store, family, after):
                    assert position == after + 1
                    after = position
                if last:
                    return after

        readers = [asyncio.create_task(read()) for _ in range(3)]
        await asyncio.gather(*map(write, authors))
        done.set()
        assert await asyncio.gather(*readers) == [120] * 3
        assert sorted(positions) == list(range(1, 121))
        await writer.stop()

    _run(tmp_path, test)


def test_appends_that_arrive_together_share_a_commit(tmp_path: Path) -> None:
    """A hundred appends at once need far fewer commits than a hundred."""
    commits = 0

    class Counting(Store):
        async def append(
            self, *args: object, **kwargs: object
        ) -> list[int | Exception]:
            nonlocal commits
            commits += 1
            return await super().append(*args, **kwargs)  # type: ignore[arg-type]

    async def run() -> None:
        store = await Counting.open(tmp_path / "relay.db")
        families = [await _founded(store) for _ in range(100)]
        writer = Writer(store, _LIMITS, lambda _vault, _written: None)
        writer.start()
        positions = await asyncio.gather(
            *(
                writer.append(_admit(members, each.founder))
                for each, members in families
            )
        )
        assert positions == [1] * 100
        await writer.stop()
        await store.close()

    asyncio.run(run())
    assert commits <= 3


def test_stopping_writes_what_was_taken(tmp_path: Path) -> None:
    """Whoever was waiting for a position when the relay stops still gets it."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        writer = Writer(store, _LIMITS, lambda _vault, _written: None)
        writer.start()
        sending = asyncio.create_task(writer.append(_admit(members, family.founder)))
        await asyncio.sleep(0)
        await writer.stop()
        assert await sending == 1

    _run(tmp_path, test)


def test_a_sender_that_leaves_stops_nobody(tmp_path: Path) -> None:
    """A cancelled append is written or not; the others in its batch are."""

    async def test(store: Store) -> None:
        one, one_members = await _founded(store)
        two, two_members = await _founded(store)
        writer = Writer(store, _LIMITS, lambda _vault, _written: None)
        writer.start()
        gone = asyncio.create_task(writer.append(_admit(one_members, one.founder)))
        stays = asyncio.create_task(writer.append(_admit(two_members, two.founder)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == 1
        await writer.stop()

    _run(tmp_path, test)


def test_a_full_disk_is_no_success(tmp_path: Path) -> None:
    """When the database cannot grow, appends fail by name; later ones work again."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        first = _admit(members, family.founder)
        assert await store.append([first], limits=_LIMITS, at=0) == [1]
        second = _admit(members, family.founder, bytes(200_000))

        await store._db.write(
            lambda db: db.exec_driver_sql("PRAGMA max_page_count=20").close()
        )
        with pytest.raises(RelayRefused) as err:
            await store.append([second], limits=_LIMITS, at=0)
        assert err.value.code == "store-unavailable"
        assert [position for position, _ in await _log(store, family)] == [1]
        assert (await store.vault(family.vault)).head == 1

        await store._db.write(
            lambda db: db.exec_driver_sql("PRAGMA max_page_count=100000").close()
        )
        assert await store.append([second], limits=_LIMITS, at=0) == [2]

    _run(tmp_path, test)


def test_a_writer_survives_a_failing_store(tmp_path: Path) -> None:
    """Whatever the store raises, each sender gets an answer and the writer goes on."""

    class Failing(Store):
        failing = True

        async def append(
            self, *args: object, **kwargs: object
        ) -> list[int | Exception]:
            if self.failing:
                raise OSError("not for the sender's eyes")
            return await super().append(*args, **kwargs)  # type: ignore[arg-type]

    async def run() -> None:
        store = await Failing.open(tmp_path / "relay.db")
        assert isinstance(store, Failing)
        family, members = await _founded(store)
        writer = Writer(store, _LIMITS, lambda _vault, _written: None)
        writer.start()
        first = _admit(members, family.founder)
        with pytest.raises(RelayRefused) as err:
            await writer.append(first)
        assert err.value.code == "store-unavailable"
        store.failing = False
        assert await writer.append(first) == 1
        await writer.stop()
        await store.close()

    asyncio.run(run())


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    """The file is made with mode 0600, in WAL mode, synced in full at each commit."""

    async def test(store: Store) -> None:
        path = tmp_path / "relay.db"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for pragma, wanted in (("synchronous", 2), ("journal_mode", "wal")):
            found = await store._db.write(
                lambda db, name=pragma: db.exec_driver_sql(  # type: ignore[misc]
                    f"PRAGMA {name}"
                ).scalar()
            )
            assert found == wanted

    _run(tmp_path, test)


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A schema that this relay does not know is left alone."""
    _run(tmp_path, lambda store: store.ping())
    with sqlite3.connect(tmp_path / "relay.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()

    with pytest.raises(CallerError, match="revision 9999"):
        asyncio.run(Store.open(tmp_path / "relay.db"))


def test_a_vault_file_is_never_made_a_relay(tmp_path: Path) -> None:
    """A database of another program gets no table of ours."""
    path = tmp_path / "vault.sqlite"
    Storage.create(path).close()
    with sqlite3.connect(path) as db:
        before = db.execute("SELECT name FROM sqlite_master").fetchall()
    db.close()

    with pytest.raises(CallerError, match="another program"):
        asyncio.run(Store.open(path))

    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == before
    db.close()


def _changes(folder: Path) -> list[object]:
    """Return how the database differs from the tables that the queries see."""
    found: list[object] = []

    def compare(db: Connection) -> None:
        found.extend(compare_metadata(MigrationContext.configure(db), METADATA))

    _run(folder, lambda store: store._db.write(compare))
    return found


def test_the_revisions_make_the_tables_that_queries_see(tmp_path: Path) -> None:
    """What Alembic builds from nothing is what the code has."""
    assert _changes(tmp_path) == []


def test_the_newest_revision_is_known() -> None:
    """The list by which a start is quick is that of the revisions."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """One from before revisions were counted keeps all it has."""
    family = Family.found()

    def unmake(db: Connection) -> None:
        later = ("snapshot", "snapshot_part", "snapshot_ack")
        for table in ("alembic_version", "relay_key", "token", "invite", *later):
            db.exec_driver_sql(f"DROP TABLE {table}").close()
        db.exec_driver_sql("CREATE TABLE meta (schema INTEGER PRIMARY KEY)").close()
        db.exec_driver_sql("INSERT INTO meta VALUES (1)").close()

    async def before(store: Store) -> None:
        await store.create_vault(family.vault, family.genesis, at=0)
        await store._db.write(unmake)

    async def after(store: Store) -> None:
        assert await store.records(family.vault) == [family.genesis]
        assert len(await store.key()) == 32

    _run(tmp_path, before)
    _run(tmp_path, after)
    assert _changes(tmp_path) == []


def test_a_migration_is_whole_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails half way leaves the database as it was."""

    def fail(_size: int) -> bytes:
        raise RuntimeError("half way")

    with monkeypatch.context() as patch:
        patch.setattr("os.urandom", fail)
        with pytest.raises(RuntimeError):
            asyncio.run(Store.open(tmp_path / "relay.db"))
    with sqlite3.connect(tmp_path / "relay.db") as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()
    _run(tmp_path, lambda store: store.ping())


def test_a_start_without_migration_loads_no_alembic(tmp_path: Path) -> None:
    """Nor a PostgreSQL driver: a relay on SQLite starts at once."""
    _run(tmp_path, lambda store: store.ping())
    program = (
        "import asyncio, sys; from clisk_sync.relay.store import Store\n"
        "asyncio.run(Store.open(sys.argv[1]))\n"
        "print({'alembic', 'asyncpg'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "relay.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Another file in its place is named, not overwritten."""
    path = tmp_path / "relay.db"
    path.write_bytes(b"a letter to my aunt" * 100)
    with pytest.raises(RelayRefused):
        asyncio.run(Store.open(path))
    assert path.read_bytes() == b"a letter to my aunt" * 100
    with pytest.raises(RelayRefused):
        asyncio.run(Store.open(tmp_path))


def test_errors_of_the_database_quote_nothing(tmp_path: Path) -> None:
    """A database error carries its statement, never an envelope or an id."""

    async def test(store: Store) -> None:
        family, members = await _founded(store)
        admitted = _admit(members, family.founder, b"payload" * 9)
        await store._db.write(lambda db: db.exec_driver_sql("DROP TABLE log").close())
        with pytest.raises(RelayRefused) as err:
            await store.append([admitted], limits=_LIMITS, at=0)
        told = f"{err.value}{err.value.__cause__}{err.value.__cause__!r}"
        assert "no such table" in told
        assert str(admitted.data[:20])[2:-1] not in told
        assert str(family.vault[:8])[2:-1] not in told

    _run(tmp_path, test)


def test_news_before_the_look_is_not_lost() -> None:
    """News between listening and looking wakes; one topic does not wake another."""

    async def run() -> None:
        news = News(most=10, most_each=10)
        with news.listening(b"a") as mine, news.listening(b"b") as theirs:
            news.publish(b"a")
            assert mine.wake.done()
            assert not theirs.wake.done()
        with news.listening(b"a") as again:
            assert not again.wake.done()
            news.close()
            assert again.wake.done()
        with pytest.raises(RelayRefused), news.listening(b"a"):
            pass

    asyncio.run(run())

"""What a witness does with what it is told, honest or not: access-log.md §11."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from clisk_vault.access_log import AccessLog
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.device import DevicePublic
from clisk_vault.epochs import Epochs
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId
from clisk_vault.log_fork import ForkEvidence
from clisk_vault.log_leaf import Leaf, LeafType
from clisk_vault.log_message import (
    CosignedHead,
    HeldSize,
    LogNews,
    parse_log_message,
)
from clisk_vault.log_news import LogTeller
from clisk_vault.note import NoteKey, UnverifiedNote, cosign_line
from clisk_vault.primitives import VerifyKey
from clisk_vault.session import Session
from clisk_vault.storage import Storage
from clisk_vault.verdict import Finding
from clisk_vault.witness import Witness, witness_key
from tests.vault.logs import World, make_world


class Peer:
    """A device with a log, and its side of the conversation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.witness = Witness(world.session, world.log, world.epochs)
        self.teller = LogTeller(world.session, world.log)

    @property
    def public(self) -> DevicePublic:
        return self.world.secrets.public

    @property
    def id(self) -> DeviceId:
        return self.public.id

    def says(self) -> list[bytes]:
        """Return all that there is to say now."""
        said: list[bytes] = []
        while messages := self.teller.next_messages(now=True):
            said += messages
        return said

    def hears(
        self, author: Peer, *messages: bytes, known: Peer | None = None
    ) -> list[str]:
        """Return the names of what is not as it should be."""
        members = {one.id: one.public for one in (self, author, known) if one}
        found = self.witness.hear(author.public, messages, members.get)
        return [type(one).__name__ for one in found]

    def state(self) -> list[object]:
        """Return all that an attack must not change."""
        tables = ("log_peer", "log_cosigned", "log_name", "log_entry")
        return [self.world.storage.all(f"SELECT * FROM {name}") for name in tables]  # noqa: S608


Make: TypeAlias = Callable[..., Peer]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[World] = []

    def one(seed: str, entries: int = 3) -> Peer:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(make_world(folder, entries=entries, seed=seed))
        return Peer(made[-1])

    yield one
    for world in made:
        world.session.close()


def _news(message: bytes) -> LogNews:
    news = parse_log_message(message)
    assert isinstance(news, LogNews)
    return news


def _kinds(messages: list[bytes]) -> list[str]:
    return [type(parse_log_message(one)).__name__ for one in messages]


def _signed(messages: list[bytes]) -> UnverifiedNote:
    [head] = [
        one.note
        for one in map(parse_log_message, messages)
        if isinstance(one, CosignedHead)
    ]
    return UnverifiedNote.parse(head)


def test_news_is_kept_countersigned_and_recorded(make: Make) -> None:
    """The answer is a good cosignature, and stands in the witness's own log."""
    laptop, phone = make("laptop"), make("phone")

    assert phone.hears(laptop, *laptop.says()) == []

    answer = phone.says()
    note = _signed(answer)
    assert note.verify([witness_key(phone.public)])
    assert note.verify([NoteKey(laptop.world.log.origin, _last_key(laptop))])
    leaves = [Leaf.parse(row.leaf) for row in phone.world.log.rows()]
    assert [leaf.checkpoint for leaf in leaves if leaf.type is LeafType.WITNESS] == [
        note.encode()
    ]
    assert laptop.hears(phone, *answer) == []
    assert [n.text for n in laptop.witness.cosigned(laptop.world.log.origin)] == [
        note.text
    ]


def _last_key(peer: Peer) -> VerifyKey:
    leaf = Leaf.parse(peer.world.log.leaf(peer.world.log.size - 2))
    assert leaf.next is not None
    return leaf.next


def _forked(make: Make) -> tuple[Peer, Peer, Peer]:
    """Return a laptop, its twin with another third entry, and a phone that saw one."""
    laptop, twin, phone = make("laptop"), make("laptop", 2), make("phone")
    twin.world.log.append(twin.world.record(purpose="something else"))
    assert laptop.world.log.origin == twin.world.log.origin
    assert phone.hears(laptop, *laptop.says()) == []
    phone.says()
    return laptop, twin, phone


def test_two_histories_of_one_log_are_evidence_that_anybody_can_check(
    make: Make,
) -> None:
    """One size, two roots: both heads are kept, and nothing is countersigned."""
    _, twin, phone = _forked(make)

    assert phone.hears(twin, *twin.says()) == ["LogForked"]

    [evidence] = phone.witness.evidence()
    assert evidence.check() == twin.world.log.origin
    assert ForkEvidence.parse(evidence.encode()) == evidence
    assert phone.witness.forks(twin.world.log.origin) == [2]
    [log] = phone.witness.logs(twin.id)
    assert log.size == 3
    # It says once more what it saw first, and signs nothing else.
    assert [one.text for one in phone.witness.cosigned(log.origin)] == [
        _signed(phone.says()).text
    ]


@pytest.mark.parametrize(("mine", "theirs"), [(3, 6), (6, 3)])
def test_a_fork_between_two_sizes_is_shown_by_a_proof(
    make: Make, mine: int, theirs: int
) -> None:
    """The larger head's tree does not begin with the smaller's, and it is shown."""
    _, twin, phone = _forked(make)
    # The phone has heard of three; more of the first history, then of the other.
    laptop = make("laptop", mine)
    assert phone.hears(laptop, *laptop.says()) == []
    twin.world.grow(theirs)

    assert phone.hears(twin, *twin.says()) == ["LogForked"]

    [evidence] = phone.witness.evidence()
    assert evidence.check() == laptop.world.log.origin


def test_the_first_evidence_of_a_fork_stays(make: Make) -> None:
    """Telling it again changes nothing, and does not fill the disk."""
    _, twin, phone = _forked(make)
    said = twin.says()
    phone.hears(twin, *said)
    before = phone.witness.evidence()
    assert phone.hears(twin, *said) == []
    assert phone.witness.evidence() == before


def test_a_head_with_another_key_is_not_kept(make: Make) -> None:
    """An author with the right name and no key of the log convinces nobody."""
    laptop, stranger, phone = make("laptop"), make("stranger"), make("phone")
    before = phone.state()
    told = stranger.says()

    assert phone.hears(laptop, *told) == ["LogUntrue"]

    assert phone.state() == before
    assert "CosignedHead" not in _kinds(phone.says())


def test_a_changed_entry_is_not_kept(make: Make) -> None:
    """Any entry of the news that is not what its head signed stops all of it."""
    laptop, phone = make("laptop"), make("phone")
    [message] = laptop.says()
    news = _news(message)
    for at, row in enumerate(news.rows):
        leaf = replace(Leaf.parse(row.leaf), commitment=bytes(32)).encode()
        rows = list(news.rows)
        rows[at] = replace(row, leaf=leaf)
        assert phone.hears(laptop, replace(news, rows=tuple(rows)).encode()) == [
            "LogUntrue"
        ]
    assert phone.witness.logs(laptop.id) == []
    assert phone.hears(laptop, message) == []


def test_a_changed_ciphertext_is_not_kept(make: Make) -> None:
    """What an entry says is what its leaf names, or it stays out."""
    laptop, phone = make("laptop"), make("phone")
    [message] = laptop.says()
    news = _news(message)
    rows = (replace(news.rows[0], ciphertext=b"x"), *news.rows[1:])
    assert phone.hears(laptop, replace(news, rows=rows).encode()) == ["LogUntrue"]
    assert phone.witness.logs(laptop.id) == []


def test_a_false_consistency_proof_is_refused(make: Make) -> None:
    """The proof is checked apart from the entries that lead to the head."""
    laptop, phone = make("laptop"), make("phone")
    phone.hears(laptop, *laptop.says())
    laptop.world.grow(6)
    [message] = laptop.says()
    news = _news(message)
    assert news.proof
    before = phone.state()
    for proof in ((), (bytes(32), *news.proof[1:]), (*news.proof, bytes(32))):
        assert phone.hears(laptop, replace(news, proof=proof).encode()) == ["LogUntrue"]
        assert phone.state() == before
    assert phone.hears(laptop, message) == []


def test_a_gap_is_asked_for_and_filled(make: Make) -> None:
    """News from further on is not believed; the author tells from where it was."""
    laptop, phone = make("laptop"), make("phone")
    laptop.says()
    laptop.world.grow(6)
    assert phone.hears(laptop, *laptop.says()) == []
    assert phone.witness.logs(laptop.id) == []
    asked = phone.says()
    assert parse_log_message(asked[0]) == HeldSize(laptop.id, 1, 0)

    assert laptop.hears(phone, *asked) == []
    assert phone.hears(laptop, *laptop.says()) == []

    [log] = phone.witness.logs(laptop.id)
    assert log.size == laptop.world.log.size


def test_an_older_copy_is_told_what_was_seen_of_it(make: Make) -> None:
    """A device put back begins anew, and the new log names the head it lost."""
    older, newer, phone = make("laptop", 3), make("laptop", 6), make("phone")
    phone.hears(newer, *newer.says())
    answer = phone.says()

    assert older.hears(phone, *answer) == ["LogRestored"]

    log = older.world.log
    assert log.origin.endswith("/2")
    assert Leaf.parse(log.leaf(0)).checkpoint == _signed(answer).encode()
    [closed] = log.earlier()
    [found] = closed.verify(older.world.enrolled).findings
    assert (found.kind, found.first, found.last) == (Finding.RESTORED, 4, 6)
    # Told again, nothing more happens.
    assert older.hears(phone, *answer) == []
    assert log.origin.endswith("/2")


def test_a_log_table_that_was_put_back_alone_is_noticed(make: Make) -> None:
    """Its own countersignatures say that there was more."""
    laptop, phone = make("laptop", 6), make("phone")
    phone.hears(laptop, *laptop.says())
    laptop.hears(phone, *phone.says())
    older = make("laptop", 3)
    storage = laptop.world.storage
    storage.execute("DELETE FROM log_entry")
    storage.execute("DELETE FROM log_signer")
    for table in ("log_entry", "log_signer"):
        for row in older.world.storage.all(f"SELECT * FROM {table}"):  # noqa: S608
            marks = ", ".join("?" * len(row))
            storage.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608

    log = laptop.world.reopened()
    log.append(laptop.world.record())

    assert log.origin.endswith("/2")
    [closed] = log.earlier()
    kinds = [one.kind for one in closed.verify(laptop.world.enrolled).findings]
    assert kinds == [Finding.RESTORED]


# --- countersignatures that are not what they seem


def _cosigned(origin: str, size: int, root: bytes, by: Peer) -> bytes:
    text = Checkpoint(origin, size, root).encode()
    secrets = by.world.secrets
    line = cosign_line(
        text, by=witness_key(secrets.public), key=secrets.cosign, time_seconds=1
    )
    return CosignedHead(UnverifiedNote(text, (line,)).encode()).encode()


def test_a_forged_countersignature_is_refused(make: Make) -> None:
    """Under a peer's name, by another's key."""
    laptop, phone, stranger = make("laptop"), make("phone"), make("stranger")
    text = UnverifiedNote.parse(laptop.world.log.head()).text
    line = cosign_line(
        text,
        by=witness_key(phone.public),
        key=stranger.world.secrets.cosign,
        time_seconds=1,
    )
    forged = CosignedHead(UnverifiedNote(text, (line,)).encode()).encode()
    assert laptop.hears(phone, forged) == ["LogUntrue"]
    assert laptop.witness.cosigned(laptop.world.log.origin) == []


def test_a_countersignature_that_another_device_hands_on_is_refused(make: Make) -> None:
    """Each device speaks for itself: it is in its own envelopes or nowhere."""
    laptop, phone, tablet = make("laptop"), make("phone"), make("tablet")
    phone.hears(laptop, *laptop.says())
    handed_on = CosignedHead(_signed(phone.says()).encode()).encode()
    assert laptop.hears(tablet, handed_on) == ["LogUntrue"]
    assert laptop.witness.cosigned(laptop.world.log.origin) == []


def test_a_countersignature_for_another_vaults_log_is_refused(make: Make) -> None:
    """An origin of no log of this vault is nobody's business here."""
    laptop, phone = make("laptop"), make("phone")
    before = laptop.state()
    for origin in (
        laptop.world.log.origin.replace("0", "f", 1),
        "example.com/log",
        laptop.world.log.origin + "/1",
        laptop.world.log.origin.upper(),
        laptop.world.log.origin[:-1] + "01",
    ):
        said = _cosigned(origin, 9, bytes(32), phone)
        assert laptop.hears(phone, said) == ["LogUntrue"], origin
    assert laptop.state() == before


def test_a_countersignature_of_a_head_with_extensions_is_refused(make: Make) -> None:
    """Heads of ours have three lines, and there is no fourth that says more."""
    laptop, phone = make("laptop"), make("phone")
    text = UnverifiedNote.parse(laptop.world.log.head()).text + "more\n"
    line = cosign_line(
        text,
        by=witness_key(phone.public),
        key=phone.world.secrets.cosign,
        time_seconds=1,
    )
    said = CosignedHead(UnverifiedNote(text, (line,)).encode()).encode()
    assert laptop.hears(phone, said) == ["LogUntrue"]


def test_a_countersignature_of_a_strangers_log_is_refused(make: Make) -> None:
    """A device that never was a member has no log here."""
    laptop, phone, stranger = make("laptop"), make("phone"), make("stranger")
    said = _cosigned(stranger.world.log.origin, 1, bytes(32), phone)
    assert laptop.hears(phone, said) == ["LogUntrue"]
    assert laptop.hears(phone, said, known=stranger) == []


def test_nobody_is_a_witness_of_themselves(make: Make) -> None:
    """A device's own countersignature of its own log says nothing."""
    laptop, phone = make("laptop"), make("phone")
    said = _cosigned(phone.world.log.origin, 1, bytes(32), phone)
    assert laptop.hears(phone, said) == ["LogUntrue"]


def test_an_old_countersignature_does_not_hide_a_truncation(make: Make) -> None:
    """Replayed, it does not take the place of the newer one."""
    laptop, phone = make("laptop", 3), make("phone")
    phone.hears(laptop, *laptop.says())
    old = phone.says()
    laptop.hears(phone, *old)
    laptop.world.grow(6)
    phone.hears(laptop, *laptop.says())
    laptop.hears(phone, *phone.says())

    assert laptop.hears(phone, *old) == []

    [note] = laptop.witness.cosigned(laptop.world.log.origin)
    assert Checkpoint.parse(note.text).size == 6
    laptop.world.execute("DELETE FROM log_entry WHERE position >= ?", (1 << 32) + 3)
    verdict = laptop.world.reopened().verify(
        laptop.world.enrolled, peers=[witness_key(phone.public)], seen=[note]
    )
    assert Finding.TRUNCATED in {one.kind for one in verdict.findings}


def test_a_split_view_between_two_witnesses_comes_to_light(make: Make) -> None:
    """Each was told another history; the first word between them shows it."""
    _, twin, phone = _forked(make)
    tablet = make("tablet")
    tablet.hears(twin, *twin.says())
    assert phone.hears(tablet, *tablet.says(), known=twin) == ["LogForked"]
    # It asks for the other history, which is then the evidence.
    asked = phone.says()
    assert "HeldSize" in _kinds(asked)
    twin.hears(phone, *asked)
    assert phone.hears(twin, *twin.says()) == ["LogForked"]
    assert len(phone.witness.evidence()) == 1


def test_junk_stops_nothing_behind_it(make: Make) -> None:
    """A message that is no message is told, and the next one is heard."""
    laptop, phone = make("laptop"), make("phone")
    said = laptop.says()
    found = phone.hears(laptop, b"", b"\xff", b"\xa1\x01\x04", *said)
    assert found == ["LogUntrue"] * 3
    assert len(phone.witness.logs(laptop.id)) == 1


def test_a_device_hears_nothing_about_its_own_log_from_itself(make: Make) -> None:
    """News under its own id is no news."""
    laptop = make("laptop")
    before = laptop.state()
    assert laptop.hears(laptop, *laptop.says()) == []
    assert laptop.state() == before


# --- atomic


def test_a_crash_before_the_end_leaves_no_half(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State, record and answer are one transaction: all or none."""
    laptop, phone = make("laptop"), make("phone")
    said, before = laptop.says(), phone.state()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AccessLog, "mark_witness", crash)
        with pytest.raises(KeyboardInterrupt):
            phone.hears(laptop, *said)
    assert phone.state() == before
    assert phone.says() != []  # its own news: and no countersignature among it
    assert "CosignedHead" not in _kinds(phone.says())
    assert phone.hears(laptop, *said) == []


def test_two_requests_at_once_sign_one_history(make: Make) -> None:
    """Two processes on one file, each told another history: one is countersigned."""
    laptop, twin, phone = make("laptop"), make("laptop", 2), make("phone")
    twin.world.log.append(twin.world.record(purpose="something else"))
    path = phone.world.storage.path
    said = [laptop.says(), twin.says()]
    barrier = threading.Barrier(2)
    found: dict[int, list[VaultError]] = {}

    def run(which: int) -> None:
        storage = Storage.open(path)
        session = Session(
            storage,
            phone.world.secrets,
            phone.world.session.vault_id,
            clock=lambda: 1_700_000_000_000,
            random=os.urandom,
        )
        log = AccessLog(session, Epochs(session))
        witness = Witness(session, log, Epochs(session))
        barrier.wait()
        found[which] = witness.hear(laptop.public, said[which], lambda _: None)
        session.close()

    threads = [threading.Thread(target=run, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(len(one) for one in found.values()) == [0, 1]
    signed = [
        Leaf.parse(row.leaf).checkpoint
        for row in phone.world.reopened().rows()
        if Leaf.parse(row.leaf).type is LeafType.WITNESS
    ]
    assert len(signed) == 1
    assert len(phone.witness.evidence()) == 1

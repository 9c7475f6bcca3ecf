"""Bundles of logs that real devices witnessed, before both verifiers."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_vault.access_log import first_key
from clisk_vault.log_bundle import parse_keys
from clisk_vault.log_bundle_read import read_bundle
from clisk_vault.log_bundle_verify import verify_bundle
from clisk_vault.log_export import export_log
from clisk_vault.log_leaf import Restart
from clisk_vault.log_news import LogTeller
from clisk_vault.log_view import split_origin
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.witness import Witness, witness_key
from scripts import go_programs
from tests.vault.logs import World, make_world

pytestmark = pytest.mark.go


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[World, World]]:
    worlds = []
    for name in ("laptop", "phone"):
        (tmp_path / name).mkdir()
        worlds.append(make_world(tmp_path / name, entries=5, seed=name))
    yield worlds[0], worlds[1]
    for world in worlds:
        world.session.close()


def _say(author: World, hearer: World) -> list[str]:
    """Let *author* say all that it has to say to *hearer*; return what was wrong."""
    teller = LogTeller(author.session, author.log)
    witness = Witness(hearer.session, hearer.log, hearer.epochs)
    found: list[str] = []
    while messages := teller.next_messages(now=True):
        heard = witness.hear(author.secrets.public, messages, lambda _: None)
        found += [type(one).__name__ for one in heard]
    return found


def _export(laptop: World, phone: World, folder: Path) -> Path:
    witness = Witness(laptop.session, laptop.log, laptop.epochs)
    export_log(
        laptop.session,
        laptop.log,
        folder,
        who="test",
        peers=[witness_key(phone.secrets.public)],
        open_entries=[1],
        seen=witness.cosigned(laptop.log.origin),
    )
    return folder


def _enrolled(world: World) -> NoteKey:
    origin = world.log.origin
    number = split_origin(origin)[1]
    return NoteKey(origin, first_key(world.secrets.public, number))


def _judge(
    folder: Path, keys: Sequence[NoteKey], seen: UnverifiedNote | None = None
) -> tuple[bool, str, int]:
    """Return what both verifiers say, which is the same."""
    key_file, head_file = folder.with_suffix(".keys"), folder.with_suffix(".head")
    key_file.write_text("".join(f"{key.encode()}\n" for key in keys))
    if seen is not None:
        head_file.write_bytes(seen.encode())
    given = [] if seen is None else [seen]
    verdict = verify_bundle(read_bundle(folder), keys, seen=given).verdict
    ours = (verdict.intact, verdict.level.value, verdict.witnessed_size)
    answer = go_programs.verify_bundle(
        folder, key_file, seen=None if seen is None else head_file
    )
    assert answer.accepted is ours[0], answer.fields
    if answer.accepted:
        fields = answer.fields
        assert (fields["level"], fields["witnessed_size"]) == ours[1:]
    return ours


def test_what_a_device_countersigned_is_in_the_bundle(
    two: tuple[World, World], tmp_path: Path
) -> None:
    """Both verifiers say witnessed, up to where; without the key they do not."""
    laptop, phone = two
    assert _say(laptop, phone) == _say(phone, laptop) == []
    folder = _export(laptop, phone, tmp_path / "bundle")
    peer = witness_key(phone.secrets.public)

    assert _judge(folder, [_enrolled(laptop), peer]) == (True, "witnessed", 5)
    assert _judge(folder, [_enrolled(laptop)]) == (True, "unanchored", 0)
    # A proof of one entry alone carries the countersignature with its head.
    proof = (folder / "proof" / "1").read_bytes()
    note = UnverifiedNote.parse(proof.split(b"\n\n", 1)[1])
    assert peer in note.verify([_enrolled(laptop), peer][1:])


def test_a_key_that_borrows_a_witness_name_vouches_for_nothing(
    two: tuple[World, World], tmp_path: Path
) -> None:
    """A countersignature by another key of that name is not counted."""
    laptop, phone = two
    _say(laptop, phone)
    _say(phone, laptop)
    folder = _export(laptop, phone, tmp_path / "bundle")
    peer = witness_key(phone.secrets.public)
    for key in (
        replace(peer, public=phone.secrets.public.signing),
        replace(peer, public=laptop.secrets.public.cosign),
        replace(peer, name="ef" * 16),
    ):
        assert _judge(folder, [_enrolled(laptop), key]) == (True, "sealed", 0)


def test_a_log_begun_anew_is_verified_by_its_own_first_key(
    two: tuple[World, World], tmp_path: Path
) -> None:
    """The second incarnation, countersigned as well; and not by the first one's key."""
    laptop, phone = two
    laptop.log.begin_anew(Restart.RESTORED)
    laptop.grow(4)
    _say(laptop, phone)
    _say(phone, laptop)
    folder = _export(laptop, phone, tmp_path / "bundle")
    peer = witness_key(phone.secrets.public)

    assert _judge(folder, [_enrolled(laptop), peer]) == (True, "witnessed", 4)
    said = parse_keys((folder / "keys").read_text())
    assert said == [_enrolled(laptop), peer], "what it says it is checked with"
    wrong = NoteKey(laptop.log.origin, laptop.secrets.public.log)
    assert _judge(folder, [wrong, peer])[0] is False


def test_a_bundle_that_leaves_the_newest_out_is_caught_by_the_witness(
    two: tuple[World, World], tmp_path: Path
) -> None:
    """The head that the phone hands over itself names what is missing."""
    laptop, phone = two
    older = _export(laptop, phone, tmp_path / "older")
    laptop.grow(9)
    _say(laptop, phone)
    witness = Witness(phone.session, phone.log, phone.epochs)
    [head] = witness.cosigned(laptop.log.origin)
    peer = witness_key(phone.secrets.public)

    assert _judge(older, [_enrolled(laptop), peer])[:2] == (True, "sealed")
    assert _judge(older, [_enrolled(laptop), peer], head)[0] is False


def test_the_programs_run_where_there_is_no_network() -> None:
    """Whoever is started by those words sees one interface, and it is not up."""
    words = go_programs.without_network()
    if not words:
        pytest.skip("this system lets nobody take the network away")
    code = (
        "import socket; print([name for _, name in socket.if_nameindex()]);"
        "print(socket.socket().connect_ex(('127.0.0.1', 9)))"
    )
    done = subprocess.run(
        [*words, sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    interfaces, error = done.stdout.splitlines()
    assert interfaces == "['lo']"
    assert int(error) == errno.ENETUNREACH

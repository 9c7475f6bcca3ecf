"""The parsers of a bundle, and folders that are made to hurt: log-bundle.md §5.1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError, StoreError, UnsupportedError
from clisk_vault.log_bundle import (
    MAX_HEAD_BYTES,
    MAX_SEEN,
    BundleFacts,
    LogKeys,
    encode_opening,
    frame,
    parse_keys,
    parse_opening,
    parse_said_keys,
    runs,
    spans,
    split_hashes,
    tile_paths,
    unframe,
    unframe_tile,
)
from clisk_vault.log_bundle_read import (
    UnverifiedBundle,
    _read,
    parse_seen,
    read_bundle,
)
from clisk_vault.log_bundle_write import write_bundle
from clisk_vault.log_proof import UnverifiedProof
from clisk_vault.note import KeyKind, NoteKey, encode_base64
from clisk_vault.primitives import SigningKey
from clisk_vault.tiles import tiles_of
from tests.vault.bundles import PEER, cosigned, enrolled_key, export, read
from tests.vault.logs import World, make_world

ORIGIN = f"{'a1' * 16}/{'b2' * 16}/1"
OWN = NoteKey(ORIGIN, SigningKey(bytes(32)).public())
SAID = LogKeys(OWN, (PEER,)).encode().encode()
FACTS = BundleFacts(ORIGIN, 300).encode()
HEAD = b"a\n\n\xe2\x80\x94 b AAAAAAA=\n"
PROOF = (
    f"c2sp.org/tlog-proof@v1\nindex 17\n{encode_base64(bytes(32))}\n\n".encode() + HEAD
)
OPENING = b"\xa2\x01\x58\x20" + bytes(32) + b"\x02\x59\x01\x00" + bytes(256)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("device"), entries=5)
    yield made
    made.session.close()


@pytest.fixture(scope="module")
def exported(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(world, tmp_path_factory.mktemp("good") / "bundle", opened=[2])


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


# --- one spelling of each file


def _facts(data: bytes) -> bytes:
    return BundleFacts.parse(data).encode()


def _said(data: bytes) -> bytes:
    return parse_said_keys(data, origin=ORIGIN).encode().encode()


def _opening(data: bytes) -> bytes:
    return encode_opening(parse_opening(data))


def _proof(data: bytes) -> bytes:
    return UnverifiedProof.parse(data).encode()


def _framed(data: bytes) -> bytes:
    return frame(unframe(data, longest=300, most=8))


PARSERS: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "bundle": (_facts, FACTS),
    "keys": (_said, SAID),
    "opening": (_opening, OPENING),
    "proof": (_proof, PROOF),
    "framed": (_framed, frame([b"", b"abc", bytes(300)])),
}


@pytest.mark.parametrize("name", PARSERS)
def test_each_file_has_one_spelling(name: str) -> None:
    """What is accepted is written again byte for byte."""
    parse, good = PARSERS[name]
    assert parse(good) == good


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_anything_else_is_refused_and_nothing_worse(
    name: str, data: st.DataObject
) -> None:
    """A good file with bytes put in, left out or changed, and bytes of no meaning."""
    parse, good = PARSERS[name]
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.binary(max_size=3) | st.sampled_from([b"\n", b"\r\n", b"0", b"+"])
    )
    spoilt = good[:at] + put + good[at + cut :]
    for tried in (spoilt, data.draw(st.binary(max_size=80)), put * 40):
        try:
            written = parse(tried)
        except (FormatError, UnsupportedError):
            continue
        assert written == tried


@pytest.mark.parametrize(
    "text",
    [
        "clisk/1/log-bundle\n{o}\n0\n",
        "clisk/1/log-bundle\n{o}\n4294967296\n",
        "clisk/1/log-bundle\n{o}\n007\n",
        "clisk/1/log-bundle\n{o}\n٣\n",
        "clisk/1/log-bundle\n../{o}\n3\n",
        "clisk/1/log-bundle\n{o}\n3\n\n",
        "clisk/1/log-bundle\n{o}\n3",
        "clisk/1/log-bundle\r\n{o}\n3\n",
        "clisk/1/log-bundles\n{o}\n3\n",
        "",
    ],
)
def test_facts_that_are_refused(text: str) -> None:
    """Each way to spell the file `bundle` wrongly."""
    with pytest.raises(FormatError):
        BundleFacts.parse(text.format(o=ORIGIN).encode())


def test_a_later_version_is_named_as_one() -> None:
    """The person is told to upgrade, not that the bundle is damaged."""
    with pytest.raises(UnsupportedError):
        BundleFacts.parse(b"clisk/2/log-bundle\nanything at all\n")


def test_keys_may_have_comments_for_the_reader_only() -> None:
    """A file of keys that a person made is read kindly; the bundle's is not."""
    text = f"# of the laptop\n\n  {OWN.encode()}\n{PEER.encode()}\n"
    assert parse_keys(text) == [OWN, PEER]
    with pytest.raises(FormatError):
        parse_said_keys(text.encode(), origin=ORIGIN)


def test_more_keys_than_allowed_are_refused() -> None:
    """Sixty-four, the log's own included."""
    peers = [
        NoteKey(f"{at:032x}", PEER.public, KeyKind.COSIGNATURE) for at in range(64)
    ]
    good = LogKeys(OWN, tuple(peers[:63])).encode().encode()
    assert len(parse_said_keys(good, origin=ORIGIN).peers) == 63
    with pytest.raises(FormatError):
        parse_said_keys(LogKeys(OWN, tuple(peers)).encode().encode(), origin=ORIGIN)


def test_lists_end_where_they_say() -> None:
    """A length beyond the end, a part too long, a part too many."""
    for bad in (b"\0", b"\0\1", b"\0\2a", frame([bytes(301)]), frame([b""] * 9)):
        with pytest.raises(FormatError):
            unframe(bad, longest=300, most=8)


def test_tiles_hold_as_many_as_they_must() -> None:
    """One too few, one too many, a leaf too long for a leaf."""
    for bad in (frame([b"a"]), frame([b"a"] * 3), frame([b"a", bytes(1025)])):
        with pytest.raises(FormatError):
            unframe_tile(bad, width=2, heads=False)
    assert unframe_tile(frame([b"a", bytes(1025)]), width=2, heads=True)
    for size in (0, 63, 65, 96):
        with pytest.raises(FormatError):
            split_hashes(bytes(size), width=2)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 70_000])
def test_tiles_are_named_as_c2sp_names_them(size: int) -> None:
    """The level 0 tiles of a tree, and entries and heads beside each."""
    level_0 = [tile for tile in tiles_of(size) if tile.level == 0]
    assert list(spans(size)) == level_0
    for tile in level_0:
        hashes, entries, heads = tile_paths(tile)
        name = hashes.removeprefix("tile/0/")
        assert (entries, heads) == (f"tile/entries/{name}", f"heads/{name}")


def test_runs_name_each_number_once() -> None:
    """Neighbours are joined; a single one stands alone."""
    assert runs([]) == []
    assert runs([0, 1, 2, 5, 7, 8]) == ["0-2", "5", "7-8"]


# --- folders


def _link(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


def _outside(folder: Path) -> Path:
    path = folder.parent / "outside"
    path.write_bytes((folder / "seen").read_bytes())
    return path


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


FOLDERS: dict[str, Callable[[Path], object]] = {
    "a file more": lambda f: (f / "README").touch(),
    "a hidden file": lambda f: (f / ".hidden").touch(),
    "an empty folder more": lambda f: (f / "more").mkdir(),
    "a folder in a tile's place": lambda f: (f / "heads/001").mkdir(),
    "a tile more": lambda f: (f / "tile/0/001.p").mkdir(),
    "an opening beyond the end": lambda f: (f / "opening/99").touch(),
    "an opening by another name": lambda f: (f / "opening/02").touch(),
    "an opening without its proof": lambda f: (f / "opening/3").touch(),
    "a proof without its opening": lambda f: (f / "proof/3").touch(),
    "no file bundle": lambda f: (f / "bundle").unlink(),
    "no file keys": lambda f: (f / "keys").unlink(),
    "no file seen": lambda f: (f / "seen").unlink(),
    "no heads": lambda f: (f / "heads/000.p/6").unlink(),
    "a link to another file": lambda f: _link(f / "seen", _outside(f)),
    "a link within": lambda f: _link(f / "seen", f / "keys"),
    "a linked folder": lambda f: (f / "opening/3").symlink_to(f / "proof"),
    "a pipe": lambda f: _pipe(f / "seen"),
    "a pipe in the first place": lambda f: _pipe(f / "bundle"),
    "a tile too long": lambda f: (f / "tile/0/000.p/6").write_bytes(bytes(32 * 6 + 1)),
    "a file of no end": lambda f: os.truncate(f / "keys", 1 << 40),
    "a size that is a lie": lambda f: (f / "bundle").write_text(
        (f / "bundle").read_text().replace("\n6\n", "\n4294967295\n")
    ),
    "too many heads of peers": lambda f: (f / "seen").write_bytes(
        frame([HEAD] * (MAX_SEEN + 1))
    ),
    "a head that is too long": lambda f: (f / "heads/000.p/6").write_bytes(
        frame([bytes(MAX_HEAD_BYTES + 1), *[b""] * 5])
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_no_bundle_is_refused(folder: Path, name: str) -> None:
    """At once, without waiting, following links or reading what has no end."""
    FOLDERS[name](folder)
    with pytest.raises(FormatError):
        read_bundle(folder)


def test_a_file_is_read_only_if_it_is_a_plain_one(tmp_path: Path) -> None:
    """Also when it took the place of another after the folder was looked at."""
    (tmp_path / "plain").write_bytes(b"four")
    (tmp_path / "link").symlink_to("plain")
    os.mkfifo(tmp_path / "pipe")
    assert _read(tmp_path, "plain", most=4) == b"four"
    with pytest.raises(FormatError, match="too long"):
        _read(tmp_path, "plain", most=3)
    with pytest.raises(StoreError):
        _read(tmp_path, "link", most=4)
    with pytest.raises(FormatError, match="plain file"):
        _read(tmp_path, "pipe", most=4)


def test_a_good_opening_beyond_the_end_does_not_belong_there(folder: Path) -> None:
    """Nothing is carried along that no check would look at."""
    for kind in ("opening", "proof"):
        shutil.copy(folder / kind / "2", folder / kind / "99")
    with pytest.raises(FormatError, match="does not belong"):
        read_bundle(folder)


def test_said_keys_are_of_this_log_and_one_a_line() -> None:
    """Another log's key, other ends of lines, and an empty one."""
    other = ORIGIN[:-1] + "2"
    with pytest.raises(FormatError, match="the first is not"):
        parse_said_keys(SAID, origin=other)
    for end in (b"\r\n", b"\x0c", b"\x1c"):
        with pytest.raises(FormatError):
            parse_said_keys(SAID.replace(b"\n", end, 1), origin=ORIGIN)


def test_a_writer_takes_no_folder_that_is_there(world: World, tmp_path: Path) -> None:
    """Not even an empty one, which a rename would put another in the place of."""
    facts = BundleFacts(world.log.origin, world.log.size)
    keys = LogKeys(enrolled_key(world))
    with pytest.raises(StoreError, match="already"):
        write_bundle(world.log.rows(), tmp_path, facts=facts, keys=keys, openings={})


def test_a_bundle_behind_a_link_is_read(folder: Path) -> None:
    """The person may name the folder as they like; inside it there are no links."""
    (folder.parent / "link").symlink_to(folder)
    assert isinstance(read(folder.parent / "link"), UnverifiedBundle)


def test_what_is_no_folder_is_told_as_such(tmp_path: Path) -> None:
    """Nothing, or a file, at the path."""
    for _ in range(2):
        with pytest.raises(StoreError, match="no such folder"):
            read_bundle(tmp_path / "gone")
        (tmp_path / "gone").touch()


def test_a_head_that_a_peer_gave_is_a_checkpoint_of_three_lines(world: World) -> None:
    """Extension lines are not covered by every kind of countersignature."""
    good = cosigned(world, 3).encode()
    assert parse_seen(good).encode() == good
    extended = good.replace(b"\n\n", b"\nmore\n\n", 1)
    for bad in (extended, HEAD, b"", good[:-1]):
        with pytest.raises(FormatError):
            parse_seen(bad)


@example(at=0, bit=0)
@given(at=st.integers(0, 2000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_reads_as_something_else(
    world: World, at: int, bit: int
) -> None:
    """Of the head that peers hand over: never the same note from other bytes."""
    good = cosigned(world, 3).encode()
    at %= len(good)
    changed = good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
    try:
        note = parse_seen(changed)
    except FormatError:
        return
    assert note != parse_seen(good)

"""Signed notes, note keys and cosignatures: others' vectors, one spelling each."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.note import (
    KeyKind,
    NoteKey,
    SignatureLine,
    UnverifiedNote,
    cosign_line,
    sign_line,
)
from clisk_vault.primitives import SigningKey, VerifyKey
from tests.vectors import PROTOCOL

CASES: list[Any] = json.loads(
    (PROTOCOL / "vectors" / "tlog" / "signed-note.json").read_text()
)
TEXT = "a/b/1\n2\nx\n"
KEY = SigningKey(bytes(range(32)))
BY = NoteKey("a/b/1", KEY.public())
PEER_KEY = SigningKey(bytes(range(1, 33)))
PEER = NoteKey("peer", PEER_KEY.public(), KeyKind.COSIGNATURE)
NOTE = UnverifiedNote(
    TEXT,
    (
        sign_line(TEXT, by=BY, key=KEY),
        cosign_line(TEXT, by=PEER, key=PEER_KEY, time_seconds=1_700_000_000),
    ),
)
RAW = NOTE.encode()
NAMES = st.text(min_size=1, max_size=8).filter(
    lambda name: not any(c.isspace() or c < " " or c == "+" for c in name)
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["desc"])
def test_signed_note_vector(case: Any) -> None:
    """Each example of C2SP and of Go is judged as published."""
    if "note" not in case:
        assert case["wantErr"]
        with pytest.raises((FormatError, UnsupportedError)):
            NoteKey.parse(case["vkey"])
        return

    key = NoteKey.parse(case["vkey"])
    note = UnverifiedNote.parse(case["note"].encode())

    assert key.encode() == case["vkey"]
    assert note.verify([key]) == (key,)
    assert note.encode() == case["note"].encode()


def test_our_signature_is_the_published_one() -> None:
    """Go's public test key signs Go's text to Go's signature."""
    case = next(case for case in CASES if "skey_public_test_key" in case)
    seed = base64.b64decode(case["skey_public_test_key"].split("+", 4)[4])[1:]
    text = UnverifiedNote.parse(case["note"].encode()).text
    line = sign_line(text, by=NoteKey.parse(case["vkey"]), key=SigningKey(seed))
    assert UnverifiedNote(text, (line,)).encode() == case["note"].encode()


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_another_note(at: int, change: int) -> None:
    """Any changed byte is refused or read as it now is; it never verifies whole."""
    raw = bytearray(RAW)
    raw[at] ^= change
    with suppress(FormatError, TamperedError):
        note = UnverifiedNote.parse(bytes(raw))
        assert note.encode() == raw
        assert note.verify([BY, PEER]) != (BY, PEER)


@given(
    st.binary(max_size=60)
    | st.builds(
        lambda text, lines: (text + "\n" + lines).encode(errors="surrogatepass"),
        st.text(max_size=20),
        st.text(alphabet="— ab+=\n\0", max_size=30),
    )
)
def test_bytes_parse_to_themselves_or_are_refused(data: bytes) -> None:
    """Nothing but FormatError escapes, and accepted bytes are canonical."""
    try:
        note = UnverifiedNote.parse(data)
    except FormatError:
        return
    assert note.encode() == data


ALONE = UnverifiedNote(TEXT, NOTE.lines[:1]).encode()


@given(st.data())
def test_a_note_signed_alone_is_what_the_reader_of_any_note_finds(
    data: st.DataObject,
) -> None:
    """No change to a byte, at any place, passes by the way that does not parse."""
    changed = bytearray(ALONE)
    for at in data.draw(st.lists(st.integers(0, len(ALONE) - 1), max_size=2)):
        changed[at] = data.draw(st.sampled_from(b"\n =Aa0+/\0") | st.integers(0, 255))
    raw = bytes(changed) + data.draw(st.sampled_from([b"", b"\n", ALONE[-30:]]))

    assert BY.signed_alone(raw, TEXT) is (raw == ALONE)


def test_a_note_signed_alone_has_one_spelling() -> None:
    """Bits that base64 leaves over are not the writer's to choose, nor is any other."""
    for at in (len(ALONE) - 3, len(ALONE) - 2, len(ALONE) - 1):
        good = [
            value
            for value in range(256)
            if BY.signed_alone(bytes([*ALONE[:at], value, *ALONE[at + 1 :]]), TEXT)
        ]
        assert good == [ALONE[at]]


@pytest.mark.parametrize(
    "raw",
    [
        RAW,
        ALONE.replace(b"=\n", b"\n"),
        UnverifiedNote(TEXT, (replace(NOTE.lines[0], key_id=b"four"),)).encode(),
        UnverifiedNote("a/b/1\n3\nx\n", NOTE.lines[:1]).encode(),
        ALONE[:-2] + b"\n",
        ALONE[:-1],
    ],
    ids=["two lines", "no padding", "key id", "another text", "short", "no newline"],
)
def test_a_note_that_is_not_plainly_signed_is_left_to_the_reader(raw: bytes) -> None:
    """A cosigned note is good, others are not: this way says neither."""
    assert BY.signed_alone(ALONE, TEXT)
    assert not BY.signed_alone(raw, TEXT)


@given(
    st.text(max_size=20).filter(lambda t: all(c >= " " or c == "\n" for c in t)),
    st.lists(
        st.builds(
            SignatureLine,
            NAMES,
            st.binary(min_size=4, max_size=4),
            st.binary(min_size=1, max_size=70),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_every_note_is_read_back(text: str, lines: list[SignatureLine]) -> None:
    """Text with blank lines in it and any signatures come back as they were."""
    note = UnverifiedNote(text + "\n", tuple(lines))
    assert UnverifiedNote.parse(note.encode()) == note


@given(NAMES, st.binary(min_size=32, max_size=32), st.sampled_from(KeyKind))
def test_every_key_is_read_back(name: str, public: bytes, kind: KeyKind) -> None:
    """A note key's spelling gives the key again."""
    key = NoteKey(name, VerifyKey(public), kind)
    assert NoteKey.parse(key.encode()) == key


@given(st.text(max_size=60) | st.text(alphabet="ab+0123=/AQ", max_size=60))
def test_a_key_parses_to_itself_or_is_refused(text: str) -> None:
    """No other text passes for a note key."""
    try:
        key = NoteKey.parse(text)
    except (FormatError, UnsupportedError):
        return
    assert key.encode() == text


LINE = NOTE.lines[0].encode()[:-1]
MALFORMED = {
    "no blank line": TEXT.encode() + LINE.encode() + b"\n",
    "no newline at the end": RAW[:-1],
    "a blank line below the signatures": RAW + b"\n",
    "no signature": TEXT.encode() + b"\n",
    "carriage return": RAW.replace(b"\n", b"\r\n"),
    "tab in the text": b"a\tb\n\n" + LINE.encode() + b"\n",
    "zero byte": b"a\0\n\n" + LINE.encode() + b"\n",
    "not UTF-8": b"\xff\n\n" + LINE.encode() + b"\n",
    "hyphen for the dash": RAW.replace("—".encode(), b"-"),
    "two spaces": RAW.replace("— ".encode(), "—  ".encode()),
    "plus in the name": RAW.replace("— a".encode(), "— +".encode()),
    "no-break space in the name": RAW.replace("— a".encode(), "— \xa0".encode()),
    "space in the base64": RAW.replace(b"=\n", b"= \n"),
    "url-safe base64": TEXT.encode() + "\n— a/b/1 AAAA-AAA\n".encode(),
    "stray bits in the padding": TEXT.encode() + "\n— a/b/1 AAAAAAB=\n".encode(),
    "a key id and no signature": TEXT.encode() + "\n— a/b/1 AAAAAA==\n".encode(),
    "cut inside the key id": TEXT.encode() + "\n— a/b/1 AAA=\n".encode(),
    "more than 64 signatures": (TEXT + "\n" + f"{LINE}\n" * 65).encode(),
    "longer than 64 KiB": b"a" * (1 << 16) + RAW,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_other_spellings_are_refused(what: str) -> None:
    """Every second spelling of a note is malformed."""
    assert MALFORMED[what] != RAW
    with pytest.raises(FormatError):
        UnverifiedNote.parse(MALFORMED[what])


def test_sixteen_signatures_are_read() -> None:
    """A reader must take at least 16 signatures."""
    note = UnverifiedNote.parse((TEXT + "\n" + f"{LINE}\n" * 16).encode())
    assert note.verify([BY]) == (BY,)


def test_a_signature_by_a_stranger_under_a_known_name_is_ignored() -> None:
    """The key id counts with the name, so a stranger neither helps nor harms."""
    stranger = SigningKey(bytes(32))
    line = sign_line(TEXT, by=NoteKey(BY.name, stranger.public()), key=stranger)

    assert UnverifiedNote(TEXT, (line, *NOTE.lines)).verify([BY]) == (BY,)
    with pytest.raises(TamperedError, match="not signed by a known key"):
        UnverifiedNote(TEXT, (line,)).verify([BY])


def test_one_bad_signature_by_a_known_key_refuses_the_note() -> None:
    """A good signature beside it does not save a bad one."""
    good, other = NOTE.lines
    bad = SignatureLine(good.name, good.key_id, bytes(64))
    for lines in ((bad, good), (good, bad), (bad, other)):
        with pytest.raises(TamperedError):
            UnverifiedNote(TEXT, lines).verify([BY, PEER])


def test_a_cosignature_is_bound_to_its_time() -> None:
    """The time a cosigner states is signed, and cannot be moved."""
    line = NOTE.lines[1]
    assert line.time_seconds == 1_700_000_000
    PEER.check(TEXT, line.signature)
    moved = (line.time_seconds + 1).to_bytes(8) + line.signature[8:]
    for bad in (moved, b"\xff" + line.signature[1:], line.signature[8:]):
        with pytest.raises(TamperedError):
            PEER.check(TEXT, bad)


def test_a_head_signature_is_no_cosignature() -> None:
    """One key in two kinds: a signature of one kind is none of the other."""
    twin = NoteKey(BY.name, BY.public, KeyKind.COSIGNATURE)
    assert twin.id != BY.id
    with pytest.raises(TamperedError):
        twin.check(TEXT, bytes(8) + NOTE.lines[0].signature)
    line = cosign_line(TEXT, by=twin, key=KEY, time_seconds=0)
    with pytest.raises(TamperedError):
        BY.check(TEXT, line.signature[8:])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a+b",
        "a+00000000+",
        "a+00000000+AQ==",
        "+5f4b8c8c+AQ==",
        "a b+00000000+AQ==",
    ],
)
def test_broken_keys_are_refused(vkey: str) -> None:
    """A key without a name, an id or a key is refused by name."""
    with pytest.raises((FormatError, UnsupportedError)):
        NoteKey.parse(vkey)


def test_a_key_with_another_keys_id_is_refused() -> None:
    """The id in a note key must be its key's own, in lower-case hex."""
    name, key_id, public = BY.encode().split("+", 2)
    for other in ("00000000", key_id.upper()):
        with pytest.raises(FormatError, match="id is another key's"):
            NoteKey.parse(f"{name}+{other}+{public}")

"""Vectors of protocol/snapshot.md §2 to §4: snapshots, parts, acknowledgements."""

from __future__ import annotations

import hashlib
from typing import Any

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.family import (
    EPOCH_SECRET,
    LAPTOP,
    PHONE,
    STRANGER,
    Device,
    family,
    genesis,
    padded,
    record_hash,
    with_changes,
)
from protocol.build.suite import derive, ed25519_public, encrypt0, sign1

_VAULT = record_hash(genesis())
_NO_HASH = bytes(32)
_HASH = bytes(range(32))
_ITEMS = sorted(Randomness(f"item {at}")(16) for at in range(3))


def _payload(**changes: Any) -> dict[int, Any]:
    body: dict[int, Any] = {
        1: 1,
        2: _VAULT,
        3: LAPTOP.id,
        4: 1,
        5: _NO_HASH,
        6: 1,
        7: [2, record_hash(family()[2])],
        8: {LAPTOP.id: [7, _HASH, 1], PHONE.id: [3, bytes(32), 1]},
        9: [hashlib.sha256(b"a part").digest()],
        10: 1_700_000_100_000,
    }
    return with_changes(body, {int(key[1:]): value for key, value in changes.items()})


def _signed(payload: Cbor, label: str, author: Device = LAPTOP, **more: Any) -> bytes:
    return sign1(
        more.get("seed", author.seed),
        cbor(payload),
        label=f"clisk/1/{label}",
        context=b"",
        kid=more.get("kid", author.id),
    )


def build() -> None:
    """Write every case of the page."""
    with cases("snapshot") as write:
        _snapshots(write)
        _parts(write)
        _acks(write)


def _snapshots(write: Cases) -> None:
    def case(name: str, says: str, data: bytes, result: str, **more: Any) -> None:
        write(
            f"snapshot_{name}",
            spec="snapshot.md §2",
            says=says,
            kind="snapshot",
            snapshot=data,
            public=ed25519_public(LAPTOP.seed),
            **more,
            result=result,
        )

    def bad(name: str, says: str, result: str = "malformed", **changes: Any) -> None:
        case(name, says, _signed(_payload(**changes), "snapshot"), result)

    good = _signed(_payload(), "snapshot")
    case("first", "the first snapshot", good, "ok", height=1)
    later = _signed(_payload(_4=9, _5=_HASH), "snapshot")
    case("later", "one that names the one before", later, "ok", height=9)
    bad("suite_2", "another suite", "unsupported", _1=2)
    bad("vault_short", "a vault id of 31 bytes", _2=bytes(31))
    bad("height_0", "heights count from 1", _4=0)
    bad("first_with_previous", "a first one with a past", _5=_HASH)
    bad("later_without", "a later one without a past", _4=2)
    bad("epoch_0", "epochs count from 1", _6=0)
    bad("membership_alone", "a membership without its hash", _7=[2])
    bad("membership_1024", "a height over 1,023", _7=[1024, _HASH])
    bad("covers_nothing", "no device is covered", _8={})
    bad("covered_0", "a mark of number 0", _8={LAPTOP.id: [0, _HASH, 1]})
    bad("covered_pair", "a mark without its epoch", _8={LAPTOP.id: [7, _HASH]})
    bad("covered_short", "a device id of 15 bytes", _8={bytes(15): [7, _HASH, 1]})
    crowd = {at.to_bytes(16): [1, _HASH, 1] for at in range(1025)}
    bad("covered_1025", "1,025 devices are covered", _8=crowd)
    bad("no_parts", "no parts", _9=[])
    bad("part_short", "a part's hash of 31 bytes", _9=[bytes(31)])
    bad("part_twice", "a part named twice", _9=[_HASH, _HASH])
    many = [hashlib.sha256(at.to_bytes(2)).digest() for at in range(1025)]
    bad("parts_1025", "1,025 parts", _9=many)
    bad("far_future", "a time after the year 3000", _10=32_503_680_000_001)
    bad("no_time", "no time", _10=None)
    bad("unknown_key", "a key that is not known", _11=0)
    case("cut", "one byte short", good[:-1], "malformed")
    case("trailing", "one byte more", good + b"\0", "malformed")
    other = _signed(_payload(), "snapshot", kid=PHONE.id)
    case("kid_other", "signed in another name", other, "malformed")
    masked = _signed(_payload(), "snapshot", seed=STRANGER.seed)
    case("masked", "a stranger signs as a member", masked, "tampered")
    case("flipped", "a changed signature", flipped(good, -1), "tampered")
    envelope = _signed(_payload(), "envelope")
    case("other_label", "signed as an envelope", envelope, "tampered")


def _part(
    entries: Cbor, *, height: int = 1, index: int = 0, plaintext: bytes | None = None
) -> bytes:
    context = cbor([_VAULT, 1, LAPTOP.id, height, index])
    return encrypt0(
        derive(EPOCH_SECRET, "clisk/1/snapshot-key", cbor([_VAULT, 1])),
        padded(cbor(entries), 1024) if plaintext is None else plaintext,
        label="clisk/1/snapshot-part",
        context=context,
        nonce=Randomness(f"part {height} {index}")(24),
    )


def _parts(write: Cases) -> None:
    def case(name: str, says: str, data: bytes, result: str, **more: Any) -> None:
        write(
            f"part_{name}",
            spec="snapshot.md §3",
            says=says,
            kind="part",
            part=data,
            vault=_VAULT,
            author=LAPTOP.id,
            height=1,
            epoch=1,
            index=0,
            parts=more.pop("parts", 1),
            secret=EPOCH_SECRET,
            **more,
            result=result,
        )

    rows: list[Cbor] = [[item, b"a change"] for item in _ITEMS]
    case("changes", "three changes", _part(rows), "ok", content=cbor(rows))
    case("empty", "the one part of an empty vault", _part([]), "ok", content=cbor([]))
    case("one_of_two_empty", "an empty part of two", _part([]), "malformed", parts=2)
    case("order", "items out of order", _part(rows[::-1]), "malformed")
    case("item_short", "an item id of 15 bytes", _part([[bytes(15), b""]]), "malformed")
    case("text", "a change in letters", _part([[_ITEMS[0], "x"]]), "malformed")
    case("triple", "an entry of three", _part([[_ITEMS[0], b"x", 0]]), "malformed")
    case("map", "no array", _part({1: 1}), "malformed")
    big: Cbor = [[_ITEMS[0], bytes(524_289)]]
    case("too_big", "524,289 bytes of changes", _part(big), "malformed")
    many: Cbor = [[_ITEMS[0], b""]] * 8193
    case("too_many", "8,193 entries", _part(many), "malformed")
    bare = _part(None, plaintext=cbor(rows))
    case("unpadded", "content without padding", bare, "malformed")
    case("of_another", "a part of another height", _part(rows, height=2), "tampered")
    case("moved", "a part of another place", _part(rows, index=1), "tampered")
    case("flipped", "a changed text", flipped(_part(rows), -1), "tampered")


def _acks(write: Cases) -> None:
    body: dict[int, Any] = {1: 1, 2: _VAULT, 3: PHONE.id, 4: 3, 5: _HASH}

    def case(name: str, says: str, data: bytes, result: str) -> None:
        write(
            f"ack_{name}",
            spec="snapshot.md §4",
            says=says,
            kind="ack",
            ack=data,
            public=ed25519_public(PHONE.seed),
            result=result,
        )

    def bad(name: str, says: str, result: str, changes: dict[int, Any]) -> None:
        data = _signed(with_changes(body, changes), "snapshot-ack", PHONE)
        case(name, says, data, result)

    good = _signed(body, "snapshot-ack", PHONE)
    case("good", "the phone has all of it", good, "ok")
    bad("suite_2", "another suite", "unsupported", {1: 2})
    bad("height_0", "heights count from 1", "malformed", {4: 0})
    bad("hash_short", "a hash of 31 bytes", "malformed", {5: bytes(31)})
    bad("unknown_key", "a key that is not known", "malformed", {6: 0})
    bad("other_device", "in the name of another", "malformed", {3: LAPTOP.id})
    forged = _signed(body, "snapshot-ack", PHONE, seed=STRANGER.seed)
    case("forged", "a stranger signs for the phone", forged, "tampered")
    case("other_label", "signed as a login", _signed(body, "login", PHONE), "tampered")
    case("trailing", "one byte more", good + b"\0", "malformed")

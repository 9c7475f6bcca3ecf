"""Vectors of protocol/access-log.md §11: messages about logs, and fork evidence.

Trees, notes and signatures are written out here, over the standard library and OpenSSL.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from protocol.build.common import Cases, Cbor, Randomness, cbor
from protocol.build.suite import ed25519_public, ed25519_sign

_RANDOM = Randomness("log message")
_ORIGIN = f"{'ab' * 16}/{'cd' * 16}/1"
_LEAF = b"a leaf, not looked into here"


def messages(write: Cases) -> None:
    """Write every message, good and bad."""

    def case(name: str, says: str, value: Cbor, result: str = "malformed") -> None:
        write(
            f"message_{name}",
            spec="access-log.md §11.1",
            says=says,
            kind="message",
            message=cbor(value),
            result=result,
        )

    entry: list[Cbor] = [_LEAF, 1, b"ciphertext", b"head"]
    news: dict[int, Any] = {1: 1, 2: 1, 3: 0, 4: [], 5: [entry], 6: True}
    cosigned: dict[int, Cbor] = {1: 2, 2: b"a signed note"}
    held: dict[int, Cbor] = {1: 3, 2: bytes(16), 3: 1, 4: 40}
    case("news", "one entry from the beginning", news, "ok")
    erased: list[Cbor] = [_LEAF, 1, b"", b""]
    later = {**news, 3: 40, 4: [bytes(32)], 5: [erased, entry], 6: False}
    case("news_later", "two entries after 40, the first one's text erased", later, "ok")
    case("countersigned", "a countersigned head", cosigned, "ok")
    case("held", "40 entries are held", held, "ok")
    case("kind_4", "a kind that is not known", {1: 4}, "unsupported")
    case("no_kind", "no kind", {2: b"a signed note"})
    case("list", "a list", [1])
    case("news_empty", "no entries", {**news, 5: []})
    case("news_no_head", "an end without a head", {**news, 5: [erased]})
    case("news_257", "257 entries", {**news, 5: [entry] * 257})
    case("news_incarnation_0", "incarnation 0", {**news, 2: 0})
    case("news_old_negative", "fewer than no entries before", {**news, 3: -1})
    case("news_past_the_end", "an entry past 2^32", {**news, 3: 1 << 32})
    case("news_proof_short", "a hash of 31 bytes", {**news, 4: [bytes(31)]})
    case("news_proof_65", "65 hashes", {**news, 4: [bytes(32)] * 65})
    case("news_triple", "an entry of three parts", {**news, 5: [entry[:3]]})
    long: list[Cbor] = [bytes(1025), 1, b"", b"head"]
    case("news_leaf_long", "a leaf over 1 KiB", {**news, 5: [long]})
    text: list[Cbor] = ["leaf", 1, b"", b"head"]
    case("news_leaf_text", "a leaf in letters", {**news, 5: [text]})
    case("news_flag_number", "a number for the flag", {**news, 6: 1})
    case("news_more", "a key that is not known", {**news, 7: 0})
    note = {**cosigned, 2: bytes((1 << 14) + 1)}
    case("countersigned_long", "a note over 16 KiB", note)
    case("countersigned_text", "a note in letters", {**cosigned, 2: "a note"})
    case("held_device_short", "a device id of 15 bytes", {**held, 2: bytes(15)})
    case("held_incarnation_0", "incarnation 0", {**held, 3: 0})


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _head(size: int, root: bytes, seed: bytes, origin: str = _ORIGIN) -> bytes:
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    public = ed25519_public(seed)
    key_id = hashlib.sha256(origin.encode() + b"\n\1" + public).digest()[:4]
    line = base64.b64encode(key_id + ed25519_sign(seed, text.encode())).decode()
    return f"{text}\n\N{EM DASH} {origin} {line}\n".encode()


def evidence(write: Cases) -> None:
    """Write evidence that shows a fork, and some that shows none."""
    one, two, three, other = (
        hashlib.sha256(b"\0" + bytes([at])).digest() for at in range(4)
    )
    seed, later = _RANDOM(32), _RANDOM(32)
    large_root = _node(_node(one, two), three)
    # The smaller head has another second entry than the larger one.
    forked = _node(one, other)
    good: dict[int, Cbor] = {
        1: _head(2, forked, seed),
        2: _head(3, large_root, later),
        3: ed25519_public(seed),
        4: ed25519_public(later),
        5: _node(one, two),
        6: [three],
    }

    def case(name: str, says: str, result: str, **changes: Any) -> None:
        numbered = {int(key[1:]): value for key, value in changes.items()}
        write(
            f"evidence_{name}",
            spec="access-log.md §11.5",
            says=says,
            kind="evidence",
            evidence=cbor({**good, **numbered}),
            origin=_ORIGIN,
            result=result,
        )

    case("good", "two heads that no one tree leads to", "ok")
    same = {"_2": _head(2, _node(one, two), seed), "_4": good[3], "_6": []}
    case("same_size", "two heads of one size", "ok", **same)
    agree = _head(2, _node(one, two), seed)
    case("agree", "the larger head goes on from the smaller", "tampered", _1=agree)
    case("other_root", "a root that the proof is not for", "tampered", _5=forked)
    case("no_proof", "no proof between two sizes", "malformed", _6=[])
    equal = {**same, "_6": [three]}
    case("proof_of_one_size", "a proof between equal sizes", "malformed", **equal)
    case("other_key", "a head by another key", "tampered", _3=good[4])
    foreign = _head(2, forked, seed, f"{'ab' * 16}/{'ef' * 16}/1")
    case("two_logs", "heads of two logs", "tampered", _1=foreign)
    turned = {"_1": good[2], "_2": good[1], "_3": good[4], "_4": good[3]}
    case("turned_round", "the larger head first", "tampered", **turned)
    case("key_short", "a key of 31 bytes", "malformed", _3=bytes(31))
    case("not_a_note", "no signed note", "malformed", _1=b"a note")

"""Vectors of protocol/access-log.md: leaves, contents, heads, and small logs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from protocol.build.common import (
    Cases,
    Cbor,
    Json,
    Randomness,
    cases,
    cbor,
    flipped,
)
from protocol.build.log_message import evidence, messages
from protocol.build.suite import derive, ed25519_public, ed25519_sign, encrypt0

_RANDOM = Randomness("access-log")
_VAULT, _DEVICE, _ITEM, _GRANT = _RANDOM(32), _RANDOM(16), _RANDOM(16), _RANDOM(16)
_EPOCH_SECRET = _RANDOM(32)
_EPOCH = 3
_ORIGIN = f"{_VAULT[:16].hex()}/{_DEVICE.hex()}/1"
_TIME = 1_700_000_000_000
_GENESIS, _READ, _BULK, _EXPORT, _REFUSED, _WITNESS, _BEAT, _INCARNATION, _RETIRE = (
    range(1, 10)
)
_PRUNE = 10
_TYPES = {
    _GENESIS: "genesis",
    _READ: "read",
    _BULK: "bulk-read",
    _EXPORT: "export",
    _REFUSED: "refused",
    _WITNESS: "witness",
    _BEAT: "heartbeat",
    _INCARNATION: "incarnation",
    _RETIRE: "retire",
    _PRUNE: "prune",
}
_MARK: dict[int, Cbor] = {8: _DEVICE, 9: _TIME}
_RECORD: dict[int, Cbor] = {
    1: 1,
    2: {1: 4, 2: "demo", 3: _RANDOM(32)},
    3: _ITEM,
    4: "password",
    5: "log in",
    6: "https://example.com",
    7: _GRANT,
    8: _DEVICE,
    9: _TIME,
    10: 4,
}


def build() -> None:
    """Write every case of the page."""
    with cases("access-log") as write:
        _leaves(write)
        _contents(write)
        _sealed(write)
        _openings(write)
        _heads(write)
        _logs(write)
        messages(write)
        evidence(write)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


# --- §5 leaves


def _leaf(kind: int = _READ, seq: int = 7, **changes: Cbor) -> dict[int, Cbor]:
    fields: dict[int, Cbor] = {1: 1, 2: kind, 3: seq, 5: b"\5" * 32, 6: b"\6" * 32}
    if kind != _RETIRE:
        fields[4] = b"\4" * 32
    if kind in (_WITNESS, _INCARNATION):
        fields[7] = b"a signed note"
    if kind == _INCARNATION:
        fields[8] = 1
    if kind == _PRUNE:
        fields[9] = seq
    fields |= {int(key[1:]): value for key, value in changes.items()}
    return fields


def _without(fields: dict[int, Cbor], key: int) -> dict[int, Cbor]:
    return {one: value for one, value in fields.items() if one != key}


def _leaves(write: Cases) -> None:
    def case(name: str, says: str, data: bytes, result: str, **fields: Json) -> None:
        write(
            f"leaf_{name}",
            spec="access-log.md §5",
            says=says,
            kind="leaf",
            leaf=data,
            result=result,
            **fields,
        )

    for kind, name in _TYPES.items():
        case(name, f"a leaf of type {name}", cbor(_leaf(kind)), "ok", type=name, seq=7)
    unknown: dict[str, dict[int, Cbor]] = {
        "version_2": _leaf(k1=2),
        "version_2_other_keys": {1: 2, 2: 2, 9: "new"},
        "type_0": _leaf(k2=0),
        "type_11": _leaf(k2=11),
        "reason_3": _leaf(_INCARNATION, k8=3),
    }
    for name, fields in unknown.items():
        says = f"{name.replace('_', ' ')} is not known, and refused by its number"
        case(name, says, cbor(fields), "unsupported")
    bare = _without(_leaf(_INCARNATION, k8=2), 7)
    says = "a new beginning after damage that left no head to name"
    case("incarnation_without_head", says, cbor(bare), "ok", type="incarnation", seq=7)
    malformed = {
        "no_version": _without(_leaf(), 1),
        "no_next_key": _without(_leaf(), 4),
        "no_commitment": _without(_leaf(), 5),
        "no_ciphertext_hash": _without(_leaf(), 6),
        "extra_key": _leaf(k10=0),
        "read_with_place_pruned": _leaf(k9=1),
        "prune_without_place": _without(_leaf(_PRUNE), 9),
        "prune_of_nothing": _leaf(_PRUNE, k9=0),
        "prune_of_what_comes_after": _leaf(_PRUNE, k9=8),
        "read_with_reason": _leaf(k8=1),
        "incarnation_without_reason": _without(_leaf(_INCARNATION), 8),
        "seq_too_large": _leaf(k3=1 << 32),
        "seq_negative": _leaf(k3=-1),
        "next_key_31_bytes": _leaf(k4=bytes(31)),
        "commitment_33_bytes": _leaf(k5=bytes(33)),
        "hash_as_text": _leaf(k6="6" * 32),
        "read_with_checkpoint": _leaf(k7=b"a signed note"),
        "witness_without_checkpoint": _without(_leaf(_WITNESS), 7),
        "retire_with_next_key": _leaf(_RETIRE, k4=bytes(32)),
        "over_1_kib": _leaf(_WITNESS, k7=bytes(1024)),
    }
    for name, fields in malformed.items():
        says = f"a leaf is refused: {name.replace('_', ' ')}"
        case(name, says, cbor(fields), "malformed")
    good = cbor(_leaf())
    case("byte_after", "a byte after the leaf", good + b"\0", "malformed")
    case("cut_short", "a leaf without its last byte", good[:-1], "malformed")
    long_seq = good.replace(b"\x03\x07\x04", b"\x03\x18\x07\x04")
    case("seq_spelt_long", "a number not in its shortest form", long_seq, "malformed")


# --- §6.1 contents


def _contents(write: Cases) -> None:
    def case(name: str, says: str, data: bytes, result: str) -> None:
        write(
            f"content_{name}",
            spec="access-log.md §6.1",
            says=says,
            kind="content",
            content=data,
            result=result,
        )

    def record(**changes: Cbor) -> bytes:
        return cbor(_RECORD | {int(key[1:]): value for key, value in changes.items()})

    bare = {key: _RECORD[key] for key in (1, 5, 8, 9, 10)} | {2: {1: 1, 2: "terminal"}}
    case("record_full", "a record with every field", record(), "ok")
    case("record_bare", "a record with what it must have", cbor(bare), "ok")
    case("mark", "a mark: where and when", cbor(_MARK), "ok")
    policy: dict[int, Cbor] = {1: 365, 2: 1000}
    case("policy", "a mark with a policy", cbor(_MARK | {11: policy}), "ok")
    case("policy_days", "days alone", cbor(_MARK | {11: {1: 1}}), "ok")
    case("outcome_4", "an outcome not known", record(k1=4), "unsupported")
    vault = record(k2={1: 7, 2: "weekly check"}, k10=14)
    case("kind_7", "the vault itself asks", vault, "ok")
    case("kind_8", "a requester not known", record(k2={1: 8, 2: ""}), "unsupported")
    case("use_21", "the last use that is known", record(k10=21), "ok")
    for number in (0, 22):
        says = "a use not known"
        case(f"use_{number}", says, record(k10=number), "unsupported")
    malformed = {
        "device_15_bytes": record(k8=bytes(15)),
        "item_17_bytes": record(k3=bytes(17)),
        "digest_31_bytes": record(k2={1: 4, 2: "x", 3: bytes(31)}),
        "requester_without_name": record(k2={1: 4}),
        "purpose_over_512": record(k5="x" * 513),
        "time_over_48_bits": record(k9=1 << 48),
        "time_negative": record(k9=-1),
        "extra_key": record(k12=0),
        "record_with_policy": record(k11={1: 30}),
        "policy_empty": cbor(_MARK | {11: {}}),
        "policy_no_days": cbor(_MARK | {11: {1: 0}}),
        "policy_no_entries": cbor(_MARK | {11: {2: 0}}),
        "policy_too_long": cbor(_MARK | {11: {1: 1 << 32}}),
        "policy_extra_key": cbor(_MARK | {11: {1: 30, 3: 1}}),
        "policy_as_text": cbor(_MARK | {11: "30 days"}),
        "use_as_text": record(k10="fill"),
        "no_use": cbor(_without(_RECORD, 10)),
        "outcome_as_text": record(k1="1"),
        "no_purpose": cbor(_without(_RECORD, 5)),
        "mark_15_bytes": cbor(_MARK | {8: bytes(15)}),
        "mark_without_time": cbor({8: _DEVICE}),
        "item_null": record(k3=None),
        "not_a_map": cbor([1]),
    }
    for name, data in malformed.items():
        case(name, f"a content is refused: {name.replace('_', ' ')}", data, "malformed")


# --- §6.2 sealing


def _pad(content: bytes) -> bytes:
    framed = len(content).to_bytes(2) + content
    return framed + bytes(-len(framed) % 256)


def _commit(key: bytes, padded: bytes) -> bytes:
    return hmac.digest(key, b"clisk/1/log-commitment" + padded, "sha256")


def _seal(
    content: bytes, *, seq: int, kind: int, padded: bytes | None = None
) -> tuple[bytes, bytes, bytes]:
    """Return the entry's key, its commitment and the ciphertext."""
    key, nonce = _RANDOM(32), _RANDOM(24)
    padded = _pad(content) if padded is None else padded
    log_key = derive(_EPOCH_SECRET, "clisk/1/log-key", cbor([_ORIGIN, _EPOCH]))
    ciphertext = encrypt0(
        log_key,
        key + padded,
        label="clisk/1/log-payload",
        context=cbor([_ORIGIN, seq, kind, _EPOCH]),
        nonce=nonce,
    )
    return key, _commit(key, padded), ciphertext


def _sealed(write: Cases) -> None:
    content = cbor(_RECORD)
    key, commitment, ciphertext = _seal(content, seq=4, kind=_READ)

    def case(name: str, says: str, result: str, **changes: Json) -> None:
        fields: dict[str, Json] = {
            "epoch_secret": _EPOCH_SECRET,
            "origin": _ORIGIN,
            "seq": 4,
            "type": _READ,
            "epoch": _EPOCH,
            "ciphertext": ciphertext,
            "commitment": commitment,
            "entry_key": key,
            "content": content,
        }
        fields |= changes
        write(
            f"sealed_{name}",
            spec="access-log.md §6.2",
            says=says,
            kind="sealed",
            result=result,
            **fields,
        )

    case("good", "a sealed record opens and is what was committed to", "ok")
    case("other_seq", "moved to another number", "tampered", seq=5)
    case("other_type", "under a leaf of another type", "tampered", type=_REFUSED)
    case("other_origin", "in another log", "tampered", origin=_ORIGIN[:-1] + "2")
    case("other_epoch", "said to be of another epoch", "tampered", epoch=_EPOCH + 1)
    case("other_secret", "another secret", "tampered", epoch_secret=bytes(32))
    last = flipped(ciphertext, -1)
    case("changed", "the last bit changed", "tampered", ciphertext=last)
    case("cut", "a byte short", "malformed", ciphertext=ciphertext[:-1])
    lie = flipped(commitment, 0)
    case("not_committed", "another commitment in the leaf", "tampered", commitment=lie)
    for name, says, padded in (
        ("padding_not_zero", "something in the padding", flipped(_pad(content), -1)),
        ("bucket_too_many", "a bucket too many", _pad(content) + bytes(256)),
        ("not_whole_buckets", "padded to another size", _pad(content)[:-1]),
        ("no_length", "empty", b""),
    ):
        key_, commitment_, ciphertext_ = _seal(b"", seq=4, kind=_READ, padded=padded)
        fields = {
            "entry_key": key_,
            "commitment": commitment_,
            "ciphertext": ciphertext_,
        }
        case(name, f"sealed and committed to, but {says}", "malformed", **fields)


def _openings(write: Cases) -> None:
    content = cbor(_RECORD)
    padded, key = _pad(content), _RANDOM(32)
    leaf = _leaf(k5=_commit(key, padded))

    def case(name: str, says: str, result: str, key: bytes, padded: bytes) -> None:
        write(
            f"opening_{name}",
            spec="access-log.md §6.2",
            says=says,
            kind="opening",
            leaf=cbor(leaf),
            entry_key=key,
            padded=padded,
            content=content,
            result=result,
        )

    case("good", "key and text that the leaf commits to", "ok", key, padded)
    case("other_key", "another key", "tampered", flipped(key, 0), padded)
    other = _pad(cbor(_RECORD | {9: _TIME + 1}))
    case("other_text", "another text", "tampered", key, other)


# --- §4 heads, §7 and §8 logs


@dataclass(frozen=True)
class _Row:
    seq: int
    leaf: bytes
    leaf_hash: bytes
    ciphertext: bytes | None
    head: str | None

    def json(self) -> dict[str, Json]:
        return {
            "seq": self.seq,
            "leaf": self.leaf,
            "leaf_hash": self.leaf_hash,
            "epoch": _EPOCH,
            "ciphertext": self.ciphertext,
            "head": self.head,
        }


def _root(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written."""
    if len(hashes) < 2:
        return hashes[0] if hashes else _sha256(b"")
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return _sha256(b"\1" + _root(hashes[:k]) + _root(hashes[k:]))


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _head(seed: bytes, size: int, root: bytes, *, origin: str = _ORIGIN) -> str:
    text = f"{origin}\n{size}\n{_b64(root)}\n"
    public = ed25519_public(seed)
    key_id = _sha256(origin.encode() + b"\n\x01" + public)[:4]
    signature = ed25519_sign(seed, text.encode())
    return f"{text}\n— {origin} {_b64(key_id + signature)}\n"


def _log(groups: list[list[int]], seeds: list[bytes]) -> list[_Row]:
    """Return a log in which each group of types is closed by one head."""
    rows: list[_Row] = []
    for number, group in enumerate(groups):
        following = ed25519_public(seeds[number + 1])
        for kind in group:
            seq = len(rows)
            content = cbor(_CONTENTS.get(kind, _MARK))
            _, commitment, ciphertext = _seal(content, seq=seq, kind=kind)
            leaf = cbor(
                {
                    1: 1,
                    2: kind,
                    3: seq,
                    4: following,
                    5: commitment,
                    6: _sha256(ciphertext),
                    **({9: seq} if kind == _PRUNE else {}),
                }
            )
            hashed = _sha256(b"\0" + leaf)
            rows.append(_Row(seq, leaf, hashed, ciphertext, None))
        root = _root([row.leaf_hash for row in rows])
        rows[-1] = replace(rows[-1], head=_head(seeds[number], len(rows), root))
    return rows


_CONTENTS = {
    _READ: _RECORD,
    _BULK: _RECORD,
    _PRUNE: _MARK | {11: {1: 365}},
}


def _pruned(case: Callable[..., None], seeds: list[bytes]) -> None:
    """A log of which the contents before entry 3 were erased on record."""
    rows = _log([[_GENESIS], [_READ], [_READ], [_READ], [_PRUNE]], seeds)
    leaf = rows[4].leaf
    assert b"\x09\x04" in leaf, "the builder prunes up to the leaf itself"

    def erased(*places: int) -> list[_Row]:
        return [
            replace(row, ciphertext=None) if row.seq in places else row for row in rows
        ]

    case("pruned", "contents erased by a policy, on record", erased(0, 1, 2, 3))
    says = "the prune leaf's own content erased with them"
    case("pruned_too_far", says, erased(0, 1, 2, 3, 4), "missing content 4")


def _resealed(rows: list[_Row], seed: bytes, *, start: int) -> list[_Row]:
    """Return *rows* with every head from entry *start* on signed by *seed*."""
    hashes = [row.leaf_hash for row in rows]
    return [
        replace(row, head=_head(seed, at + 1, _root(hashes[: at + 1])))
        if row.head and at >= start
        else row
        for at, row in enumerate(rows)
    ]


def _with_leaf(row: _Row, leaf: bytes) -> _Row:
    return replace(row, leaf=leaf, leaf_hash=_sha256(b"\0" + leaf))


def _heads(write: Cases) -> None:
    seed, other = _RANDOM(32), _RANDOM(32)
    root = _RANDOM(32)
    good = _head(seed, 2, root)
    text, _, line = good.partition("\n\n")

    def case(name: str, says: str, head: str | bytes, result: str) -> None:
        write(
            f"head_{name}",
            spec="access-log.md §4",
            says=says,
            kind="head",
            head=head.encode() if isinstance(head, str) else head,
            origin=_ORIGIN,
            size=2,
            root=root,
            public=ed25519_public(seed),
            result=result,
        )

    case("good", "a head signed by its key", good, "ok")
    stranger = _head(other, 2, root).partition("\n\n")[2]
    both = f"{text}\n\n{line}{stranger}"
    case("and_stranger", "a line of an unknown key is ignored", both, "ok")
    case("by_stranger", "signed by another key", _head(other, 2, root), "tampered")
    forged = good.replace("\n2\n", "\n3\n")
    case("other_size", "another size under the signature", forged, "tampered")
    malformed: dict[str, str | bytes] = {
        "size_02": good.replace("\n2\n", "\n02\n"),
        "size_plus": good.replace("\n2\n", "\n+2\n"),
        "crlf": good.replace("\n", "\r\n"),
        "no_newline_at_end": good[:-1],
        "no_blank_line": f"{text}\n{line}",
        "hyphen": good.replace("—", "-"),
        "root_31_bytes": good.replace(_b64(root), _b64(root[:31])),
        "root_stray_bits": good.replace(
            _b64(root), _b64(root)[:-2] + chr(ord(_b64(root)[-2]) + 1) + "="
        ),
        "no_root": good.replace(_b64(root) + "\n", ""),
        "signature_cut": good.replace(line, line[:-8] + "\n"),
        "not_utf8": good.encode().replace(b"\n2\n", b"\n2\n\xff"),
    }
    for name, head in malformed.items():
        case(name, f"a head is refused: {name.replace('_', ' ')}", head, "malformed")


def _logs(write: Cases) -> None:
    seeds = [_RANDOM(32) for _ in range(7)]
    rows = _log([[_GENESIS], [_READ], [_READ], [_BULK] * 3, [_REFUSED]], seeds)

    def case(name: str, says: str, rows: list[_Row], *found: str) -> None:
        """A finding is its word, and where: "edited leaf 2", "missing head 3-4"."""
        write(
            f"log_{name}",
            spec="access-log.md §8",
            says=says,
            kind="log",
            origin=_ORIGIN,
            enrolled=ed25519_public(seeds[0]),
            entries=[row.json() for row in rows],
            findings=list(found),
            result="tampered" if found else "ok",
        )

    def put(at: int, row: _Row) -> list[_Row]:
        return [*rows[:at], row, *rows[at + 1 :]]

    later = "unchecked head"
    case("good", "five heads over seven entries", rows)
    case("truncated", "cut off after entry 2: nothing in it can tell", rows[:3])
    leaf = flipped(rows[2].leaf, -1)
    edited = replace(rows[2], leaf=leaf)
    case("edited_leaf", "a leaf changed", put(2, edited), "edited leaf 2")
    fits = put(2, _with_leaf(rows[2], flipped(rows[2].leaf, 45)))
    case(
        "edited_leaf_and_hash",
        "a leaf changed and its hash made to fit",
        fits,
        "edited leaf 2",
        f"{later} 6-7",
    )
    hashed = put(2, replace(rows[2], leaf_hash=bytes(32)))
    case("edited_hash", "a stored hash changed", hashed, "edited leaf hash 2")
    body = replace(rows[4], ciphertext=flipped(rows[4].ciphertext or b"", -1))
    case("edited_content", "a ciphertext changed", put(4, body), "edited content 4")
    erased = put(4, replace(rows[4], ciphertext=None))
    case("erased_content", "a ciphertext erased", erased, "missing content 4")
    _pruned(case, seeds)
    _, _, stranger = _seal(cbor(_RECORD), seq=1, kind=_READ)
    swapped = put(1, replace(rows[1], ciphertext=stranger))
    case("other_content", "another ciphertext", swapped, "edited content 1")
    gap = [*rows[:2], *rows[3:]]
    case("deleted", "an entry deleted", gap, "missing entry 2", f"{later} 6-7")
    order = [*rows[:1], replace(rows[2], seq=1), replace(rows[1], seq=2), *rows[3:]]
    case(
        "reordered",
        "two entries in each other's place",
        order,
        "wrong order 1-2",
        f"{later} 2-3",
        f"{later} 6-7",
    )
    unsealed = put(1, replace(rows[1], head=None))
    case("head_dropped", "a head dropped", unsealed, "missing head 2")
    tail = put(6, replace(rows[6], head=None))
    case("tail_unsealed", "the last entry without a head", tail, "missing head 7")
    current = _resealed(rows, seeds[5], start=2)
    case(
        "resealed",
        "resealed from entry 2 on by the thief of the next key",
        current,
        "unknown key 3",
        "unknown key 6-7",
    )
    forged = put(
        2, replace(rows[2], head=(rows[2].head or "").replace("\n3\n", "\n4\n"))
    )
    case("head_edited", "a head's size changed", forged, "edited head 3")
    moved = _head(seeds[2], 4, _root([row.leaf_hash for row in rows[:4]]))
    case(
        "head_of_another_size",
        "a head well signed, for another size",
        put(2, replace(rows[2], head=moved)),
        "wrong order 3",
    )
    elsewhere = _head(
        seeds[2], 3, _root([r.leaf_hash for r in rows[:3]]), origin="o/d/1"
    )
    case(
        "head_of_another_log",
        "a head of another log",
        put(2, replace(rows[2], head=elsewhere)),
        "edited head 3",
    )
    two = _log([[_GENESIS], [_GENESIS]], seeds)
    case("two_beginnings", "a second genesis", two, "wrong place 1")
    none = _log([[_READ], [_READ]], seeds)
    case("no_beginning", "a log that begins with a read", none, "wrong place 0")
    long = _log([[_GENESIS], [_BULK] * 65], seeds)
    case("group_of_65", "65 entries under one head", long, "missing head 65")
    case("empty", "no entries at all", [], "missing entry 0")

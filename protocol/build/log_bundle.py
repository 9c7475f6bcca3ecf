"""Vectors of protocol/log-bundle.md: whole bundles, good and spoilt."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.suite import ed25519_public, ed25519_sign

_RANDOM = Randomness("log-bundle")
_VAULT, _DEVICE = _RANDOM(16), _RANDOM(16)
_ORIGIN = f"{_VAULT.hex()}/{_DEVICE.hex()}/1"
_PEER_SEED, _PEER_NAME = _RANDOM(32), _RANDOM(16).hex()
_TIME = 1_700_000_000_000
_GENESIS, _READ, _BULK, _EXPORT, _REFUSED = range(1, 6)
_INCARNATION, _RETIRE, _PRUNE = 8, 9, 10
_MARK: dict[int, Cbor] = {8: _DEVICE, 9: _TIME}
_RECORD: dict[int, Cbor] = {
    1: 1,
    2: {1: 4, 2: "demo", 3: _RANDOM(32)},
    3: _RANDOM(16),
    4: "password",
    5: "log in",
    6: "https://example.com",
    8: _DEVICE,
    9: _TIME,
    10: 4,
}
_EXPORTED = _RECORD | {
    2: {1: 5, 2: "test"},
    5: "open entries 1 of the access log",
    10: 16,
}

Files = dict[str, bytes]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written."""
    if len(hashes) < 2:
        return hashes[0] if hashes else _sha256(b"")
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return _sha256(b"\1" + _root(hashes[:k]) + _root(hashes[k:]))


def _path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1, as it is written."""
    if len(hashes) < 2:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if index < k:
        return [*_path(index, hashes[:k]), _root(hashes[k:])]
    return [*_path(index - k, hashes[k:]), _root(hashes[:k])]


def _vkey(name: str, kind: int, public: bytes) -> str:
    raw = bytes([kind]) + public
    key_id = _sha256(name.encode() + b"\n" + raw)[:4]
    return f"{name}+{key_id.hex()}+{_b64(raw)}"


def _line(name: str, kind: int, public: bytes, signature: bytes) -> str:
    key_id = _sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]
    return f"— {name} {_b64(key_id + signature)}\n"


def _text(size: int, root: bytes, *, origin: str = _ORIGIN) -> str:
    return f"{origin}\n{size}\n{_b64(root)}\n"


def _own_line(seed: bytes, text: str) -> str:
    signature = ed25519_sign(seed, text.encode())
    return _line(text.split("\n", maxsplit=1)[0], 1, ed25519_public(seed), signature)


def _peer_line(text: str, *, seconds: int = _TIME // 1000) -> str:
    message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
    signature = seconds.to_bytes(8) + ed25519_sign(_PEER_SEED, message)
    return _line(_PEER_NAME, 4, ed25519_public(_PEER_SEED), signature)


def _pad(content: bytes) -> bytes:
    framed = len(content).to_bytes(2) + content
    return framed + bytes(-len(framed) % 256)


def _frame(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(2) + part for part in parts)


@dataclass(frozen=True)
class _Entry:
    """An entry, and the key and text that open it."""

    leaf: bytes
    key: bytes
    padded: bytes
    head: str = ""

    @property
    def hash(self) -> bytes:
        return _sha256(b"\0" + self.leaf)


@dataclass(frozen=True)
class _Log:
    """Entries, and the seed of each head's key, the next one's included."""

    entries: list[_Entry]
    seeds: list[bytes]
    origin: str = _ORIGIN

    def hashes(self, size: int | None = None) -> list[bytes]:
        return [entry.hash for entry in self.entries[:size]]

    def files(
        self,
        *,
        opened: Sequence[int] = (),
        seen: Sequence[str] = (),
        changed: Mapping[str, bytes | None] | None = None,
    ) -> Files:
        """Return the bundle, with files of *changed* put in, or taken out."""
        size = len(self.entries)
        rest = f"000.p/{size}"
        files: dict[str, bytes | None] = {
            "bundle": f"clisk/1/log-bundle\n{self.origin}\n{size}\n".encode(),
            "keys": _keys(self).encode(),
            "seen": _frame([note.encode() for note in seen]),
            f"tile/0/{rest}": b"".join(self.hashes()),
            f"tile/entries/{rest}": _frame([one.leaf for one in self.entries]),
            f"heads/{rest}": _frame([one.head.encode() for one in self.entries]),
        }
        for at in opened:
            entry = self.entries[at]
            files[f"opening/{at}"] = cbor({1: entry.key, 2: entry.padded})
            files[f"proof/{at}"] = self.proof(at)
        files |= changed or {}
        return {path: data for path, data in files.items() if data is not None}

    def proof(self, at: int, *, size: int | None = None) -> bytes:
        """Return the tlog-proof of an entry, in the newest head by default."""
        size = len(self.entries) if size is None else size
        hashes = "".join(f"{_b64(one)}\n" for one in _path(at, self.hashes(size)))
        above = f"c2sp.org/tlog-proof@v1\nindex {at}\n{hashes}\n"
        return (above + self.entries[size - 1].head).encode()

    def put(self, at: int, entry: _Entry) -> _Log:
        return replace(
            self, entries=[*self.entries[:at], entry, *self.entries[at + 1 :]]
        )

    def sealed(self, at: int, *, seed: bytes, size: int | None = None) -> _Log:
        """Return the log with the head at entry *at* signed anew by *seed*."""
        root = _root(self.hashes(at + 1))
        text = _text(at + 1 if size is None else size, root, origin=self.origin)
        head = f"{text}\n{_own_line(seed, text)}"
        return self.put(at, replace(self.entries[at], head=head))


def _entry(
    kind: int,
    seq: int,
    following: bytes | None,
    content: Cbor,
    more: dict[int, Cbor] | None = None,
) -> _Entry:
    key, padded = _RANDOM(32), _pad(cbor(content))
    leaf: dict[int, Cbor] = {
        1: 1,
        2: kind,
        3: seq,
        5: hmac.digest(key, b"clisk/1/log-commitment" + padded, "sha256"),
        6: _RANDOM(32),
    }
    if following is not None:
        leaf[4] = following
    return _Entry(cbor(leaf | (more or {})), key, padded)


def _log(
    groups: Sequence[Sequence[tuple[int, Cbor]]],
    *,
    origin: str = _ORIGIN,
    more: Mapping[int, dict[int, Cbor]] | None = None,
) -> _Log:
    """Return a log with one head a group of types and contents.

    *more*: what else stands in the leaf of a type.
    """
    log = _Log([], [_RANDOM(32) for _ in range(len(groups) + 1)], origin)
    for number, group in enumerate(groups):
        following = ed25519_public(log.seeds[number + 1])
        for kind, content in group:
            named = None if kind == _RETIRE else following
            added = (more or {}).get(kind)
            log.entries.append(_entry(kind, len(log.entries), named, content, added))
        log = log.sealed(len(log.entries) - 1, seed=log.seeds[number])
    return log


def _keys(log: _Log) -> str:
    return (
        f"{_vkey(log.origin, 1, ed25519_public(log.seeds[0]))}\n"
        f"{_vkey(_PEER_NAME, 4, ed25519_public(_PEER_SEED))}\n"
    )


def build() -> None:
    """Write every case of the page."""
    with cases("log-bundle") as write:
        log = _log(
            [
                [(_GENESIS, _MARK)],
                [(_READ, _RECORD)],
                [(_READ, _RECORD)],
                [(_BULK, _RECORD)] * 3,
                [(_REFUSED, _RECORD | {1: 2})],
                [(_EXPORT, _EXPORTED)],
            ]
        )
        _good(write, log)
        _shape(write, log)
        _chain(write, log)
        _peers(write, log)
        _openings(write, log)
        _parts(write, log)
        _later(write, log)


_Case = Callable[..., None]


def _case(write: Cases, log: _Log) -> _Case:
    def case(
        name: str,
        says: str,
        files: Files,
        result: str = "ok",
        *,
        keys: str = "",
        level: str = "sealed",
        witnessed: int = 0,
        shown: Sequence[int] = (),
        findings: Sequence[str] = (),
    ) -> None:
        """A finding is its word, and where; only outcomes of checking have them."""
        checked = result == "ok" or findings
        outputs = {
            "level": level,
            "witnessed_size": witnessed,
            "findings": list(findings),
            "shown": list(shown),
        }
        write(
            f"bundle_{name}",
            spec="log-bundle.md §5",
            says=says,
            kind="bundle",
            keys=keys or _keys(log),
            files=dict(sorted(files.items())),
            result="tampered" if findings else result,
            **(outputs if checked else {}),  # type: ignore[arg-type]
        )

    return case


def _good(write: Cases, log: _Log) -> None:
    case = _case(write, log)
    case("good", "six heads over eight entries, nothing opened", log.files())
    own = _vkey(_ORIGIN, 1, ed25519_public(log.seeds[0]))
    case(
        "one_key",
        "checked with the enrolled key alone",
        log.files(),
        keys=f"# the laptop\n\n{own}\n",
        level="unanchored",
    )
    shown = [0, 1, 4, 6, 7]
    case("opened", "entries of each kind opened", log.files(opened=shown), shown=shown)
    case("cut_off", "cut off at a head: nothing in it can tell", _cut(log, 3).files())
    older = {"proof/1": log.proof(1, size=3)}
    case(
        "older_proof",
        "a proof in an older head of the log",
        log.files(opened=[1], changed=older),
        shown=[1],
    )
    long = _log([[(_GENESIS, _MARK)], [(_RETIRE, _MARK)]])
    case(
        "retired",
        "a log that ended",
        long.files(opened=[1]),
        keys=_keys(long),
        shown=[1],
    )


def _later(write: Cases, log: _Log) -> None:
    """A second incarnation, and a log that was pruned."""
    case = _case(write, log)
    origin, before = f"{_ORIGIN[:-1]}2", log.entries[-1].head.encode()
    begun: dict[int, dict[int, Cbor]] = {_INCARNATION: {7: before, 8: 1}}
    groups: list[list[tuple[int, Cbor]]] = [[(_INCARNATION, _MARK)], [(_READ, _RECORD)]]
    second = _log(groups, origin=origin, more=begun)
    keys = _keys(second)
    opened = second.files(opened=[0, 1])
    case(
        "second_incarnation",
        "a log that goes on after a restore, under a key of its own",
        opened,
        keys=f"{_keys(log)}{keys}",
        shown=[0, 1],
    )
    case(
        "second_with_the_first_s_key",
        "the enrolled key of the first incarnation is not that of the second",
        opened,
        "tampered",
        keys=_keys(log),
    )
    first = [[(_GENESIS, _MARK)], [(_INCARNATION, _MARK)]]
    again = _log(first, more=begun)
    case(
        "incarnation_in_the_middle",
        "a log begins anew only as a log of its own",
        again.files(),
        keys=_keys(again),
        findings=["wrong place 1"],
    )
    text = second.entries[-1].head.split("\n\n")[0] + "\n"
    countersigned = second.entries[-1].head + _peer_line(text)
    seen = second.put(1, replace(second.entries[1], head=countersigned))
    case(
        "second_countersigned",
        "a peer countersigned the second incarnation",
        seen.files(opened=[1]),
        keys=keys,
        level="witnessed",
        witnessed=2,
        shown=[1],
    )
    elsewhere = second.entries[-1].head + _peer_line(log.entries[-1].head)
    wrong = second.put(1, replace(second.entries[1], head=elsewhere))
    case(
        "second_with_the_first_s_countersignature",
        "a countersignature of the first incarnation below a head of the second",
        wrong.files(),
        keys=keys,
        findings=["bad cosignature 2"],
    )
    policy: dict[int, Cbor] = {**_MARK, 11: {1: 365}}
    pruned = _log(
        [[(_GENESIS, _MARK)], [(_READ, _RECORD)], [(_PRUNE, policy)]],
        more={_PRUNE: {9: 2}},
    )
    case(
        "pruned",
        "a prune leaf: nothing in a bundle can be missing, for it has no ciphertexts",
        pruned.files(opened=[2]),
        keys=_keys(pruned),
        shown=[2],
    )
    without = _log(
        [[(_GENESIS, _MARK)], [(_READ, _RECORD)], [(_PRUNE, _MARK)]],
        more={_PRUNE: {9: 2}},
    )
    case(
        "pruned_without_a_policy",
        "a prune leaf whose contents name no policy",
        without.files(opened=[2]),
        keys=_keys(without),
        findings=["wrong place 2"],
    )
    ahead = _log([[(_GENESIS, _MARK)], [(_PRUNE, policy)]], more={_PRUNE: {9: 2}})
    case(
        "pruned_ahead",
        "a prune leaf that says entries after it were erased",
        ahead.files(),
        keys=_keys(ahead),
        findings=["edited leaf 1"],
    )


def _cut(log: _Log, size: int) -> _Log:
    return replace(log, entries=log.entries[:size])


def _shape(write: Cases, log: _Log) -> None:
    case = _case(write, log)

    def about(text: str) -> Files:
        return log.files(changed={"bundle": text.encode()})

    first = "clisk/1/log-bundle"
    case(
        "version_2",
        "a later version",
        about(f"clisk/2/log-bundle\n{_ORIGIN}\n8\n"),
        "unsupported",
    )
    tiles = {
        "size_is_a_lie": about(f"{first}\n{_ORIGIN}\n9\n"),
        "size_huge": about(f"{first}\n{_ORIGIN}\n4294967295\n"),
        "size_over_32_bits": about(f"{first}\n{_ORIGIN}\n4294967296\n"),
        "size_08": about(f"{first}\n{_ORIGIN}\n08\n"),
        "size_0": about(f"{first}\n{_ORIGIN}\n0\n"),
        "origin_upper_case": about(f"{first}\n{_ORIGIN.upper()}\n8\n"),
        "line_more": about(f"{first}\n{_ORIGIN}\n8\n\n"),
        "no_newline": about(f"{first}\n{_ORIGIN}\n8"),
        "carriage_returns": about(f"{first}\r\n{_ORIGIN}\r\n8\r\n"),
        "other_first_line": about(f"{first}s\n{_ORIGIN}\n8\n"),
    }
    whole = log.files()
    for name in ("bundle", "keys", "seen", "tile/0/000.p/8", "heads/000.p/8"):
        gone = log.files(changed={name: None})
        tiles[f"no_{name.split('/')[0]}"] = gone
    tiles["no_entries"] = log.files(changed={"tile/entries/000.p/8": None})
    tiles["file_more"] = log.files(changed={".DS_Store": b""})
    tiles["tile_more"] = log.files(changed={"tile/0/001.p/1": bytes(32)})
    tiles["level_1"] = log.files(changed={"tile/1/000.p/1": bytes(32)})
    tiles["opening_padded_name"] = log.files(
        changed={"opening/01": b"", "proof/01": b""}
    )
    tiles["opening_beyond"] = log.files(changed={"opening/8": b"", "proof/8": b""})
    one = log.files(opened=[1])
    tiles["opening_alone"] = {k: v for k, v in one.items() if k != "proof/1"}
    tiles["proof_alone"] = {k: v for k, v in one.items() if k != "opening/1"}
    for path in ("tile/0/000.p/8", "tile/entries/000.p/8", "heads/000.p/8"):
        word = path.split("/")[1 if path.startswith("tile") else 0]
        tiles[f"cut_{word}"] = log.files(changed={path: whole[path][:-1]})
        tiles[f"more_{word}"] = log.files(changed={path: whole[path] + b"\0\0"})
    fat = _frame([bytes(1025), *(entry.leaf for entry in log.entries[1:])])
    tiles["leaf_over_1_kib"] = log.files(changed={"tile/entries/000.p/8": fat})
    said = _keys(log)
    own, peer = said.splitlines()
    for name, text in {
        "keys_empty": "\n",
        "keys_peer_first": f"{peer}\n{own}\n",
        "keys_peer_twice": f"{own}\n{peer}\n{peer}\n",
        "keys_two_logs": f"{own}\n{own}\n",
        "keys_comment": f"# mine\n{said}",
        "keys_no_newline": said[:-1],
        "keys_other_id": said.replace(own.split("+")[1], "00000000"),
        "keys_blank_line": f"{own}\n\n{peer}\n",
    }.items():
        tiles[name] = log.files(changed={"keys": text.encode()})
    kind_2 = _vkey(_PEER_NAME, 2, bytes(32))
    strange = log.files(changed={"keys": f"{own}\n{kind_2}\n".encode()})
    case("keys_kind_2", "a kind of key not known", strange, "unsupported")
    for name, files in tiles.items():
        says = f"the shape is wrong: {name.replace('_', ' ')}"
        case(name, says, files, "malformed")


def _chain(write: Cases, log: _Log) -> None:
    case, later = _case(write, log), "unchecked head"
    size = len(log.entries)
    fits = {"tile/0/000.p/8": b"".join([*log.hashes(2), bytes(32), *log.hashes()[3:]])}

    def bad(name: str, says: str, log: _Log, *findings: str, **others: object) -> None:
        case(name, says, log.files(**others), findings=findings)  # type: ignore[arg-type]

    bad(
        "edited_hash",
        "a leaf hash changed: the leaf is as signed",
        log,
        "edited leaf hash 2",
        changed=fits,
    )
    leaf = replace(log.entries[2], leaf=flipped(log.entries[2].leaf, -1))
    kept = {"tile/0/000.p/8": b"".join(log.hashes())}
    bad(
        "edited_leaf", "a leaf changed", log.put(2, leaf), "edited leaf 2", changed=kept
    )
    bad(
        "edited_leaf_and_hash",
        "a leaf changed, and its hash made to fit",
        log.put(2, leaf),
        "edited leaf 2",
        f"{later} 6-8",
    )
    thief = log
    for at in (2, 5, 6, 7):
        thief = thief.sealed(at, seed=log.seeds[-1])
    bad(
        "resealed",
        "resealed from entry 2 on by the thief of the next key",
        thief,
        "unknown key 3",
        "unknown key 6-8",
    )
    no_head = log.put(2, replace(log.entries[2], head=""))
    bad("head_dropped", "a head left out", no_head, "missing head 3")
    tail = log.put(7, replace(log.entries[7], head=""))
    bad("tail_unsealed", "the last entry without a head", tail, "missing head 8")
    newest = replace(
        log, entries=[*(replace(e, head="") for e in log.entries[:-1]), log.entries[-1]]
    )
    bad(
        "newest_head_only",
        "all heads left out but the newest",
        newest,
        "missing head 1-3",
        "missing head 6-7",
    )
    text = log.entries[2].head.replace("\n3\n", "\n4\n")
    edited = log.put(2, replace(log.entries[2], head=text))
    bad("head_edited", "a head's size changed", edited, "edited head 3")
    moved = log.sealed(2, seed=log.seeds[2], size=4)
    bad("head_of_another_size", "a head for another size", moved, "wrong order 3")
    rubbish = log.put(2, replace(log.entries[2], head="head"))
    bad("head_no_note", "a head that is no note", rubbish, "edited head 3")
    twice = log.entries[2].head + log.entries[2].head.split("\n\n")[1]
    doubled = log.put(2, replace(log.entries[2], head=twice))
    bad("head_signed_twice", "the log's own line twice", doubled, "edited head 3")
    swapped = replace(
        log,
        entries=[
            log.entries[0],
            replace(log.entries[2], head=log.entries[1].head),
            replace(log.entries[1], head=log.entries[2].head),
            *log.entries[3:],
        ],
    )
    bad(
        "reordered",
        "two entries in each other's place",
        swapped,
        "wrong order 1-2",
        f"{later} 2-3",
        f"{later} 6-8",
    )
    two = _log([[(_GENESIS, _MARK)], [(_GENESIS, _MARK)]])
    case(
        "two_beginnings",
        "a second genesis",
        two.files(),
        keys=_keys(two),
        findings=["wrong place 1"],
    )
    long = _log([[(_GENESIS, _MARK)], [(_BULK, _RECORD)] * 65])
    case(
        "group_of_65",
        "65 entries under one head",
        long.files(),
        keys=_keys(long),
        findings=["missing head 65"],
    )
    other = _vkey(_ORIGIN, 1, ed25519_public(_RANDOM(32)))
    case(
        "other_key",
        "another enrolled key",
        log.files(),
        keys=f"{other}\n",
        level="unanchored",
        findings=["unknown key 1"],
    )
    elsewhere = _vkey(_ORIGIN[:-1] + "2", 1, ed25519_public(log.seeds[0]))
    case(
        "key_of_another_log",
        "a key of another log",
        log.files(),
        "tampered",
        keys=f"{elsewhere}\n",
    )
    case(
        "two_keys",
        "two keys for one log",
        log.files(),
        "tampered",
        keys=f"{other}\n{_keys(log)}",
    )
    only = _keys(log).splitlines()[1]
    case(
        "peers_key_only", "no key of the log", log.files(), "tampered", keys=f"{only}\n"
    )
    assert size == 8


def _peers(write: Cases, log: _Log) -> None:
    case = _case(write, log)

    def seen(size: int, root: bytes, **how: int) -> str:
        text = _text(size, root)
        return f"{text}\n{_peer_line(text, **how)}"

    true = seen(6, _root(log.hashes(6)))
    case(
        "seen",
        "a peer saw six entries",
        log.files(seen=[true]),
        level="witnessed",
        witnessed=6,
    )
    fork = seen(6, bytes(32))
    case(
        "forked",
        "a peer saw another head 6",
        log.files(seen=[fork]),
        findings=["forked 6"],
    )
    both = log.files(seen=[seen(3, _root(log.hashes(3))), fork], opened=[1, 4])
    case(
        "forked_later",
        "a peer saw head 3, and another head 6",
        both,
        level="witnessed",
        witnessed=3,
        shown=[1],
        findings=["forked 6"],
    )
    short = _cut(log, 3).files(seen=[true])
    case(
        "truncated", "cut off before what a peer saw", short, findings=["truncated 4-6"]
    )
    false = true[:-8] + ("A" if true[-8] != "A" else "B") + true[-7:]
    case(
        "bad_cosignature",
        "a countersignature changed",
        log.files(seen=[false]),
        findings=["bad cosignature 6"],
    )
    own = _PEER_NAME.replace(_PEER_NAME, _DEVICE.hex())
    itself = _keys(log) + _vkey(own, 4, ed25519_public(_PEER_SEED)) + "\n"
    text = _text(6, _root(log.hashes(6)))
    mine = f"{text}\n{_peer_line(text).replace(_PEER_NAME, own)}"
    case(
        "own_witness",
        "a device that vouches for itself",
        log.files(seen=[mine]),
        keys=itself,
    )
    head = log.entries[2].head
    with_line = head + _peer_line(head.split("\n\n")[0] + "\n")
    kept = log.put(2, replace(log.entries[2], head=with_line))
    case(
        "kept_cosignature",
        "a countersignature under a head",
        kept.files(opened=[1]),
        level="witnessed",
        witnessed=3,
        shown=[1],
    )
    elsewhere = _text(6, bytes(32), origin=_ORIGIN[:-1] + "2")
    foreign = f"{elsewhere}\n{_peer_line(elsewhere)}"
    case("seen_elsewhere", "a peer's head of another log", log.files(seen=[foreign]))
    two_lines = "a\nb\n"
    extended = _text(6, _root(log.hashes(6))) + "more\n"
    for name, note in {
        "seen_extension": f"{extended}\n{_peer_line(extended)}",
        "seen_no_note": "seen",
        "seen_no_checkpoint": f"{two_lines}\n{_peer_line(two_lines)}",
    }.items():
        case(
            name,
            f"refused: {name.replace('_', ' ')}",
            log.files(seen=[note]),
            "malformed",
        )
    many = log.files(seen=[true] * 65)
    case("seen_65", "more notes than allowed", many, "malformed")


def _openings(write: Cases, log: _Log) -> None:
    case = _case(write, log)

    def change(name: str, says: str, path: str, data: bytes, *findings: str) -> None:
        files = log.files(opened=[1, 2], changed={path: data})
        left = [2] if findings else []
        result = "ok" if findings else "malformed"
        case(name, says, files, result, shown=left, findings=findings)

    one, two = log.entries[1], log.entries[2]
    broken, no_proof = "broken commitment 1", "bad proof 1"
    mixed = cbor({1: one.key, 2: two.padded[:-1] + b"\1"})
    change("other_text", "another text", "opening/1", mixed, broken)
    keyed = cbor({1: two.key, 2: one.padded})
    change("other_entry_key", "another entry's key", "opening/1", keyed, broken)
    good = log.proof(1)
    change(
        "proof_of_another", "another entry's proof", "proof/1", log.proof(2), no_proof
    )
    elsewhere = log.sealed(7, seed=log.seeds[0]).proof(1)
    change(
        "proof_in_another_head",
        "a head that is not there",
        "proof/1",
        elsewhere,
        no_proof,
    )
    lines = good.split(b"\n")
    swapped = b"\n".join([*lines[:2], lines[3], lines[2], *lines[4:]])
    change("proof_path", "hashes of the path exchanged", "proof/1", swapped, no_proof)
    shorter = b"\n".join([*lines[:2], *lines[3:]])
    change("proof_short", "a hash of the path left out", "proof/1", shorter, no_proof)
    early = log.proof(0, size=1).replace(b"index 0", b"index 1")
    change("proof_head_before", "a head before the entry", "proof/1", early, no_proof)
    for name, data in {
        "extra_key": cbor({1: one.key, 2: one.padded, 3: 0}),
        "key_31": cbor({1: one.key[1:], 2: one.padded}),
        "not_whole_buckets": cbor({1: one.key, 2: one.padded[:-1]}),
        "empty_text": cbor({1: one.key, 2: b""}),
        "17_buckets": cbor({1: one.key, 2: bytes(256 * 17)}),
        "byte_after": cbor({1: one.key, 2: one.padded}) + b"\0",
        "text_as_text": cbor({1: one.key, 2: "x" * 256}),
        "no_file": b"",
    }.items():
        change(
            f"opening_{name}",
            f"an opening: {name.replace('_', ' ')}",
            "opening/1",
            data,
        )
    for name, data in {
        "extra": good.replace(b"@v1\n", b"@v1\nextra AAAA\n"),
        "index_01": good.replace(b"index 1", b"index 01"),
        "no_index": good.replace(b"index 1\n", b""),
        "version": good.replace(b"@v1", b"@v2"),
        "hash_31": b"\n".join([*lines[:2], _b64(bytes(31)).encode(), *lines[3:]]),
        "crlf": good.replace(b"\n", b"\r\n"),
        "no_head": good.split(b"\n\n")[0] + b"\n\n",
        "no_blank_line": good.split(b"\n\n")[0] + b"\n",
    }.items():
        change(f"proof_{name}", f"a proof: {name.replace('_', ' ')}", "proof/1", data)
    _misfits(case)


def _misfits(case: _Case) -> None:
    """Committed to and well signed, and still not what its leaf stands for."""
    stranger = _RECORD | {8: bytes(16)}
    for name, says, kind, content, found in (
        ("other_device", "of another device", _READ, stranger, "wrong place 1"),
        (
            "refused_as_read",
            "refused, as a read",
            _READ,
            _RECORD | {1: 2},
            "wrong place 1",
        ),
        ("mark_as_read", "a mark, as a read", _READ, _MARK, "wrong place 1"),
        (
            "unknown_outcome",
            "an outcome not known",
            _READ,
            _RECORD | {1: 4},
            "unreadable content 1",
        ),
        (
            "unknown_use",
            "a use not known",
            _READ,
            _RECORD | {10: 22},
            "unreadable content 1",
        ),
        (
            "not_a_record",
            "contents of another shape",
            _READ,
            {1: 1},
            "unreadable content 1",
        ),
    ):
        log = _log([[(_GENESIS, _MARK)], [(kind, content)]])
        case(
            f"content_{name}",
            says,
            log.files(opened=[1]),
            keys=_keys(log),
            findings=[found],
        )


def _parts(write: Cases, log: _Log) -> None:
    """A proof and an opening as they are shown alone."""
    entry = log.entries[1]
    write(
        "proof_alone",
        spec="log-bundle.md §3.6",
        says="a proof by itself, with its parts",
        kind="proof",
        proof=log.proof(1),
        index=1,
        path=_path(1, log.hashes()),
        head=log.entries[-1].head.encode(),
        result="ok",
    )
    write(
        "opening_alone",
        spec="log-bundle.md §3.5",
        says="an opening by itself, and the leaf that commits to it",
        kind="opening",
        opening=cbor({1: entry.key, 2: entry.padded}),
        leaf=entry.leaf,
        content=cbor(_RECORD),
        result="ok",
    )

"""Vectors of protocol/recovery.md and safety-code.md: kits, words, codes."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor
from protocol.build.hpke import wrap_public
from protocol.build.suite import derive, ed25519_public

_RANDOM = Randomness("recovery")
_VAULT, _SECRET, _MAKER, _HASH = _RANDOM(32), _RANDOM(32), _RANDOM(16), _RANDOM(32)
_RELAY = "https://relay.example"
_WORDS = (
    resources.files("mnemonic")
    .joinpath("wordlist/english.txt")
    .read_text(encoding="ascii")
    .split()
)


def build() -> None:
    """Write every case of both pages."""
    # The list is the one of BIP-39, whoever carries it.
    listed = hashlib.sha256("".join(f"{w}\n" for w in _WORDS).encode()).hexdigest()
    assert listed == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    with cases("recovery") as write:
        _texts(write)
        _words(write)
        _numbers(write)
        _keys(write)
    with cases("safety-code") as write:
        _codes(write)


def words(secret: bytes) -> list[str]:
    """Return the words of a secret of 32 bytes, by hand."""
    bits = int.from_bytes(secret) << 8 | hashlib.sha256(secret).digest()[0]
    return [_WORDS[bits >> 11 * place & 2047] for place in range(23, -1, -1)]


def _texts(write: Cases) -> None:
    good: dict[int, Cbor] = {
        1: _RELAY,
        2: _VAULT,
        3: _SECRET,
        4: [_MAKER, 7, _HASH],
    }

    def text(payload: bytes) -> str:
        return "clisk:kit#" + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()

    def case(name: str, says: str, spelt: str, result: str = "malformed") -> None:
        write(
            f"text_{name}",
            spec="recovery.md §2",
            says=says,
            kind="text",
            text=spelt,
            payload=cbor(good),
            vault=_VAULT,
            secret=_SECRET,
            result=result,
        )

    def changed(name: str, says: str, key: int, value: Cbor) -> None:
        case(name, says, text(cbor({**good, key: value})))

    whole = text(cbor(good))
    case("good", "a kit with an https relay", whole, "ok")
    case("pairing", "a pairing code's beginning", whole.replace("kit", "pair", 1))
    case("empty", "nothing after the beginning", "clisk:kit#")
    case("padded", "base64 with padding", whole + "=")
    case("space", "a space in the base64", whole[:20] + " " + whole[20:])
    case("trailing", "a byte after the map", text(cbor(good) + b"\0"))
    no_mark = {key: value for key, value in good.items() if key != 4}
    case("no_mark", "no mark", text(cbor(no_mark)))
    changed("extra", "a fifth key", 5, 0)
    changed("short_secret", "a secret of 31 bytes", 3, _SECRET[1:])
    changed("short_vault", "a vault id of 31 bytes", 2, _VAULT[1:])
    changed("mark_zero", "a mark of envelope 0", 4, [_MAKER, 0, _HASH])
    changed("mark_two", "a mark without a hash", 4, [_MAKER, 7])
    changed("mark_device", "a device id of 15 bytes", 4, [_MAKER[1:], 7, _HASH])
    changed("http", "http to another machine", 1, "http://r.example")
    changed("slash", "an address with a slash at its end", 1, "https://r.example/")
    changed("upper", "an address in capitals", 1, "https://R.example")
    changed("long", "an address over 300 characters", 1, _RELAY + "a" * 300)


def _words(write: Cases) -> None:
    good = words(_SECRET)

    def case(name: str, says: str, spelt: str, result: str = "malformed") -> None:
        write(
            f"words_{name}",
            spec="recovery.md §3",
            says=says,
            kind="words",
            text=spelt,
            secret=_SECRET,
            written=" ".join(good),
            result=result,
        )

    case("good", "the 24 words", " ".join(good), "ok")
    says = "capitals, line breaks, and four letters for a word"
    short = "\n".join(word[:4].upper() for word in good)
    case("short", says, short, "ok")
    case("none", "no word", "")
    case("one_less", "23 words", " ".join(good[1:]))
    case("one_more", "25 words", " ".join([*good, good[0]]))
    case("unknown", "a word that is not on the list", " ".join([*good[:23], "clisk"]))
    case("five", "a fifth letter that is wrong", " ".join([good[0] + "q", *good[1:]]))
    case("three", "three letters of a longer word", " ".join(["aba", *good[1:]]))
    swapped = [good[1], good[0], *good[2:]]
    case("swapped", "two words in each other's place", " ".join(swapped))
    other = next(
        w for w in _WORDS if w != good[5] and _fails([*good[:5], w, *good[6:]])
    )
    case("other", "another word of the list", " ".join([*good[:5], other, *good[6:]]))


def _fails(spelt: list[str]) -> bool:
    bits = 0
    for word in spelt:
        bits = bits << 11 | _WORDS.index(word)
    secret = (bits >> 8).to_bytes(32)
    return hashlib.sha256(secret).digest()[0] != bits & 255


def _numbers(write: Cases) -> None:
    digits = (_VAULT + hashlib.sha256(_VAULT).digest()[:2]).hex()
    groups = [digits[at : at + 4] for at in range(0, 68, 4)]

    def case(name: str, says: str, spelt: str, result: str = "malformed") -> None:
        write(
            f"number_{name}",
            spec="recovery.md §3",
            says=says,
            kind="number",
            text=spelt,
            vault=_VAULT,
            written=" ".join(groups),
            result=result,
        )

    case("good", "17 groups", " ".join(groups), "ok")
    case("loose", "capitals and hyphens", "-".join(groups).upper(), "ok")
    case("no_check", "the check left out", " ".join(groups[:16]))
    case("more", "a group too many", " ".join([*groups, "0000"]))
    case("letter", "a letter that is no digit", " ".join(["xxxx", *groups[1:]]))
    turned = [groups[1], groups[0], *groups[2:]]
    case("swapped", "two groups in each other's place", " ".join(turned))
    last = f"{int(groups[-1], 16) ^ 1:04x}"
    case("check", "another check", " ".join([*groups[:16], last]))


def _keys(write: Cases) -> None:
    for name, vault in (("good", _VAULT), ("other_vault", bytes(32))):
        keys: dict[int, Cbor] = {
            1: ed25519_public(derive(_SECRET, "clisk/1/recovery-signing-key", vault)),
            2: wrap_public(
                derive(_SECRET, "clisk/1/recovery-wrapping-key", vault, length=96)
            ),
            3: ed25519_public(derive(_SECRET, "clisk/1/recovery-log-key", vault)),
            4: ed25519_public(derive(_SECRET, "clisk/1/recovery-cosign-key", vault)),
        }
        write(
            f"keys_{name}",
            spec="recovery.md §1",
            says="the device that a secret makes in a vault",
            kind="keys",
            secret=_SECRET,
            vault=vault,
            keys=cbor(keys),
            device=hashlib.sha256(b"clisk/1/device-id" + cbor(keys)).digest()[:16],
            result="ok",
        )


def _codes(write: Cases) -> None:
    one, two = _RANDOM(16), _RANDOM(16)
    view: list[Any] = [_VAULT, [3, _HASH], {one: [7, _HASH], two: [1, _VAULT]}]

    def code(seen: Cbor) -> str:
        digest = hashlib.sha256(b"clisk/1/safety-code\0" + cbor(seen)).digest()
        digits = f"{int.from_bytes(digest[:16]) % 10**30:030}"
        return " ".join(digits[at : at + 5] for at in range(0, 30, 5))

    def case(name: str, says: str, seen: list[Any], result: str = "tampered") -> None:
        write(
            name,
            spec="safety-code.md §2",
            says=says,
            vault=seen[0],
            height=seen[1][0],
            record=seen[1][1],
            marks=[[device, *mark] for device, mark in seen[2].items()],
            code=code(view),
            result=result,
        )

    case("good", "a view and its code", view, "ok")
    case("vault", "of another vault", [_HASH, *view[1:]])
    case("height", "one record more", [view[0], [4, _HASH], view[2]])
    case("record", "another record", [view[0], [3, _VAULT], view[2]])
    fewer = {one: view[2][one]}
    case("fewer", "nothing heard of one device", [*view[:2], fewer])
    case("number", "one envelope more", [*view[:2], {**view[2], two: [2, _VAULT]}])
    forked = {**view[2], two: [1, _HASH]}
    case("fork", "another envelope at the same number", [*view[:2], forked])

"""Vectors of protocol/relay-api.md: logins, streams, addresses, answers."""

from __future__ import annotations

import json
from typing import Any

from protocol.build.common import (
    BYTES,
    UINT,
    Cases,
    Cbor,
    Randomness,
    cases,
    cbor,
    flipped,
    head,
)
from protocol.build.suite import ed25519_public, sign1

_RANDOM = Randomness("relay-api")
_SEED, _OTHER_SEED = _RANDOM(32), _RANDOM(32)
_VAULT, _DEVICE, _CHALLENGE = _RANDOM(32), _RANDOM(16), _RANDOM(56)
_ORIGIN = "https://relay.example"
_LABEL = "clisk/1/relay-login"
_MAX_ENVELOPE = 1 << 20
_MAX_RECORD = 128 << 10


def build() -> None:
    """Write every case of the page."""
    with cases("relay-api") as write:
        _addresses(write)
        _good_logins(write)
        _bad_logins(write)
        _entries(write)
        _records(write)
        _answers(write)


def _addresses(write: Cases) -> None:
    def case(name: str, says: str, url: str, origin: str | None) -> None:
        good = {} if origin is None else {"origin": origin}
        write(
            f"address_{name}",
            spec="relay-api.md §1",
            says=says,
            kind="address",
            url=url,
            result="malformed" if origin is None else "ok",
            **good,
        )

    case("https", "an https host is an address", _ORIGIN, _ORIGIN)
    case("slash", "a path of one slash is none", _ORIGIN + "/", _ORIGIN)
    case("case", "hosts are told in lower case", "HTTPS://Relay.Example", _ORIGIN)
    case("port", "an unusual port is kept", _ORIGIN + ":8443", _ORIGIN + ":8443")
    case("usual_port", "the usual port is dropped", _ORIGIN + ":443", _ORIGIN)
    local = "http://127.0.0.1:8470"
    case("loopback", "http is for this machine", local, local)
    case("loopback_6", "also by IPv6", "http://[::1]:8470", "http://[::1]:8470")
    for name, says, url in (
        ("http", "http to another machine is refused", "http://relay.example"),
        ("http_lan", "also on the local network", "http://192.168.1.2:8470"),
        ("like_loopback", "a name is no number", "http://127.0.0.1.example"),
        ("file", "another scheme is refused", "file:///etc/passwd"),
        ("no_scheme", "a scheme is needed", "relay.example"),
        ("no_host", "a host is needed", "https://"),
        ("user", "a user in it is refused", "https://relay.example@impostor.example"),
        ("path", "a path in it is refused", _ORIGIN + "/v1"),
        ("query", "a query in it is refused", _ORIGIN + "?a=b"),
        ("fragment", "a fragment in it is refused", _ORIGIN + "#a"),
        ("backslash", "a backslash is refused", "https://relay.example\\@impostor"),
        ("space", "white space is refused", " https://relay.example"),
        ("newline", "a line break is refused", "https://relay\n.example"),
        ("unicode", "a host is written in ASCII", "https://rëlay.example"),
        ("bad_port", "a port is a number in range", _ORIGIN + ":65536"),
        ("long", "300 characters are the most", "https://" + "a" * 300),
    ):
        case(name, says, url, None)


def _payload() -> dict[int, Cbor]:
    return {1: _ORIGIN, 2: _VAULT, 3: _CHALLENGE}


def _login(
    write: Cases, name: str, says: str, login: bytes, result: str, **more: Any
) -> None:
    write(
        f"login_{name}",
        spec="relay-api.md §3",
        says=says,
        kind="login",
        login=login,
        public=ed25519_public(_SEED),
        result=result,
        **more,
    )


def _signed(
    payload: Cbor, *, seed: bytes = _SEED, label: str = _LABEL, **more: Any
) -> bytes:
    kid = more.pop("kid", _DEVICE)
    context = more.pop("context", b"")
    raw = payload if isinstance(payload, bytes) else cbor(payload)
    return sign1(seed, raw, label=label, context=context, kid=kid, **more)


def _good_logins(write: Cases) -> None:
    for name, says, changes in (
        ("ok", "a signed login", {}),
        ("short_challenge", "the shortest challenge", {3: _CHALLENGE[:16]}),
        ("long_challenge", "the longest challenge", {3: _RANDOM(128)}),
        ("loopback", "an origin on this machine", {1: "http://127.0.0.1:8470"}),
    ):
        payload = _payload() | changes
        _login(
            write,
            name,
            says,
            _signed(payload),
            "ok",
            device=_DEVICE,
            origin=payload[1],
            vault=payload[2],
            challenge=payload[3],
        )


def _bad_logins(write: Cases) -> None:
    def bad(name: str, says: str, payload: Cbor, **more: Any) -> None:
        _login(write, name, says, _signed(payload, **more), "malformed")

    good = _payload()
    bad("no_origin", "an origin is needed", {2: _VAULT, 3: _CHALLENGE})
    bad("no_vault", "a vault is needed", {1: _ORIGIN, 3: _CHALLENGE})
    bad("more", "an unknown key is refused", good | {4: 0})
    bad("origin_bytes", "an origin is text", good | {1: _ORIGIN.encode()})
    bad("origin_long", "300 characters are the most", good | {1: "a" * 301})
    bad("vault_short", "a vault id has 32 bytes", good | {2: _VAULT[:31]})
    bad("challenge_short", "a challenge has 16 bytes or more", good | {3: bytes(15)})
    bad("challenge_long", "a challenge has at most 128", good | {3: bytes(129)})
    bad("list", "a payload is a map", [_ORIGIN, _VAULT, _CHALLENGE])
    bad("kid_short", "a device id has 16 bytes", good, kid=_DEVICE[:15])
    bad("trailing", "nothing follows the payload", cbor(good) + b"\0")
    bad("unsigned", "the algorithm is named", good, protected=cbor({4: _DEVICE}))
    _login(write, "cut_short", "a login cut short", _signed(good)[:-1], "malformed")
    _login(write, "followed", "nothing follows it", _signed(good) + b"\0", "malformed")

    def tampered(name: str, says: str, login: bytes) -> None:
        _login(write, name, says, login, "tampered")

    tampered("flipped", "a bit of the signature", flipped(_signed(good), -1))
    tampered("other_key", "signed by another", _signed(good, seed=_OTHER_SEED))
    tampered(
        "other_label",
        "an envelope's signature is no login",
        _signed(good, label="clisk/1/envelope"),
    )
    tampered("other_context", "the context is empty", _signed(good, context=b"x"))
    tampered(
        "other_origin",
        "the signature is for one origin",
        _signed(good).replace(b"relay.example", b"other.example"),
    )


def _stream(
    write: Cases, kind: str, name: str, says: str, *, stream: bytes, items: Any
) -> None:
    good = {} if items is None else {"items": items}
    write(
        f"{kind}_{name}",
        spec="relay-api.md §5" if kind == "entries" else "relay-api.md §2",
        says=says,
        kind=kind,
        stream=stream,
        result="malformed" if items is None else "ok",
        **good,
    )


def _entries(write: Cases) -> None:
    def case(name: str, says: str, stream: bytes, items: Any = None) -> None:
        _stream(write, "entries", name, says, stream=stream, items=items)

    pair: list[Cbor] = [1, b"first"]
    next_pair: list[Cbor] = [300, _RANDOM(70)]
    one = cbor(pair)
    case("none", "an empty page", b"", [])
    case("one", "one entry", one, [pair])
    case("two", "positions may skip", one + cbor(next_pair), [pair, next_pair])
    case("empty", "bytes of any length", cbor([0, b""]), [[0, b""]])
    case("cut_head", "cut within a head", one + b"\x82\x19\x01")
    case("cut_body", "cut within an envelope", one[:-1])
    case("bare", "an entry is a pair", cbor(b"first"))
    case("triple", "an entry has two parts", cbor([1, b"a", b"b"]))
    case("single", "an entry has two parts, not one", cbor([1]))
    case("swapped", "the position comes first", cbor([b"first", 1]))
    case("text", "an envelope is bytes", cbor([1, "first"]))
    case("negative", "a position is unsigned", cbor([-1, b"first"]))
    case("large", "a position is below 2^63", cbor([1 << 63, b"first"]))
    case("nested", "no pair within a pair", cbor([1, [2, b"first"]]))
    case("map", "an entry is no map", cbor({1: b"first"}))
    case(
        "long_head",
        "heads are the shortest",
        b"\x82" + head(UINT, 1, width=2) + b"\x41a",
    )
    case("endless", "lengths are definite", b"\x82\x01\x5f\x41a\xff")
    case(
        "huge",
        "a length above the bound is refused at its head",
        b"\x82\x01" + head(BYTES, _MAX_ENVELOPE + 64),
    )


def _records(write: Cases) -> None:
    def case(name: str, says: str, stream: bytes, items: Any = None) -> None:
        _stream(write, "records", name, says, stream=stream, items=items)

    case("two", "two records", cbor(b"a") + cbor(b"b" * 300), [b"a", b"b" * 300])
    case("none", "no record", b"", [])
    case("number", "a record is bytes", cbor(1))
    case("pair", "a record stands alone", cbor([1, b"a"]))
    case("cut", "cut short", cbor(b"abc")[:-1])
    case("huge", "too long, refused at its head", head(BYTES, _MAX_RECORD + 64))


def _answers(write: Cases) -> None:
    def case(name: str, says: str, model: str, text: str, result: str) -> None:
        write(
            f"answer_{name}",
            spec="relay-api.md §7" if model == "Refused" else "relay-api.md §2",
            says=says,
            kind="answer",
            model=model,
            text=text,
            result=result,
        )

    head_of = {"number": 3, "hash": "ab" * 32}
    refused = {"error": "number-taken", "message": "m", "advice": "a"}
    case("refused", "a refusal", "Refused", json.dumps(refused), "ok")
    with_head = json.dumps(refused | {"head": head_of})
    case("refused_head", "a conflict has a head", "Refused", with_head, "ok")
    case("placed", "a position", "Placed", '{"position": 7}', "ok")
    for name, says, model, value in (
        ("placed_text", "a position is a number", "Placed", {"position": "7"}),
        ("placed_true", "true is no number", "Placed", {"position": True}),
        ("placed_float", "nor is 7.0", "Placed", {"position": 7.0}),
        ("placed_negative", "positions are unsigned", "Placed", {"position": -1}),
        ("placed_large", "and below 2^63", "Placed", {"position": 1 << 63}),
        ("placed_more", "nothing else is there", "Placed", {"position": 7, "x": 1}),
        (
            "token_odd",
            "a token fits a header",
            "Token",
            {"token": "a\nb" * 9, "expires_at": 1},
        ),
        (
            "challenge_short",
            "16 bytes at least",
            "Challenge",
            {"challenge": "ab" * 15, "expires_at": 1},
        ),
        (
            "challenge_upper",
            "hex is lower case",
            "Challenge",
            {"challenge": "AB" * 16, "expires_at": 1},
        ),
        (
            "refused_hash",
            "a hash has 64 digits",
            "Refused",
            refused | {"head": head_of | {"hash": "ab"}},
        ),
        ("refused_bare", "a refusal has all its parts", "Refused", {"error": "busy"}),
    ):
        case(name, says, model, json.dumps(value), "malformed")
    case("cut", "JSON cut short", "Placed", '{"position": 7', "malformed")
    case("html", "a page of a proxy", "Refused", "<html></html>", "malformed")

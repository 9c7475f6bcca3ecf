"""Vectors of protocol/pairing.md: the code, the messages, the digits."""

from __future__ import annotations

import base64
import hashlib
import hmac

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.hpke import wrap_public
from protocol.build.suite import derive, ed25519_public, encrypt0

_EXPIRES = 1_800_000_000_000
_SLOTS = ("hello", "challenge", "opening", "welcome")
_RANDOM = Randomness("pairing")
_VAULT, _SECRET, _MEMBER = _RANDOM(32), _RANDOM(32), _RANDOM(16)
_DEVICE: dict[int, bytes] = {
    1: ed25519_public(_RANDOM(32)),
    2: wrap_public(_RANDOM(96)),
    3: ed25519_public(_RANDOM(32)),
    4: ed25519_public(_RANDOM(32)),
}
_DEVICE_ID = hashlib.sha256(b"clisk/1/device-id" + cbor(_DEVICE)).digest()[:16]
_THEIRS, _OURS = _RANDOM(32), _RANDOM(32)
_COMMITMENT = hashlib.sha256(
    b"clisk/1/pairing-commitment" + _THEIRS + _DEVICE_ID
).digest()
_CONTEXT = cbor([_VAULT, _MEMBER, _EXPIRES])
_RELAY = "https://relay.example"


def build() -> None:
    """Write every case of the page."""
    with cases("pairing") as write:
        _codes(write)
        _messages(write)
        _digits(write)


def _url(payload: bytes) -> str:
    return "clisk:pair#" + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def _payload(relay: str = _RELAY) -> dict[int, Cbor]:
    return {1: relay, 2: _VAULT, 3: _SECRET, 4: _MEMBER, 5: _EXPIRES}


def _codes(write: Cases) -> None:
    good = _payload()

    def case(name: str, says: str, url: str, result: str) -> None:
        write(
            f"code_{name}",
            spec="pairing.md §2",
            says=says,
            kind="code",
            url=url,
            payload=cbor(good),
            vault=_VAULT,
            secret=_SECRET,
            member=_MEMBER,
            mailbox=derive(_SECRET, "clisk/1/pairing-mailbox", _VAULT),
            result=result,
        )

    url = _url(cbor(good))
    case("good", "a code with an https relay", url, "ok")
    for name, says, bad in (
        ("other_scheme", "a web address", url.replace("clisk:pair", "https://x/")),
        ("upper_scheme", "another spelling of the prefix", "CLISK:PAIR" + url[10:]),
        ("empty", "nothing after the prefix", "clisk:pair#"),
        ("padded", "base64 with padding", url + "="),
        ("space", "a space in the base64", url[:20] + " " + url[20:]),
        ("plain_alphabet", "the other base64 alphabet", url[:-1] + "+"),
        ("cut", "one character short", url[:-1]),
        ("trailing", "a byte after the map", _url(cbor(good) + b"\0")),
        ("no_expiry", "no expiry", _url(cbor({k: good[k] for k in range(1, 5)}))),
        ("extra_key", "an unknown key", _url(cbor({**good, 6: 0}))),
        ("short_secret", "a secret of 31 bytes", _url(cbor({**good, 3: _SECRET[1:]}))),
        ("http", "http to another machine", _url(cbor(_payload("http://r.example")))),
        ("user", "a user name", _url(cbor(_payload("https://u@r.example")))),
        ("query", "a query", _url(cbor(_payload("https://r.example?q")))),
        ("no_host", "no host", _url(cbor(_payload("https://")))),
        ("path", "a path", _url(cbor(_payload("https://r.example/clisk")))),
        ("slash", "a slash at the end", _url(cbor(_payload("https://r.example/")))),
        ("upper_host", "a host in capitals", _url(cbor(_payload("https://R.example")))),
        ("usual_port", "the usual port", _url(cbor(_payload("https://r.example:443")))),
        ("file", "a file", _url(cbor(_payload("file:///etc/passwd")))),
        ("newline", "a line break", _url(cbor(_payload("https://r.example/\n")))),
        ("long", "over 300 characters", _url(cbor(_payload(_RELAY + "a" * 300)))),
    ):
        case(name, f"{says} is refused", bad, "malformed")


def _seal(slot: str, plain: Cbor, *, context: bytes = _CONTEXT, to: str = "") -> bytes:
    label = f"clisk/1/pairing-{to or slot}"
    key = derive(_SECRET, label, context)
    nonce = Randomness(f"nonce {slot}")(24)
    return encrypt0(key, cbor(plain), label=label, context=context, nonce=nonce)


def _messages(write: Cases) -> None:
    plain: dict[str, dict[int, Cbor]] = {
        "hello": {1: _DEVICE, 2: "Pixel de Zoé", 3: _COMMITMENT},
        "challenge": {1: _OURS},
        "opening": {1: _THEIRS},
        "welcome": {1: b"signed record", 2: {_MEMBER: [7, bytes(32)]}},
    }

    def case(name: str, says: str, slot: str, body: bytes, result: str) -> None:
        write(
            f"message_{name}",
            spec="pairing.md §3",
            says=says,
            kind="message",
            url=_url(cbor(_payload())),
            slot=_SLOTS.index(slot),
            plaintext=cbor(plain[slot]),
            body=body,
            result=result,
        )

    for slot in _SLOTS:
        good = _seal(slot, plain[slot])
        case(slot, f"a {slot}", slot, good, "ok")
        says = f"a {slot} with a changed bit"
        case(f"{slot}_flipped", says, slot, flipped(good, -1), "tampered")
    # A message is for one slot: the relay cannot move it to another.
    moved = _seal("challenge", plain["challenge"])
    case("moved", "a challenge in the opening's slot", "opening", moved, "tampered")
    other = cbor([_VAULT, _MEMBER, _EXPIRES + 1])
    replayed = _seal("hello", plain["hello"], context=other)
    case("other_code", "a hello of another code", "hello", replayed, "tampered")
    malformed: list[tuple[str, str, dict[int, Cbor], str]] = [
        ("no_commitment", "hello", {1: _DEVICE, 2: "x"}, "a hello without commitment"),
        ("name_empty", "hello", {**plain["hello"], 2: ""}, "a name of no characters"),
        ("name_long", "hello", {**plain["hello"], 2: "x" * 49}, "a name too long"),
        (
            "name_escape",
            "hello",
            {**plain["hello"], 2: "\x1b[2J"},
            "a name that writes",
        ),
        ("name_rtl", "hello", {**plain["hello"], 2: "a\u202eb"}, "a name that turns"),
        ("keys_cut", "hello", {**plain["hello"], 1: {1: _DEVICE[1]}}, "keys missing"),
        ("nonce_short", "challenge", {1: _OURS[1:]}, "a nonce of 31 bytes"),
        ("frontier_id", "welcome", {1: b"", 2: {b"x": [1, bytes(32)]}}, "no device id"),
        ("frontier_pair", "welcome", {1: b"", 2: {_MEMBER: [1]}}, "a number alone"),
    ]
    for name, slot, bad, says in malformed:
        body = _seal(slot, bad)
        case(name, f"{says}, though sealed well", slot, body, "malformed")


def _digits(write: Cases) -> None:
    key = derive(_SECRET, "clisk/1/pairing-code")

    def case(name: str, says: str, theirs: bytes, ours: bytes) -> None:
        transcript = cbor([_VAULT, _MEMBER, _DEVICE, theirs, ours])
        number = int.from_bytes(hmac.digest(key, transcript, "sha256")[:16])
        write(
            f"digits_{name}",
            spec="pairing.md §4",
            says=says,
            kind="digits",
            url=_url(cbor(_payload())),
            device=cbor(_DEVICE),
            theirs=theirs,
            ours=ours,
            commitment=hashlib.sha256(
                b"clisk/1/pairing-commitment" + theirs + _DEVICE_ID
            ).digest(),
            digits=f"{number % 1_000_000:06}",
            result="ok",
        )

    case("plain", "the digits of one conversation", _THEIRS, _OURS)
    case("swapped", "the two nonces have their places", _OURS, _THEIRS)
    # Found by counting up: a number below 100,000 keeps its zeros.
    case("leading_zero", "digits are always six", _THEIRS, _small_nonce(key))


def _small_nonce(key: bytes) -> bytes:
    for count in range(1000):
        nonce = count.to_bytes(32)
        transcript = cbor([_VAULT, _MEMBER, _DEVICE, _THEIRS, nonce])
        number = int.from_bytes(hmac.digest(key, transcript, "sha256")[:16])
        if number % 1_000_000 < 100_000:
            return nonce
    raise AssertionError("one in ten has a leading zero")

"""Vectors of protocol/grant.md: signed grants, whole and spoilt."""

from __future__ import annotations

from collections.abc import Callable

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.suite import ed25519_public, sign1

_LABEL = "clisk/1/grant"
_GIVEN_MS = 1_700_000_000_000


def build() -> None:
    """Write every case of the page."""
    with cases("grant") as write:
        _signed(write)
        _payloads(write)


class _World:
    """A vault, a device of it, and a grant that it gives."""

    def __init__(self) -> None:
        random = Randomness("grant")
        self.vault = random(32)
        self.seed = random(32)
        self.device = random(16)
        self.payload: dict[int, Cbor] = {
            1: 1,
            2: random(16),
            3: "demo konnector",
            4: random(32),
            5: random(16),
            6: ["password", "username"],
            7: ["https://bank.example", "https://login.bank.example:8443"],
            8: _GIVEN_MS,
            10: "fetch my bills",
        }

    def sign(self, payload: bytes, **over: bytes) -> bytes:
        """Return *payload* signed by the device for the vault."""
        return sign1(
            over.get("seed", self.seed),
            payload,
            label=_LABEL,
            context=over.get("vault", self.vault),
            kid=over.get("kid", self.device),
        )


def _signed(write: Cases) -> None:
    world = _World()
    payload = cbor(world.payload)
    whole = world.sign(payload)

    def case(name: str, says: str, signed: bytes, result: str) -> None:
        write(
            f"signed-{name}",
            spec="grant.md §3",
            says=says,
            vault=world.vault,
            device=world.device,
            public=ed25519_public(world.seed),
            signed=signed,
            payload=payload if result == "ok" else b"",
            result=result,
        )

    case("whole", "a grant signed by a member for this vault", whole, "ok")
    case("cut", "a grant one byte short", whole[:-1], "malformed")
    case("more", "a grant with a byte after it", whole + b"\0", "malformed")
    flip = flipped(whole, -1)
    case("flipped", "one bit of the signature changed", flip, "tampered")
    other = world.sign(payload, seed=bytes(32))
    case("other-key", "signed by a key that is not the device's", other, "tampered")
    elsewhere = world.sign(payload, vault=bytes(32))
    case("other-vault", "a grant of another vault", elsewhere, "tampered")
    stranger = world.sign(payload, kid=bytes(16))
    case("stranger", "signed by a device that is not a member", stranger, "tampered")
    nameless = world.sign(payload, kid=b"short")
    case("short-kid", "signed by what is no device id", nameless, "malformed")
    huge = world.sign(cbor({**world.payload, 10: "x" * 17_000}))
    case("huge", "longer than any grant may be", huge, "malformed")


_Case = Callable[[str, str, dict[int, Cbor], str], None]


def _limits(case: _Case) -> None:
    """What a grant may say beyond fields and origins."""
    digest = b"\x14" * 32
    case("one-read", "a grant for a single read", {11: 1}, "ok")
    case("most-reads", "as many reads as can be counted", {11: 2**32 - 1}, "ok")
    case("plaintext", "plaintext for the konnector's code", {12: ["password"]}, "ok")
    every: dict[int, Cbor] = {9: _GIVEN_MS + 1, 11: 2, 12: ["password"]}
    case("every-key", "every key", {**every, 13: "1.2.3", 14: digest}, "ok")
    case("no-read", "a grant for no read", {11: 0}, "malformed")
    case("many-reads", "2³² reads", {11: 2**32}, "malformed")
    case("negative-reads", "fewer than no read", {11: -1}, "malformed")
    case("text-reads", "reads as text", {11: "1"}, "malformed")
    empty: list[Cbor] = []
    case("plaintext-empty", "plaintext of nothing, spelt out", {12: empty}, "malformed")
    foreign: dict[int, Cbor] = {12: ["totp"]}
    case("plaintext-foreign", "of a field that is not granted", foreign, "malformed")
    twice: dict[int, Cbor] = {12: ["password", "password"]}
    case("plaintext-twice", "of a field twice", twice, "malformed")
    order: dict[int, Cbor] = {12: ["username", "password"]}
    case("plaintext-order", "out of order", order, "malformed")
    case("plaintext-text", "a name instead of names", {12: "password"}, "malformed")
    case("long-version", "a version of 513 characters", {13: "x" * 513}, "malformed")
    case("short-bundle", "a digest of 31 bytes", {14: digest[1:]}, "malformed")


def _payloads(write: Cases) -> None:
    world = _World()

    def case(name: str, says: str, change: dict[int, Cbor], result: str) -> None:
        value = {**world.payload, **change}
        payload = cbor({key: member for key, member in value.items() if member != ()})
        write(
            f"payload-{name}",
            spec="grant.md §2",
            says=says,
            vault=world.vault,
            device=world.device,
            public=ed25519_public(world.seed),
            signed=world.sign(payload),
            payload=payload if result == "ok" else b"",
            result=result,
        )

    case("ends", "a grant that ends", {9: _GIVEN_MS + 1}, "ok")
    case("no-origin", "for values that are handed over, only", {7: []}, "ok")
    local = ["http://127.0.0.1:8080", "http://[::1]", "https://xn--bnk-qla.example"]
    case("origins", "addresses, ports, punycode", {7: local}, "ok")
    case("version-2", "a version that nobody knows yet", {1: 2}, "unsupported")
    case("unknown-key", "a key that version 1 does not have", {15: 1}, "malformed")
    # An empty tuple stands for: leave this key out.
    case("no-item", "a grant for no item", {5: ()}, "malformed")
    case("short-digest", "a digest of 31 bytes", {4: bytes(31)}, "malformed")
    case("short-id", "an id of 15 bytes", {2: bytes(15)}, "malformed")
    case("no-field", "a grant for no field", {6: []}, "malformed")
    case("field-twice", "a field named twice", {6: ["a", "a"]}, "malformed")
    case("order", "fields out of order", {6: ["b", "a"]}, "malformed")
    many: list[Cbor] = [f"f{n:03}" for n in range(65)]
    case("many-fields", "65 fields", {6: many}, "malformed")
    case("negative", "a time before 1970", {8: -1}, "malformed")
    case("text-time", "a time as text", {8: "now"}, "malformed")
    case("long-purpose", "a purpose of 513 characters", {10: "x" * 513}, "malformed")
    _limits(case)
    for name, origin in (
        ("path", "https://bank.example/login"),
        ("slash", "https://bank.example/"),
        ("case", "https://Bank.example"),
        ("port", "https://bank.example:443"),
        ("user", "https://me@bank.example"),
        ("dot", "https://bank.example."),
        ("wildcard", "https://*.bank.example"),
        ("scheme", "ftp://bank.example"),
        ("bare", "bank.example"),
        ("null", "null"),
        ("unicode", "https://bänk.example"),
    ):
        says = "an origin that no browser spells so"
        case(f"origin-{name}", says, {7: [origin]}, "malformed")

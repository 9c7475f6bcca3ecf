"""Vectors of protocol/key-schedule.md: derive, seal, unwrap, passphrase, device id."""

from __future__ import annotations

import hashlib

from argon2.low_level import Type, hash_secret_raw

from protocol.build.common import Cases, Randomness, cases, cbor, flipped
from protocol.build.hpke import KEPT_INFO, KEPT_WRAPPED, unwrap, wrap_public
from protocol.build.suite import derive, ed25519_public, open_sealed, seal


def build() -> None:
    """Write every case of the page."""
    with cases("key-schedule") as write:
        _derive(write)
        _seal(write)
        _unwrap(write)
        _passphrase(write)
        _device_id(write)


def _derive(write: Cases) -> None:
    key = Randomness("derive")(32)
    for name, label, context in (
        ("no_context", "clisk/1/local-key", b""),
        ("context", "clisk/1/local-key", b"overview"),
        ("other_label", "clisk/1/envelope-key", b"overview"),
        ("long_context", "clisk/1/field-key", bytes(200)),
    ):
        write(
            f"derive_{name}",
            spec="key-schedule.md §1.1",
            says="a key is named by label and context",
            kind="derive",
            key=key,
            label=label,
            context=context,
            derived=derive(key, label, context),
            result="ok",
        )


def _seal(write: Cases) -> None:
    random = Randomness("seal")
    key, nonce = random(32), random(24)

    def case(name: str, says: str, sealed: bytes, result: str, **over: bytes) -> None:
        write(
            f"seal_{name}",
            spec="key-schedule.md §1.2",
            says=says,
            kind="seal",
            key=over.get("key", key),
            nonce=nonce,
            aad=over.get("aad", b"aad"),
            plaintext=over.get("plaintext", b"plaintext"),
            sealed=sealed,
            result=result,
        )

    good = seal(key, b"plaintext", aad=b"aad", nonce=nonce)
    empty = seal(key, b"", aad=b"aad", nonce=nonce)
    assert open_sealed(key, good, aad=b"aad") == b"plaintext"
    case("good", "nonce, commitment, ciphertext", good, "ok")
    case("empty", "an empty plaintext", empty, "ok", plaintext=b"")
    case(
        "other_key",
        "another key fails at the commitment",
        good,
        "tampered",
        key=random(32),
    )
    case("other_aad", "other associated data", good, "tampered", aad=b"daa")
    for part, at in (("nonce", 0), ("commitment", 24), ("text", 56), ("tag", -1)):
        case(f"{part}_flipped", f"a changed {part}", flipped(good, at), "tampered")
    # The commitment guards what Poly1305 alone does not (RFC 9771 §4.3.4).
    uncommitted = good[:24] + bytes(32) + good[56:]
    case("no_commitment", "a commitment of zeros", uncommitted, "tampered")
    case("cut", "shorter than any sealed text", good[:71], "malformed")


def _unwrap(write: Cases) -> None:
    random = Randomness("wrap")
    key, secret = random(96), random(32)
    assert unwrap(key, KEPT_WRAPPED, info=KEPT_INFO) == secret

    def case(name: str, says: str, wrapped: bytes, result: str, **over: bytes) -> None:
        write(
            f"unwrap_{name}",
            spec="key-schedule.md §1.4",
            says=says,
            kind="unwrap",
            key=over.get("key", key),
            public=wrap_public(over.get("key", key)),
            info=over.get("info", KEPT_INFO),
            wrapped=wrapped,
            secret=secret,
            result=result,
        )

    case("good", "wrapped to this device for this use", KEPT_WRAPPED, "ok")
    case("other_info", "another use", KEPT_WRAPPED, "tampered", info=b"other")
    case("other_device", "another device", KEPT_WRAPPED, "tampered", key=random(96))
    # Both halves of the hybrid carry: a change in either is found.
    for part, at in (("mlkem", 0), ("x25519", 1088), ("text", 1120), ("tag", -1)):
        says = f"a changed {part} part"
        case(f"{part}_flipped", says, flipped(KEPT_WRAPPED, at), "tampered")
    case("cut", "one byte short", KEPT_WRAPPED[:-1], "malformed")
    # A bare X25519 wrapping would be 80 bytes: there is no classical fallback.
    case(
        "classical", "an X25519 share and text alone", KEPT_WRAPPED[1088:], "malformed"
    )


def _passphrase(write: Cases) -> None:
    salt = Randomness("salt")(16)

    def case(
        name: str, says: str, text: str, cost: tuple[int, int, int], result: str
    ) -> None:
        memory, passes, lanes = cost
        stretched = b""
        if result == "ok":
            stretched = hash_secret_raw(
                "clé de voûte".encode(), salt, passes, memory, lanes, 32, Type.ID
            )
        write(
            f"passphrase_{name}",
            spec="key-schedule.md §4",
            says=says,
            kind="passphrase",
            passphrase=text,
            salt=salt,
            memory_kib=memory,
            passes=passes,
            lanes=lanes,
            stretched=stretched,
            unlock_key=derive(stretched, "clisk/1/unlock-key") if stretched else b"",
            result=result,
        )

    floor = (65536, 3, 1)
    case("floor", "the cheapest profile allowed", "clé de voûte", floor, "ok")
    decomposed = "cle\u0301 de vou\u0302te"
    case("nfkc", "a passphrase typed with combining accents", decomposed, floor, "ok")
    for name, cost in (
        ("memory_low", (65535, 3, 1)),
        ("passes_low", (65536, 2, 1)),
        ("lanes_none", (65536, 3, 0)),
        ("memory_high", (4 * 1024 * 1024 + 1, 3, 1)),
        ("passes_high", (65536, 65, 1)),
        ("lanes_high", (65536, 3, 17)),
    ):
        says = "a profile outside the limits is refused before any work"
        case(name, says, "clé de voûte", cost, "too costly")


def _device_id(write: Cases) -> None:
    random = Randomness("device")
    signing, wrapping, log = random(32), random(96), random(32)
    cosign = random(32)
    keys: dict[int, bytes] = {
        1: ed25519_public(signing),
        2: wrap_public(wrapping),
        3: ed25519_public(log),
        4: ed25519_public(cosign),
    }

    def case(name: str, says: str, data: bytes, result: str) -> None:
        digest = hashlib.sha256(b"clisk/1/device-id" + data).digest()
        write(
            f"device_{name}",
            spec="key-schedule.md §5",
            says=says,
            kind="device",
            keys=data,
            device_id=digest[:16],
            result=result,
        )

    case("good", "the id is made from all four keys", cbor(keys), "ok")
    case(
        "no_log",
        "a device without a log key",
        cbor({1: keys[1], 2: keys[2], 4: keys[4]}),
        "malformed",
    )
    without = cbor({1: keys[1], 2: keys[2], 3: keys[3]})
    case("no_cosign", "a device without a cosign key", without, "malformed")
    twice = cbor({**keys, 4: keys[1]})
    case("one_key_twice", "the signing key cosigns too", twice, "malformed")
    case("extra", "an unknown key", cbor({**keys, 5: b""}), "malformed")
    short = cbor({**keys, 1: keys[1][:31]})
    case("short_signing", "a signing key one byte short", short, "malformed")
    short = cbor({**keys, 2: keys[2][:-1]})
    case("short_wrapping", "a wrapping key one byte short", short, "malformed")
    # FIPS 203 §7.2: coefficients are below 3329.
    modulus = cbor({**keys, 2: b"\xff" * 1184 + keys[2][1184:]})
    case("not_a_modulus", "an ML-KEM key out of range", modulus, "malformed")
    case(
        "text",
        "text where bytes belong",
        cbor({**keys, 3: "x" * 32}),
        "malformed",
    )

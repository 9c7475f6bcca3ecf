"""Vectors of protocol/encoding.md: CBOR, COSE_Sign1, COSE_Encrypt0."""

from __future__ import annotations

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.suite import (
    ENCRYPT0_PROTECTED,
    ed25519_public,
    encrypt0,
    external_aad,
    seal,
    sign1,
)

_KID = bytes(range(16))
_GRANT, _FIELD = "clisk/1/grant", "clisk/1/field"

_ACCEPTED: dict[str, tuple[Cbor, str]] = {
    "zero": (0, "the smallest integer takes one byte"),
    "uint_24": (24, "24 is the first integer of two bytes"),
    "uint_max": ((1 << 64) - 1, "the largest unsigned integer"),
    "negative": (-8, "a negative integer"),
    "bytes": (b"\x00\xff", "a byte string"),
    "text": ("clé", "text is UTF-8"),
    "true": (True, "true is a simple value"),
    "null": (None, "null is a simple value"),
    "list": ([1, [2, b""]], "lists nest"),
    "map_uint": ({1: b"a", 24: b"b", 256: b"c"}, "keys in the order of their bytes"),
    "map_text": ({"a": 1, "b": 2, "aa": 3}, "shorter text keys come first"),
}

_REFUSED = {
    "empty": ("", "no bytes at all"),
    "long_head": ("1800", "0 in two bytes is not the shortest spelling"),
    "long_head_8": ("1b00000000ffffffff", "32 bits in nine bytes"),
    "indefinite_bytes": ("5f4100ff", "an indefinite byte string"),
    "indefinite_list": ("9f00ff", "an indefinite list"),
    "break_alone": ("ff", "a break with nothing open"),
    "tag": ("c11a514b67b0", "a tagged time"),
    "bignum": ("c249010000000000000000", "a tagged big integer"),
    "tag_regex": ("d8236161", "a tagged regular expression is never compiled"),
    "float": ("f93c00", "a half float"),
    "undefined": ("f7", "the undefined value"),
    "simple_8": ("f820", "a simple value of two bytes"),
    "reserved_info": ("1c", "a reserved length"),
    "bytes_cut": ("43ff", "a byte string shorter than its length"),
    "bytes_huge": ("5b7fffffffffffffff", "a length of 2^63-1 costs nothing to refuse"),
    "list_huge": ("9b7fffffffffffffff", "a count of 2^63-1 costs nothing to refuse"),
    "head_cut": ("19ff", "a head without its argument"),
    "too_deep": ("81" * 17 + "80", "a list nested deeper than 16"),
    "duplicate_key": ("a201000101", "one key twice"),
    "unsorted_keys": ("a202000100", "keys out of order"),
    "mixed_keys": ("a20100616100", "keys of two kinds"),
    "negative_key": ("a12000", "a negative key"),
    "list_key": ("a18000", "a list as a key"),
    "bool_key": ("a1f500", "a boolean as a key"),
    "bad_utf8": ("62ffff", "text that is not UTF-8"),
    "overlong_utf8": ("62c080", "text in overlong UTF-8"),
    "trailing": ("0000", "a byte after the value"),
    "trailing_in_map": ("a1010000", "a byte after a map"),
}


def build() -> None:
    """Write every case of the page."""
    with cases("encoding") as write:
        _cbor(write)
        _sign1(write)
        _encrypt0(write)


def _cbor(write: Cases) -> None:
    for name, (value, says) in _ACCEPTED.items():
        write(
            f"cbor_{name}",
            spec="encoding.md §1",
            says=says,
            kind="cbor",
            data=cbor(value),
            result="ok",
        )
    for name, (data, says) in _REFUSED.items():
        write(
            f"cbor_{name}",
            spec="encoding.md §1",
            says=f"{says} is refused" if not says.endswith("refuse") else says,
            kind="cbor",
            data=data,
            result="malformed",
        )


def _sign1(write: Cases) -> None:
    seed = Randomness("sign1")(32)
    public = ed25519_public(seed)
    good = sign1(seed, b"payload", label=_GRANT, context=b"context", kid=_KID)

    def case(
        name: str, says: str, data: bytes, result: str, **over: str | bytes
    ) -> None:
        write(
            f"sign1_{name}",
            spec="encoding.md §2",
            says=says,
            kind="sign1",
            data=data,
            public=over.get("public", public),
            label=over.get("label", _GRANT),
            context=over.get("context", b"context"),
            payload=b"payload",
            result=result,
        )

    case("good", "signed by the key named", good, "ok")
    other = ed25519_public(Randomness("other")(32))
    case("other_key", "another key's signature", good, "tampered", public=other)
    small = bytes([1]) + bytes(31)
    case("small_order_key", "a key of small order", good, "tampered", public=small)
    case("other_label", "signed for another use", good, "tampered", label=_FIELD)
    case("other_context", "another context", good, "tampered", context=b"other")
    case("payload_flipped", "a changed payload", flipped(good, -70), "tampered")
    case("signature_flipped", "a changed signature", flipped(good, -1), "tampered")
    case("cut", "one byte short", good[:-1], "malformed")
    case("tagged", "the tagged form", b"\xd2" + good, "malformed")
    case(
        "unprotected",
        "a header that nothing protects",
        good.replace(b"\xa0\x47payload", b"\xa1\x04\x40\x47payload"),
        "malformed",
    )
    headers: list[tuple[str, dict[int, Cbor], str]] = [
        ("alg_es256", {1: -7, 4: _KID}, "another algorithm"),
        ("no_kid", {1: -8}, "no name of a key"),
        ("long_kid", {1: -8, 4: bytes(33)}, "a key name over 32 bytes"),
        ("extra_header", {1: -8, 4: _KID, 5: b""}, "a header that is not known"),
    ]
    for name, header, says in headers:
        data = sign1(
            seed,
            b"payload",
            label=_GRANT,
            context=b"context",
            kid=_KID,
            protected=cbor(header),
        )
        case(name, f"{says} is refused though signed", data, "malformed")


def _encrypt0(write: Cases) -> None:
    random = Randomness("encrypt0")
    key, nonce = random(32), random(24)
    good = encrypt0(key, b"secret", label=_FIELD, context=b"context", nonce=nonce)

    def case(
        name: str, says: str, data: bytes, result: str, **over: str | bytes
    ) -> None:
        write(
            f"encrypt0_{name}",
            spec="encoding.md §2",
            says=says,
            kind="encrypt0",
            data=data,
            key=over.get("key", key),
            label=over.get("label", _FIELD),
            context=over.get("context", b"context"),
            plaintext=b"secret",
            result=result,
        )

    case("good", "sealed for this use", good, "ok")
    case("other_key", "another key", good, "tampered", key=random(32))
    case("other_label", "another use", good, "tampered", label=_GRANT)
    case("other_context", "another context", good, "tampered", context=b"other")
    start = len(good) - 78
    for name, at in (("nonce", start), ("commitment", start + 24), ("text", -20)):
        case(f"{name}_flipped", f"a changed {name}", flipped(good, at), "tampered")
    case("tag_flipped", "a changed tag", flipped(good, -1), "tampered")
    short = cbor([ENCRYPT0_PROTECTED, {}, bytes(71)])
    case("short", "shorter than any sealed text", short, "malformed")
    aad = cbor(["Encrypt0", cbor({1: 24}), external_aad(_FIELD, b"context")])
    sealed = seal(key, b"secret", aad=aad, nonce=nonce)
    foreign = cbor([cbor({1: 24}), {}, sealed])
    case("other_alg", "another algorithm, though sealed so", foreign, "malformed")
    case("cut", "one byte short", good[:-1], "malformed")

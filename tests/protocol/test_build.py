"""The second implementation is checked against the standards' own examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocol.build import __main__ as builders
from protocol.build import common, suite

_SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip"
    b" for the future, sunscreen would be it."
)


def test_hchacha20_is_the_drafts() -> None:
    """draft-irtf-cfrg-xchacha §2.2.1."""
    nonce = bytes.fromhex("000000090000004a0000000031415927")

    assert suite.hchacha20(bytes(range(32)), nonce).hex() == (
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    )


def test_xchacha20poly1305_is_the_drafts() -> None:
    """draft-irtf-cfrg-xchacha §A.3.1."""
    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")

    assert suite.xchacha20poly1305(key, nonce, _SUNSCREEN, aad).hex() == (
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49"
    )


def test_hkdf_is_rfc_5869s() -> None:
    """RFC 5869 §A.1 and §A.3 (no salt, no info)."""
    secret = b"\x0b" * 22

    assert suite.hkdf(
        secret, salt=bytes(range(13)), info=bytes(range(0xF0, 0xFA)), length=42
    ).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        "34007208d5b887185865"
    )
    assert suite.hkdf(secret, salt=b"", info=b"", length=42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        "9d201395faa4b61a96c8"
    )


def test_a_sealed_text_opens_under_its_key_only() -> None:
    """The builder's own seal and open agree, and another key is told apart."""
    sealed = suite.seal(bytes(32), b"text", aad=b"a", nonce=bytes(24))

    assert suite.open_sealed(bytes(32), sealed, aad=b"a") == b"text"
    with pytest.raises(ValueError, match="another key"):
        suite.open_sealed(b"\1" * 32, sealed, aad=b"a")


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-1, "20"),
        (-1000, "3903e7"),
        (False, "f4"),
        (None, "f6"),
        (bytes.fromhex("01020304"), "4401020304"),
        ("\u6c34", "63e6b0b4"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({1: 2, 3: 4}, "a201020304"),
        ({"b": [2, 3], "a": 1}, "a26161016162820203"),
        ({300: 0, 2: 0, 24: 0}, "a3020018180019012c00"),
    ],
)
def test_cbor_is_rfc_8949s(value: Any, spelled: str) -> None:
    """RFC 8949 appendix A, and keys in the order of §4.2.1."""
    assert common.cbor(value).hex() == spelled


def test_randomness_repeats_and_depends_on_its_seed() -> None:
    """A rebuild gives the same bytes, however they are asked for."""
    once, in_two = common.Randomness("a"), common.Randomness("a")

    assert once(50) == in_two(7) + in_two(43)
    assert common.Randomness("a")(32) != common.Randomness("b")(32)


def test_a_page_drops_cases_that_it_no_longer_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on disk is what the builder says, bytes as hex."""
    monkeypatch.setattr(common, "VECTORS", tmp_path)
    stale = tmp_path / "page" / "stale.json"
    stale.parent.mkdir()
    stale.write_text("{}")

    with common.cases("page") as case:
        case("good", spec="page.md §1", says="it is so", result="ok", raw=[b"\1"])

    assert [path.name for path in stale.parent.iterdir()] == ["good.json"]
    written = json.loads((tmp_path / "page" / "good.json").read_text())
    assert written["raw"] == ["01"]


def test_a_case_is_written_once_with_a_known_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in a builder stops it."""
    monkeypatch.setattr(common, "VECTORS", tmp_path)
    with common.cases("page") as case:
        case("a", spec="page.md §1", says="it is so", result="ok")

        with pytest.raises(ValueError, match="written twice"):
            case("a", spec="page.md §1", says="it is so", result="ok")
        with pytest.raises(ValueError, match="result"):
            case("b", spec="page.md §1", says="it is so", result="fine")


def test_an_unknown_page_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m protocol.build nosuch` says what there is."""
    assert builders.main(["nosuch"]) == 2
    assert "no such page: nosuch" in capsys.readouterr().err

"""One-time codes: the RFC's own values, Steam's, and every spelling of a seed."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError, UnsupportedError, VaultError
from clisk_vault.keys import SecretText
from clisk_vault.one_time_code import (
    Seed,
    code_at,
    parse_many,
    parse_seed,
    spell_seed,
)

_RFC = b"12345678901234567890"
_LONG = _RFC * 4
_BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def _parse(text: str) -> Seed:
    return parse_seed(SecretText(text))


@pytest.mark.parametrize(
    ("time", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_the_values_of_rfc_6238(time: int, sha1: str, sha256: str, sha512: str) -> None:
    """Appendix B, for each hash, with the secrets of its erratum."""
    for name, length, code in (
        ("SHA1", 20, sha1), ("SHA256", 32, sha256), ("SHA512", 64, sha512),
    ):  # fmt: skip
        seed = Seed(_LONG[:length], name, digits=8)
        assert code_at(seed, time).code.expose() == code


@pytest.mark.parametrize(("digits", "code"), [(6, "287082"), (7, "4287082")])
def test_fewer_digits_are_the_last_ones(digits: int, code: str) -> None:
    """Zeros in front stay."""
    assert code_at(Seed(_RFC, digits=digits), 59).code.expose() == code
    assert code_at(Seed(_RFC, digits=8), 1111111109).code.expose()[0] == "0"


def test_a_code_of_steam() -> None:
    """Five letters of its own alphabet, from the same 31 bits, lowest first."""
    letters, number = "23456789BCDFGHJKMNPQRTVWXY", 0x41397EEA  # RFC 4226, counter 1
    expected = ""
    for _ in range(5):
        expected += letters[number % 26]
        number //= 26

    assert code_at(Seed(_RFC, steam=True), 30).code.expose() == expected


def test_a_code_counts_down() -> None:
    """It says how many seconds are left, and at its end it is the next one's turn."""
    seed = Seed(_RFC, period=60)

    assert [code_at(seed, at).left_seconds for at in (0, 59, 60)] == [60, 1, 60]
    assert code_at(seed, 0).code == code_at(seed, 59).code
    assert code_at(seed, 59).code != code_at(seed, 60).code


@pytest.mark.parametrize(
    "text",
    [
        _BASE32, _BASE32.lower(), "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
        f"  {_BASE32}\n", "GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
        f"otpauth://totp/x?secret={_BASE32}", f"OTPAUTH://TOTP/?secret={_BASE32}",
    ],
)  # fmt: skip
def test_a_seed_as_sites_write_it(text: str) -> None:
    """In groups, in either case, with or without its address."""
    assert _parse(text).secret == _RFC


def test_an_address_says_everything() -> None:
    """Label, issuer, hash, digits and period."""
    seed = _parse(
        f"otpauth://totp/Big%20Corp:alice%40x.org?secret={_BASE32}&issuer=Big%20Corp"
        "&algorithm=SHA512&digits=8&period=60"
    )

    assert seed == Seed(_RFC, "SHA512", 8, 60, False, "Big Corp", "alice@x.org")
    assert _parse(f"steam://{_BASE32}").steam
    assert _parse(f"otpauth://totp/Steam:x?secret={_BASE32}&encoder=steam").steam


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", FormatError),
        ("not base 32!", FormatError),
        ("A", FormatError),
        ("otpauth://totp/x", FormatError),
        ("otpauth://totp/x?secret=", FormatError),
        (f"otpauth://totp/x?secret={_BASE32}&secret={_BASE32}", FormatError),
        (f"otpauth://totp/x?secret={_BASE32}&digits=x", FormatError),
        (f"otpauth://totp/x?secret={_BASE32}&digits=5", UnsupportedError),
        (f"otpauth://totp/x?secret={_BASE32}&digits=9", UnsupportedError),
        (f"otpauth://totp/x?secret={_BASE32}&period=0", UnsupportedError),
        (f"otpauth://totp/x?secret={_BASE32}&period=3601", UnsupportedError),
        (f"otpauth://totp/x?secret={_BASE32}&algorithm=MD5", UnsupportedError),
        (f"otpauth://hotp/x?secret={_BASE32}&counter=1", UnsupportedError),
        (f"otpauth://[/x?secret={_BASE32}", FormatError),
        (f"motp://x?secret={_BASE32}", UnsupportedError),
        ("A" * 5000, FormatError),
        ("A" * 2000, FormatError),
    ],
)
def test_what_is_no_seed_is_refused(text: str, error: type[VaultError]) -> None:
    """By name, and without a word of it."""
    with pytest.raises(error) as refused:
        _parse(text)

    assert _BASE32 not in str(refused.value)


def _proto(*fields: tuple[int, int | bytes]) -> bytes:
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += bytes([number << 3, value])
        else:
            out += bytes([number << 3 | 2, len(value)]) + value
    return out


def _migration(*accounts: bytes) -> SecretText:
    payload = b"".join(_proto((1, each)) for each in accounts) + _proto((2, 1))
    data = quote(base64.b64encode(payload).decode(), safe="")
    return SecretText(f"otpauth-migration://offline?data={data}")


def test_a_migration_holds_several() -> None:
    """As Google Authenticator writes it, the issuer before the account taken off."""
    one = _proto((1, _RFC), (2, b"Corp:alice"), (3, b"Corp"), (4, 1), (5, 1), (6, 2))
    two = _proto((1, _RFC), (2, b"bob"), (4, 3), (5, 2), (6, 2))

    assert parse_many(_migration(one, two)) == [
        Seed(_RFC, issuer="Corp", account="alice"),
        Seed(_RFC, "SHA512", 8, account="bob"),
    ]
    assert parse_many(SecretText(_BASE32)) == [Seed(_RFC)]


@pytest.mark.parametrize(
    ("account", "error"),
    [
        (_proto((1, _RFC), (6, 1)), UnsupportedError),
        (_proto((1, _RFC), (4, 4)), UnsupportedError),
        (_proto((1, _RFC), (5, 3)), UnsupportedError),
        (_proto((2, b"x"), (6, 2)), FormatError),
        (_proto((1, b""), (6, 2)), FormatError),
        (b"\x0a\x7f", FormatError),
        (b"\x0b", FormatError),
        (b"\x08" + b"\xff" * 10, FormatError),
    ],
)
def test_a_migration_that_is_not_one_is_refused(
    account: bytes, error: type[VaultError]
) -> None:
    """A code by counter, an unknown hash, no secret, bytes that end too soon."""
    with pytest.raises(error):
        parse_many(_migration(account))


def test_a_migration_is_bounded() -> None:
    """Neither empty, nor without end, nor anything but base64."""
    one = _proto((1, _RFC), (6, 2))
    for text in (
        _migration(),
        _migration(*[one] * 201),
        SecretText("otpauth-migration://offline?data=%%%"),
        SecretText("otpauth-migration://offline"),
    ):
        with pytest.raises(FormatError):
            parse_many(text)


@given(
    st.builds(
        Seed,
        st.binary(min_size=1, max_size=64),
        st.sampled_from(["SHA1", "SHA256", "SHA512"]),
        st.integers(6, 8),
        st.integers(1, 3600),
        st.just(False),
        st.text("abc &=?#%+/é", max_size=8).map(str.strip),
        st.text("abc @.&=?#%+é", min_size=1, max_size=8).map(str.strip),
    )
)
def test_a_seed_is_read_back_as_it_was_spelled(seed: Seed) -> None:
    """Whatever stands in the names."""
    assert parse_seed(spell_seed(seed)) == seed


@given(st.text(max_size=40), st.binary(max_size=60))
def test_any_text_is_a_seed_or_refused(text: str, payload: bytes) -> None:
    """Never another error."""
    data = base64.b64encode(payload).decode()
    for each in (text, f"otpauth://totp/{text}", f"otpauth-migration://x?data={data}"):
        try:
            parse_many(SecretText(each))
        except (FormatError, UnsupportedError):
            continue


def test_a_seed_does_not_print_its_secret() -> None:
    """Nor does a code print itself."""
    assert "1234567890" not in repr(Seed(_RFC))
    assert "287082" not in repr(code_at(Seed(_RFC), 59))

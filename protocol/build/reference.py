"""Vectors of protocol/reference.md: references, and templates that hold them."""

from __future__ import annotations

from protocol.build.common import Cases, cases

# RFC 3986 §2.2, §2.3, §3.3, spelled out by hand.
_LITERAL = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@"
)


def build() -> None:
    """Write every case of the page."""
    with cases("reference") as write:
        _references(write)
        _templates(write)


def escaped(text: str) -> str:
    """Return *text* as a part of a reference."""
    return "".join(
        chr(byte) if chr(byte) in _LITERAL else f"%{byte:02X}" for byte in text.encode()
    )


def _references(write: Cases) -> None:
    def good(
        name: str, says: str, item: str, field: str, *, code: bool = False
    ) -> None:
        text = f"clisk://{escaped(item)}/{escaped(field)}" + "?code" * code
        _case(write, name, says, text, "ok", item=item, field=field, code=code)

    good("plain", "an item and a field", "GitHub", "password")
    good("spaces", "spaces and a slash are escapes", "My bank/2", "the PIN")
    good("literal", "what may stand for itself", _LITERAL, "a@b:c")
    good("accents", "beyond ASCII, every byte is an escape", "Zürich – 駅", "clé")
    good("percent", "a percent sign is an escape itself", "100%", "%2F")
    good("code", "the one-time code of a seed", "GitHub", "totp", code=True)
    good("question", "a question mark in a name is an escape", "who?code", "a?b")
    good("longest", "1,024 characters", "a" * 1000, "b" * 15)
    for name, says, text in (
        ("scheme_case", "the scheme in capitals", "CLISK://GitHub/password"),
        ("scheme_other", "another scheme", "https://GitHub/password"),
        ("one_slash", "one slash after the scheme", "clisk:/GitHub/password"),
        ("one_part", "no field", "clisk://GitHub"),
        ("three_parts", "three parts", "clisk://GitHub/a/password"),
        ("slash_after", "a slash at the end", "clisk://GitHub/password/"),
        ("empty_item", "no item", "clisk:///password"),
        ("empty_field", "an empty field", "clisk://GitHub/"),
        ("empty_code", "an empty field with ?code", "clisk://GitHub/?code"),
        ("space", "a space as it is", "clisk://My bank/PIN"),
        ("plus_escape", "an escape of what stands for itself", "clisk://a%2Bb/c"),
        ("letter_escape", "an escape of a letter", "clisk://%41/c"),
        ("lower_escape", "an escape in lower case", "clisk://a%2fb/c"),
        ("half_escape", "an escape cut short", "clisk://a%2/c"),
        ("bare_percent", "a percent sign as it is", "clisk://100%/c"),
        ("not_utf8", "bytes that are no UTF-8", "clisk://%FF/c"),
        ("surrogate", "a surrogate in UTF-8", "clisk://%ED%A0%80/c"),
        ("overlong", "a slash in two bytes", "clisk://%C0%AF/c"),
        ("line_feed", "an escaped line feed", "clisk://a%0Ab/c"),
        ("zero", "an escaped zero byte", "clisk://a%00/c"),
        ("c1", "an escaped control character beyond ASCII", "clisk://a%C2%85/c"),
        ("raw_line_feed", "a line feed at the end", "clisk://a/c\n"),
        ("accent", "a letter beyond ASCII as it is", "clisk://Zürich/c"),
        ("query", "another query", "clisk://a/c?x"),
        ("query_empty", "an empty query", "clisk://a/c?"),
        ("query_twice", "?code twice", "clisk://a/c?code?code"),
        ("query_case", "?code in capitals", "clisk://a/c?CODE"),
        ("fragment", "a fragment", "clisk://a/c#d"),
        ("braces", "braces as they are", "clisk://{a}/c"),
        ("too_long", "1,025 characters", f"clisk://{'a' * 1000}/{'b' * 16}"),
        ("nothing", "no text at all", ""),
    ):
        _case(write, name, says, text, "malformed")


def _case(
    write: Cases,
    name: str,
    says: str,
    text: str,
    result: str,
    **parts: str | bool,
) -> None:
    write(
        f"reference_{name}",
        spec="reference.md §1",
        says=says,
        kind="reference",
        text=text,
        **parts,
        result=result,
    )


def _templates(write: Cases) -> None:
    values = {
        "clisk://a/b": "one",
        "clisk://a/c": "{{ clisk://a/b }}",
        "clisk://a/t?code": "123456",
    }

    def case(name: str, says: str, text: str, filled: str | None) -> None:
        write(
            f"template_{name}",
            spec="reference.md §2",
            says=says,
            kind="template",
            text=text,
            values=values,
            filled=filled,
            result="malformed" if filled is None else "ok",
        )

    case("plain", "one value", "x={{ clisk://a/b }}\n", "x=one\n")
    case("tight", "no spaces", "{{clisk://a/b}}", "one")
    case("tabs", "tabs and spaces", "{{\t clisk://a/b \t}}", "one")
    case("two", "two, side by side", "{{clisk://a/b}}{{clisk://a/t?code}}", "one123456")
    case(
        "none",
        "nothing to fill",
        "a {b} {{ c }} clisk://a/b\r\n",
        "a {b} {{ c }} clisk://a/b\r\n",
    )
    case("braces", "braces around", "{{{ clisk://a/b }}}", "{one}")
    case(
        "value",
        "a value is not looked through",
        "{{ clisk://a/c }}",
        "{{ clisk://a/b }}",
    )
    case("empty", "an empty template", "", "")
    for name, says, text in (
        ("unclosed", "no end", "{{ clisk://a/b"),
        ("one_brace", "half an end", "{{ clisk://a/b }"),
        ("line_feed", "a line feed within", "{{ clisk://a/b\n}}"),
        ("slip", "one slash", "{{ clisk:/a/b }}"),
        ("no_field", "no field", "{{ clisk://a }}"),
        ("words", "words after it", "{{ clisk://a/b | upper }}"),
        ("space", "a space within", "{{ clisk://my bank/b }}"),
        ("second", "the second is a slip", "{{ clisk://a/b }} {{ clisk:a }}"),
    ):
        case(name, says, text, None)

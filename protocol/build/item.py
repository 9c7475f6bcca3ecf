"""Vectors of protocol/item.md: stamps, entries, changes, views, sealed fields."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.build.change import END_OF_TIME, NOON, A, B, C, stamp
from protocol.build.common import Cases, Json, Randomness, cases, cbor, flipped
from protocol.build.item_attachments import attachments, purges
from protocol.build.item_changes import applied, changes
from protocol.build.suite import derive, encrypt0


def build() -> None:
    """Write every case of the page."""
    with cases("item") as write:
        _stamps(write)
        _entries(write)
        changes(write)
        applied(write)
        _views(write)
        _seals(write)
        attachments(write)
        purges(write)


def _stamps(write: Cases) -> None:
    def case(name: str, says: str, text: str, **values: int | bytes) -> None:
        write(
            f"stamp_{name}",
            spec="item.md §3",
            says=says,
            kind="stamp",
            text=text,
            result="ok" if values else "malformed",
            **values,
        )

    good = stamp(A, NOON, 7)
    case("plain", "time, counter, device", good, time_ms=NOON, counter=7, device=A)
    last = stamp(A, END_OF_TIME - 1, 0xFFFF)
    case(
        "last",
        "the last stamp there is",
        last,
        time_ms=END_OF_TIME - 1,
        counter=0xFFFF,
        device=A,
    )
    case("past_the_end", "the year 3000 is refused", stamp(A, END_OF_TIME))
    case("far_future", "the greatest number is refused", "f" * 16 + good[16:])
    case("upper_case", "hex is lower case", good.replace("f", "F"))
    case("short", "a device of 15 bytes", good[:-2])
    case("long", "something after the device", good + "0")
    case("no_dash", "another separator", good.replace("-", "_"))
    case("spaces", "int() would take spaces", good.replace("0000000", "00 0 00", 1))
    case("other_digits", "digits of another script", good.replace("0", "\u0660", 1))


def _entries(write: Cases) -> None:
    good = stamp(A)

    def case(
        name: str,
        says: str,
        key: str,
        *,
        text: str | None = None,
        raw: bytes | None = None,
        author: bytes = A,
        result: str = "malformed",
    ) -> None:
        value = {"text": text} if raw is None else {"bytes": raw}
        write(
            f"entry_{name}",
            spec="item.md §2",
            says=says,
            kind="entry",
            key=key,
            value=value,
            author=author,
            result=result,
        )

    def fine(name: str, says: str, key: str, **more: str | bytes) -> None:
        text, raw = more.get("text"), more.get("raw")
        assert not isinstance(text, bytes)
        assert not isinstance(raw, str)
        case(name, says, key, text=text, raw=raw, result="ok")

    fine("clear", "a clear field is text", f"title/{good}", text="GitHub")
    fine("secret", "a secret field is bytes", f"password/{good}", raw=b"\x82\x01\x40")
    fine("removed", "empty bytes remove any field", f"title/{good}", raw=b"")
    fine("element", "one part of one element", f"uri.0a1b2c3d.value/{good}", text="x")
    for name, field in (
        ("pin", "card.pin"),
        ("passphrase", "ssh.passphrase"),
        ("extensions", "passkey.0a1b2c3d.extensions"),
        ("content", "attachment.0a1b2c3d.content"),
        ("chunk", "chunk"),
    ):
        key = f"{field}/{good}"
        fine(f"secret_{name}", f"{field} is secret", key, raw=b"\x82\x01\x40")
        case(f"clear_{name}", f"{field} as text", key, text="x")
    for name, field in (
        ("birth_date", "identity.birth_date"),
        ("format", "custom.0a1b2c3d.format"),
        ("blob", "attachment.0a1b2c3d.blob"),
        ("chunk_of", "chunk.of"),
    ):
        key = f"{field}/{good}"
        fine(f"text_{name}", f"{field} is clear", key, text="x")
        case(f"sealed_{name}", f"{field} as bytes", key, raw=b"\x01")
    fine("unknown", "an unlisted field is kept", f"later.thing/{good}", raw=b"\x01")
    seen = f"title~seen/{good}"
    fine("seen", "the versions that were seen", seen, text=stamp(B))
    two = f"{stamp(B)} {stamp(C)}"
    fine("seen_two", "ascending, one a device", seen, text=two)
    fine("same", "an old value again", f"title~same/{good}", text=stamp(B))

    case(
        "another_author",
        "stamped in another's name",
        f"title/{good}",
        text="x",
        author=B,
    )
    case("no_stamp", "a key without a stamp", "title", text="x")
    case("no_field", "a key without a field", f"/{good}", text="x")
    case("upper_case", "fields are lower case", f"Title/{good}", text="x")
    case("begins_with_digit", "a field begins with a letter", f"1st/{good}", text="x")
    case("empty_part", "an empty part", f"uri..value/{good}", text="x")
    case("too_long", "a field of 65 characters", f"{'a' * 65}/{good}", text="x")
    case("other_role", "a role that there is not", f"title~then/{good}", text="x")
    case("no_role", "a tilde and nothing", f"title~/{good}", text="x")
    case(
        "future",
        "stamped in the year 3000",
        f"title/{stamp(A, END_OF_TIME)}",
        text="x",
    )
    case(
        "secret_in_the_clear", "a password as text", f"password/{good}", text="hunter2"
    )
    case(
        "element_in_the_clear",
        "a hidden field as text",
        f"custom.0a1b2c3d.hidden/{good}",
        text="x",
    )
    case("clear_sealed", "a title as bytes", f"title/{good}", raw=b"\x01")
    case("too_large", "one byte too many", f"later/{good}", raw=bytes(49_153))
    case("seen_bytes", "stamps are text", seen, raw=stamp(B).encode())
    case("seen_nothing", "an empty list", seen, text="")
    case("seen_order", "stamps descending", seen, text=f"{stamp(C)} {stamp(B)}")
    case(
        "seen_twice",
        "two of one device",
        seen,
        text=f"{stamp(B)} {stamp(B, counter=1)}",
    )
    many = " ".join(stamp(at.to_bytes(16)) for at in range(513))
    case("seen_many", "513 stamps", seen, text=many)
    case("same_two", "more than one stamp", f"title~same/{good}", text=two)


def _views(write: Cases) -> None:
    a1, a2, b1, b2, c1 = (
        stamp(A),
        stamp(A, counter=9),
        stamp(B, counter=1),
        stamp(B, counter=2),
        stamp(C, counter=3),
    )

    def case(
        name: str,
        says: str,
        entries: dict[str, str | bytes],
        *,
        heads: Sequence[str],
        conflict: bool = False,
        history: Sequence[str] = (),
    ) -> None:
        write(
            f"view_{name}",
            spec="item.md §6",
            says=says,
            kind="view",
            field="title",
            entries={
                key: {"text": value} if isinstance(value, str) else {"bytes": value}
                for key, value in entries.items()
            },
            result="ok",
            heads=heads,
            conflict=conflict,
            history=history,
        )

    case("one", "one version", {f"title/{a1}": "x"}, heads=[a1])
    case(
        "own",
        "a device has seen what it wrote itself",
        {f"title/{a1}": "x", f"title/{a2}": "y"},
        heads=[a2],
        history=[a1],
    )
    beside: dict[str, str | bytes] = {f"title/{a1}": "x", f"title/{b1}": "y"}
    case("conflict", "neither saw the other", beside, heads=[b1, a1], conflict=True)
    case(
        "agree",
        "equal clear values are no conflict",
        {f"title/{a1}": "x", f"title/{b1}": "x"},
        heads=[b1, a1],
    )
    case(
        "settled",
        "a version that saw both",
        {**beside, f"title/{a2}": "x", f"title~seen/{a2}": b1},
        heads=[a2],
        history=[b1, a1],
    )
    case(
        "chosen",
        "an old value is current again",
        {**beside, f"title~same/{a2}": a1, f"title~seen/{a2}": b1},
        heads=[a2],
        history=[b1, a1],
    )
    case(
        "clock_ahead",
        "a later edit wins over a stamp of the year 2999",
        {
            f"title/{stamp(B, END_OF_TIME - 1)}": "future",
            f"title/{a1}": "x",
            f"title~seen/{a1}": stamp(B, END_OF_TIME - 1),
        },
        heads=[a1],
        history=[stamp(B, END_OF_TIME - 1)],
    )
    case(
        "seen_up_to",
        "who saw a device's second value saw its first",
        {
            f"title/{b1}": "x",
            f"title/{b2}": "y",
            f"title/{c1}": "z",
            f"title~seen/{c1}": b2,
        },
        heads=[c1],
        history=[b2, b1],
    )
    case(
        "seen_less",
        "who saw the first has not seen the second",
        {
            f"title/{b1}": "x",
            f"title/{b2}": "y",
            f"title/{c1}": "z",
            f"title~seen/{c1}": b1,
        },
        heads=[c1, b2],
        conflict=True,
        history=[b1],
    )
    case(
        "seen_future",
        "nobody has seen what is not there",
        {**beside, f"title~seen/{a1}": stamp(B, END_OF_TIME - 1)},
        heads=[b1, a1],
        conflict=True,
    )
    case(
        "seen_self",
        "a mark that names its own device says nothing",
        {**beside, f"title~seen/{a1}": a1},
        heads=[b1, a1],
        conflict=True,
    )
    case(
        "seen_alone",
        "a mark without its version says nothing",
        {**beside, f"title~seen/{a2}": b1},
        heads=[b1, a1],
        conflict=True,
    )
    case(
        "same_and_value",
        "a value and a choice under one stamp: the value",
        {**beside, f"title~same/{b1}": a1},
        heads=[b1, a1],
        conflict=True,
    )
    case(
        "same_alone",
        "a choice of what is not there is no version",
        {**beside, f"title~same/{a2}": c1},
        heads=[b1, a1],
        conflict=True,
    )
    case(
        "circle",
        "devices that claim to have seen each other leave the newest",
        {**beside, f"title~seen/{a1}": b1, f"title~seen/{b1}": a1},
        heads=[b1],
        history=[a1],
    )
    case(
        "removed",
        "removed by one, changed by the other",
        {f"title/{a1}": b"", f"title/{b1}": "y"},
        heads=[b1, a1],
        conflict=True,
    )


def _seals(write: Cases) -> None:
    random = Randomness("item seal")
    vault, item, secret, nonce = random(32), random(16), random(32), random(24)
    field, version = "password", stamp(A)
    place: dict[str, Json] = {
        "vault": vault,
        "item": item,
        "field": field,
        "version": version,
    }

    def seal(
        epoch: int = 3,
        *,
        key_context: Sequence[bytes | str] = (vault, item, field, version),
        context: Sequence[bytes | str | int] = (vault, 3, item, field, version),
        plaintext: bytes = b"hunter2",
    ) -> bytes:
        key = derive(secret, "clisk/1/field-key", cbor(key_context))
        sealed = encrypt0(
            key, plaintext, label="clisk/1/field", context=cbor(context), nonce=nonce
        )
        return cbor([epoch, sealed])

    def case(
        name: str,
        says: str,
        value: bytes,
        result: str = "tampered",
        **over: bytes | str,
    ) -> None:
        opened: dict[str, Json] = {"plaintext": "hunter2", "epoch": 3}
        write(
            f"seal_{name}",
            spec="item.md §7",
            says=says,
            kind="seal",
            **{**place, "epoch_secret": secret, **over},
            nonce=nonce,
            value=value,
            result=result,
            **(opened if result == "ok" else {}),
        )

    good = seal()
    case("plain", "opens in its place", good, "ok")
    case("other_field", "moved to another field", good, field="totp")
    case("other_version", "moved to another version", good, version=stamp(B))
    case("other_item", "moved to another item", good, item=bytes(16))
    case("other_vault", "moved to another vault", good, vault=bytes(32))
    case("other_epoch", "another epoch is named", seal(4))
    case("other_secret", "under another epoch's secret", good, epoch_secret=bytes(32))
    unbound = seal(context=(vault, 3, item, "totp", version))
    case("bound_elsewhere", "the right key, bound to another field", unbound)
    case("flipped", "one bit of the text", flipped(good, -1))
    case("flipped_nonce", "one bit of the nonce", flipped(good, 20))
    case("not_text", "a plaintext that is not UTF-8", seal(plaintext=b"\xff"))
    case("empty", "a removed field is not sealed", b"", "malformed")
    case("cut", "cut short", good[:-1], "malformed")
    case("longer", "a byte more", good + b"\0", "malformed")
    case("no_epoch", "no epoch", cbor([good[1:]]), "malformed")
    case("negative", "an epoch below 0", b"\x82\x20\x40", "malformed")
    case("bare", "the seal alone", cbor(good), "malformed")

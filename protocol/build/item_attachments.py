"""Cases of protocol/item.md §8 and §9: attachments, and what a purge had seen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from protocol.build.change import NOON, A, B, C, stamp
from protocol.build.common import Cases, Json, Randomness, cbor, flipped
from protocol.build.suite import encrypt0

_CHUNK = 47_104


def attachments(write: Cases) -> None:
    """Write the cases of a content and its chunks."""
    random = Randomness("item attachment")
    vault, item, blob, key = random(32), random(16), random(16), random(32)
    data = b"A file of a few words.\n"

    def chunk(
        part: bytes = data,
        number: int = 0,
        chunks: int = 1,
        *,
        context: Sequence[bytes | int] | None = None,
        label: str = "clisk/1/chunk",
        under: bytes = key,
    ) -> bytes:
        place = context or (vault, item, blob, number, chunks)
        return encrypt0(under, part, label=label, context=cbor(place), nonce=random(24))

    def spell(whole: bytes = data, size: object = None) -> str:
        shown = len(whole) if size is None else size
        return f"1 {shown} {hashlib.sha256(whole).hexdigest()} {key.hex()}"

    def case(
        name: str,
        says: str,
        content: str,
        chunks: Sequence[bytes],
        result: str = "tampered",
        **outputs: Json,
    ) -> None:
        ids = [
            hashlib.sha256(b"clisk/1/chunk-id" + blob + at.to_bytes(4)).digest()[:16]
            for at in range(len(chunks))
        ]
        where: dict[str, Json] = {"vault": vault, "item": item, "blob": blob}
        write(
            f"attachment_{name}",
            spec="item.md §8",
            says=says,
            kind="attachment",
            **where,
            content=content,
            chunks=list(chunks),
            result=result,
            **({"documents": ids, **outputs} if result == "ok" else {}),
        )

    case("plain", "one chunk", spell(), [chunk()], "ok", data=data)
    case("empty", "nothing is one chunk too", spell(b""), [chunk(b"")], "ok", data=b"")
    long = b"0123456789abcdef" * 2_944 + b"!"
    two = [chunk(long[:_CHUNK], 0, 2), chunk(long[_CHUNK:], 1, 2)]
    case("two", "one byte more than a chunk", spell(long), two, "ok", data=long)

    case("swapped", "chunks in another order", spell(long), two[::-1])
    case("cut", "the last chunk is missing", spell(long), two[:1])
    case("flipped", "one bit of a chunk", spell(), [flipped(chunk(), -1)])
    case("shorter", "fewer bytes than it says", spell(), [chunk(data[:-1])])
    case("longer", "more bytes than it says", spell(size=len(data) - 1), [chunk()])
    other = data.replace(b"few", b"new")
    case("other_bytes", "as many bytes, but others", spell(), [chunk(other)])
    case("other_key", "sealed under another key", spell(), [chunk(under=bytes(32))])
    for name, says, place in (
        ("other_vault", "of another vault", (bytes(32), item, blob, 0, 1)),
        ("other_item", "of another item", (vault, bytes(16), blob, 0, 1)),
        ("other_blob", "of another attachment", (vault, item, bytes(16), 0, 1)),
        ("other_number", "another chunk", (vault, item, blob, 1, 1)),
        ("other_count", "one of two chunks", (vault, item, blob, 0, 2)),
    ):
        case(name, says, spell(), [chunk(context=place)])
    case("other_label", "a field's label", spell(), [chunk(label="clisk/1/field")])

    good = spell()
    for name, says, content in (
        ("no_version", "no version", good[2:]),
        ("version_2", "another version", "2" + good[1:]),
        ("upper_case", "hex is lower case", good.upper()),
        ("leading_zero", "a size with a zero before it", spell(size=f"0{len(data)}")),
        ("negative", "a size below 0", spell(size=-1)),
        ("too_large", "one byte over the limit", spell(size=10_485_761)),
        ("enormous", "a size of nine digits", spell(size=999_999_999)),
        ("short_key", "a key of 31 bytes", good[:-2]),
        ("spaces", "two spaces", good.replace(" ", "  ", 1)),
        ("line_feed", "a line feed at the end", good + "\n"),
        ("other_digits", "digits of another script", good.replace("1 ", "\u0661 ", 1)),
        ("nothing", "no text", ""),
    ):
        case(name, says, content, [chunk()], "malformed")


def purges(write: Cases) -> None:
    """Write what a purge had seen, and whether a copy of the item is forgotten."""
    a1, a2 = stamp(A), stamp(A, NOON, 1)
    b1, b2 = stamp(B), stamp(B, NOON, 1)

    def case(
        name: str,
        says: str,
        seen: Sequence[str],
        copy: Sequence[str],
        *,
        forgotten: bool,
        purged: bool = True,
    ) -> None:
        write(
            f"purge_{name}",
            spec="item.md §9",
            says=says,
            kind="purge",
            purges=list(seen),
            copy=list(copy),
            result="ok",
            purged=purged,
            forgotten=forgotten,
        )

    case("same", "the copy holds what was seen", [f"{b1} {a2}"], [a1, a2, b1],
         forgotten=True)  # fmt: skip
    case("less", "the copy holds less", [f"{a2} {b2}"], [a1], forgotten=True)
    case("later", "a later write of a device that was seen", [f"{a1} {b1}"],
         [a1, b1, b2], forgotten=False)  # fmt: skip
    case("stranger", "a write of a device that was not seen", [a2],
         [a1, stamp(C)], forgotten=False)  # fmt: skip
    case("two", "each of two purges counts", [a2, b1], [a1, b1], forgotten=True)
    case("broken", "what is no list of stamps says nothing", ["soon", a1], [a1],
         forgotten=True)  # fmt: skip
    case("only_broken", "and alone purges nothing", ["soon", f"{b1} {a1}"], [a1],
         purged=False, forgotten=False)  # fmt: skip
    case("removed", "it is never taken back", [a1, ""], [a1], forgotten=True)

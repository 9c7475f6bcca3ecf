"""Vectors of protocol/envelope.md §2 to §5: padding, outside and inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protocol.build.common import Cases, Cbor, Randomness, cases, cbor, flipped
from protocol.build.family import (
    EPOCH_SECRET,
    LAPTOP,
    PHONE,
    STRANGER,
    Device,
    family,
    genesis,
    padded,
    record_hash,
    with_changes,
)
from protocol.build.suite import derive, ed25519_public, encrypt0, sign1

ITEM = Randomness("item")(16)
CLOCK_MS = 1_700_000_100_000
NO_HASH = bytes(32)


def content(
    *,
    marks: dict[bytes, Cbor] | None = None,
    batch: list[Cbor] | None = None,
    height: int = 2,
    clock_ms: int = CLOCK_MS,
) -> dict[int, Any]:
    """Return an inside: a heartbeat, or items where *batch* is given."""
    return {
        1: 3 if batch is None else 1,
        2: marks or {},
        3: [height, record_hash(family()[height])],
        4: clock_ms,
        5: batch or [],
    }


@dataclass(frozen=True)
class Draft:
    """An envelope before it is sealed, to be spoilt in one way."""

    author: Device = LAPTOP
    number: int = 1
    previous: bytes = NO_HASH
    inside: Cbor = field(default_factory=content)
    epoch: int = 1
    header: dict[int, Any] = field(default_factory=dict)
    secret: bytes = EPOCH_SECRET
    plaintext: bytes | None = None
    context: bytes | None = None

    def payload(self) -> dict[int, Any]:
        """Return the payload: header and sealed inside."""
        header: dict[int, Any] = {
            1: 1,
            2: record_hash(genesis()),
            3: self.author.id,
            4: self.number,
            5: self.previous,
            6: self.epoch,
        }
        key_context = cbor([record_hash(genesis()), self.epoch])
        plaintext = self.plaintext
        if plaintext is None:
            plaintext = padded(cbor(self.inside), 1024)
        sealed = encrypt0(
            derive(self.secret, "clisk/1/envelope-key", key_context),
            plaintext,
            label="clisk/1/envelope-body",
            context=cbor(header) if self.context is None else self.context,
            nonce=Randomness(f"{self.author.name} {self.number}")(24),
        )
        return with_changes({**header, 7: sealed}, self.header)

    def signed(self, *, seed: bytes | None = None, kid: bytes | None = None) -> bytes:
        """Return the envelope."""
        return sign1(
            self.author.seed if seed is None else seed,
            cbor(self.payload()),
            label="clisk/1/envelope",
            context=b"",
            kid=self.author.id if kid is None else kid,
        )


def build() -> None:
    """Write every case of the page."""
    with cases("envelope") as write:
        _padding(write)
        _good(write)
        _bad_outside(write)
        _bad_seal(write)
        _bad_inside(write)


def _padding(write: Cases) -> None:
    def case(name: str, says: str, bytes_in: bytes, floor: int, result: str) -> None:
        write(
            f"padding_{name}",
            spec="envelope.md §4",
            says=says,
            kind="padding",
            floor=floor,
            padded=bytes_in,
            result=result,
        )

    case("empty", "nothing is padded to the floor", padded(b"", 64), 64, "ok")
    case("at_floor", "63 bytes and the mark fill 64", padded(b"a" * 63, 64), 64, "ok")
    case("bucket", "300 bytes grow to 304", padded(b"a" * 299, 16), 16, "ok")
    case(
        "ends_in_mark",
        "a content that ends like padding",
        padded(b"\x80", 16),
        16,
        "ok",
    )
    case("no_mark", "zeros alone", bytes(64), 64, "malformed")
    case("nothing", "no bytes", b"", 64, "malformed")
    case("text_after", "no mark before the end", b"a" * 64, 64, "malformed")
    case("below_floor", "less than the floor", padded(b"a", 32), 64, "malformed")
    case("above", "a bucket too many", padded(b"a", 64) + bytes(8), 64, "malformed")
    case("short", "not filled up to its bucket", b"a" * 297 + b"\x80", 16, "malformed")


def _case(
    write: Cases, name: str, says: str, draft: Draft | bytes, result: str, **more: Any
) -> None:
    data = draft if isinstance(draft, bytes) else draft.signed()
    write(
        name,
        spec=f"envelope.md §{more.pop('section', 2)}",
        says=says,
        kind="envelope",
        envelope=data,
        public=ed25519_public(LAPTOP.seed),
        secret=more.pop("secret", EPOCH_SECRET),
        **more,
        result=result,
    )


def _good(write: Cases) -> None:
    mark: list[Cbor] = [3, bytes(range(32))]
    one: list[Cbor] = [[ITEM, b"a change"]]
    many: list[Cbor] = [[ITEM, bytes([at]) * 100] for at in range(256)]
    full: list[Cbor] = [[ITEM, bytes(65_536)]]
    for name, says, inside in (
        (
            "heartbeat",
            "an empty batch says what was heard",
            content(marks={PHONE.id: mark}),
        ),
        (
            "announced",
            "a snapshot is announced",
            {**content(), 5: [{1: 1, 2: 7, 3: bytes(range(32))}]},
        ),
        ("one_change", "one change", content(batch=one)),
        ("full_by_count", "256 changes", content(batch=many)),
        ("full_by_size", "65,536 bytes of changes", content(batch=full)),
        ("log", "a message about logs", {**content(), 1: 2, 5: [b"a message"]}),
    ):
        expected = cbor(inside)
        _case(
            write, name, says, Draft(inside=inside), "ok", section=5, content=expected
        )
    second = Draft(number=2, previous=bytes(range(32)))
    _case(
        write, "second", "a second envelope", second, "ok", content=cbor(second.inside)
    )


def _bad_outside(write: Cases) -> None:
    def case(name: str, says: str, result: str = "malformed", **header: Any) -> None:
        changes = {int(key[1:]): value for key, value in header.items()}
        _case(write, name, says, Draft(header=changes), result)

    case("suite_2", "another suite", "unsupported", _1=2)
    case("no_suite", "no suite number", _1=None)
    case("vault_short", "a vault id of 31 bytes", _2=bytes(31))
    case("author_long", "an author id of 17 bytes", _3=bytes(17))
    case("number_0", "numbers count from 1", _4=0)
    case("number_huge", "a number of 2^63", _4=1 << 63)
    case("number_text", "a number in letters", _4="1")
    case("first_with_previous", "a first one with a past", _5=bytes(range(32)))
    case("second_without", "a second one without a past", _4=2)
    case("epoch_0", "epochs count from 1", _6=0)
    case("no_sealed", "nothing sealed", _7=None)
    case("unknown_key", "a key that is not known", _8=0)
    good = Draft().signed()
    _case(write, "cut", "one byte short", good[:-1], "malformed")
    _case(write, "trailing", "one byte more", good + b"\0", "malformed")
    _case(write, "empty", "no bytes", b"", "malformed")
    kid_other = Draft().signed(kid=PHONE.id)
    _case(write, "kid_other", "signed in another name", kid_other, "malformed")
    masked = Draft().signed(seed=STRANGER.seed)
    _case(write, "masked", "a stranger signs as a member", masked, "tampered")
    _case(write, "flipped_tail", "a changed signature", flipped(good, -1), "tampered")
    _case(
        write, "flipped_text", "a changed ciphertext", flipped(good, -200), "tampered"
    )
    record = family()[0]
    _case(write, "a_record", "a membership record", record, "malformed")


def _bad_seal(write: Cases) -> None:
    def case(name: str, says: str, draft: Draft, result: str) -> None:
        _case(write, name, says, draft, result, section=3)

    case(
        "other_secret",
        "sealed under another secret",
        Draft(secret=bytes(32)),
        "tampered",
    )
    moved = Draft(number=2, previous=bytes(range(32))).payload()[7]
    case(
        "seal_of_another",
        "the seal of another number",
        Draft(header={7: moved}),
        "tampered",
    )
    case("no_context", "sealed without its header", Draft(context=b""), "tampered")
    case("not_a_seal", "no COSE_Encrypt0", Draft(header={7: b"\x80"}), "malformed")
    case(
        "unpadded",
        "content without padding",
        Draft(plaintext=cbor(content())),
        "malformed",
    )
    low = padded(cbor(content()), 256)
    case("low_floor", "padded below the floor", Draft(plaintext=low), "malformed")


def _bad_inside(write: Cases) -> None:
    change: list[Cbor] = [ITEM, b"x"]

    def case(name: str, says: str, inside: Cbor, result: str = "malformed") -> None:
        _case(write, name, says, Draft(inside=inside), result, section=5)

    case("stream_0", "stream 0", {**content(), 1: 0}, "unsupported")
    case("log_empty", "no message about logs", {**content(), 1: 2})
    log_change = {**content(), 1: 2, 5: [change]}
    case("log_change", "a change where a message belongs", log_change)
    case("log_text", "a message in letters", {**content(), 1: 2, 5: ["x"]})
    case("log_65", "65 messages", {**content(), 1: 2, 5: [b"x"] * 65})
    long = {**content(), 1: 2, 5: [bytes(262_144), bytes(262_145)]}
    case("log_too_long", "524,289 bytes of messages", long)
    case("stream_4", "stream 4", {**content(), 1: 4}, "unsupported")
    case(
        "control_message",
        "a control message",
        {**content(), 5: [{1: 2}]},
        "unsupported",
    )
    told: dict[int, Cbor] = {1: 1, 2: 1, 3: bytes(range(32))}
    case("announced_0", "a snapshot of height 0", {**content(), 5: [{**told, 2: 0}]})
    case("announced_no_hash", "a snapshot unnamed", {**content(), 5: [{1: 1, 2: 1}]})
    case("announced_twice", "two messages", {**content(), 5: [told, told]})
    case("control_change", "a change in the control stream", {**content(), 5: [change]})
    case("items_empty", "items without any", {**content(), 1: 1})
    case("too_many", "257 changes", content(batch=[change] * 257))
    too_big: list[Cbor] = [[ITEM, bytes(32_768)], [ITEM, bytes(32_769)]]
    case("too_big", "65,537 bytes of changes", content(batch=too_big))
    case("item_short", "an item id of 15 bytes", content(batch=[[bytes(15), b"x"]]))
    case("change_text", "a change in letters", content(batch=[[ITEM, "x"]]))
    case(
        "change_triple", "a change with a third part", content(batch=[[ITEM, b"x", 0]])
    )
    case(
        "own_mark", "a claim about its author", content(marks={LAPTOP.id: [1, NO_HASH]})
    )
    case("mark_0", "a mark of number 0", content(marks={PHONE.id: [0, NO_HASH]}))
    case(
        "mark_hash_short",
        "a mark of 31 bytes",
        content(marks={PHONE.id: [1, bytes(31)]}),
    )
    crowd: dict[bytes, Cbor] = {bytes([at]) * 16: [1, NO_HASH] for at in range(65)}
    case("marks_65", "marks of 65 devices", content(marks=crowd))
    case("height_1024", "a height over 1,023", {**content(), 3: [1024, NO_HASH]})
    case("head_alone", "a membership without its hash", {**content(), 3: [1]})
    case(
        "far_future",
        "a clock after the year 3000",
        content(clock_ms=32_503_680_000_001),
    )
    case("no_clock", "no clock", with_changes(content(), {4: None}))
    case("inside_unknown_key", "a key that is not known", {**content(), 6: 0})
    case("inside_list", "a list for a map", [1])

"""Vectors of protocol/membership.md: lists of records, good and bad."""

from __future__ import annotations

from typing import Any

from protocol.build.common import Cases, cases, flipped
from protocol.build.family import (
    EPOCH_SECRET,
    LAPTOP,
    PHONE,
    SALT,
    STRANGER,
    Body,
    Device,
    add_body,
    family,
    genesis,
    genesis_body,
    kept_wraps,
    record_hash,
    sealed_name,
    signed,
    with_changes,
    wrap_info,
)
from protocol.build.hpke import unwrap
from protocol.build.suite import ed25519_public


def build() -> None:
    """Write every case of the page."""
    wraps, previous = kept_wraps(), record_hash(genesis())
    for device, wrap, binding, before in (
        (LAPTOP, wraps[0], SALT, b""),
        (PHONE, wraps[1], previous, previous),
    ):
        info = wrap_info(binding, before, device.id)
        assert unwrap(device.wrapping, wrap, info=info) == EPOCH_SECRET
    with cases("membership") as write:
        _good(write)
        _bad_shape(write)
        _unsupported(write)
        _not_believed(write)


def _case(
    write: Cases, name: str, says: str, records: list[bytes], result: str
) -> None:
    write(
        name,
        spec="membership.md §3" if result != "ok" else "membership.md §5",
        says=says,
        kind="records",
        vault=record_hash(genesis()),
        records=records,
        result=result,
    )


def _good(write: Cases) -> None:
    records = list(family())
    _case(write, "founder", "a genesis alone", records[:1], "ok")
    _case(write, "two_devices", "a second device", records[:2], "ok")
    says = "a third device, added by the second"
    _case(write, "three_devices", says, records, "ok")
    for device in (LAPTOP, PHONE):
        write(
            f"opened_by_{device.name}",
            spec="membership.md §4",
            says=f"the {device.name} opens its wrap and all names",
            kind="opened",
            vault=record_hash(genesis()),
            records=records[:2],
            signing=device.seed,
            wrapping=device.wrapping,
            log=ed25519_public(device.log_seed),
            epochs=[EPOCH_SECRET],
            names=["laptop", "phone"],
            result="ok",
        )


def _bad_shape(write: Cases) -> None:
    def genesis_case(name: str, says: str, **changes: Any) -> None:
        numbered = {int(key[1:]): value for key, value in changes.items()}
        body = with_changes(genesis_body(), numbered)
        _case(write, name, says, [signed(body, LAPTOP)], "malformed")

    def add_case(name: str, says: str, **changes: Any) -> None:
        numbered = {int(key[1:]): value for key, value in changes.items()}
        body = with_changes(add_body(PHONE, [genesis()], LAPTOP), numbered)
        _case(write, name, says, [genesis(), signed(body, LAPTOP)], "malformed")

    epoch = genesis_body()[11]
    genesis_case("salt_short", "a salt of 31 bytes", _8=bytes(31))
    genesis_case("no_salt", "a genesis without a salt", _8=None)
    genesis_case("genesis_with_previous", "a genesis with a past", _4=bytes(32))
    genesis_case("genesis_high", "a genesis above height 0", _5=1)
    genesis_case(
        "genesis_epoch_2", "a genesis that begins epoch 2", _11={**epoch, 1: 2}
    )
    genesis_case("no_wraps", "an epoch for nobody", _11={**epoch, 3: {}})
    short = {**epoch, 3: {LAPTOP.id: bytes(1167)}}
    genesis_case("wrap_short", "a wrap one byte short", _11=short)
    long_id = {**epoch, 3: {bytes(17): bytes(1168)}}
    genesis_case("recipient_long", "a recipient id of 17 bytes", _11=long_id)
    genesis_case("first_with_chain", "a chain in epoch 1", _11={**epoch, 4: bytes(140)})
    genesis_case(
        "keys_missing",
        "device keys without the log key",
        _9={key: value for key, value in LAPTOP.keys.items() if key != 3},
    )
    genesis_case(
        "not_a_wrap_key",
        "a wrapping key out of range",
        _9={**LAPTOP.keys, 2: b"\xff" * 1216},
    )
    genesis_case("far_future", "a time after the year 3000", _7=32_503_680_000_001)
    genesis_case("time_negative", "a time before 1970", _7=-1)
    genesis_case("name_long", "a sealed name of 513 bytes", _10={1: 1, 2: bytes(513)})
    genesis_case("name_epoch_0", "a name of epoch 0", _10={1: 0, 2: bytes(300)})
    genesis_case("height_bool", "a boolean for a height", _5=False)
    add_case("add_at_0", "an add at height 0", _5=0)
    add_case("add_too_high", "a height over 1,023", _5=1024)
    add_case("no_previous", "an add without a previous", _4=None)
    add_case("add_with_epoch", "an add that begins an epoch", _11=epoch)
    add_case("unknown_key", "a key that is not known", _15=0)
    add_case("author_short", "an author id of 15 bytes", _6=bytes(15))
    add_case(
        "share_with_more", "a share with a third key", _12={1: 1, 2: bytes(1168), 3: 0}
    )
    good = genesis()
    _case(write, "cut", "one byte short", [good[:-1]], "malformed")
    _case(write, "trailing", "one byte more", [good + b"\0"], "malformed")
    _case(write, "empty", "no bytes", [b""], "malformed")
    other = signed(genesis_body(), LAPTOP, kid=PHONE.id)
    says = "signed in another name than the author's"
    _case(write, "kid_other", says, [other], "malformed")
    _case(
        write,
        "not_a_map",
        "a list for a body",
        [signed([1, 1], LAPTOP)],
        "malformed",
    )
    no_suite = signed(with_changes(genesis_body(), {1: None}), LAPTOP)
    _case(write, "no_suite", "no suite number", [no_suite], "malformed")


def _unsupported(write: Cases) -> None:
    for name, key, value, says in (
        ("suite_0", 1, 0, "suite 0"),
        ("suite_2", 1, 2, "suite 2"),
        ("kind_0", 2, 0, "kind 0"),
        ("kind_6", 2, 6, "kind 6"),
    ):
        record = signed(with_changes(genesis_body(), {key: value}), LAPTOP)
        _case(write, name, f"{says} is not known", [record], "unsupported")
    vault, before = record_hash(genesis()), record_hash(genesis())
    linked: Body = {1: 1, 3: vault, 4: before, 5: 1, 6: LAPTOP.id, 7: 1_700_000_001_000}
    epoch: Body = {1: 2, 2: bytes(32), 3: {LAPTOP.id: bytes(1168)}, 4: bytes(140)}
    kinds: tuple[tuple[str, int, Body], ...] = (
        ("revoke", 3, {11: epoch, 13: {1: PHONE.id, 2: 0, 3: bytes(32)}}),
        ("rotate", 4, {11: epoch}),
        ("rename", 5, {10: sealed_name(LAPTOP, vault), 14: LAPTOP.id}),
    )
    for name, kind, rest in kinds:
        record = signed(with_changes({**linked, 2: kind}, rest), LAPTOP)
        says = f"kind {name} is defined and not yet read"
        _case(write, f"kind_{name}", says, [genesis(), record], "unsupported")


def _not_believed(write: Cases) -> None:
    def case(name: str, says: str, *records: bytes, refused_by: str) -> None:
        write(
            name,
            spec="membership.md §5",
            says=says,
            kind="records",
            vault=record_hash(genesis()),
            records=list(records),
            refused_by=refused_by,
            result="tampered",
        )

    first, second, third = family()
    body = add_body(PHONE, [first], LAPTOP)

    def added(author: Device = LAPTOP, /, **changes: Any) -> bytes:
        numbered = {int(key[1:]): value for key, value in changes.items()}
        return signed(with_changes({**body, 6: author.id}, numbered), author)

    other = signed({**genesis_body(), 7: 1}, LAPTOP)
    case("other_genesis", "another vault's genesis", other, refused_by="place")
    case("no_genesis", "a list that starts with an add", second, refused_by="place")
    case("genesis_twice", "a second genesis", first, first, refused_by="place")
    case("record_twice", "one record twice", first, second, second, refused_by="place")
    case("record_left_out", "a record left out", first, third, refused_by="place")
    case(
        "other_vault",
        "of another vault",
        first,
        added(_3=bytes(32)),
        refused_by="place",
    )
    case(
        "other_previous",
        "on another past",
        first,
        added(_4=bytes(32)),
        refused_by="place",
    )
    case("height_skipped", "height 2 after 0", first, added(_5=2), refused_by="place")
    case(
        "stranger",
        "by a device that is none",
        first,
        added(STRANGER),
        refused_by="author",
    )
    case(
        "self_added", "by the newcomer itself", first, added(PHONE), refused_by="author"
    )
    masked = signed(body, STRANGER, kid=LAPTOP.id)
    says = "a member's name over a stranger's signature"
    case("masked", says, first, masked, refused_by="signature")
    case(
        "flipped_signature",
        "a changed signature",
        first,
        flipped(second, -1),
        refused_by="signature",
    )
    case(
        "flipped_wrap",
        "a changed wrap",
        first,
        flipped(second, -100),
        refused_by="signature",
    )
    case(
        "added_again",
        "a member added again",
        first,
        added(_9=LAPTOP.keys),
        refused_by="rule",
    )
    share = {1: 2, 2: bytes(1168)}
    case(
        "share_of_epoch_2",
        "a share of an epoch to come",
        first,
        added(_12=share),
        refused_by="rule",
    )
    name = {1: 2, 2: bytes(300)}
    case(
        "name_of_epoch_2",
        "a name of an epoch to come",
        first,
        added(_10=name),
        refused_by="rule",
    )
    _bad_founders(write)


def _bad_founders(write: Cases) -> None:
    epoch = genesis_body()[11]
    extra = {LAPTOP.id: kept_wraps()[0], STRANGER.id: bytes(1168)}
    for name, says, record in (
        (
            "wrapped_to_another_too",
            "a genesis that gives the secret to a stranger",
            signed({**genesis_body(), 11: {**epoch, 3: extra}}, LAPTOP),
        ),
        (
            "founded_by_another",
            "a genesis by another device than it adds",
            signed({**genesis_body(), 6: STRANGER.id}, STRANGER),
        ),
        (
            "founder_name_epoch_2",
            "a founder's name in epoch 2",
            signed({**genesis_body(), 10: {1: 2, 2: bytes(300)}}, LAPTOP),
        ),
    ):
        # Each is its own vault: the hash is right, and what it says is not.
        write(
            name,
            spec="membership.md §5",
            says=says,
            kind="records",
            vault=record_hash(record),
            records=[record],
            refused_by="rule",
            result="tampered",
        )

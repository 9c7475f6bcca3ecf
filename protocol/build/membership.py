"""Vectors of protocol/membership.md: lists of records, good and bad."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from protocol.build.common import Cases, cases, flipped
from protocol.build.epochs import (
    CUT,
    NEW_NAME,
    SECRETS,
    epoch_part,
    later_family,
    linked,
    rename_body,
    revoke_body,
    rotate_body,
    wrapped,
)
from protocol.build.family import (
    EPOCH_SECRET,
    LAPTOP,
    PHONE,
    SALT,
    STRANGER,
    TABLET,
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
    for epoch, before in ((2, later_family()[2]), (3, later_family()[3])):
        for device in (LAPTOP, PHONE):
            info = wrap_info(previous, record_hash(before), device.id, epoch=epoch)
            opened = unwrap(device.wrapping, wrapped(epoch, device), info=info)
            assert opened == SECRETS[epoch]
    with cases("membership") as write:
        _good(write)
        _bad_shape(write)
        _bad_later_shape(write)
        _unsupported(write)
        _not_believed(write)
        _later_not_believed(write)


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
    later = list(later_family())
    _case(write, "revoked", "the laptop revokes the tablet", later[:4], "ok")
    _case(write, "rotated", "the phone begins an epoch", later[:5], "ok")
    _case(write, "renamed", "the laptop takes another name", later, "ok")
    leaving = with_changes(revoke_body(later[:3]), {6: TABLET.id})
    says = "the tablet revokes itself: it leaves"
    _case(write, "left", says, [*later[:3], signed(leaving, TABLET)], "ok")
    kit = with_changes(add_body(TABLET, records[:2], PHONE), {15: True})
    says = "a recovery kit, added by the phone"
    _case(write, "kit", says, [*records[:2], signed(kit, PHONE)], "ok")
    heir = with_changes(add_body(TABLET, records[:2], PHONE), {16: PHONE.id})
    says = "the tablet goes on for the phone, which says so"
    _case(write, "successor", says, [*records[:2], signed(heir, PHONE)], "ok")
    none = with_changes(revoke_body(later[:3]), {13: {**CUT, 2: 0, 3: bytes(32)}})
    says = "revoked before it had written anything"
    _case(write, "cut_at_0", says, [*later[:3], signed(none, LAPTOP)], "ok")
    for device in (LAPTOP, PHONE):
        write(
            f"later_opened_by_{device.name}",
            spec="membership.md §4.2",
            says=f"the {device.name} opens epoch 3, and through it all before",
            kind="opened",
            vault=record_hash(genesis()),
            records=later,
            signing=device.seed,
            wrapping=device.wrapping,
            log=ed25519_public(device.log_seed),
            cosign=ed25519_public(device.cosign_seed),
            epochs=[SECRETS[3], SECRETS[2], SECRETS[1]],
            names=[NEW_NAME, "phone"],
            result="ok",
        )
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
            cosign=ed25519_public(device.cosign_seed),
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
    genesis_case(
        "cosign_missing",
        "device keys without the countersigning key",
        _9={key: value for key, value in LAPTOP.keys.items() if key != 4},
    )
    for name, key in (("signing", 1), ("log", 3)):
        genesis_case(
            f"cosign_is_{name}",
            f"the {name} key again as the countersigning key",
            _9={**LAPTOP.keys, 4: LAPTOP.keys[key]},
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
    add_case("unknown_key", "a key that is not known", _17=0)
    for case, says, changes in (
        ("dormant_false", "dormant, said to be false", {"_15": False}),
        ("dormant_number", "dormant as a number", {"_15": 1}),
        ("succeeds_short", "a predecessor of 15 bytes", {"_16": LAPTOP.id[1:]}),
        ("dormant_succeeds", "a kit succeeds", {"_15": True, "_16": LAPTOP.id}),
    ):
        add_case(case, says, **changes)
    genesis_case("genesis_dormant", "a genesis that is dormant", _15=True)
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


def _bad_later_shape(write: Cases) -> None:
    before = list(family())
    for name, says, body in _misshapen(before):
        record = signed(body, LAPTOP)
        _case(write, name, says, [*before, record], "malformed")


def _misshapen(before: list[bytes]) -> Iterator[tuple[str, str, dict[int, Any]]]:
    revoke, epoch = revoke_body(before), epoch_part(2, LAPTOP, PHONE)
    later: list[tuple[str, str, dict[int, Any]]] = [
        ("revoke_at_0", "a revocation at height 0", {5: 0}),
        ("no_cut", "a revocation without a cut", {13: None}),
        ("no_epoch", "a revocation that begins no epoch", {11: None}),
        (
            "no_chain",
            "a later epoch without the secret before",
            _part(epoch, {4: None}),
        ),
        ("chain_long", "a chain of 513 bytes", _part(epoch, {4: bytes(513)})),
        ("epoch_1_again", "a later epoch of number 1", _part(epoch, {1: 1})),
        ("epoch_0", "an epoch of number 0", _part(epoch, {1: 0})),
        ("commitment_short", "31 bytes of commitment", _part(epoch, {2: bytes(31)})),
        ("revoke_for_nobody", "a later epoch for nobody", _part(epoch, {3: {}})),
        ("cut_short_hash", "a cut with 31 bytes of hash", {13: {**CUT, 3: bytes(31)}}),
        ("cut_no_hash", "a cut at 3 that names nothing", {13: {**CUT, 3: bytes(32)}}),
        ("cut_0_with_hash", "a cut before all with a hash", {13: {**CUT, 2: 0}}),
        ("cut_negative", "a cut at -1", {13: {**CUT, 2: -1}}),
        ("cut_device_long", "a device id of 17 bytes", {13: {**CUT, 1: bytes(17)}}),
        ("cut_with_more", "a cut with a fourth key", {13: {**CUT, 4: 0}}),
        ("revoke_with_salt", "a revocation with a salt", {8: bytes(32)}),
        ("revoke_with_subject", "a revocation with a subject", {14: TABLET.id}),
    ]
    for name, says, changes in later:
        yield name, says, with_changes(revoke, changes)
    rotate = {**linked(4, before, LAPTOP), 11: epoch}
    says = "a rotation that cuts somebody off"
    yield "rotate_with_cut", says, {**rotate, 13: CUT}
    yield "rotate_empty", "a rotation without an epoch", linked(4, before, LAPTOP)
    sealed = sealed_name(LAPTOP, record_hash(genesis()), name=NEW_NAME)
    rename = {**linked(5, before, LAPTOP), 10: sealed, 14: LAPTOP.id}
    yield "rename_nobody", "a name for nobody", with_changes(rename, {14: None})
    yield "rename_nothing", "no name", with_changes(rename, {10: None})
    yield "subject_short", "a subject of 15 bytes", {**rename, 14: bytes(15)}


def _part(epoch: Mapping[int, Any], changes: Mapping[int, Any]) -> dict[int, Any]:
    """Return key 11 with *epoch* changed."""
    return {11: with_changes(dict(epoch), changes)}


def _later_not_believed(write: Cases) -> None:
    later = list(later_family())
    for name, says, count, body, author, by in _lies(later):
        write(
            name,
            spec="membership.md §5",
            says=says,
            kind="records",
            vault=record_hash(genesis()),
            records=[*later[:count], signed({**body, 6: author.id}, author)],
            refused_by=by,
            result="tampered",
        )
    masked = signed(revoke_body(later[:3]), STRANGER, kid=LAPTOP.id)
    write(
        "revoke_masked",
        spec="membership.md §5",
        says="a revocation in a member's name by a stranger's hand",
        kind="records",
        vault=record_hash(genesis()),
        records=[*later[:3], masked],
        refused_by="signature",
        result="tampered",
    )


_Lie = tuple[str, str, int, dict[int, Any], Device, str]


def _lies(later: list[bytes]) -> Iterator[_Lie]:
    """Yield name, sentence, how many good records, the bad one's body, author, step."""
    revoke, first = revoke_body(later[:3]), later[:1]
    yield "revoke_by_stranger", "by no member", 3, revoke, STRANGER, "author"
    of_stranger = {**revoke, 13: {**CUT, 1: STRANGER.id}}
    yield "revoke_stranger", "of no member", 3, of_stranger, LAPTOP, "rule"
    last = {**linked(3, first, LAPTOP), 11: epoch_part(2, LAPTOP)}
    last[13] = {**CUT, 1: LAPTOP.id}
    yield "revoke_last", "the last member leaves", 1, last, LAPTOP, "rule"
    for name, says, part in (
        ("revoke_wraps_revoked", "the new secret for the revoked one too",
         epoch_part(2, LAPTOP, PHONE, TABLET)),
        ("revoke_forgets_one", "no wrap for a member that stays",
         epoch_part(2, LAPTOP)),
        ("revoke_wraps_stranger", "a wrap for a stranger in a member's place",
         epoch_part(2, LAPTOP, STRANGER)),
        ("revoke_epoch_3", "an epoch left out", {**epoch_part(3, LAPTOP, PHONE)}),
    ):  # fmt: skip
        yield name, says, 3, {**revoke, 11: part}, LAPTOP, "rule"
    again = {**linked(3, later[:4], LAPTOP), 11: epoch_part(3, LAPTOP, PHONE), 13: CUT}
    yield "revoked_twice", "a device revoked twice", 4, again, LAPTOP, "rule"
    by_revoked = {**again, 13: {**CUT, 1: LAPTOP.id}}
    says = "the revoked one revokes in turn"
    yield "revoked_revokes", says, 4, by_revoked, TABLET, "author"
    back = {**linked(2, later[:4], PHONE), 9: TABLET.keys, 12: {1: 2, 2: bytes(1168)}}
    back[10] = sealed_name(TABLET, record_hash(genesis()), epoch=2, secret=SECRETS[2])
    yield "revoked_added", "a revoked device added again", 4, back, PHONE, "rule"
    rotate = rotate_body(later[:4])
    yield "rotate_by_revoked", "a revoked one rotates", 4, rotate, TABLET, "author"
    lone = {**rotate, 11: epoch_part(3, PHONE)}
    yield "rotate_forgets_one", "a rotation that leaves one out", 4, lone, PHONE, "rule"
    same = {**rotate, 11: epoch_part(2, LAPTOP, PHONE)}
    yield "rotate_same_epoch", "an epoch begun again", 4, same, PHONE, "rule"
    rename = rename_body(later[:5])
    of_none = {**rename, 14: TABLET.id}
    yield "rename_revoked", "a name for a revoked one", 5, of_none, LAPTOP, "rule"
    old = {**rename, 10: sealed_name(LAPTOP, record_hash(genesis()))}
    yield "rename_old_epoch", "a name of an epoch gone by", 5, old, LAPTOP, "rule"
    yield "rename_by_revoked", "a revoked one renames", 5, rename, TABLET, "author"
    share = {**back, 9: STRANGER.keys, 12: {1: 1, 2: bytes(1168)}}
    heir = with_changes(add_body(TABLET, later[:2], LAPTOP), {16: PHONE.id})
    says = "a successor of the phone, named by the laptop"
    yield "successor_by_other", says, 2, heir, LAPTOP, "rule"
    heir = with_changes(add_body(TABLET, later[:2], LAPTOP), {16: STRANGER.id})
    says = "a successor of a stranger"
    yield "successor_of_stranger", says, 2, heir, LAPTOP, "rule"
    yield "add_old_epoch", "an add with an epoch gone by", 4, share, PHONE, "rule"


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
    case(
        "cosign_borrowed",
        "a newcomer that would countersign with a member's key",
        first,
        added(_9={**PHONE.keys, 4: LAPTOP.keys[4]}),
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

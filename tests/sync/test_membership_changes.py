"""protocol/membership.md §5.2 and §6: revoking, rotating and renaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from clisk_sync.envelope_content import Mark
from clisk_sync.epochs import wrap_epoch
from clisk_sync.errors import MembershipError, NotAMember, PeerError
from clisk_sync.founding import (
    add_record,
    device_name,
    found,
    open_epochs,
    rename_record,
    revoke_record,
    rotate_record,
    unwrap_epochs,
)
from clisk_sync.membership import Membership
from clisk_sync.record import parse_unverified_record, sign_record
from clisk_sync.record_body import Cut, EpochPart, Kind, RecordBody
from clisk_sync.transport import NO_HASH
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.errors import TamperedError
from clisk_vault.ids import DeviceId, EnvelopeHash
from clisk_vault.keys import EpochSecret

NOTHING = Mark(0, EnvelopeHash(NO_HASH))
NAMES = ("a", "b", "c", "d")
# Enrolled, and let in by nobody yet.
NEWCOMERS = ("e", "f")


@dataclass
class Family:
    """Devices of one vault by name, and its records."""

    devices: dict[str, DeviceSecrets] = field(default_factory=dict)
    membership: Membership = field(init=False)

    def __post_init__(self) -> None:
        self.devices = {name: enrol()[0] for name in (*NAMES, *NEWCOMERS)}
        first, *others = NAMES
        genesis, vault, secret = found(self.devices[first], first)
        self.membership = Membership.verify(vault, [genesis])
        for name in others:
            public = self.devices[name].public
            self.extend(
                add_record(self.membership, self.devices[first], secret, public, name)
            )

    def extend(self, record: bytes) -> None:
        self.membership = self.membership.extend(record)

    def id(self, name: str) -> DeviceId:
        return self.devices[name].public.id

    def name(self, device: DeviceId) -> str:
        return next(name for name in self.devices if self.id(name) == device)

    def secret(self, name: str, held: Membership | None = None) -> EpochSecret:
        held = held or self.membership
        return unwrap_epochs(held, self.devices[name])[held.epoch]

    def revoke(self, author: str, device: str, held: Membership | None = None) -> bytes:
        held = held or self.membership
        secret = self.secret(author, held)
        return revoke_record(
            held, self.devices[author], secret, self.id(device), NOTHING
        )

    def rotate(self, author: str, held: Membership | None = None) -> bytes:
        held = held or self.membership
        return rotate_record(held, self.devices[author], self.secret(author, held))

    def forge(self, by: str, record: bytes, /, **changes: object) -> bytes:
        """Return *record* with its body changed, signed anew."""
        body = parse_unverified_record(record).unverified_body
        changed: RecordBody = replace(body, **changes)  # type: ignore[arg-type]
        return sign_record(self.devices[by].signing, changed)

    def part(self, record: bytes, **changes: object) -> EpochPart:
        part = parse_unverified_record(record).unverified_body.epoch
        assert part is not None
        return replace(part, **changes)  # type: ignore[arg-type]


@pytest.fixture(name="family", scope="module")
def _family() -> Family:
    """Return four devices; a test takes a copy."""
    return Family()


@pytest.fixture
def four(family: Family) -> Family:
    """Return a family of a test's own."""
    copied = object.__new__(Family)
    copied.devices, copied.membership = family.devices, family.membership
    return copied


def test_the_revoked_device_cannot_open_the_new_epoch(four: Family) -> None:
    """Those who stay read both epochs; who was revoked keeps the first alone."""
    before = four.membership
    four.extend(four.revoke("a", "d"))

    for name in "abc":
        assert set(unwrap_epochs(four.membership, four.devices[name])) == {1, 2}
    with pytest.raises(NotAMember):
        unwrap_epochs(four.membership, four.devices["d"])
    assert set(unwrap_epochs(before, four.devices["d"])) == {1}
    departed = four.membership.departed[four.id("d")]
    assert (departed.by, departed.cut.number) == (four.id("a"), 0)


def test_a_newcomer_after_a_revocation_reads_all_history(four: Family) -> None:
    """One share opens the newest epoch, and the chain all before it."""
    four.extend(four.revoke("a", "d"))
    four.extend(four.rotate("b"))
    newcomer, _ = enrol()
    four.extend(
        add_record(
            four.membership, four.devices["c"], four.secret("c"), newcomer.public, "e"
        )
    )

    epochs = unwrap_epochs(four.membership, newcomer)

    assert epochs == unwrap_epochs(four.membership, four.devices["a"])
    assert set(epochs) == {1, 2, 3}
    names = [device_name(m, epochs) for m in four.membership.devices.values()]
    assert names == ["a", "b", "c", "e"]


def test_a_new_name_replaces_the_old_one_and_keeps_the_rest(four: Family) -> None:
    """Renaming changes the name, for readers of every epoch, and nothing else."""
    four.extend(four.rotate("b"))
    member = four.membership.devices[four.id("a")]
    secret = four.secret("a")
    record = rename_record(four.membership, four.devices["a"], secret, "desk")

    four.extend(record)

    renamed = four.membership.devices[four.id("a")]
    epochs = unwrap_epochs(four.membership, four.devices["c"])
    assert device_name(renamed, epochs) == "desk"
    assert replace(renamed, name=member.name, binding=member.binding) == member


def test_the_last_member_cannot_be_revoked(four: Family) -> None:
    """A vault without members could be read by nobody, and revoked by nobody."""
    for name in "bcd":
        four.extend(four.revoke("a", name))

    with pytest.raises(MembershipError, match="last member"):
        four.revoke("a", "a")
    # Nor does a reader believe one who signs it all the same.
    cut = Cut(four.id("a"), NOTHING.number, NOTHING.hash)
    forged = four.forge("a", four.rotate("a"), kind=Kind.REVOKE, cut=cut)
    with pytest.raises(MembershipError, match="last member"):
        four.membership.extend(forged)


def test_one_who_leaves_owes_the_others_a_rotation(four: Family) -> None:
    """The leaver drew the epoch's secret: nothing is sealed until another is drawn."""
    four.extend(four.revoke("d", "d"))

    assert four.membership.owes_rotation
    with pytest.raises(NotAMember):
        unwrap_epochs(four.membership, four.devices["d"])
    four.extend(four.rotate("b"))
    assert not four.membership.owes_rotation


def test_an_epoch_is_told_by_the_height_it_began_at(four: Family) -> None:
    """Which epoch was current at each height: what an author had to write in."""
    four.extend(four.revoke("a", "d"))
    four.extend(four.rotate("b"))

    heights = range(len(four.membership.records))
    assert [four.membership.epoch_at(height) for height in heights] == [
        *[1] * 4,
        *[2],
        *[3],
    ]


def test_a_revocation_by_a_stranger_is_refused(four: Family) -> None:
    """Only members revoke: neither a stranger nor who was revoked before."""
    record = four.revoke("a", "d")
    stranger, _ = enrol()
    body = parse_unverified_record(record).unverified_body
    forged = sign_record(stranger.signing, replace(body, author=stranger.public.id))

    with pytest.raises(NotAMember):
        four.membership.extend(forged)
    four.extend(record)
    again = four.revoke("a", "b")
    with pytest.raises(NotAMember):
        four.membership.extend(four.forge("d", again, author=four.id("d")))


def test_an_epoch_that_leaves_a_member_out_is_refused(four: Family) -> None:
    """Nobody is shut out of the new secret unseen, and nobody let in."""
    record = four.rotate("a")
    wraps = dict(four.part(record).wraps)
    wrap = wraps.pop(four.id("d"))
    stranger, _ = enrol()
    for wrong in (wraps, {**wraps, stranger.public.id: wrap}):
        part = four.part(record, wraps=wrong)
        with pytest.raises(MembershipError, match="not wrapped for all members"):
            four.membership.extend(four.forge("a", record, epoch=part))


def test_a_wrap_for_the_revoked_device_is_refused(four: Family) -> None:
    """A revocation that hands the new secret to the revoked one is none."""
    record = four.revoke("a", "d")
    part = four.part(record)
    wrap = wrap_epoch(
        EpochSecret(bytes(32)),
        four.devices["d"].public,
        epoch=2,
        binding=four.membership.vault_id,
        previous=four.membership.head.hash,
    )
    wraps = {**part.wraps, four.id("d"): wrap}
    with pytest.raises(MembershipError, match="not wrapped for all members"):
        four.membership.extend(
            four.forge("a", record, epoch=four.part(record, wraps=wraps))
        )


def test_a_wrong_commitment_is_found_by_each_recipient(four: Family) -> None:
    """The record stands, for its signature does; its secret is taken by nobody."""
    record = four.rotate("a")
    lied = four.forge("a", record, epoch=four.part(record, commitment=bytes(32)))
    membership = four.membership.extend(lied)

    for name in NAMES:
        opened, fault = open_epochs(membership, four.devices[name])
        assert opened == {}
        assert isinstance(fault, TamperedError)


def test_a_spoilt_chain_does_not_keep_the_new_secret_away(four: Family) -> None:
    """What is behind it is held already; the new one opens, and the fault is told."""
    record = four.rotate("a")
    sealed = four.part(record).sealed_previous
    assert sealed is not None
    spoilt = sealed[:-1] + bytes([sealed[-1] ^ 1])
    lied = four.forge("a", record, epoch=four.part(record, sealed_previous=spoilt))
    membership = four.membership.extend(lied)

    opened, fault = open_epochs(membership, four.devices["b"])

    assert set(opened) == {2}
    assert isinstance(fault, TamperedError)
    with pytest.raises(TamperedError):
        unwrap_epochs(membership, four.devices["b"])


# Two or three at once: every interleaving.


@dataclass
class Actor:
    """A device that wants one thing, and tries until it is done or senseless."""

    family: Family
    name: str
    wants: str
    held: Membership
    made: bytes | None = None
    outcome: str = ""

    @property
    def target(self) -> str:
        return self.wants.split()[-1]

    def turn(self, log: list[bytes]) -> None:
        """Take one step: read and sign, or append by compare-and-set."""
        if self.outcome:
            return
        if self.made is None:
            self._read(log)
        elif log == list(self.held.records):
            log.append(self.made)
            self.outcome = "done"
        else:
            self.made = None  # somebody was first

    def _read(self, log: list[bytes]) -> None:
        self.held, own = self.held.advance(log), self.family.id(self.name)
        if own not in self.held.devices:
            self.outcome = "revoked"
        elif self.wants == "rotate":
            self.made = self.family.rotate(self.name, self.held)
        elif self.wants == "rename":
            secret = self.family.secret(self.name, self.held)
            secrets = self.family.devices[self.name]
            self.made = rename_record(self.held, secrets, secret, f"by {self.name}")
        elif self.wants.startswith("add"):
            self._add()
        elif self.family.id(self.target) in self.held.departed:
            self.outcome = "done by another"
        else:
            self.made = self.family.revoke(self.name, self.target, self.held)

    def _add(self) -> None:
        device = self.family.devices[self.target].public
        if device.id in self.held.devices:
            self.outcome = "done by another"
            return
        secrets = self.family.devices[self.name]
        secret = self.family.secret(self.name, self.held)
        self.made = add_record(self.held, secrets, secret, device, self.target)


def plays(
    family: Family, wants: dict[str, str]
) -> Iterator[tuple[Membership, dict[str, str]]]:
    """Yield what comes of *wants* in every order of steps: log and outcomes.

    Orders that have led to the same log, read by each as far, go on in the same way:
    each such state is gone on from once.
    """
    base = list(family.membership.records)
    start = [
        Actor(family, name, want, family.membership) for name, want in wants.items()
    ]
    waiting, seen = [(base, start)], set[object]()
    while waiting:
        log, actors = waiting.pop()
        kinds = [
            (body.kind, body.author)
            for body in (parse_unverified_record(r).unverified_body for r in log)
        ]
        state = (
            *kinds,
            *((a.held.head.height, a.made is None, a.outcome) for a in actors),
        )
        if state in seen:
            continue
        seen.add(state)
        if all(actor.outcome for actor in actors):
            # Every reader, from wherever it stood, ends at the same membership.
            after = family.membership.advance(log)
            assert after == Membership.verify(family.membership.vault_id, log)
            assert all(actor.held.advance(log) == after for actor in actors)
            yield after, {actor.name: actor.outcome for actor in actors}
        for at, actor in enumerate(actors):
            if not actor.outcome:
                further, moved = list(log), replace(actor)
                moved.turn(further)
                waiting.append((further, [*actors[:at], moved, *actors[at + 1 :]]))


def active(family: Family, membership: Membership) -> set[str]:
    """Return the names of who is left."""
    return {family.name(device) for device in membership.devices}


def _in_order(value: object) -> str:
    """Name a case the same in each process: sets come in any order."""
    if isinstance(value, list):
        return " or ".join("".join(sorted(each)) for each in value)
    return str(value)


@pytest.mark.parametrize(
    ("wants", "allowed"),
    [
        ({"a": "revoke c", "b": "revoke d"}, [{"a", "b"}]),
        ({"a": "revoke d", "b": "revoke d"}, [{"a", "b", "c"}]),
        ({"a": "revoke b", "b": "revoke a"}, [{"a", "c", "d"}, {"b", "c", "d"}]),
        ({"a": "revoke b", "b": "revoke c"}, [{"a", "d"}, {"a", "c", "d"}]),
        ({"a": "revoke b", "b": "rotate"}, [{"a", "c", "d"}]),
        ({"a": "revoke b", "b": "rename"}, [{"a", "c", "d"}]),
        ({"a": "revoke a", "b": "revoke a"}, [{"b", "c", "d"}]),
        ({"a": "rotate", "b": "rotate"}, [{"a", "b", "c", "d"}]),
        ({"a": "rename", "b": "rotate"}, [{"a", "b", "c", "d"}]),
        ({"a": "rename", "b": "rename"}, [{"a", "b", "c", "d"}]),
        ({"a": "revoke d", "b": "add e"}, [{"a", "b", "c", "e"}]),
        ({"a": "revoke b", "b": "add e"}, [{"a", "c", "d"}, {"a", "c", "d", "e"}]),
        ({"a": "add e", "b": "add e"}, [{"a", "b", "c", "d", "e"}]),
        ({"a": "add e", "b": "add f"}, [{"a", "b", "c", "d", "e", "f"}]),
        ({"a": "add e", "b": "rotate"}, [{"a", "b", "c", "d", "e"}]),
        ({"a": "add e", "b": "rename"}, [{"a", "b", "c", "d", "e"}]),
    ],
    ids=_in_order,
)
def test_all_interleavings_of_two_changes_settle(
    four: Family, wants: dict[str, str], allowed: list[set[str]]
) -> None:
    """Whatever the order, the log decides, all readers agree, nothing is half done."""
    seen = []
    for after, outcomes in plays(four, wants):
        left = active(four, after)
        assert left in allowed
        seen.append(left)
        for name, outcome in outcomes.items():
            # Who was overtaken by its own revocation did nothing; others got theirs.
            assert (outcome == "revoked") <= (name not in left)
        _all_read_all(four, after)
        names = _names(four, after)
        for name, want in wants.items():
            if want == "rename" and name in left and outcomes[name] == "done":
                assert names[name] == f"by {name}"
    assert all(each in seen for each in allowed)


def _all_read_all(family: Family, after: Membership) -> None:
    """Everybody who is left, newcomers too, has each epoch; nobody else the newest."""
    for name in active(family, after):
        opened = unwrap_epochs(after, family.devices[name])
        assert set(opened) == set(after.epochs)
    newest = after.epochs[after.epoch].part.wraps
    assert not newest.keys() & after.departed.keys()


def _names(family: Family, after: Membership) -> dict[str, str]:
    secrets = unwrap_epochs(after, family.devices[next(iter(active(family, after)))])
    return {
        family.name(member.id): device_name(member, secrets)
        for member in after.devices.values()
    }


@pytest.mark.parametrize(
    "wants",
    [
        {"a": "revoke b", "b": "revoke c", "c": "revoke a"},
        {"a": "revoke d", "b": "rotate", "c": "rename"},
        {"a": "revoke b", "b": "add e", "c": "rename"},
        {"a": "add e", "b": "rotate", "c": "revoke d"},
        {"a": "add e", "b": "add f", "c": "revoke a"},
    ],
    ids=_in_order,
)
def test_all_interleavings_of_three_changes_settle(
    four: Family, wants: dict[str, str]
) -> None:
    """A ring of three: the first counts, and whoever is still a member after it."""
    for after, outcomes in plays(four, wants):
        left = active(four, after)
        assert left
        for name, outcome in outcomes.items():
            assert outcome != "revoked" or name not in left
        _all_read_all(four, after)
        revocations = sum(want.startswith("revoke") for want in wants.values())
        assert 1 <= len(after.departed) <= revocations
        added = {want[-1] for want in wants.values() if want.startswith("add")}
        assert left <= {*NAMES, *added}


def test_a_fork_by_revocation_is_named(four: Family) -> None:
    """Two winners at one height: only a lying relay shows that, and it is named."""
    ours = four.membership.extend(four.revoke("a", "b"))
    theirs = [*four.membership.records, four.revoke("b", "a")]

    with pytest.raises(PeerError, match="another one is believed elsewhere"):
        ours.advance(theirs)


_MAKERS: list[Callable[[Family, DeviceSecrets, EpochSecret], bytes]] = [
    lambda four, by, secret: rotate_record(four.membership, by, secret),
    lambda four, by, secret: rename_record(four.membership, by, secret, "x"),
    lambda four, by, secret: revoke_record(
        four.membership, by, secret, four.id("d"), NOTHING
    ),
]


@pytest.mark.parametrize("make", _MAKERS, ids=["rotate", "rename", "revoke"])
def test_a_writer_refuses_what_it_may_not_write(
    four: Family, make: Callable[[Family, DeviceSecrets, EpochSecret], bytes]
) -> None:
    """Neither a stranger's record nor one on a secret that is not the current one."""
    stranger, _ = enrol()

    with pytest.raises(NotAMember):
        make(four, stranger, four.secret("a"))
    with pytest.raises(TamperedError):
        make(four, four.devices["a"], EpochSecret(bytes(32)))

"""What every transport must do: the acceptance suite that `testing` ships.

Each check takes a relay of the implementation's own making, founds a vault of
its own there, and fails by AssertionError.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from clisk_sync.envelope import Header, seal_envelope
from clisk_sync.envelope_content import Mark
from clisk_sync.errors import (
    AuthError,
    ConflictError,
    NumberTakenError,
    RecordConflictError,
    RelayRefused,
    SlotTakenError,
    UnknownVaultError,
)
from clisk_sync.founding import add_record, found, revoke_record
from clisk_sync.membership import Membership
from clisk_sync.transport import (
    MAX_MAILBOX_BODY_BYTES,
    NO_HASH,
    MailboxTransport,
    News,
    VaultTransport,
)
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.ids import EnvelopeHash, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import sha256

ErrorT = TypeVar("ErrorT", bound=BaseException)


class RelayUnderTest(Protocol):
    """How the suite reaches an implementation."""

    def vault(self, vault: VaultId, device: DeviceSecrets) -> VaultTransport:
        """Return what *device* uses to reach *vault*."""
        ...

    def mailboxes(self) -> MailboxTransport:
        """Return what anybody uses to reach the mailboxes."""
        ...


@dataclass(slots=True)
class Author:
    """A device that writes envelopes, one after another."""

    secrets: DeviceSecrets
    vault: VaultId
    epoch_secret: EpochSecret
    number: int = 0
    previous: EnvelopeHash = field(default=EnvelopeHash(NO_HASH))
    epoch: int = 1

    def peek(self, content: bytes = b"") -> bytes:
        """Return an envelope with the next number, without taking the number."""
        header = Header(
            vault=self.vault,
            author=self.secrets.public.id,
            number=self.number + 1,
            previous=self.previous,
            epoch=self.epoch,
        )
        return seal_envelope(
            content, header, key=self.secrets.signing, secret=self.epoch_secret
        )

    def write(self, content: bytes = b"") -> bytes:
        """Return the next envelope."""
        envelope = self.peek(content)
        self.number += 1
        self.previous = EnvelopeHash(sha256(envelope))
        return envelope


@dataclass(slots=True)
class Family:
    """A vault with its devices, without any disk."""

    genesis: bytes
    membership: Membership
    epoch_secret: EpochSecret
    founder: Author

    @classmethod
    def found(cls) -> Family:
        """Return a new vault of one device."""
        secrets, _ = enrol()
        genesis, vault, secret = found(secrets, "laptop")
        return cls(
            genesis,
            Membership.verify(vault, [genesis]),
            secret,
            Author(secrets, vault, secret),
        )

    @property
    def vault(self) -> VaultId:
        """The vault's id."""
        return self.membership.vault_id

    def record_adding(self, secrets: DeviceSecrets) -> bytes:
        """Return a record by the founder that adds a device; nothing is kept."""
        return add_record(
            self.membership,
            self.founder.secrets,
            self.epoch_secret,
            secrets.public,
            "phone",
        )

    def record_revoking(self, author: Author, newest: Mark | None = None) -> bytes:
        """Return a record by the founder that ends a membership; nothing is kept.

        None: all that *author* ever wrote counts.
        """
        return revoke_record(
            self.membership,
            self.founder.secrets,
            self.epoch_secret,
            author.secrets.public.id,
            newest or Mark(author.number, author.previous),
        )

    def add(self) -> tuple[bytes, Author]:
        """Add a device; returns its record and the device."""
        secrets, _ = enrol()
        record = self.record_adding(secrets)
        self.membership = self.membership.extend(record)
        return record, Author(secrets, self.vault, self.epoch_secret)


Acceptance: TypeAlias = Callable[[RelayUnderTest], Awaitable[None]]


async def founded(relay: RelayUnderTest) -> tuple[Family, VaultTransport]:
    """Return a new vault on *relay*, and its founder's transport."""
    family = Family.found()
    transport = relay.vault(family.vault, family.founder.secrets)
    assert await transport.create(family.genesis) == family.vault
    return family, transport


async def read_all(
    transport: VaultTransport, after: int = 0
) -> list[tuple[int, bytes]]:
    """Return the log above *after*."""
    return [entry async for entry in transport.read(after)]


async def refused(doing: Awaitable[object], kind: type[ErrorT]) -> ErrorT:
    """Return the error of *kind* that *doing* raises; fail if it does not."""
    try:
        await doing
    except kind as err:
        return err
    raise AssertionError(f"not refused with {kind.__name__}")


async def creating_twice_is_harmless(relay: RelayUnderTest) -> None:
    """The same genesis again gives the same vault and loses nothing in it."""
    family, transport = await founded(relay)
    await transport.append(family.founder.write())

    assert await transport.create(family.genesis) == family.vault
    assert await transport.records() == [family.genesis]
    assert len(await read_all(transport)) == 1


async def an_unknown_vault_is_named(relay: RelayUnderTest) -> None:
    """A vault that was never brought here is refused by name."""
    family = Family.found()
    transport = relay.vault(family.vault, family.founder.secrets)
    await refused(transport.records(), UnknownVaultError)
    await refused(transport.append(family.founder.write()), UnknownVaultError)


async def records_come_back_in_order(relay: RelayUnderTest) -> None:
    """Membership records keep their order; again with one is harmless."""
    family, transport = await founded(relay)
    first, _ = family.add()
    second, _ = family.add()

    assert await transport.append_record(first) == 1
    assert await transport.append_record(second) == 2
    assert await transport.append_record(first) == 1
    assert await transport.records() == [family.genesis, first, second]


async def a_record_beside_the_newest_is_a_conflict(relay: RelayUnderTest) -> None:
    """Of two records on one predecessor the second is told what came first."""
    family, transport = await founded(relay)
    first = family.record_adding(enrol()[0])
    second = family.record_adding(enrol()[0])
    await transport.append_record(first)

    err = await refused(transport.append_record(second), RecordConflictError)

    assert (err.head_number, err.head_hash) == (1, sha256(first))
    assert await transport.records() == [family.genesis, first]


async def records_that_are_not_right_are_refused(relay: RelayUnderTest) -> None:
    """Junk, changed bytes, another's or another vault's record."""
    family, laptop = await founded(relay)
    record, phone = family.add()
    theirs = relay.vault(family.vault, phone.secrets)
    await laptop.append_record(record)
    good = family.record_adding(enrol()[0])
    other = Family.found()
    cases = (
        (laptop, "malformed", b"junk"),
        (laptop, "bad-signature", good[:-1] + bytes([good[-1] ^ 1])),
        (theirs, "wrong-author", good),
        (laptop, "wrong-vault", other.record_adding(enrol()[0])),
        (laptop, "wrong-vault", other.genesis),
    )
    for transport, code, data in cases:
        err = await refused(transport.append_record(data), RelayRefused)
        assert err.code == code, (err.code, code)
    assert await laptop.records() == [family.genesis, record]


async def envelopes_come_back_as_they_went(relay: RelayUnderTest) -> None:
    """Positions start at 1, rise without a gap, and reading gives the same bytes."""
    family, transport = await founded(relay)
    sent = [family.founder.write(os.urandom(size)) for size in (0, 1, 5000, 70_000)]

    positions = [await transport.append(envelope) for envelope in sent]

    assert positions == [1, 2, 3, 4]
    assert await read_all(transport) == list(enumerate(sent, start=1))
    assert await read_all(transport, 3) == [(4, sent[3])]
    assert await read_all(transport, 4) == []
    assert await read_all(transport, 99) == []


async def sending_again_keeps_the_position(relay: RelayUnderTest) -> None:
    """An envelope sent twice, first or latest, stands in the log once."""
    family, transport = await founded(relay)
    first, second = family.founder.write(), family.founder.write()
    assert await transport.append(first) == 1
    assert await transport.append(second) == 2

    assert await transport.append(second) == 2
    assert await transport.append(first) == 1
    assert len(await read_all(transport)) == 2


async def another_envelope_at_a_number_is_evidence(relay: RelayUnderTest) -> None:
    """A second envelope at a number is refused with the hash of the first."""
    family, transport = await founded(relay)
    forked = family.founder.peek(b"one")
    await transport.append(stored := family.founder.write(b"two"))
    await transport.append(family.founder.write())

    err = await refused(transport.append(forked), NumberTakenError)

    assert (err.head_number, err.stored) == (1, sha256(stored))


async def a_gap_is_told_the_head(relay: RelayUnderTest) -> None:
    """An envelope that skips a number is refused with the relay's head."""
    family, transport = await founded(relay)
    await transport.append(first := family.founder.write())
    family.founder.write()

    err = await refused(transport.append(family.founder.write()), ConflictError)

    assert not isinstance(err, NumberTakenError)
    assert (err.head_number, err.head_hash) == (1, sha256(first))


async def a_number_left_out_is_told_the_head(relay: RelayUnderTest) -> None:
    """A number that is not the next is refused though its predecessor is right."""
    family, transport = await founded(relay)
    await transport.append(first := family.founder.write())
    family.founder.number += 1

    err = await refused(transport.append(family.founder.write()), ConflictError)

    assert (err.head_number, err.head_hash) == (1, sha256(first))


async def a_broken_chain_is_told_the_head(relay: RelayUnderTest) -> None:
    """The next number on another predecessor is refused with the relay's head."""
    family, transport = await founded(relay)
    await transport.append(first := family.founder.write())
    family.founder.previous = EnvelopeHash(b"\x01" * 32)

    err = await refused(transport.append(family.founder.write()), ConflictError)

    assert (err.head_number, err.head_hash) == (1, sha256(first))


async def strangers_are_refused(relay: RelayUnderTest) -> None:
    """Who is not a member neither reads nor writes, whatever it signs."""
    family, transport = await founded(relay)
    await transport.append(family.founder.write())
    stranger = Author(enrol()[0], family.vault, family.epoch_secret)
    theirs = relay.vault(family.vault, stranger.secrets)

    await refused(theirs.records(), AuthError)
    await refused(theirs.append(stranger.write()), AuthError)
    await refused(read_all(theirs), AuthError)
    await refused(theirs.wait(0, 0), AuthError)
    own = family.record_adding(enrol()[0])
    await refused(theirs.append_record(own), AuthError)
    assert len(await read_all(transport)) == 1


async def a_newcomer_belongs_at_once(relay: RelayUnderTest) -> None:
    """Once its record is there a device reads what was and writes what comes."""
    family, laptop = await founded(relay)
    await laptop.append(first := family.founder.write())
    record, phone = family.add()
    theirs = relay.vault(family.vault, phone.secrets)
    await refused(theirs.records(), AuthError)
    await laptop.append_record(record)

    assert await theirs.records() == [family.genesis, record]
    assert await theirs.append(second := phone.write()) == 2
    assert await read_all(laptop) == [(1, first), (2, second)]


async def a_revocation_names_all_that_stands(relay: RelayUnderTest) -> None:
    """A cut behind what the device has sent is refused, so nothing stands after it."""
    family, laptop = await founded(relay)
    record, phone = family.add()
    await laptop.append_record(record)
    theirs = relay.vault(family.vault, phone.secrets)
    await theirs.append(phone.write())
    seen = Mark(phone.number, phone.previous)
    await theirs.append(phone.write())

    stale = family.record_revoking(phone, seen)
    await refused(laptop.append_record(stale), RecordConflictError)
    assert await laptop.records() == [family.genesis, record]
    revoked = family.record_revoking(phone)
    await laptop.append_record(revoked)
    assert await laptop.records() == [family.genesis, record, revoked]
    await refused(theirs.append(phone.peek()), AuthError)


async def what_is_not_signed_right_is_refused(relay: RelayUnderTest) -> None:
    """Junk, changed bytes, another's or another vault's envelope, an unknown epoch."""
    family, transport = await founded(relay)
    record, phone = family.add()
    await transport.append_record(record)
    good = family.founder.peek()
    changed = good[:-1] + bytes([good[-1] ^ 1])
    other = Family.found()
    foreign = Author(family.founder.secrets, other.vault, other.epoch_secret)
    later = Author(family.founder.secrets, family.vault, family.epoch_secret, epoch=9)
    cases = {
        "malformed": b"junk",
        "bad-signature": changed,
        "wrong-author": phone.write(),
        "wrong-vault": foreign.write(),
        "unknown-epoch": later.write(),
    }
    for code, envelope in cases.items():
        err = await refused(transport.append(envelope), RelayRefused)
        assert err.code == code, (err.code, code)
    assert await read_all(transport) == []


async def appends_at_once_leave_no_gap(relay: RelayUnderTest) -> None:
    """Two devices that write at the same time get positions without a gap."""
    family, laptop = await founded(relay)
    record, phone = family.add()
    await laptop.append_record(record)

    async def send(author: Author) -> list[int]:
        transport = relay.vault(family.vault, author.secrets)
        return [await transport.append(author.write()) for _ in range(10)]

    mine, theirs = await asyncio.gather(send(family.founder), send(phone))

    assert sorted(mine + theirs) == list(range(1, 21))
    assert mine == sorted(mine)
    assert [position for position, _ in await read_all(laptop)] == list(range(1, 21))


async def news_wakes_who_waits(relay: RelayUnderTest) -> None:
    """A waiter is woken by an envelope, at once by one that is there already."""
    family, transport = await founded(relay)
    assert not await transport.wait(0, 0.01)

    waiting = asyncio.create_task(transport.wait(0, 60))
    await asyncio.sleep(0)
    first, second = family.founder.write(), family.founder.write()
    await transport.append(first)

    assert await waiting in (News(((1, first),)), News())
    await transport.append(second)
    for after, entries in ((0, ((1, first), (2, second))), (1, ((2, second),))):
        assert await transport.wait(after, 0) in (News(entries), News())
    assert not await transport.wait(2, 0)


async def a_new_record_is_news(relay: RelayUnderTest) -> None:
    """Who waits hears of a membership that is not the one it has, at once or later."""
    family, transport = await founded(relay)
    assert await transport.wait(0, 0, records=2) == News()
    assert not await transport.wait(0, 0.01, records=1)

    waiting = asyncio.create_task(transport.wait(0, 60, records=1))
    await asyncio.sleep(0)
    record, _ = family.add()
    await transport.append_record(record)

    assert await waiting == News()


async def a_mailbox_slot_is_written_once(relay: RelayUnderTest) -> None:
    """A slot keeps what came first; the same again is harmless."""
    boxes, mailbox = relay.mailboxes(), os.urandom(32)
    assert await boxes.fetch(mailbox, 0, 0) is None
    await boxes.post(mailbox, 0, b"first")
    await boxes.post(mailbox, 0, b"first")

    await refused(boxes.post(mailbox, 0, b"second"), SlotTakenError)

    assert await boxes.fetch(mailbox, 0, 0) == b"first"
    assert await boxes.fetch(mailbox, 1, 0) is None
    assert await boxes.fetch(os.urandom(32), 0, 0) is None


async def a_mailbox_wakes_who_waits(relay: RelayUnderTest) -> None:
    """Fetching waits for a slot that is still empty."""
    boxes, mailbox = relay.mailboxes(), os.urandom(32)
    body = os.urandom(MAX_MAILBOX_BODY_BYTES)
    waiting = asyncio.create_task(boxes.fetch(mailbox, 3, 60))
    await asyncio.sleep(0)
    await boxes.post(mailbox, 2, b"another slot")
    await boxes.post(mailbox, 3, body)

    assert await waiting == body


async def a_mailbox_has_bounds(relay: RelayUnderTest) -> None:
    """Ids, slots and sizes out of bounds are refused."""
    boxes, mailbox = relay.mailboxes(), os.urandom(32)
    await refused(boxes.post(mailbox, 8, b"x"), RelayRefused)
    await refused(boxes.post(mailbox[:31], 0, b"x"), RelayRefused)


LOG_ACCEPTANCE: tuple[Acceptance, ...] = (
    creating_twice_is_harmless,
    an_unknown_vault_is_named,
    records_come_back_in_order,
    a_record_beside_the_newest_is_a_conflict,
    records_that_are_not_right_are_refused,
    envelopes_come_back_as_they_went,
    sending_again_keeps_the_position,
    another_envelope_at_a_number_is_evidence,
    a_gap_is_told_the_head,
    a_number_left_out_is_told_the_head,
    a_broken_chain_is_told_the_head,
    strangers_are_refused,
    a_newcomer_belongs_at_once,
    a_revocation_names_all_that_stands,
    what_is_not_signed_right_is_refused,
    appends_at_once_leave_no_gap,
    news_wakes_who_waits,
    a_new_record_is_news,
    a_mailbox_slot_is_written_once,
    a_mailbox_wakes_who_waits,
    a_mailbox_has_bounds,
)

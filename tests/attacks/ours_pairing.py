"""Attacks on pairing, on us, each over the mailboxes of the evil relay.

The code's secret, the digits and the newcomer's name are planted as well: nothing of
them may be in what the relay has seen.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from clisk_sync import pair
from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.errors import (
    MembershipError,
    PairingAlreadyScanned,
    PairingClosed,
    PairingError,
    PairingExpired,
    PairingFailed,
    WrongDigits,
)
from clisk_sync.founding import add_record, found, unwrap_epochs
from clisk_sync.membership import Membership
from clisk_sync.pairing import MemberPairing, Newcomer, NewcomerPairing
from clisk_sync.pairing_code import LIFETIME_MS, PairingCode, parse_pairing_code
from clisk_sync.pairing_messages import (
    Challenge,
    Hello,
    Opening,
    Slot,
    commit,
    open_message,
    seal_message,
    six_digits,
)
from clisk_vault.device import DeviceSecrets, enrol
from tests.attacks.stage import TITLE, Stage, story
from tests.attacks.weak_pairing import WeakMember, joins
from tests.sync.world import Device

_NAME = "planted phone of mine"


@dataclass
class Desk:
    """A member's screen, and who comes to it."""

    on: Stage
    laptop: Device

    @classmethod
    async def open(cls, on: Stage) -> Desk:
        laptop, _ = await on.pair()
        on.planted.add(_NAME)
        return cls(on, laptop)

    def offer(self) -> MemberPairing:
        """Show a code."""
        offered = MemberPairing(
            relay="http://127.0.0.1:8440",
            vault=self.laptop.vault_id,
            member=self.laptop.id,
            clock=self.on.world.clock,
        )
        self.on.planted_bytes.add(offered.code.secret.expose())
        return offered

    def scan(self, code: PairingCode, device: DeviceSecrets) -> NewcomerPairing:
        """Scan it with a new device."""
        seen = parse_pairing_code(code.url())
        return NewcomerPairing(seen, device.public, _NAME, clock=self.on.world.clock)

    async def meet(self, offered: MemberPairing, newcomer: NewcomerPairing) -> str:
        """Go as far as the digits, and return them."""
        boxes = self.on.relay.mailboxes()
        digits, _ = await asyncio.gather(
            pair.knock(newcomer, boxes), pair.wait_for_knock(offered, boxes)
        )
        self.on.planted.add(digits)
        return digits

    async def admit(self, offered: MemberPairing) -> None:
        """Append the record of who was confirmed, and welcome it."""
        membership, vault = self.laptop.engine.membership, self.laptop.vault

        async def append(newcomer: Newcomer) -> bytes:
            record = add_record(
                membership,
                self.laptop.secrets,
                vault.epochs.secret(membership.epoch),
                newcomer.device,
                newcomer.name,
            )
            await self.laptop.transport.append_record(record)
            return record

        await pair.admit(offered, self.on.relay.mailboxes(), append, dict)

    async def said(self, offered: MemberPairing, slot: Slot) -> bytes:
        """Return what a thief has put into the mailbox."""
        boxes = self.on.relay.mailboxes()
        body = await boxes.fetch(offered.code.mailbox, slot, 1)
        assert body is not None
        return self.on.relay.bring(body)

    def is_let_in(self, weak: WeakMember, thief: DeviceSecrets) -> str:
        """See what the thief's device reads when the weak member has let it in."""
        assert weak.newcomers[-1] == thief.public
        membership, vault = self.laptop.engine.membership, self.laptop.vault
        epoch = vault.epochs.secret(membership.epoch)
        record = add_record(
            membership, self.laptop.secrets, epoch, weak.newcomers[-1], _NAME
        )
        secret = unwrap_epochs(membership.extend(record), thief)[membership.epoch]
        log = map(parse_unverified_envelope, self.on.envelopes(self.laptop))
        read = [
            each.verify(membership.known(author).public.signing).open(secret)
            for each in log
            if (author := each.unverified_header.author)
        ]
        assert any(TITLE.encode() in plain for plain in read)
        return "every item, on the thief's device"

    async def nobody_came_in(self, *welcome: DeviceSecrets) -> None:
        """The members are those of before, and *welcome*; nothing went to others."""
        await self.laptop.sync()
        members = {each.id for each in self.on.world.devices.values()}
        members |= {each.public.id for each in welcome}
        assert self.laptop.engine.membership.devices.keys() == members
        assert self.on.recipients() == members


def _other(digits: str) -> str:
    return f"{(int(digits) + 1) % 1_000_000:06}"


@story
async def a_code_serves_one_newcomer(on: Stage) -> None:
    """A thief with a picture of a code that was used: no mailbox, and out of turn."""
    desk, phone, thief = await Desk.open(on), enrol()[0], enrol()[0]
    offered = desk.offer()
    newcomer = desk.scan(offered.code, phone)
    offered.enter(await desk.meet(offered, newcomer))
    await asyncio.gather(
        desk.admit(offered), pair.wait_for_welcome(newcomer, on.relay.mailboxes())
    )
    late = desk.scan(offered.code, thief)
    with pytest.raises(PairingAlreadyScanned):
        await pair.knock(late, on.relay.mailboxes())
    # The relay may well clear the box: the member takes no second hello.
    on.relay.slots.clear()
    post, weak = desk.scan(offered.code, thief).start(), WeakMember(offered)
    body = on.relay.bring(post.body)
    with pytest.raises(PairingFailed):
        offered.receive(post.slot, body)
    weak.receive(post.slot, body)
    on.gave.append(desk.is_let_in(weak, thief))
    await desk.nobody_came_in(phone)


@story
async def an_expired_code_is_refused_by_both(on: Stage) -> None:
    """Each looks at its own clock; a thief's may stand where he likes."""
    desk, thief = await Desk.open(on), enrol()[0]
    offered = desk.offer()
    fast, weak = desk.scan(offered.code, thief), WeakMember(offered)
    post = fast.start()
    body = on.relay.bring(post.body)
    on.world.clock.now_ms += LIFETIME_MS + 1
    with pytest.raises(PairingExpired, match="code has expired"):
        desk.scan(offered.code, thief).start()
    with pytest.raises(PairingExpired, match="code has expired"):
        offered.receive(post.slot, body)
    weak.receive(post.slot, body)
    on.gave.append(desk.is_let_in(weak, thief))
    await desk.nobody_came_in()


@story
async def a_strangers_records_are_refused(on: Stage) -> None:
    """The code says which vault: records of the thief's own let nobody anywhere."""
    desk, phone, thief = await Desk.open(on), enrol()[0], enrol()[0]
    offered = desk.offer()
    newcomer = desk.scan(offered.code, phone)
    offered.enter(await desk.meet(offered, newcomer))
    await asyncio.gather(
        desk.admit(offered), pair.wait_for_welcome(newcomer, on.relay.mailboxes())
    )
    genesis, vault, epoch = found(thief, "laptop")
    theirs = Membership.verify(vault, [genesis])
    theirs = theirs.extend(add_record(theirs, thief, epoch, phone.public, _NAME))
    on.relay.lie("records", on.relay.fork(0, *theirs.records))
    given = await on.relay.vault(desk.laptop.vault_id, phone).records()
    with pytest.raises(MembershipError):
        Membership.verify(newcomer.code.vault, given)
    with pytest.raises(PairingFailed, match="another vault"):
        newcomer.finish(theirs)
    assert unwrap_epochs(joins(given), phone)[1].expose() == epoch.expose()
    on.gave.append("all that is written from then on")
    on.relay.behave()
    given = await on.relay.vault(desk.laptop.vault_id, phone).records()
    assert newcomer.finish(Membership.verify(newcomer.code.vault, given)) == {}
    await desk.nobody_came_in(phone)


@story
async def a_photographed_code_gives_other_digits(on: Stage) -> None:
    """The thief knocks first; the person types what the phone shows."""
    desk, phone, thief = await Desk.open(on), enrol()[0], enrol()[0]
    offered = desk.offer()
    await desk.meet(offered, desk.scan(offered.code, thief))
    weak = WeakMember(offered)
    weak.receive(Slot.HELLO, await desk.said(offered, Slot.HELLO))
    on.gave.append(desk.is_let_in(weak, thief))
    honest = desk.scan(offered.code, phone)
    with pytest.raises(PairingAlreadyScanned):
        await pair.knock(honest, on.relay.mailboxes())
    # With a member of the thief's in between the phone shows digits, and not those.
    fake = desk.offer()
    fake.code = offered.code
    on.relay.slots.clear()
    shown = await desk.meet(fake, desk.scan(offered.code, phone))
    with pytest.raises(WrongDigits):
        offered.enter(shown)
    await desk.nobody_came_in()


@story
async def the_second_who_scans_is_told(on: Stage) -> None:
    """And who was first gets in by its own digits alone."""
    desk, phone, thief = await Desk.open(on), enrol()[0], enrol()[0]
    offered = desk.offer()
    first = desk.scan(offered.code, phone)
    digits = await desk.meet(offered, first)
    with pytest.raises(PairingAlreadyScanned) as told:
        await pair.knock(desk.scan(offered.code, thief), on.relay.mailboxes())
    assert "refuse it" in told.value.advice
    weak, refused = WeakMember(offered), on.relay.bring(on.relay.transcript[-1])
    for body in (await desk.said(offered, Slot.HELLO), refused):
        weak.receive(Slot.HELLO, body)
    assert weak.newcomers == [phone.public, thief.public]
    on.gave.append(desk.is_let_in(weak, thief))
    with pytest.raises(WrongDigits):
        offered.enter(_other(digits))
    assert offered.enter(digits).device == phone.public
    await asyncio.gather(
        desk.admit(offered), pair.wait_for_welcome(first, on.relay.mailboxes())
    )
    await desk.nobody_came_in(phone)


@story
async def nobody_knocks_out_of_turn(on: Stage) -> None:
    """No screen is open, or the message is not the next one: it is over."""
    desk, thief = await Desk.open(on), enrol()[0]
    closed = desk.offer()
    closed.close()
    post, weak = desk.scan(closed.code, thief).start(), WeakMember(closed)
    body = on.relay.bring(post.body)
    with pytest.raises(PairingFailed):
        closed.receive(post.slot, body)
    weak.receive(post.slot, body)
    on.gave.append(desk.is_let_in(weak, thief))
    for slot in (Slot.CHALLENGE, Slot.OPENING, Slot.WELCOME):
        offered = desk.offer()
        slot_of, body = seal_message(offered.code, Opening(bytes(32)))
        assert slot_of is Slot.OPENING
        with pytest.raises(PairingFailed):
            offered.receive(slot, body)
        with pytest.raises(PairingClosed):
            offered.enter("000000")
    await desk.nobody_came_in()


@story
async def ten_thousand_guesses_are_three(on: Stage) -> None:
    """The member counts, and the right digits come too late."""
    desk, thief = await Desk.open(on), enrol()[0]
    offered = desk.offer()
    digits = await desk.meet(offered, desk.scan(offered.code, thief))
    weak = WeakMember(offered)
    for slot in (Slot.HELLO, Slot.OPENING):
        weak.receive(slot, await desk.said(offered, slot))
    tried, reached = 0, 0
    for guess in range(10_000):
        if f"{guess:06}" == digits:
            continue
        assert not weak.enter(f"{guess:06}")
        before = offered.tries_left
        with pytest.raises(PairingError):
            offered.enter(f"{guess:06}")
        tried += 1
        reached += before - offered.tries_left
    assert (tried >= 9_999, reached) == (True, 3)
    with pytest.raises(PairingClosed):
        offered.enter(digits)
    assert weak.enter(digits), "it takes the ten thousandth as it took the first"
    on.gave.append(desk.is_let_in(weak, thief))
    await desk.nobody_came_in()


@story
async def a_nonce_is_not_picked_to_fit(on: Stage) -> None:
    """Once the member's is seen it is too late to choose: but for the weak one."""
    desk, secrets = await Desk.open(on), enrol()[0]
    thief, offered, boxes = secrets.public, desk.offer(), on.relay.mailboxes()
    code = offered.code
    first = bytes(range(32))
    slot, body = seal_message(code, Hello(thief, _NAME, commit(first, thief)))
    await boxes.post(code.mailbox, slot, body)
    waiting = asyncio.ensure_future(pair.wait_for_knock(offered, boxes))
    answer = await boxes.fetch(code.mailbox, Slot.CHALLENGE, 10)
    assert answer is not None
    seen = open_message(code, Slot.CHALLENGE, answer)
    assert isinstance(seen, Challenge)

    def tail(count: int) -> str:
        nonce = count.to_bytes(32)
        return six_digits(code, thief, theirs=nonce, ours=seen.nonce)[-2:]

    chosen = next(at for at in range(10_000) if tail(at) == "42").to_bytes(32)
    slot, body = seal_message(code, Opening(chosen))
    await boxes.post(code.mailbox, slot, body)
    with pytest.raises(PairingFailed, match="committed"):
        await waiting
    weak = WeakMember(offered)
    for each in (Slot.HELLO, Slot.OPENING):
        weak.receive(each, await desk.said(offered, each))
    assert weak.digits[-2:] == "42", "as the thief has chosen"
    on.gave.append(desk.is_let_in(weak, secrets))
    await desk.nobody_came_in()

"""Floods by a member's stolen key: of operations, of values, of what waits."""

from __future__ import annotations

import itertools
from typing import Final

from clisk_sync.envelope_content import ItemChange
from clisk_sync.founding import add_record
from clisk_sync.record_body import MAX_DEVICES
from clisk_vault.change_chunk import ActorId, ChangeHash, hash_of
from clisk_vault.device import enrol
from clisk_vault.document import author_of, new_actor
from clisk_vault.replica import MAX_ORPHANS
from tests.attacks import poison
from tests.attacks.ours_members import (
    ITEM,
    as_weak,
    goes_on,
    many_items,
    performs,
    set_aside,
)
from tests.attacks.pen import Pen
from tests.attacks.poison import titled
from tests.attacks.stage import Stage, story
from tests.sync.world import Forger
from tests.vault import test_item
from tests.vault.items import change, stamp

# Behind so many comparisons a person has given up.
_PATIENCE: Final = 2_000_000
_VALUES_IN_A_CHANGE: Final = 900


@story
async def a_flood_of_what_waits_is_bounded(on: Stage) -> None:
    """So many wait, the rest is refused by name and kept in part."""
    laptop, phone = await on.pair()
    pen = Pen(on, laptop, phone)
    items = await many_items(pen, laptop, 50)
    await phone.sync()
    weak, before = await as_weak(phone), phone.titles()
    had = sum(len(weak.documents[each]) for each in items)
    missing, more = ChangeHash(bytes(32)), 100
    flood = [
        change(
            {f"title/{stamp(laptop.id, ms=at)}": "x"},
            actor=new_actor(laptop.id),
            start_op=2,
            deps=(missing,),
        )
        for at in range(MAX_ORPHANS + more)
    ]
    await pen.sign_all(zip(itertools.cycle(items), flood, strict=False))
    report = await phone.sync()
    assert (report.orphans, report.quarantined) == (MAX_ORPHANS, more)
    assert phone.vault.replica.orphans() == MAX_ORPHANS
    await weak.sync()
    has = sum(len(weak.documents[each]) for each in items)
    assert (weak.titles(), weak.lost) == (before, {})
    assert has - had > 100 * len(flood)
    on.ran.append(f"{len(flood):,} that wait")
    on.gave.append("as much of the disk as is asked for")
    await goes_on(phone, before)


@story
async def a_flood_of_values_is_settled(on: Stage) -> None:
    """One field, no end of values by one key: it is shown, and edited as before."""
    laptop, phone = await on.pair()
    weak, count = await as_weak(phone), 100_000 if on.long else 5_000
    before, actor = phone.titles(), new_actor(laptop.id)
    await Pen(on, laptop, phone).sign_all(
        (ITEM, each) for each in _values_of(actor, count)
    )
    report = await phone.sync()
    assert (report.quarantined, report.orphans) == (0, 0)
    assert len(phone.vault.view(ITEM).fields["title"].versions) == count
    phone.vault.edit(ITEM, {"title": "settled"})
    assert not phone.vault.view(ITEM).conflicts
    await weak.sync()
    assert weak.comparisons(ITEM, patience=_PATIENCE) == _PATIENCE
    on.ran.append(f"{count:,} values by one member")
    on.gave.append(f"{_PATIENCE:,} comparisons, and no end of them")
    await goes_on(phone, [*before, "settled"])


def _values_of(actor: ActorId, count: int) -> list[bytes]:
    """Return changes of one session, each with many values of one title."""
    made, device = list[bytes](), author_of(actor)
    start, deps = 1, tuple[ChangeHash, ...]()
    for seq, first in enumerate(range(0, count, _VALUES_IN_A_CHANGE), 1):
        last = min(first + _VALUES_IN_A_CHANGE, count)
        made.append(
            change(
                {f"title/{stamp(device, ms=at)}": "x" for at in range(first, last)},
                actor=actor,
                seq=seq,
                start_op=start,
                deps=deps,
            )
        )
        start, deps = start + last - first, (hash_of(made[-1]),)
    return made


@story
async def as_many_members_as_there_can_be(on: Stage) -> None:
    """Each with a value that has seen none of the others: all shown, one settles it."""
    laptop, phone = await on.pair()
    weak, phone_names = await as_weak(phone), phone.titles()
    secret = laptop.vault.epochs.secret(1)
    writers = [Forger.of(laptop)]
    while len(laptop.engine.membership.devices) < MAX_DEVICES:
        secrets = enrol()[0]
        record = add_record(
            laptop.engine.membership, laptop.secrets, secret, secrets.public, "x"
        )
        await laptop.transport.honest.append_record(on.relay.bring(record))
        laptop.engine.adopt(laptop.engine.membership.extend(record))
        writers.append(Forger.of(laptop, secrets))
    for at, writer in enumerate(writers[1:]):
        who = writer.secrets.public.id
        data = titled(new_actor(who), who, ms=at)
        envelope = writer.envelope(1, changes=(ItemChange(ITEM, data),))
        relay = on.relay.vault(laptop.vault_id, writer.secrets)
        await relay.append(on.relay.bring(envelope))
    report = await phone.sync()
    assert (report.quarantined, report.alerts) == (0, ())
    assert len(phone.vault.view(ITEM).fields["title"].heads) == MAX_DEVICES - 2
    phone.vault.edit(ITEM, {"title": "settled"})
    assert len(phone.vault.view(ITEM).fields["title"].heads) == 1
    await weak.sync()
    assert len(weak.dated(ITEM)) == MAX_DEVICES - 2
    on.ran.append(f"{MAX_DEVICES - 2} members at once, which is as many as fit")
    await goes_on(phone, [*phone_names, "settled"])


def a_long_list_is_not_made(on: Stage) -> None:
    """A million operations in some hundred bytes, and as many of one key as can be."""
    count = 1_000_000 if on.long else 100_000
    set_aside(poison.long_list(count), "of one kind", performs(count + 1))(on)
    on.ran.append(f"{count + 1:,} operations in one change")


def no_number_of_values_costs_more_each(on: Stage) -> None:
    """More than members there can be, in the view alone: counted, not timed."""
    count = 100_000 if on.long else 10_000
    test_item.concurrent_values_are_settled(count)
    test_item.test_a_flood_of_concurrent_values_costs_so_much_each()
    on.ran.append(f"{count:,} values at once, in the view alone")

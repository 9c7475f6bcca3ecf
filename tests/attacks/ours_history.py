"""Attacks on what devices know of each other, besides those of ours.py, on us.

Histories that are spliced, copied or gone on with; news that comes late; clocks and
connections that the relay has in its hand.
"""

from __future__ import annotations

import random
import string
import zlib

import pytest

from clisk_sync.errors import RevokedError, TransportError, Withheld
from clisk_sync.founding import open_epochs
from clisk_vault.draft import ItemDraft
from clisk_vault.keys import SecretText
from tests.attacks.ours import alone, over_http
from tests.attacks.stage import Stage, beliefs, story, told
from tests.program import test_recovery
from tests.sync.world import Forger, World, names


@story
async def a_spliced_history_is_told(on: Stage) -> None:
    """The right number, a stolen key, another past: refused, both are evidence."""
    laptop, phone = await on.pair()
    mark = phone.engine.frontier.chain(laptop.id).mark
    other = Forger.of(laptop).envelope(mark.number + 1, bytes([7]) * 32)
    count = len(on.envelopes(laptop))
    on.relay.lie("envelopes", on.relay.fork(count, other), to=phone.id)
    await on.refuses(phone, "PreviousMismatch")
    (evidence,) = phone.engine.evidence()
    assert evidence.second == other
    assert evidence.device == laptop.id
    await on.heals(laptop, phone)


@story
async def a_copy_that_is_put_back_stops(on: Stage) -> None:
    """The relay shows a restored file its own future: it says so, and sends nothing."""
    laptop, phone = await on.pair()
    phone.vault.lock()
    backup = phone.path.read_bytes()
    phone.reopen()
    phone.write("after the backup")
    await phone.sync()
    phone.vault.lock()
    phone.path.write_bytes(backup)
    phone.reopen()
    phone.write("by the copy")
    sent = len(on.relay.transcript)
    for _ in range(2):
        report = await phone.sync()
        assert (names(report), report.pushed) == (["CloneDetected"], 0)
        phone.restart()
    assert on.relay.transcript[sent:] == []
    # Where the relay hides it, a peer's word is enough.
    await laptop.sync()
    assert "by the copy" not in laptop.titles()
    assert "after the backup" in laptop.titles()
    await phone.renew()
    await on.heals(laptop, phone)
    assert "by the copy" in laptop.titles()


@story
async def a_revoked_device_gets_nothing(on: Stage) -> None:
    """With all that the relay has, and its old keys, it reads and says nothing new."""
    laptop, phone = await on.pair()
    tablet = await on.world.join(laptop, "tablet")
    await on.world.settle()
    mark = laptop.engine.frontier.chain(tablet.id).mark
    stolen = Forger.of(tablet)
    await laptop.engine.revoke(tablet.id)
    laptop.write("after the revocation")
    await laptop.sync()
    await phone.sync()
    secrets, _ = open_epochs(tablet.engine.membership, tablet.secrets)
    assert set(secrets) == {1}
    newest = on.envelopes(laptop)[-1]
    assert b"after the revocation" not in newest
    with pytest.raises(RevokedError):
        await tablet.sync()
    assert "after the revocation" not in tablet.titles()
    count = len(on.envelopes(laptop))
    later = stolen.envelope(mark.number + 1, mark.hash)
    on.relay.lie("envelopes", on.relay.fork(count, later))
    for each in (laptop, phone):
        await on.refuses(each, "AfterTheCut")
        (evidence,) = each.engine.evidence()
        assert evidence.first == later
    on.relay.behave()
    phone.write("goes on")
    await phone.sync()
    await laptop.sync()
    assert laptop.titles() == phone.titles()


@story
async def late_news_shows_its_age(on: Stage) -> None:
    """What is kept back for a while is missed as soon as it is mentioned."""
    laptop, phone = await on.pair()
    tablet = await on.world.join(laptop, "tablet")
    await on.world.settle()
    laptop.write("comes late")
    await laptop.sync()
    on.relay.lie("envelopes", on.relay.delay(1), to=phone.id)
    heard = phone.engine.heard()[laptop.id]
    assert (await phone.sync()).alerts == ()
    assert phone.engine.heard()[laptop.id] == heard, "old news stays old"
    await tablet.sync()
    tablet.write("mentions it")
    await tablet.sync()
    held = len(on.envelopes(laptop)) - 2
    on.relay.lie(
        "envelopes",
        lambda rows: [*rows[:held], rows[held + 1]],
        to=phone.id,
    )
    report = await phone.sync()
    (alert,) = (each for each in report.alerts if isinstance(each, Withheld))
    assert alert.device == laptop.id
    assert "comes late" not in phone.titles()
    await on.heals(laptop, phone, tablet)
    assert "comes late" in phone.titles()
    assert (await phone.sync()).alerts == ()


@story
async def no_time_of_a_relay_is_used(on: Stage) -> None:
    """Dates in heads and answers, years off: the same bytes are sent."""
    await alone(on)
    honest, _ = await over_http(on, "honest")
    for number, (date, expires) in enumerate(
        [
            ("Fri, 31 Dec 9999 23:59:59 GMT", (1 << 63) - 1),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ]
    ):
        times = {"expires_at": expires}
        lied, report = await over_http(
            on, f"lied {number}", headers={"date": date}, times=times
        )
        assert lied == honest != []
        assert report.alerts == ()


@story
async def a_cut_connection_neither_loses_nor_doubles(on: Stage) -> None:
    """The request or its answer is lost: told, and then the very same bytes again."""
    laptop, phone = await on.pair()
    for lost in ("request", "answer"):
        laptop.write(f"sent while the {lost} was lost")
        before = beliefs(laptop)
        count = len(on.relay.transcript)
        on.relay.disconnect_mid_write("append", lost=lost)
        with pytest.raises(TransportError):
            await laptop.sync()
        assert beliefs(laptop) == before
        laptop.restart()
        await laptop.sync()
        sent = on.relay.transcript[count:]
        # After a lost answer it finds its envelope there, and sends none.
        assert lost == "answer" or sent[1] == sent[0], "saved before it was sent"
        assert on.envelopes(laptop).count(sent[0]) == 1
    await on.heals(laptop, phone)
    titles = phone.titles()
    assert len(titles) == len(set(titles))
    assert sum("was lost" in each for each in titles) == 2


async def _sizes(
    on: Stage, folder: str, title: str, secret: str, notes: str = ""
) -> list[int]:
    """Return the size of all that is sent for a vault with that login in it.

    With *notes* also of a snapshot, whose bucket is that of all items together.
    """
    (on.folder / folder).mkdir()
    world = World(on.folder / folder, relay=on.relay)
    laptop, phone = await world.pair()
    start = len(on.relay.transcript)
    fields: dict[str, str | SecretText] = {
        "password": SecretText(secret),
        "notes": notes,
    }
    item = laptop.vault.add(ItemDraft("login", title, fields))
    await laptop.sync()
    await phone.sync()
    phone.vault.edit(item, {"password": SecretText(secret[::-1])})
    await phone.sync()
    await laptop.sync()
    await laptop.engine.rotate()
    await world.settle()
    if notes:
        await laptop.engine.compact()
        await world.settle()
    world.close()
    return [len(each) for each in on.relay.transcript[start:]]


@story
async def sizes_tell_nothing_of_a_secret(on: Stage) -> None:
    """Two vaults that differ in a password and a title: the same sizes, in order."""
    on.planted |= {"a bank of some kind", "a much longer password than that one"}
    short = await _sizes(on, "short", "x", "short")
    long = await _sizes(
        on, "long", "a bank of some kind", "a much longer password than that one"
    )
    assert short == long != []


@story
async def sizes_tell_nothing_of_what_packs_well(on: Stage) -> None:
    """Long notes of one letter, of noise, or of the password again: the same sizes.

    Above the smallest bucket, in envelopes and in a snapshot: nothing is compressed
    before it is sealed, so no guess in one field makes another one's bytes fewer.
    """
    secret = "planted-guess-target"
    on.planted.add(secret)
    length = 600 * len(secret)
    noise = random.Random(7).choices(string.ascii_letters, k=length)
    texts = {"letters": "a" * length, "noise": "".join(noise), "guess": secret * 600}
    packed = {name: len(zlib.compress(text.encode())) for name, text in texts.items()}
    assert packed["noise"] > 50 * packed["letters"], "or the texts are alike"
    found = {
        name: await _sizes(on, name, "x", secret, notes=text)
        for name, text in texts.items()
    }
    assert found["letters"] == found["noise"] == found["guess"]
    assert max(found["noise"]) > length


def an_older_relay_is_warned_of(on: Stage) -> None:
    """Over a real relay: what it has seen is all that is in its database."""
    on.planted |= {"planted-old", "planted-new"}
    told(test_recovery.test_an_older_relay_is_not_recognised_and_that_is_said)(on)
    for database in sorted(on.folder.rglob("*.sqlite*")):
        on.relay.hear(database.read_bytes())

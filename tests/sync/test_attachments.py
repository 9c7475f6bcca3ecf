"""A file from one device to the other, over a relay, whole or named as missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_sync.errors import TransportError
from clisk_vault.attachment import CHUNK_BYTES
from clisk_vault.reveal import ReadRequest
from tests.sync.world import Device, World, run
from tests.vault.items import seeded
from tests.vault.made import PERSON

DATA = seeded(3)(4 * CHUNK_BYTES + 17)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world."""
    made = World(tmp_path)
    yield made
    made.close()


def _read(device: Device) -> list[bytes]:
    vault = device.vault
    return [
        vault.attachments.read(ReadRequest(line.item, each.field, PERSON, "test"))
        for line in vault.overviews()
        for each in vault.attachments.of(line.item)
    ]


def test_a_file_travels_whole(world: World) -> None:
    """Through envelopes of their usual size, and after both have started anew."""

    async def story() -> None:
        laptop, phone = await world.pair()
        item = laptop.write("with a file")
        laptop.vault.attachments.add(item, "a.bin", DATA)

        await laptop.sync()
        await phone.sync()
        phone.restart()

        assert _read(phone) == _read(laptop) == [DATA]
        assert phone.titles() == laptop.titles()
        assert all(len(each) < 80_000 for each in laptop.transport.sent)

    run(story())


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_file_survives_a_lost_word(world: World, lost: str) -> None:
    """What a bad network interrupts goes on where it was, once."""

    async def story() -> None:
        laptop, phone = await world.pair()
        item = laptop.write("with a file")
        laptop.vault.attachments.add(item, "a.bin", DATA)
        laptop.transport.fail_once("append", lost=lost)
        with pytest.raises(TransportError):
            await laptop.sync()
        laptop.restart()

        await laptop.sync()
        await phone.sync()

        assert _read(phone) == [DATA]

    run(story())


def test_a_newcomer_gets_files_and_nothing_that_was_purged(world: World) -> None:
    """Neither items nor chunks of it, whichever came first."""

    async def story() -> None:
        laptop, phone = await world.pair()
        kept, gone = laptop.write("kept"), phone.write("gone")
        laptop.vault.attachments.add(kept, "kept.bin", DATA)
        phone.vault.attachments.add(gone, "gone.bin", DATA[::-1])
        await world.settle()
        laptop.vault.trash(gone)
        laptop.vault.purging.purge([gone])
        await world.settle()

        tablet = await world.join(laptop, "tablet")
        await tablet.sync()

        for device in (laptop, phone, tablet):
            assert device.titles() == ["first", "kept"]
            assert _read(device) == [DATA]
        counts = {
            device.vault.storage.one("SELECT count(*) FROM item")
            for device in (laptop, phone, tablet)
        }
        assert len(counts) == 1

    run(story())

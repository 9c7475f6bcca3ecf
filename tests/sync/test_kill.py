"""SIGKILL at random instants, in real processes: nothing is lost that was returned."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.sync.kill_work import Workers, framed, opened
from tests.sync.test_convergence import everything
from tests.sync.world import World, run


@pytest.mark.parametrize(
    "kills", [15, pytest.param(150, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_sigkill_during_sync_loses_nothing(tmp_path: Path, kills: int) -> None:
    """After many kills both devices have all that any process told of."""
    world, chance = World(tmp_path), random.Random(kills)
    laptop, phone = run(world.pair())
    log = tmp_path / "relay.log"
    kept = world.relay.find(laptop.vault_id).log
    log.write_bytes(b"".join(framed(each.data) for each in kept))
    world.close()
    told: set[str] = set()

    with Workers() as workers:
        for turn in range(kills):
            path = chance.choice([laptop, phone]).path
            told |= workers.killed(path, log, turn=turn, delay=chance.uniform(0, 0.05))

    async def settle() -> None:
        held = {}
        for device in (laptop, phone, laptop, phone):
            vault, engine = await opened(device.path, log)
            report = await engine.sync_once()
            held[device.id] = everything(vault)
            assert (report.alerts, report.quarantined) == ((), 0)
            assert engine.evidence() == []
            assert vault.replica.orphans() == 0
            # The next one reads what this one has added to the file.
            vault.lock()
        assert held[laptop.id] == held[phone.id] >= told

    assert told
    run(settle())

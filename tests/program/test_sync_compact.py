"""`clisk sync compact`: two devices, and a third that starts from a snapshot."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.program.world import device, pair, relay


@pytest.mark.slow
def test_a_vault_is_compacted_by_hand(tmp_path: Path) -> None:
    """It says what it made and whom it waits for; a newcomer has all of it."""
    with ExitStack() as stack:
        url = stack.enter_context(relay(tmp_path / "relay"))
        laptop, phone, desk = (
            stack.enter_context(device(tmp_path / name))
            for name in ("laptop", "phone", "desk")
        )
        laptop.init("--name", "laptop")
        # Without a relay there is nothing to compact, and the next step is named.
        said = laptop.run("sync", "compact")
        assert said.code == 1
        assert "hint: start one with clisk relay, then: clisk sync --relay" in said.err

        laptop.run("sync", "--relay", url)
        laptop.add_login("Bank", "planted-1")
        laptop.ok("sync")
        for said in pair(laptop, phone, tmp_path):
            assert said.code == 0, said
        phone.ok("sync")
        laptop.ok("sync")

        said = laptop.run("sync", "compact")
        assert said.code == 0, said
        assert "snapshot 1 made: " in said.err
        assert "until heard from: phone" in said.err

        phone.ok("sync")
        answer = laptop.ask("sync", "compact")
        assert (answer["height"], answer["alerts"]) == (1, [])
        assert answer["waiting_for"] == []

        for said in pair(laptop, desk, tmp_path):
            assert said.code == 0, said
        assert desk.ask("list")["items"][0]["title"] == "Bank"

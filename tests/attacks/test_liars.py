"""Up to five devices and a relay that lies to each of them as it likes.

They join, are revoked, come back from backups, edit and compact, while the relay
drops, delays, repeats, reorders, rolls back, forks and loses answers. Whatever it did:
once it behaves, all are equal; each lie that contradicts what a device knew had a
name at once; and nothing is lost of what had been sent, or is on a device still.

CLISK_LONG=500 plays 500 runs of 80 steps in place of the short ones.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from clisk_sync.envelope import Header, parse_unverified_envelope
from clisk_sync.errors import CloneDetected, RelayRefused, TransportError
from clisk_sync.journal import State
from clisk_sync.report import SyncReport
from tests.attacks.evil_relay import EvilRelay, Misdeed
from tests.attacks.stage import beliefs
from tests.long_runs import LONG
from tests.sync.world import Device, Forger, World, names, run

_MOST = 5
_ROUNDS = 12

who = st.integers(0, _MOST - 1)
where = st.integers(0, 30)
LIES = (
    "drop",
    "delay",
    "duplicate",
    "reorder",
    "replay",
    "rollback",
    "fork",
    "bitflip",
)


class Liars(RuleBasedStateMachine):
    """One run."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.relay = EvilRelay()
        self.world = World(self.folder, relay=self.relay)
        run(self.world.pair())
        self.backups: dict[str, tuple[bytes, Any]] = {}
        # What the relay has of titles, and what stands on one device alone.
        self.safe: set[str] = {"first"}
        self.own: dict[str, set[str]] = {name: set() for name in self.world.devices}
        self.count = 0

    def _pick(self, number: int) -> tuple[str, Device]:
        names_ = sorted(self.world.devices)
        name = names_[number % len(names_)]
        return name, self.world.devices[name]

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run what the relay may cut off or refuse."""
        try:
            return run(work)
        except (TransportError, RelayRefused) as err:
            event(type(err).__name__)
            return None

    @rule(number=who)
    def write(self, number: int) -> None:
        name, device = self._pick(number)
        self.count += 1
        title = f"title {self.count} of {name}"
        device.write(title)
        self.own[name].add(title)

    @rule(number=who)
    def edit(self, number: int) -> None:
        _, device = self._pick(number)
        overviews = device.vault.overviews()
        if not overviews:
            return  # it has joined, and read nothing yet
        overview = min(overviews, key=lambda each: each.item)
        self.count += 1
        device.vault.edit(overview.item, {"notes": f"edit {self.count}"})

    @rule(number=who, lie=st.sampled_from(LIES), at=where)
    def sync_with_a_liar(self, number: int, lie: str, at: int) -> None:
        name, device = self._pick(number)
        misdeed, expected = self._lie(device, lie, at)
        self.relay.lie("envelopes", misdeed, to=device.id)
        try:
            self._sync(name, device, expected)
        finally:
            self.relay.behave()

    @rule(number=who, lost=st.sampled_from(["request", "answer"]))
    def sync_and_lose(self, number: int, lost: str) -> None:
        name, device = self._pick(number)
        self.relay.disconnect_mid_write("append", lost=lost)
        self._sync(name, device, set())
        self.relay._cuts.clear()

    @rule(number=who)
    def sync(self, number: int) -> None:
        self._sync(*self._pick(number), set())

    def _sync(self, name: str, device: Device, expected: set[str]) -> None:
        known = beliefs(device)
        report: SyncReport | None = self._do(device.sync())
        if report is None:
            return
        self._only_forward(known, device)
        if expected:
            event("a lie that must be named")
            assert expected & set(names(report)), (expected, names(report))
        if not device.engine.cloned:
            self.safe |= self.own[name]
            self.own[name].clear()

    def _only_forward(self, known: tuple[object, ...], device: Device) -> None:
        """Whatever was heard, no chain went back and no title was lost."""
        chains, _, titles, _ = known
        assert isinstance(chains, dict)
        assert isinstance(titles, list)
        for author, chain in chains.items():
            now = device.engine.frontier.chain(author).mark
            assert now.number >= chain.mark.number
            if now.number == chain.mark.number:
                assert now.hash == chain.mark.hash
        assert set(titles) <= set(device.titles())

    def _lie(self, device: Device, lie: str, at: int) -> tuple[Misdeed, set[str]]:
        """Return the misdeed, and which names it must have, if any."""
        vault = self.relay.find(device.vault_id)
        kept = [p for p in range(1, len(vault.log) + 1) if p not in vault.deleted]
        at = at % len(kept) if kept else 0
        relay = self.relay
        if not kept:
            return relay.delay(), set()
        if lie == "rollback":
            anchor = device.engine._journal.newest_placed()
            behind = anchor is not None and anchor.position > ([0, *kept])[at]
            return relay.roll_back(at), {"RollbackDetected"} if behind else set()
        if lie == "drop":
            return relay.drop(at), self._gap(device, kept, at)
        if lie == "fork":
            if kept[-1] < device.engine._journal.state(State.CURSOR):
                return relay.delay(), set()  # what stands there it has read
            return self._fork(device, [vault.log[p - 1].data for p in kept])
        made = {
            "delay": relay.delay(),
            "duplicate": relay.duplicate(at),
            "reorder": relay.reorder(),
            "replay": relay.replay_old(at),
            "bitflip": relay.bitflip(at, 40 + at),
        }
        return made[lie], set()

    def _gap(self, device: Device, kept: list[int], at: int) -> set[str]:
        """A gap must be told where the dropped one was the next, and more follow."""
        vault = self.relay.find(device.vault_id)
        dropped = vault.log[kept[at] - 1]
        follows = any(vault.log[p - 1].author == dropped.author for p in kept[at + 1 :])
        known = device.engine.frontier.chain(dropped.author).mark.number
        is_next = dropped.number == known + 1 and dropped.author != device.id
        # A snapshot may stand in for it, and a copy of an older self stops before.
        is_read = kept[at] > device.engine._journal.state(State.CURSOR)
        is_plain = follows and is_next and is_read
        if not is_plain or vault.snapshots or device.engine.cloned:
            return set()
        return {"GapError", "RollbackDetected", "CloneDetected"}

    def _fork(self, device: Device, log: list[bytes]) -> tuple[Misdeed, set[str]]:
        """Another envelope at a number that is verified here, as rightly signed."""
        for data in reversed(log):
            header = parse_unverified_envelope(data).unverified_header
            author = self._author(header)
            known = device.engine.frontier.chain(header.author).mark.number
            held = device.engine._journal.hash_of(header.author, header.number)
            if author and author is not device and held and header.number <= known:
                forger = Forger.of(author)
                forger.epoch = header.epoch
                forger.secret = author.vault.epochs.secret(header.epoch)
                other = forger.envelope(
                    header.number,
                    header.previous if header.number > 1 else None,
                    clock_ms=self.count + 2,
                )
                return self.relay.fork(len(log), other), {
                    "ForkDetected",
                    "CloneDetected",
                    "AfterTheCut",
                }
        return self.relay.delay(), set()

    def _author(self, header: Header) -> Device | None:
        for each in self.world.devices.values():
            if each.id == header.author:
                return each
        return None

    @rule(number=who)
    def join(self, number: int) -> None:
        _, by = self._pick(number)
        if len(self.world.devices) >= _MOST or by.engine.cloned:
            return
        self.count += 1
        name = f"device {self.count}"

        async def joins() -> None:
            await by.sync()
            if not by.engine.cloned:
                await self.world.join(by, name)

        self._do(joins())
        if name in self.world.devices:
            self.own[name] = set()
            event("joined")

    @rule(number=who, other=who)
    def revoke(self, number: int, other: int) -> None:
        by_name, by = self._pick(number)
        name, device = self._pick(other)
        if name == by_name or len(self.world.devices) < 3 or by.engine.cloned:
            return
        with suppress(CloneDetected):
            if self._do(by.engine.revoke(device.id)) is None:
                return
            # What it had not sent, or nobody had read, is its own.
            self.world.devices.pop(name)
            self.backups.pop(name, None)
            lost = self.own.pop(name)
            held = {t for each in self.world.devices.values() for t in each.titles()}
            self.safe -= {t for t in lost | self.safe if t not in held}
            device.vault.lock()
            event("revoked")

    @rule(number=who)
    def back_up(self, number: int) -> None:
        name, device = self._pick(number)
        device.vault.lock()
        self.backups[name] = (device.path.read_bytes(), device.secrets)
        device.reopen()

    @rule(number=who)
    def restore(self, number: int) -> None:
        """The file of then is put in place; the device goes on as another one."""
        name, device = self._pick(number)
        if name not in self.backups or device.engine.cloned:
            return
        data, secrets = self.backups.pop(name)
        if secrets is not device.secrets:
            return  # from before it took its newest identity: it was revoked since
        number_then = device.engine.frontier.chain(device.id).mark.number
        device.vault.lock()
        for path in device.path.parent.glob(f"{device.path.name}-*"):
            path.unlink()
        device.path.write_bytes(data)
        device.reopen()
        self.own[name] = set(device.titles()) - self.safe
        event("restored")
        went_back = device.engine.frontier.chain(device.id).mark.number < number_then
        report = self._do(device.sync())
        if report is not None and went_back:
            assert "CloneDetected" in names(report), names(report)
            self._renew(device)

    def _renew(self, device: Device) -> None:
        if device.engine.cloned:
            run(device.renew())
            event("renewed")

    @rule(number=who)
    def compact(self, number: int) -> None:
        name, device = self._pick(number)
        with suppress(CloneDetected):
            if self._do(device.engine.compact()) is not None:
                self.safe |= self.own[name]
                self.own[name].clear()
                event("compacted")

    @rule(number=who)
    def restart(self, number: int) -> None:
        self._pick(number)[1].restart()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.relay.behave()
            self._all_end_equal()
        finally:
            self.world.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _all_end_equal(self) -> None:
        devices = list(self.world.devices.values())
        reports: list[SyncReport] = []
        for _ in range(_ROUNDS):
            reports = [run(device.sync()) for device in devices]
            for device in devices:
                self._renew(device)
            if not any(each.pushed or each.pulled or each.alerts for each in reports):
                break
        else:
            raise AssertionError([names(each) for each in reports])
        kept = self.safe.union(*self.own.values())
        for device in devices:
            assert set(device.titles()) >= kept, kept - set(device.titles())
            assert device.titles() == devices[0].titles()
            assert device.vault.replica.orphans() == 0


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        # Such runs shrink slowly; the steps that failed say enough.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def test_honest_devices_converge_whatever_a_relay_says() -> None:
    """Short runs, and long ones where CLISK_LONG says how many."""
    run_state_machine_as_test(
        Liars, settings=_settings(LONG, 80) if LONG else _settings(8, 20)
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_honest_devices_converge_in_long_runs() -> None:
    """More steps, more runs."""
    run_state_machine_as_test(Liars, settings=_settings(60, 60))

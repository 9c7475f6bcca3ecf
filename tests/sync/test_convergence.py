"""Three devices, a relay, a network that does its worst, and crashes anywhere.

Whatever happens on the way: when the network is well again, all members are
equal, and everything is there that a call had returned from. The tablet may be
revoked: then the others go on, and what it had not sent is its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from clisk_sync.errors import RecordConflictError, RevokedError, TransportError
from clisk_sync.testing import PassingTransport
from clisk_sync.transport import VaultTransport
from clisk_vault.ids import ItemId
from clisk_vault.log_news import EVERY_MS
from clisk_vault.vault import Vault
from tests.sync.crashes import CrashError, DyingAfter
from tests.sync.world import Device, Log, World, run

NAMES = ("laptop", "phone", "tablet")
LOSSES = ("lost request", "lost answer")
DISORDERS = ("lost answer", "cut", "stale", "shuffled", "repeated")

devices = st.sampled_from(NAMES)
stayers = st.sampled_from(NAMES[:2])
# One fault a sync; its reads are those of the anchor and of the log.
faults = st.sampled_from(
    [
        {},
        *(
            {call: fault}
            for call in ("records", "append", "append_record")
            for fault in LOSSES
        ),
        *({call: fault} for call in ("anchor", "log") for fault in DISORDERS),
    ]
)


class BadNetwork(PassingTransport):
    """The honest relay behind a network that has a plan for each call."""

    def __init__(self, honest: VaultTransport) -> None:
        super().__init__(honest)
        self.plan: dict[str, str] = {}
        self.reads = 0

    def begin(self, plan: dict[str, str]) -> None:
        """Take a plan for one sync; its first read is that of the anchor."""
        self.plan, self.reads = dict(plan), 0

    def _fault(self, call: str) -> str:
        return self.plan.pop(call, "none")

    async def append_record(self, record: bytes) -> int:
        fault = self._fault("append_record")
        if fault == "lost request":
            raise TransportError("no answer")
        index = await self.honest.append_record(record)
        if fault == "lost answer":
            raise TransportError("no answer")
        return index

    async def records(self) -> list[bytes]:
        if self._fault("records") in LOSSES:
            raise TransportError("no answer")
        return await self.honest.records()

    async def append(self, envelope: bytes) -> int:
        fault = self._fault("append")
        if fault == "lost request":
            raise TransportError("no answer")
        position = await self.honest.append(envelope)
        if fault == "lost answer":
            raise TransportError("no answer")
        return position

    async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        log: Log = [each async for each in self.honest.read(after)]
        # Usually one reading is both; a plan for either is due at the first.
        fault = self.plan.pop("log", None) or self._fault("anchor")
        self.reads += 1
        if fault == "lost answer":
            raise TransportError("no answer")
        if fault == "stale":
            log = log[: len(log) // 2]
        if fault == "shuffled":
            log = log[::-1]
        if fault == "repeated":
            log = [*log, *log]
        for at, each in enumerate(log):
            if fault == "cut" and at == len(log) // 2:
                raise TransportError("cut off")
            yield each


class Family(RuleBasedStateMachine):
    """Random work, random faults, random crashes."""

    template: ClassVar[World]
    item: ClassVar[ItemId]

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.world = run(self.template.copy(self.folder))
        self.written: dict[str, set[str]] = {name: set() for name in NAMES}
        self.count = 0
        self.networks: dict[str, BadNetwork] = {}
        for name, device in self.world.devices.items():
            self.networks[name] = BadNetwork(device.transport.honest)
            device.network = self.networks[name]
            device.restart()

    def _device(self, name: str) -> Device:
        return self.world.devices[name]

    def _title(self) -> str:
        self.count += 1
        return f"note {self.count}"

    @rule(name=devices)
    def write(self, name: str) -> None:
        title = self._title()
        self._device(name).write(title)
        self.written[name].add(title)

    @rule(name=devices)
    def edit(self, name: str) -> None:
        title = self._title()
        self._device(name).vault.edit(self.item, {"title": title})
        self.written[name].add(title)

    @rule(name=devices, plan=faults)
    def sync(self, name: str, plan: dict[str, str]) -> None:
        device = self._device(name)
        self.networks[name].begin(plan)
        with suppress(TransportError, RevokedError):
            report = run(device.sync())
            for alert in report.alerts:
                event(f"alert {type(alert).__name__}")

    @rule(name=stayers, plan=faults, statements=st.none() | st.integers(0, 60))
    def revoke(self, name: str, plan: dict[str, str], statements: int | None) -> None:
        """Revoke the tablet, or try to; perhaps die on the way."""
        device, tablet = self._device(name), self._device("tablet").id
        self.networks[name].begin(plan)
        dying = (
            nullcontext()
            if statements is None
            else (DyingAfter(device.vault.storage, statements))
        )
        with suppress(TransportError, RecordConflictError, CrashError), dying:
            run(device.engine.revoke(tablet))
            event("revoked")
        if statements is not None:
            device.restart()

    @rule(name=devices, plan=faults)
    def rotate(self, name: str, plan: dict[str, str]) -> None:
        """Begin a new epoch, or try to."""
        self.networks[name].begin(plan)
        with suppress(TransportError, RecordConflictError, RevokedError):
            run(self._device(name).engine.rotate())

    @rule(name=devices, statements=st.integers(0, 60), plan=faults)
    def crash(self, name: str, statements: int, plan: dict[str, str]) -> None:
        """Die after so many statements of a write and a sync, and start anew."""
        device, title = self._device(name), self._title()
        self.networks[name].begin(plan)
        with (
            suppress(CrashError, TransportError, RevokedError),
            DyingAfter(device.vault.storage, statements),
        ):
            device.write(title)
            self.written[name].add(title)
            run(device.sync())
            event("outlived the crash")
        device.vault.lock()
        device.reopen()

    @rule(name=devices, bursts=st.integers(2, 4))
    def burst(self, name: str, bursts: int) -> None:
        """Write several envelopes in a row."""
        for _ in range(bursts):
            self.write(name)
            self.sync(name, {})

    @rule(name=devices)
    def restart(self, name: str) -> None:
        self._device(name).restart()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self._check_all_is_well()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    def _part_from_the_revoked(self) -> None:
        """Let every device learn who is a member, and the revoked one be told."""
        for name in (*NAMES, *NAMES):
            with suppress(RevokedError):
                run(self._device(name).sync())
        tablet = self._device("tablet")
        if tablet.id in self._device("laptop").engine.membership.departed:
            with pytest.raises(RevokedError):
                run(tablet.sync())
            self.world.devices.pop("tablet").vault.lock()

    def _check_all_is_well(self) -> None:
        for network in self.networks.values():
            network.begin({})
        self._part_from_the_revoked()
        # Logs are told once an hour: it is over for all, so that silence is silence.
        self.world.clock.now_ms += EVERY_MS
        run(self.world.settle())

        laptop, *others = self.world.devices.values()
        for name in self.world.devices:
            assert self.written[name] <= everything(laptop.vault)
        for device in others:
            assert everything(device.vault) == everything(laptop.vault)
            assert device.vault.overviews() == laptop.vault.overviews()
            assert device.vault.view(self.item) == laptop.vault.view(self.item)
        for device in self.world.devices.values():
            assert device.engine.membership == laptop.engine.membership
            assert device.vault.epochs.numbers() == laptop.vault.epochs.numbers()
            report = run(device.sync())
            assert (report.alerts, report.pulled, report.pushed) == ((), 0, 0)
            assert device.vault.replica.orphans() == 0
            assert device.vault.replica.quarantine() == []
            assert not device.engine.cloned


def everything(vault: Vault) -> set[str]:
    """Return every title that any item has or ever had."""
    return {
        version.content[0] or ""
        for each in vault.overviews()
        for version in vault.view(each.item).fields["title"].versions
    }


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Family]]:
    """Yield the machine, with three devices that every run starts from."""
    world = World(tmp_path_factory.mktemp("template"))

    async def story() -> ItemId:
        laptop, phone = await world.pair()
        await world.join(phone, "tablet")
        item = laptop.write("shared")
        await world.settle()
        return item

    Family.item = run(story())
    Family.template = world
    world.close()
    yield Family
    del Family.item, Family.template


def test_three_devices_converge(family: type[Family]) -> None:
    """Any mix of work, faults and crashes ends equal, with nothing lost."""
    run_state_machine_as_test(
        family, settings=settings(max_examples=10, stateful_step_count=20)
    )


@pytest.mark.slow
def test_three_devices_converge_in_long_runs(family: type[Family]) -> None:
    """The same, for longer."""
    run_state_machine_as_test(
        family, settings=settings(max_examples=40, stateful_step_count=50)
    )

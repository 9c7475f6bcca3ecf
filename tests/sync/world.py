"""A small world for tests: real vaults of one family, a relay, and a lying one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from clisk_sync.admission import Members
from clisk_sync.engine import SyncEngine
from clisk_sync.envelope import Header, seal_envelope
from clisk_sync.envelope_content import Claim, Content, ItemChange, Mark, Stream
from clisk_sync.envelope_content import encode_content as encode
from clisk_sync.errors import TransportError
from clisk_sync.founding import add_record, found, unwrap_epochs
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_sync.report import SyncReport
from clisk_sync.succession import hand_over
from clisk_sync.testing import MemoryRelay, PassingTransport
from clisk_sync.transport import NO_HASH, Offer, VaultTransport
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.draft import ItemDraft
from clisk_vault.ids import DeviceId, EnvelopeHash, ItemId, PartHash, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import SigningKey, sha256
from clisk_vault.vault import Vault
from tests.vault.made import CHEAP, CHEAP_LIMITS, PASSPHRASE, FakeClock

T = TypeVar("T")
Log = list[tuple[int, bytes]]
# Far more than any honest exchange takes.
_ROUNDS = 60


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Return what *coroutine* returns."""
    return asyncio.run(coroutine)


class LyingTransport(PassingTransport):
    """An honest transport, and a person in the middle who owns the relay.

    `on_read` gets the whole log and gives what the device shall see of it.
    """

    def __init__(self, honest: VaultTransport) -> None:
        super().__init__(honest)
        self.on_read: Callable[[Log], Log] = lambda log: log
        self.on_records: Callable[[list[bytes]], list[bytes]] = lambda records: records
        self.on_append: Callable[[bytes], object] = lambda _: None
        self.before_part: Callable[[], Awaitable[object]] | None = None
        self.on_snapshots: Callable[[Offer], Offer] = lambda offer: offer
        self.on_part: Callable[[bytes], bytes] = lambda part: part
        self.before_record: Callable[[], Awaitable[object]] | None = None
        self.sent: list[bytes] = []

    async def append_record(self, record: bytes) -> int:
        if (happens := self.before_record) is not None:
            self.before_record = None
            await happens()
        return await self.honest.append_record(record)

    async def records(self) -> list[bytes]:
        return self.on_records(await self.honest.records())

    async def append(self, envelope: bytes) -> int:
        self.on_append(envelope)
        self.sent.append(envelope)
        return await self.honest.append(envelope)

    async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        log = [each async for each in self.honest.read(0)]
        for position, data in self.on_read(log):
            if position > after:
                yield position, data

    def fail_once(self, call: str, *, lost: str) -> None:
        """Lose the request, or the answer, of the next *call*."""
        honest = getattr(self.honest, call)

        async def fail(*args: object) -> object:
            setattr(self.honest, call, honest)
            if lost == "answer":
                await honest(*args)
            raise TransportError("no answer")

        setattr(self.honest, call, fail)

    async def put_part(self, part: bytes) -> None:
        if (happens := self.before_part) is not None:
            self.before_part = None
            await happens()
        await self.honest.put_part(part)

    async def part(self, name: PartHash) -> bytes:
        return self.on_part(await self.honest.part(name))

    async def snapshots(self) -> Offer:
        return self.on_snapshots(await self.honest.snapshots())


@dataclass
class Device:
    """A vault file with its engine, as long as it is open."""

    world: World
    vault_id: VaultId
    secrets: DeviceSecrets
    path: Path
    transport: LyingTransport
    vault: Vault
    engine: SyncEngine
    # Stands in for the transport from the next restart on.
    network: VaultTransport | None = None

    @property
    def id(self) -> DeviceId:
        return self.secrets.public.id

    async def sync(self) -> SyncReport:
        """Sync a minute after the last time."""
        self.world.clock.now_ms += 60_000
        return await self.engine.sync_once()

    def restart(self) -> None:
        """Drop everything in memory and take up from the file."""
        self.vault.lock()
        self.reopen()

    def reopen(self) -> None:
        self.vault = Vault.unlock(
            self.path, PASSPHRASE, limits=CHEAP_LIMITS, clock=self.world.clock
        )
        self.engine = self.world.engine(self.vault, self.network or self.transport)

    async def renew(self) -> None:
        """Go on as another device, as the agent does it."""
        fresh, first_log_key = enrol()
        secrets = replace(fresh, storage=self.secrets.storage)
        membership = await self.engine.succeed(secrets.public)
        self.vault.take_identity(
            PASSPHRASE,
            secrets,
            first_log_key,
            also=lambda _: hand_over(self.vault, membership),
        )
        self.secrets = secrets
        relay = self.world.relay
        self.transport = LyingTransport(relay.vault(self.vault_id, secrets))
        self.restart()

    def write(self, title: str) -> ItemId:
        """Store a note of that title."""
        return self.vault.add(ItemDraft("note", title))

    def titles(self) -> list[str]:
        """Return the titles of all items."""
        return sorted(each.title for each in self.vault.overviews())

    def trusted(self) -> tuple[object, ...]:
        """Return everything that an attack must not change."""
        return (
            self.engine.frontier.chains,
            self.engine.membership.head,
            self.titles(),
            self.vault.epochs.numbers(),
        )


@dataclass
class World:
    """One vault on one relay, and its devices."""

    folder: Path
    relay: MemoryRelay = field(default_factory=MemoryRelay)
    clock: FakeClock = field(default_factory=FakeClock)
    devices: dict[str, Device] = field(default_factory=dict)

    def engine(self, vault: Vault, transport: VaultTransport) -> SyncEngine:
        return SyncEngine(vault, transport, clock=self.clock)

    async def found(self, name: str = "laptop") -> Device:
        """Return the first device, its vault on the relay."""
        secrets, first_log_key = enrol()
        genesis, vault_id, secret = found(secrets, name, clock=self.clock)
        membership = Membership.verify(vault_id, [genesis])
        device = self._make(name, secrets, first_log_key, membership, {1: secret})
        await device.engine.sync_once()
        return device

    async def join(self, by: Device, name: str) -> Device:
        """Return a device that *by* has added."""
        secrets, first_log_key = enrol()
        epochs = by.vault.epochs
        record = add_record(
            by.engine.membership,
            by.secrets,
            epochs.secret(epochs.current),
            secrets.public,
            name,
            clock=self.clock,
        )
        await by.transport.honest.append_record(record)
        membership = by.engine.membership.extend(record)
        by.engine.adopt(membership)
        secrets_by_number = unwrap_epochs(membership, secrets)
        device = self._make(name, secrets, first_log_key, membership, secrets_by_number)
        device.engine.expect(by.engine.handover())
        return device

    def _make(
        self,
        name: str,
        secrets: DeviceSecrets,
        first_log_key: SigningKey,
        membership: Membership,
        epochs: dict[int, EpochSecret],
    ) -> Device:
        path = self.folder / f"{name}.db"
        vault = Vault.create(
            path,
            passphrase=PASSPHRASE,
            secrets=secrets,
            first_log_key=first_log_key,
            vault_id=membership.vault_id,
            epochs=epochs,
            profile=CHEAP,
            limits=CHEAP_LIMITS,
            clock=self.clock,
            also=lambda storage: Journal(storage).keep_membership(membership),
        )
        honest = self.relay.vault(membership.vault_id, secrets)
        transport = LyingTransport(honest)
        engine = self.engine(vault, transport)
        device = Device(
            self, membership.vault_id, secrets, path, transport, vault, engine
        )
        self.devices[name] = device
        return device

    async def copy(self, folder: Path) -> World:
        """Return the same world elsewhere; close this one first."""
        world = World(folder, type(self.relay)(), FakeClock(self.clock.now_ms))
        for vault, kept in self.relay.vaults.items():
            records = list(kept.members.membership.records)
            world.relay.vaults[vault] = type(kept)(Members.verify(vault, records))
            clone = world.relay.vaults[vault]
            clone.log, clone.heads = list(kept.log), dict(kept.heads)
            clone.placed = dict(kept.placed)
        for name, device in self.devices.items():
            path = folder / device.path.name
            path.write_bytes(device.path.read_bytes())
            transport = LyingTransport(
                world.relay.vault(device.vault_id, device.secrets)
            )
            copied = replace(device, world=world, path=path, transport=transport)
            copied.reopen()
            world.devices[name] = copied
        return world

    async def pair(self) -> tuple[Device, Device]:
        """Return two devices that have heard of each other."""
        laptop = await self.found("laptop")
        laptop.write("first")
        await laptop.sync()
        phone = await self.join(laptop, "phone")
        await phone.sync()
        await laptop.sync()
        return laptop, phone

    async def three(self) -> tuple[Device, Device, Device]:
        """Return three devices that have heard of each other."""
        laptop, phone = await self.pair()
        tablet = await self.join(laptop, "tablet")
        await self.settle()
        return laptop, phone, tablet

    async def settle(self) -> None:
        """Sync everybody until nothing moves.

        Raises:
            AssertionError: something always does.
        """
        reports: list[SyncReport] = []
        for _ in range(_ROUNDS):
            reports = [await device.sync() for device in self.devices.values()]
            if not any(each.pushed or each.pulled or each.alerts for each in reports):
                return
        raise AssertionError([names(each) for each in reports])

    def close(self) -> None:
        for device in self.devices.values():
            device.vault.lock()


@dataclass
class Forger:
    """Somebody who holds signing keys, and writes what no engine would."""

    secrets: DeviceSecrets
    vault: VaultId
    secret: EpochSecret
    epoch: int = 1
    head: tuple[int, bytes] = (0, b"")

    @classmethod
    def of(cls, device: Device, signer: DeviceSecrets | None = None) -> Forger:
        """Return one with all that *device* knows; *signer* signs instead of it."""
        membership = device.engine.membership
        return cls(
            signer or device.secrets,
            membership.vault_id,
            device.vault.epochs.secret(1),
            head=(membership.head.height, membership.head.hash),
        )

    def envelope(
        self,
        number: int,
        previous: bytes | None = None,
        *,
        changes: tuple[ItemChange, ...] = (),
        marks: dict[DeviceId, Mark] | None = None,
        content: bytes | None = None,
        clock_ms: int = 1,
    ) -> bytes:
        """Return a well-signed envelope that says what the test wants."""
        stream = Stream.ITEMS if changes else Stream.CONTROL
        height, digest = self.head
        claim = Claim(marks or {}, height, EnvelopeHash(digest))  # type: ignore[arg-type]
        header = Header(
            vault=self.vault,
            author=self.secrets.public.id,
            number=number,
            previous=EnvelopeHash(previous or NO_HASH),
            epoch=self.epoch,
        )
        return seal_envelope(
            encode(Content(stream, claim, clock_ms, changes))
            if content is None
            else content,
            header,
            key=self.secrets.signing,
            secret=self.secret,
        )


def digest(envelope: bytes) -> EnvelopeHash:
    """Return the hash of an envelope."""
    return EnvelopeHash(sha256(envelope))


def names(report: SyncReport) -> list[str]:
    """Return the names of what a sync found."""
    return sorted({type(alert).__name__ for alert in report.alerts})

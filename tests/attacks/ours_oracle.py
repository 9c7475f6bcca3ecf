"""DL03: what a device sends does not depend on why it refused what it was given.

One engine lives through junk of many kinds, in whole rounds, and then has something
to send. Another one, with the same randomness and at the same hours, saw no junk.
What a device asks for, how often and in which order, is held against the same calls
after junk of other kinds: that is the pattern that a relay could measure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final

from clisk_sync.engine import SyncEngine
from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.envelope_content import ItemChange
from clisk_sync.intake import Offered
from clisk_vault.cose import sign1
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.document import new_actor
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.labels import Label
from tests.attacks import poison
from tests.attacks.ours import flipped, seeded
from tests.attacks.stage import Stage, story
from tests.sync.world import Device, Forger, World, digest

ITEM: Final = ItemId(bytes(range(16)))
# A round is not heard out that gives more than a thousand.
ROUNDS: Final = 3
IN_A_ROUND: Final = 300


@dataclass(frozen=True)
class Kind:
    """Junk of one kind.

    *asks* is what its outside, which is there for all to read, makes a device ask for:
    records, where it names an author or an epoch that nobody knows; snapshots, where
    its number leaves a gap. A relay knows of each beforehand.
    """

    name: str
    junk: list[bytes]
    asks: str = ""


@dataclass
class Played:
    """What a relay heard of a device: each call with its sizes, and what it sent."""

    asked: list[tuple[str, tuple[int, ...]]]
    sent: list[bytes]


class _Listening:
    """A transport, and somebody at the wire."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.asked: list[tuple[str, tuple[int, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            sizes = (len(each) if isinstance(each, bytes) else each for each in args)
            self.asked.append((name, tuple(sizes)))
            return method(*args, **kwargs)

        return call


class _Maker:
    """Makes junk: it has all that a relay has, and the stolen key of the laptop."""

    def __init__(self, laptop: Device, phone: Device, log: list[bytes]) -> None:
        self.laptop, self.log, self.newest = laptop, log, log[-1]
        self.mark = phone.engine.frontier.chain(laptop.id).mark
        self.spy = enrol()[0]
        self._membership = laptop.engine.membership

    def _known(self, data: bytes) -> bool:
        """Tell whether the outside, if it can be read, names nobody unknown."""
        return Offered.parse(0, data).is_known_to(self._membership)

    def _flips(self, *, known: bool) -> Iterator[bytes]:
        for at in range(8 * len(self.newest)):
            data = flipped(self.newest, at // 8, 1 << at % 8)
            if self._known(data) is known:
                yield data

    def _forged(
        self, signer: DeviceSecrets | None = None, **said: Any
    ) -> Callable[[int], bytes]:
        """Return a maker of well-formed envelopes behind the last one."""
        forger = Forger.of(self.laptop, signer)
        forger.epoch = said.pop("epoch", 1)
        forger.vault = said.pop("vault", forger.vault)
        ahead, previous = said.pop("ahead", 1), said.pop("previous", self.mark.hash)
        return lambda at: forger.envelope(
            self.mark.number + ahead, previous, clock_ms=at + 1, **said
        )

    def _in_the_name_of(self, data: bytes) -> bytes:
        """Return the same outside and inside, signed by another key."""
        parsed = parse_unverified_envelope(data)
        return sign1(
            self.spy.signing,
            parsed._signed.unverified_payload,
            label=Label.ENVELOPE,
            context=b"",
            kid=self.laptop.id,
        )

    def kinds(self, count: int) -> list[Kind]:
        """Return *count* of each kind that is refused."""
        good = [self._forged()(at) for at in range(count)]
        other_vault = self._forged(vault=VaultId(bytes(32)))
        stranger = self._forged(self.spy)
        future = self._forged(epoch=7)
        flips, outside = (
            list(islice(cycle(self._flips(known=known)), count))
            for known in (True, False)
        )
        made: dict[str, list[bytes]] = {
            "flipped": flips,
            "cut short": [self.newest[: -at - 1] for at in range(count)],
            "too long": [self.newest + bytes(at + 1) for at in range(count)],
            "no envelope": [bytes([at % 251]) * 1301 for at in range(count)],
            "in another's name": [self._in_the_name_of(each) for each in good],
            "of another vault": [other_vault(at) for at in range(count)],
            "again": [self.log[at % len(self.log)] for at in range(count)],
            "on another past": [
                self._forged(previous=bytes([7]) * 32)(at) for at in range(count)
            ],
        }
        gap = [self._forged(ahead=5)(at) for at in range(count)]
        unknown = {
            "by a stranger": [stranger(at) for at in range(count)],
            "of an epoch to come": [future(at) for at in range(count)],
            "flipped outside": outside,
        }
        for name in ("by a stranger", "of an epoch to come"):
            damaged = [flipped(each, -1, 1) for each in unknown[name]]
            unknown[f"{name}, damaged"] = damaged
        return [
            *(Kind(name, junk) for name, junk in made.items()),
            *(Kind(name, junk, "records") for name, junk in unknown.items()),
            Kind("behind a gap", gap, "snapshots"),
        ]

    def insides(self, on: Stage, *, count: int) -> list[Kind]:
        """Return chains that are taken, and whose inside cannot be used, or can.

        Padding and what it holds are chosen so that all have one size.
        """
        actor = new_actor(self.laptop.id)
        good = poison.titled(actor, self.laptop.id)
        bad = flipped(good, 4, 1)
        wrong = enrol()[0].storage.expose()
        insides: dict[str, dict[str, Any]] = {
            "a greeting": {},
            "a good change": {"changes": (ItemChange(ITEM, good),)},
            "a bad change": {"changes": (ItemChange(ITEM, bad),)},
            "no content": {"content": b"\xff" * 40},
            "deep nesting": {"content": b"\x81" * 900 + b"\x00"},
            "no padding": {"content": b"", "padded": bytes(1024)},
            "another secret": {"secret": wrong},
        }
        return [
            Kind(name, self._chain(on, count, **how)) for name, how in insides.items()
        ]

    def _chain(self, on: Stage, count: int, **how: Any) -> list[bytes]:
        forger = Forger.of(self.laptop)
        if "secret" in how:
            forger.secret = type(forger.secret)(how.pop("secret"))
        padded, made = how.pop("padded", None), list[bytes]()
        last: bytes = self.mark.hash
        with on.patch.context() as patch:
            if padded is not None:
                patch.setattr("clisk_sync.envelope.pad", lambda *_, **__: padded)
            for number in range(self.mark.number + 1, self.mark.number + 1 + count):
                made.append(forger.envelope(number, last, **how))
                last = digest(made[-1])
        return made


async def _lives_through(
    on: Stage, name: str, change: bytes, junk: list[list[bytes]]
) -> Played:
    """Return what a relay hears of one engine in these rounds, and after them."""
    folder = on.folder / name
    folder.mkdir()
    world: World = await on.world.copy(folder)
    phone, relay = world.devices["phone"], world.relay
    listening = _Listening(phone.transport)
    engine = SyncEngine(
        phone.vault,
        listening,
        clock=world.clock,
        random=seeded(),
    )
    phone.engine = engine
    count = len(on.envelopes(phone))
    for part in junk:
        relay.lie("envelopes", relay.fork(count, *part))  # type: ignore[attr-defined]
        report = await phone.sync()
        assert bool(report.alerts or report.pulled) is bool(part), name
    relay.behave()  # type: ignore[attr-defined]
    phone.vault.replica.resend(ITEM, change)
    await phone.sync()
    await phone.sync()
    assert phone.engine is engine
    assert "asked about" in phone.titles()
    on.relay.transcript += relay.transcript  # type: ignore[attr-defined]
    world.close()
    return Played(listening.asked, list(phone.transport.sent))


def _written_and_kept_back(phone: Device) -> bytes:
    """Return a change that is to be sent later: the same one by each copy."""
    phone.write("the next to be sent")
    (waiting,) = phone.vault.replica.pending(9, 1 << 20)
    phone.vault.replica.forget([waiting.rowid])
    return waiting.change


@story
async def is_no_oracle(on: Stage) -> None:
    """After ten thousand envelopes of many kinds the next bytes are the same."""
    laptop, phone = await on.pair()
    laptop.write("asked about")
    await laptop.sync()
    await phone.sync()
    waiting = _written_and_kept_back(phone)
    maker = _Maker(laptop, phone, on.envelopes(laptop))
    kinds = maker.kinds(ROUNDS * IN_A_ROUND)
    on.world.close()
    quiet = await _lives_through(on, "quiet", waiting, [[]] * ROUNDS)
    assert quiet.sent, "or this compares nothing"
    asked = defaultdict[str, list[tuple[object, ...]]](list)
    for kind in kinds:
        parts = [kind.junk[at::ROUNDS] for at in range(ROUNDS)]
        heard = await _lives_through(on, kind.name, waiting, parts)
        assert heard.sent == quiet.sent, kind.name
        asked[kind.asks].append(tuple(heard.asked))
    on.ran.append(f"{sum(len(each.junk) for each in kinds):,} of {len(kinds)} kinds")
    alike = [set(calls) for calls in asked.values()]
    assert [len(calls) for calls in alike] == [1] * len(asked)
    assert len(set().union(*alike)) == len(asked), "or this hears nothing"
    on.relay.lie("envelopes", on.relay.bitflip(-1, 0))
    assert on.relay.give("envelopes", [maker.newest]) == [flipped(maker.newest, 0, 1)]
    on.relay.behave()


@story
async def no_inside_is_answered(on: Stage) -> None:
    """Signed by a stolen key and taken: whether it opens shows nowhere, nor to what."""
    laptop, phone = await on.pair()
    laptop.write("asked about")
    await laptop.sync()
    await phone.sync()
    waiting = _written_and_kept_back(phone)
    maker = _Maker(laptop, phone, on.envelopes(laptop))
    kinds, heard = maker.insides(on, count=ROUNDS), {}
    on.world.close()
    for kind in kinds:
        parts = [kind.junk[: at + 1] for at in range(ROUNDS)]
        heard[kind.name] = await _lives_through(on, kind.name, waiting, parts)
    first = heard["a greeting"]
    for name, each in heard.items():
        assert each.asked == first.asked, name
        assert list(map(len, each.sent)) == list(map(len, first.sent)), name
    assert len({each.sent[0] for each in heard.values()}) == len(heard), (
        "each names the envelope that it took"
    )

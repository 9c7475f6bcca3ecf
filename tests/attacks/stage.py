"""Where an attack is played on us, with the oracles that every one of them has."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from clisk_sync.record import parse_unverified_record
from clisk_sync.report import SyncReport, Tally
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import FormatError, UnsupportedError, VaultError
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.keys import SecretText
from tests.attacks.evil_relay import EvilRelay
from tests.attacks.weak_model import WeakServer
from tests.sync.world import Device, World, names, run

TITLE, USER, SECRET = "Planted Savings Bank", "planted.user", "planted-Pa55word"
URI = "https://planted-bank.example/login"
_NO_ITEM = ItemId(bytes(16))
# Fewer letters than this may stand anywhere by chance.
_TELLING = 6


class Verdict(Enum):
    """What becomes of an attack here."""

    REFUSED = "refused"
    DETECTED = "detected"
    SET_ASIDE = "set aside"
    ABSENT = "surface absent"
    WARNED = "not preventable, warned of"


@dataclass(frozen=True)
class Row:
    """One attack: what it is, how it fares on the weak model, how here.

    *misdeeds* are those of the evil relay that both plays must have used. *by* is
    the named error or alert, or words of the reason that is kept with what was set
    aside; for an absent surface it says what is not there. Without *weak* the play
    on us feeds a weak device the same bytes. *control* says what the weak play is
    where no misdeed of the relay is part of it, *silent* why nothing is sent.
    """

    id: str
    name: str
    does: str
    misdeeds: tuple[str, ...]
    weak: Callable[[WeakServer], str] | None
    verdict: Verdict
    by: str
    ours: Callable[[Stage], None]
    slow: bool = False
    control: str = ""
    silent: str = ""


@dataclass
class Stage:
    """A vault of two devices on an evil relay.

    *named* is what callers were shown: alerts of reports, errors that were raised to
    them, reasons of what was set aside. *long* plays at the sizes that the page has.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    named: set[str]
    long: bool = False
    relay: EvilRelay = field(default_factory=EvilRelay)
    planted: set[str] = field(default_factory=lambda: {TITLE, USER, SECRET, URI})
    # Secrets that are no text.
    planted_bytes: set[bytes] = field(default_factory=set)
    # What a weak device gave away that got the same bytes, and how much was played.
    gave: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    item: ItemId = _NO_ITEM

    def __post_init__(self) -> None:
        self.world = World(self.folder, relay=self.relay)
        self._others: list[Stage] = []

    def afresh(self) -> Stage:
        """Return a stage for a further act, with nobody on it yet; the relay stays."""
        folder = self.folder / f"act {len(self._others)}"
        folder.mkdir()
        other = replace(self, folder=folder, item=_NO_ITEM)
        self._others.append(other)
        return other

    def close(self) -> None:
        """Lock all vaults."""
        for each in (self, *self._others):
            each.world.close()

    async def pair(self) -> tuple[Device, Device]:
        """Return two devices that share a planted login."""
        laptop, phone = await self.world.pair()
        draft = ItemDraft(
            "login",
            TITLE,
            {"username": USER, "password": SecretText(SECRET)},
            uris=(URI,),
        )
        self.item = laptop.vault.add(draft)
        await self.world.settle()
        return laptop, phone

    def shown(self, *errors: BaseException) -> None:
        """Note errors that the play itself was given."""
        self.named |= {type(err).__name__ for err in errors}

    def look_around(self) -> None:
        """Note what the devices show of what they have set aside, and why."""
        for each in (self, *self._others):
            for device in each.world.devices.values():
                with suppress(VaultError):
                    kept = device.vault.replica.quarantine()
                    self.named |= {change.reason for change in kept}

    def envelopes(self, device: Device) -> list[bytes]:
        """Return what the honest log holds."""
        vault = self.relay.find(device.vault_id)
        return [each.data for each in vault.log]

    async def refuses(self, device: Device, *expected: str) -> None:
        """Sync: one of *expected* is told, and nothing that was trusted has changed."""
        before = beliefs(device)
        report = await device.sync()
        assert set(expected) & set(names(report)), names(report)
        assert beliefs(device) == before

    async def heals(self, *devices: Device) -> None:
        """Let the relay behave: all end as if nothing had happened."""
        self.relay.behave()
        await self.world.settle()
        assert len({tuple(each.titles()) for each in devices}) == 1

    def recipients(self, since: int = 0) -> set[DeviceId]:
        """Return to whom records, from the one at *since*, wrap a secret."""
        found: set[DeviceId] = set()
        for data in self.relay.transcript[since:]:
            try:
                body = parse_unverified_record(data).unverified_body
            except (FormatError, UnsupportedError):
                continue
            if body.epoch is not None:
                found |= body.epoch.wraps.keys()
            if body.share is not None and body.device is not None:
                found.add(body.device.id)
        return found

    def leaks(self) -> list[str]:
        """Return which planted plaintexts the relay has seen, in any spelling."""
        titles: set[str] = set()
        acts = [each.world.devices.values() for each in (self, *self._others)]
        for device in itertools.chain(*acts):
            with suppress(VaultError):
                titles |= {each for each in device.titles() if len(each) > 4}
        heard = b"\n".join(self.relay.transcript)
        planted = {text: text.encode() for text in self.planted | titles}
        planted |= {f"secret {each.hex()[:8]}": each for each in self.planted_bytes}
        return [
            name
            for name, data in sorted(planted.items())
            if any(spelt in heard for spelt in spellings(data))
        ]


def beliefs(device: Device) -> tuple[object, ...]:
    """Return all that a lie must not change; what a device itself sends may."""
    chains, *others = device.trusted()
    assert isinstance(chains, dict)
    return {who: each for who, each in chains.items() if who != device.id}, *others


def spellings(text: bytes) -> Iterator[bytes]:
    """Yield *text* raw, in hex, and in base64 at each of its three alignments."""
    yield text
    yield text.hex().encode()
    yield text.hex().upper().encode()
    for lead in range(3):
        # The letters at the edges depend on what stands beside the text.
        bits = 8 * (lead + len(text))
        coded = base64.b64encode(bytes(lead) + text)[-(-lead * 8 // 6) : bits // 6]
        if len(coded) >= _TELLING:
            yield coded


@contextmanager
def stage(folder: Path, *, long: bool = False) -> Iterator[Stage]:
    """Yield a stage; whatever is shown to a caller on it is noted by its name."""
    named: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tally, "report", _noting_alerts(Tally.report, named))
        patch.setattr(pytest, "raises", _noting_raises(pytest.raises, named))
        made = Stage(folder, patch, named, long)
        try:
            yield made
        finally:
            made.close()


def _noting_alerts(
    real: Callable[..., SyncReport], named: set[str]
) -> Callable[..., SyncReport]:
    """Note what a report shows; an error that was swallowed on the way is in none."""

    def report(self: Tally, *args: Any) -> SyncReport:
        made = real(self, *args)
        named.update(type(alert).__name__ for alert in made.alerts)
        named.update(aside.reason for aside in made.set_aside)
        return made

    return report


def _noting_raises(real: Callable[..., Any], named: set[str]) -> Callable[..., Any]:
    """Note what a play was raised, by the one way in which plays expect it."""

    @contextmanager
    def raises(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with real(*args, **kwargs) as caught:
            yield caught
        named.add(type(caught.value).__name__)

    return raises


def told(test: Callable[..., None], **given: Any) -> Callable[[Stage], None]:
    """Return a play that is a test of ours which stands elsewhere.

    What the test asks for by name it gets from the stage, the rest from *given*.
    """
    wanted = test.__code__.co_varnames[: test.__code__.co_argcount]

    def play(on: Stage) -> None:
        have = {"world": on.world, "tmp_path": on.folder, "monkeypatch": on.patch}
        made = {
            name: each(on) if callable(each) else each for name, each in given.items()
        }
        test(**{name: made.get(name, have.get(name)) for name in wanted})

    return play


def story(told_by: Callable[[Stage], Any]) -> Callable[[Stage], None]:
    """Return a play of a coroutine."""

    def play(on: Stage) -> None:
        run(told_by(on))

    return play


def both(*plays: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Return a play of all of them, one act after the other."""

    def play(on: Stage) -> None:
        for each in plays:
            each(on.afresh())

    return play

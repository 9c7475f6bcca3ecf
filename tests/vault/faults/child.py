"""Reads a secret on a disk that fails at each write in turn; run with faults.c loaded.

Prints one JSON object: what came of the reads, and what was released unrecorded.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clisk_vault import field_seal
from clisk_vault.access_record import Outcome
from clisk_vault.errors import VaultError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.reveal import Reader, ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, unlock

_MOST_CALLS = 200
_OPENED: list[str] = []


class _Faults:
    """The library that was loaded before libc."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])

    def arm(self, after: int, error: int, *, for_good: bool) -> None:
        self._library.fault_arm(
            b"vault.db", b"vault.db-wal", ctypes.c_long(after), error, int(for_good)
        )

    def read_only(self) -> None:
        self._library.fault_read_only(b"vault.db", b"vault.db-wal")

    def disarm(self) -> None:
        self._library.fault_disarm()

    @property
    def fired(self) -> bool:
        return bool(self._library.fault_fired())


def _watch_openings() -> None:
    real = field_seal.open_field

    def opening(*args: Any, **kwargs: Any) -> SecretText:
        _OPENED.append("opened")
        return real(*args, **kwargs)

    pytest.MonkeyPatch().setattr("clisk_vault.reveal.open_field", opening)


def _wrong_order(self: Reader, request: ReadRequest) -> SecretText:
    stored, version = self._find(request)
    plain = self._open(request, stored, version)
    self._record(request, Outcome.GRANTED, None)
    return plain


def _recorded(vault: Vault, purpose: str) -> bool:
    return any(
        record.outcome is Outcome.GRANTED and record.purpose == purpose
        for _, record in vault.log.records()
    )


def _try(vault: Vault, item: ItemId, purpose: str) -> tuple[str, bool]:
    """Read once; return what came of it, and whether a seal was opened."""
    _OPENED.clear()
    try:
        vault.reveal(ReadRequest(item, "password", PERSON, purpose))
    except VaultError as err:
        cause = type(err.__cause__).__name__ if err.__cause__ else "none"
        return _named(err, f"{type(err).__name__} by {cause}"), bool(_OPENED)
    return "released", bool(_OPENED)


def _named(err: VaultError, name: str) -> str:
    """Return *name*, unless the refusal does not say what to do next."""
    return name if err.advice else f"{name}, without advice"


def _at_each_write(
    faults: _Faults, path: Path, item: ItemId, error: int, *, for_good: bool
) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    unrecorded = []
    calls = 0
    for after in range(_MOST_CALLS):
        vault = unlock(path)
        vault.reveal(ReadRequest(item, "password", PERSON, "before"))
        faults.arm(after, error, for_good=for_good)
        outcome, opened = _try(vault, item, f"try {after}")
        fired = faults.fired
        faults.disarm()
        outcomes[outcome] += 1
        calls += fired
        vault.lock()
        again = unlock(path)
        if opened and not _recorded(again, f"try {after}"):
            unrecorded.append(after)
        # The disk is well again, and so is the vault.
        again.reveal(ReadRequest(item, "password", PERSON, "after"))
        again.lock()
        if not fired:
            break
    return {"outcomes": outcomes, "unrecorded": unrecorded, "failed_calls": calls}


def _on_a_read_only_disk(faults: _Faults, path: Path, item: ItemId) -> dict[str, Any]:
    faults.read_only()
    try:
        vault = unlock(path)
        outcome, opened = _try(vault, item, "read-only")
        vault.lock()
    except VaultError as err:
        outcome, opened = _named(err, type(err).__name__), False
    fired = faults.fired
    faults.disarm()
    vault = unlock(path)
    unrecorded = [0] if opened and not _recorded(vault, "read-only") else []
    vault.lock()
    return {
        "outcomes": {outcome: 1},
        "unrecorded": unrecorded,
        "failed_calls": int(fired),
    }


def main(path: Path, item: ItemId, what: str, order: str) -> None:
    """Run one experiment and print what came of it."""
    faults = _Faults()
    _watch_openings()
    if order == "wrong":
        pytest.MonkeyPatch().setattr(Reader, "reveal", _wrong_order)
    run: Callable[[], dict[str, Any]]
    if what == "read-only":
        run = lambda: _on_a_read_only_disk(faults, path, item)  # noqa: E731
    else:
        number, good = what.split()
        run = lambda: _at_each_write(  # noqa: E731
            faults, path, item, int(number), for_good=good == "always"
        )
    found = run()
    vault = unlock(path)
    verdict = vault.log.verify(vault.secrets.public.log)
    found["findings"] = [str(each) for each in verdict.findings]
    vault.lock()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), ItemId(bytes.fromhex(sys.argv[2])), sys.argv[3], sys.argv[4]
    )

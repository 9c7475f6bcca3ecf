"""Vectors of protocol/evidence.md: files, and what each finding shows."""

from __future__ import annotations

from typing import Any

from protocol.build.common import Cases, Cbor, Json, cases, cbor, flipped
from protocol.build.envelope import Draft, content
from protocol.build.epochs import later_family
from protocol.build.family import (
    LAPTOP,
    PHONE,
    STRANGER,
    TABLET,
    add_body,
    family,
    genesis,
    record_hash,
    signed,
)

_FOUND = 1_800_000_000_000


def build() -> None:
    """Write every case of the page."""
    with cases("evidence") as write:
        _verdicts(write)
        _refused(write)


def _finding(kind: str, device: bytes, number: int, *shown: bytes) -> dict[int, Cbor]:
    return {1: kind, 2: device, 3: number, 4: _FOUND, 5: list(shown)}


def _file(findings: list[Any], *, records: list[bytes] | None = None) -> dict[int, Any]:
    held = list(later_family()[:4]) if records is None else records
    return {1: 1, 2: record_hash(genesis()), 3: held, 4: findings}


def _verdicts(write: Cases) -> None:
    one = Draft(PHONE, 1, bytes(32)).signed()
    other = Draft(PHONE, 1, bytes(32), content(clock_ms=99)).signed()
    second = Draft(PHONE, 2, record_hash(one)).signed()
    late = Draft(TABLET, 4, bytes(range(32))).signed()
    stranger = Draft(STRANGER, 1, bytes(32)).signed()
    records = list(family())
    rival = signed(add_body(TABLET, records[:2], LAPTOP), LAPTOP)

    def case(name: str, says: str, verdict: str, *shown: bytes, **more: Any) -> None:
        kind = str(more.get("kind", "ForkDetected"))
        found = _finding(kind, more.get("device", PHONE.id), 1, *shown)
        verdicts: list[Json] = [verdict]
        write(
            f"verdict_{name}",
            spec="evidence.md §2",
            says=says,
            file=cbor(_file([found])),
            verdicts=verdicts,
            result="tampered" if verdict == "broken" else "ok",
        )

    case("fork", "two envelopes with one number", "proven", one, other)
    case("records", "two records at one height", "proven", records[2], rival)
    case("after_cut", "an envelope above its author's cut", "proven", late)
    case("two_numbers", "two envelopes, two numbers", "supported", one, second)
    case("rollback", "nothing to show", "word", kind="RollbackDetected")
    case("same_twice", "one envelope, twice: it proves nothing", "supported", one, one)
    case("stranger", "an envelope that no member signed", "broken", stranger, one)
    case("flipped", "an envelope with a changed bit", "broken", one, flipped(other, -1))
    case("junk", "bytes that are no message", "broken", b"junk")
    foreign = Draft(PHONE, 1, bytes(32), header={2: bytes(32)}).signed()
    case("foreign", "an envelope of another vault", "broken", foreign)


def _refused(write: Cases) -> None:
    good = _file([_finding("Withheld", PHONE.id, 3)])

    def case(name: str, says: str, file: Cbor, result: str = "malformed") -> None:
        data = file if isinstance(file, bytes) else cbor(file)
        write(name, spec="evidence.md §3", says=says, file=data, result=result)

    case("empty", "no bytes", b"")
    case("trailing", "a byte after the map", cbor(good) + b"\0")
    case("suite_2", "suite 2", {**good, 1: 2}, "unsupported")
    case("extra", "a fifth key", {**good, 5: 0})
    case("vault_short", "a vault id of 31 bytes", {**good, 2: bytes(31)})
    for name, says, key, value in (
        ("kind_empty", "a kind of no letters", 1, ""),
        ("kind_escape", "a kind that writes", 1, "\x1b[2J"),
        ("kind_long", "a kind of 41 letters", 1, "x" * 41),
        ("device_short", "a device id of 15 bytes", 2, bytes(15)),
        ("time", "a time after the year 3000", 4, 32_503_680_000_001),
        ("three", "three messages", 5, [b"", b"", b""]),
        ("text", "a message that is text", 5, ["x"]),
    ):
        changed = {**_finding("Withheld", PHONE.id, 3), key: value}
        case(f"finding_{name}", says, _file([changed]))
    turned = [*family()[:1], *family()[2:]]
    case("records_gap", "a record left out", _file([], records=turned), "tampered")
    case("no_records", "no records", _file([], records=[]), "tampered")
    other = {**good, 2: bytes(32)}
    case("other_vault", "records of another vault", other, "tampered")

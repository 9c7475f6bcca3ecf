"""Bills: date, amount and vendor of the files that are bills, without doubles.

Spec: protocol/konnector-bridge.md §7.4.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.atomic import replace
from konnector_runner.errors import CollectError, FormatError
from konnector_runner.strict_json import Json

BOOK_NAME = "bills.json"
_MAX_BYTES = 64 * 1024 * 1024
_MAX_TEXT = 512
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP", "": "EUR"}


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill, and the file it is in (relative to the account's folder)."""

    date: str
    amount: float
    currency: str
    vendor: str
    file: str
    contract: str | None = None

    @property
    def key(self) -> tuple[str, float, str, str | None]:
        """What makes two bills the same one."""
        return (self.date, self.amount, self.vendor, self.contract)

    @property
    def id(self) -> str:
        """The id that the konnector is shown."""
        return hashlib.sha256(repr(self.key).encode()).hexdigest()[:32]


def parse_bill(entry: dict[str, Json], *, file: str) -> Bill:
    """Return the bill that a konnector's *entry* describes.

    Raises:
        FormatError: without a date, an amount or a vendor of the right kind.
    """
    amount = entry.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise FormatError("saveBills: an entry has no amount that is a number")
    if not math.isfinite(amount):
        raise FormatError("saveBills: an entry has no amount that is a number")
    vendor, contract = entry.get("vendor"), entry.get("contractId")
    if not isinstance(vendor, str) or not 0 < len(vendor) <= _MAX_TEXT:
        raise FormatError("saveBills: an entry has no vendor that is a text")
    return Bill(
        date=_date(entry.get("date")),
        amount=float(amount),
        currency=_currency(entry.get("currency")),
        vendor=vendor,
        file=file,
        contract=contract[:_MAX_TEXT] if isinstance(contract, str) else None,
    )


def _date(value: Json) -> str:
    # A Date crosses the bridge as its ISO text.
    if not isinstance(value, str) or len(value) > 40:
        raise FormatError("saveBills: an entry has no date")
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise FormatError("saveBills: an entry has no date") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return when.isoformat()


def _currency(value: Json) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return _CURRENCIES.get(text, text[:8])


class _Row(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
    )
    date: str
    amount: float = Field(allow_inf_nan=False)
    currency: str
    vendor: str
    file: str
    contract: str | None = None


class _Book(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True
    )
    version: Literal[1]
    bills: list[_Row]


class BillBook:
    """The bills of one account's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / BOOK_NAME
        self._bills = {bill.key: bill for bill in _load(self._path)}

    def all(self) -> list[Bill]:
        """Return every bill, oldest first."""
        return sorted(self._bills.values(), key=lambda bill: bill.date)

    def add(self, bills: list[Bill]) -> list[Bill]:
        """Take in what is new of *bills*, on disk too, and return it."""
        new = {bill.key: bill for bill in bills if bill.key not in self._bills}
        if new:
            self._bills |= new
            rows = [
                _Row(
                    date=bill.date,
                    amount=bill.amount,
                    currency=bill.currency,
                    vendor=bill.vendor,
                    file=bill.file,
                    contract=bill.contract,
                )
                for bill in self.all()
            ]
            book = _Book(version=1, bills=rows)
            replace(self._path, book.model_dump_json(indent=1).encode())
        return list(new.values())


def _load(path: Path) -> list[Bill]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CollectError("list of bills too long")
        book = _Book.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError:
        raise CollectError(
            "list of bills that is not one",
            advice=f"restore {BOOK_NAME}, or remove it to collect it anew",
        ) from None
    return [
        Bill(row.date, row.amount, row.currency, row.vendor, row.file, row.contract)
        for row in book.bills
    ]

"""Bills: date, amount and vendor of the files that are bills, without doubles.

Spec: protocol/konnector-bridge.md §7.4.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.atomic import replace
from konnector_runner.errors import CollectError, FormatError
from konnector_runner.strict_json import Json

BOOK_NAME = "bills.json"
_MAX_BYTES = 64 * 1024 * 1024
_MAX_TEXT = 512
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
# What Date.toString writes: Wed Jan 31 2024 10:00:00 GMT+0100, and words in brackets.
_DATE_TO_STRING = re.compile(
    r"([A-Z][a-z]{2}) ([A-Z][a-z]{2}) (\d.*) GMT([+-]\d{4})(?: \(.*\))?"
)


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill, and the file it is in (relative to the account's folder)."""

    date: str
    amount: float
    currency: str
    vendor: str
    file: str
    contract: str | None = None
    # What the vendor calls the bill.
    vendor_ref: str | None = None

    @property
    def key(self) -> tuple[str, float, str, str | None, str]:
        """What makes two bills the same one.

        Two lines of one price are billed on one day: only their files differ.
        """
        return (self.date, self.amount, self.vendor, self.contract, self.file)

    @property
    def id(self) -> str:
        """The id that the konnector is shown."""
        return hashlib.sha256(repr(self.key).encode()).hexdigest()[:32]


def parse_bill(entry: dict[str, Json], *, file: str) -> Bill:
    """Return the bill that a konnector's *entry* describes.

    Raises:
        FormatError: without a date, an amount or a vendor of the right kind.
    """
    amount, vendor = _required(entry, "amount"), _required(entry, "vendor")
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise _wrong("amount", "isNumber")
    if not isinstance(vendor, str):
        raise _wrong("vendor", "isString")
    if not math.isfinite(amount) or not 0 < len(vendor) <= _MAX_TEXT:
        raise FormatError("saveBills: an entry's amount or vendor is out of bounds")
    return Bill(
        date=_date(_required(entry, "date")),
        amount=float(amount),
        currency=_currency(entry.get("currency")),
        vendor=vendor,
        file=file,
        contract=_short(entry.get("contractId")),
        vendor_ref=_short(entry.get("vendorRef")),
    )


def _required(entry: dict[str, Json], name: str) -> Json:
    value = entry.get(name)
    if value is None:
        # Word for word what authors know from the Cozy app, here and below.
        raise FormatError(
            f"saveBills: an entry is missing the required {name} attribute"
        )
    return value


def _wrong(name: str, check: str) -> FormatError:
    return FormatError(
        f"saveBills: an entry has a {name} which does not respect {check}"
    )


def _short(value: Json) -> str | None:
    return value[:_MAX_TEXT] if isinstance(value, str) and value else None


def _date(value: Json) -> str:
    when = _when(value.strip()) if isinstance(value, str) and len(value) <= 80 else None
    # The first and the last year have days that are of no year elsewhere.
    if when is None or not MINYEAR < when.year < MAXYEAR:
        raise _wrong("date", "isDate")
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return when.isoformat()


def _when(text: str) -> datetime | None:
    """Read what JavaScript's Date.parse reads, as far as konnectors write it.

    A Date crosses the bridge as its ISO text; the others are texts to begin with:
    2024/01/31, and what Date.toString and toUTCString write.
    """
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text)
    with contextlib.suppress(ValueError):
        return datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC)
    if found := _DATE_TO_STRING.fullmatch(text):
        text = " ".join(found.groups())
    with contextlib.suppress(ValueError, OverflowError):
        return parsedate_to_datetime(text)
    return None


def _currency(value: Json) -> str:
    text = value.strip() if isinstance(value, str) else ""
    for sign, code in _SIGNS.items():
        if sign in text:
            return code
    return text[:8] or "EUR"


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
    vendor_ref: str | None = None


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
                    vendor_ref=bill.vendor_ref,
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
        Bill(
            row.date,
            row.amount,
            row.currency,
            row.vendor,
            row.file,
            row.contract,
            row.vendor_ref,
        )
        for row in book.bills
    ]

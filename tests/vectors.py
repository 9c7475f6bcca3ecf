"""Read the published vectors, and hold the good ones against their CDDL.

A vector is protocol/vectors/<page>/<case>.json: protocol/README.md §6.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pycddl

from clisk_vault.errors import (
    CostLimitError,
    FormatError,
    PassphraseError,
    TamperedError,
    UnsupportedError,
    VaultError,
)

PROTOCOL = Path(__file__).parents[1] / "protocol"
RESULTS = ("ok", "malformed", "unsupported", "too costly", "wrong key", "tampered")

_REFUSALS: dict[str, type[VaultError]] = {
    "malformed": FormatError,
    "unsupported": UnsupportedError,
    "too costly": CostLimitError,
    "wrong key": PassphraseError,
    "tampered": TamperedError,
}


def refusal(result: str) -> type[VaultError]:
    """Return the error that a case with that result must raise."""
    return _REFUSALS[result]


@dataclass(frozen=True, slots=True)
class Vector:
    """One case: what it says, what goes in, and what must come of it."""

    page: str
    case: str
    spec: str
    says: str
    result: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return self.case

    def __getitem__(self, name: str) -> Any:
        """Return a field as JSON has it."""
        return self.fields[name]

    def raw(self, name: str) -> bytes:
        """Return the bytes of a field that is written in hex."""
        return bytes.fromhex(self.fields[name])


def load_vector(path: Path, *, page: str) -> Vector:
    """Return the case in the file *path*."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    case = path.relative_to(PROTOCOL / "vectors" / page).with_suffix("").as_posix()
    return Vector(
        page=page,
        case=case,
        spec=fields.pop("spec"),
        says=fields.pop("says"),
        result=fields.pop("result"),
        fields=fields,
    )


def load_vectors(
    page: str, *, where: Callable[[Vector], bool] | None = None
) -> list[Vector]:
    """Return the cases of *page*, for `parametrize(..., ids=str)`.

    No case at all is an error: a test over none of them would pass in silence.
    """
    paths = sorted((PROTOCOL / "vectors" / page).rglob("*.json"))
    found = [load_vector(path, page=page) for path in paths]
    if where is not None:
        found = [vector for vector in found if where(vector)]
    if not found:
        raise LookupError(f"protocol/vectors/{page} holds no such case")
    return found


@cache
def _schema(page: str, rule: str) -> pycddl.Schema:
    text = (PROTOCOL / "cddl" / f"{page}.cddl").read_text(encoding="utf-8")
    # The first rule of a CDDL text is the one that data must match.
    return pycddl.Schema(f"vector-root = {rule}\n{text}")


def check_cddl(data: bytes, *, page: str, rule: str) -> None:
    """Check *data* against *rule* of protocol/cddl/<page>.cddl.

    Raises:
        pycddl.ValidationError: the data is not what the rule describes.
    """
    _schema(page, rule).validate_cbor(data)

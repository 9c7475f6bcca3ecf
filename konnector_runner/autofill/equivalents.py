"""Domains that take the same accounts: off unless the person turns them on.

The format is the one that Apple publishes as shared-credentials.json: groups whose
domains all take each other's, and others that lead one way only, as a site that
moved does. Spec: protocol/autofill.md §4.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from konnector_runner.autofill.suffixes import registrable_domain
from konnector_runner.errors import FormatError

_Domains = Annotated[list[str], Field(min_length=1, max_length=500)]


class _Group(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    shared: _Domains | None = None
    origins: _Domains | None = Field(default=None, alias="from")
    targets: _Domains | None = Field(default=None, alias="to")


_GROUPS = TypeAdapter(list[_Group])


@dataclass(frozen=True, slots=True)
class EquivalentDomains:
    """Pairs of sets: an account of any of the first may be used at the second."""

    ways: Sequence[tuple[frozenset[str], frozenset[str]]]

    @classmethod
    def parse(cls, text: str) -> EquivalentDomains:
        """Return the groups of the published format.

        Raises:
            FormatError: *text* is not in that format.
        """
        try:
            groups = _GROUPS.validate_json(text)
        except ValidationError:
            raise FormatError("list of equivalent domains that is none") from None
        return cls([_way(group) for group in groups])

    def leads(self, saved: str, page: str) -> bool:
        """Say whether an account of the host *saved* is one of the host *page*."""
        return any(
            _among(saved, origins) and _among(page, targets)
            for origins, targets in self.ways
        )


@cache
def published_equivalents() -> EquivalentDomains:
    """Return the groups that come with this package."""
    data = files("konnector_runner.autofill").joinpath("data/shared-credentials.json")
    return EquivalentDomains.parse(data.read_text("utf-8"))


def _way(group: _Group) -> tuple[frozenset[str], frozenset[str]]:
    if group.shared is not None and group.origins is None and group.targets is None:
        return frozenset(group.shared), frozenset(group.shared)
    if group.shared is None and group.origins is not None and group.targets is not None:
        return frozenset(group.origins), frozenset(group.targets)
    raise FormatError("group of equivalent domains that is none")


def _among(host: str, domains: frozenset[str]) -> bool:
    """A domain stands for its hosts, a host of the list only for itself."""
    return host in domains or registrable_domain(host) in domains

"""Drawing uniformly: numbers below a bound, and strings that obey rules.

A string is drawn by counting, for each place, how many strings follow from each
choice. So every string that obeys is as likely as any other, nothing is planted or
thrown away, and the number of them, which is the entropy, is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import NamedTuple

from clisk_vault.errors import CallerError

Random = Callable[[int], bytes]


def below(bound: int, random: Random) -> int:
    """Return a number from 0 to *bound* - 1, each as likely as any other.

    Draws that are too large are thrown away: a bare remainder would favour the
    first numbers.
    """
    bits = (bound - 1).bit_length()
    size = (bits + 7) // 8
    while True:
        drawn = int.from_bytes(random(size)) >> (8 * size - bits) if size else 0
        if drawn < bound:
            return drawn


class _Place(NamedTuple):
    """What matters of a beginning for how it may go on."""

    left: int
    met: int
    """The required sets that it holds a letter of, as bits."""
    last: int
    """The group of its last letter; -1: it does not matter."""
    run: int
    """How often that letter was repeated."""


class StringSpace:
    """All strings of one length over some letters that obey rules."""

    def __init__(
        self,
        length: int,
        *,
        allowed: Collection[str],
        required: Sequence[Collection[str]] = (),
        max_run: int | None = None,
    ) -> None:
        """Each of *required* occurs; no letter stands more than *max_run* times on end.

        Raises:
            CallerError: no string obeys.
        """
        groups: dict[int, list[str]] = {}
        for letter in sorted(set(allowed).union(*required)):
            bits = sum(1 << at for at, each in enumerate(required) if letter in each)
            groups.setdefault(bits, []).append(letter)
        # Letters of one group may stand for each other: they are counted together.
        self._groups = [(bits, "".join(letters)) for bits, letters in groups.items()]
        self._all = (1 << len(required)) - 1
        self._max_run = max_run if max_run is not None and max_run < length else None
        self._start = _Place(length, 0, -1, 0)
        self._count = cache(self._counted)
        # From the end to the beginning, so that no count leans on deep recursion.
        for places in reversed(self._levels()):
            for place in places:
                self._count(place)
        self.size = self._count(self._start)
        if not self.size:
            raise CallerError(
                "no password obeys these rules",
                advice="allow more characters, or another length",
            )

    @property
    def entropy_bits(self) -> float:
        """How hard a string is to guess for one who knows the rules."""
        return math.log2(self.size)

    def draw(self, random: Random) -> str:
        """Return one of them."""
        place, text = self._start, ""
        while place.left:
            chosen = below(self._count(place), random)
            for ways, following, letters in self._choices(place, text[-1:]):
                count = self._count(following)
                if chosen < ways * count:
                    text += letters[chosen // count]
                    place = following
                    break
                chosen -= ways * count
        return text

    def _levels(self) -> list[set[_Place]]:
        """Return the places that can be reached, by how many letters are left."""
        levels = [{self._start}]
        for _ in range(self._start.left):
            levels.append(
                {
                    following
                    for place in levels[-1]
                    for _, following, _ in self._choices(place, "")
                }
            )
        return levels

    def _counted(self, place: _Place) -> int:
        if not place.left:
            return int(place.met == self._all)
        return sum(
            ways * self._count(following)
            for ways, following, _ in self._choices(place, "")
            if ways
        )

    def _choices(self, place: _Place, last: str) -> list[tuple[int, _Place, str]]:
        """Return how a beginning may go on: ways, what comes of it, which letters.

        *last* is the last letter, where letters are to be chosen and not counted.
        """
        found = []
        for at, (bits, letters) in enumerate(self._groups):
            met = place.met | bits
            if self._max_run is None:
                found.append(
                    (len(letters), _Place(place.left - 1, met, -1, 0), letters)
                )
                continue
            same = at == place.last
            others = letters.replace(last, "") if same and last else letters
            found.append(
                (len(letters) - same, _Place(place.left - 1, met, at, 1), others)
            )
            if same and place.run < self._max_run:
                again = _Place(place.left - 1, met, at, place.run + 1)
                found.append((1, again, last))
        return found

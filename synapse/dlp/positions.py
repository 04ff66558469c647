"""The positions of a core (Glushkov's construction): what each may be, and which may precede it.

Repeats are read as "any number of times": what is said of a core is then true of more than its words, never of less.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .language import CORES_KEPT_MAX, Alt, Char, Node, Rep, Seq, width

# How many of the first characters of a match are looked at before its expression is tried.
HEAD_CHARS_MAX = 7
# In a table of heads, the bit of a byte that must not stand to the left.
_LEFT_BIT = 0x80


@dataclass(frozen=True, slots=True)
class Ends:
    """Where words of a part begin and end, and whether it has an empty one."""

    first: frozenset[int]
    last: frozenset[int]
    empty: bool


@dataclass(slots=True)
class Positions:
    """The positions of several languages (Glushkov's construction): what each may be, and which may precede it."""

    labels: list[frozenset[int]] = field(default_factory=list)
    before: list[set[int]] = field(default_factory=list)

    def add(self, node: Node) -> Ends:
        match node:
            case Char(allowed):
                self.labels.append(allowed)
                self.before.append(set())
                here = frozenset((len(self.labels) - 1,))
                return Ends(here, here, empty=False)
            case Rep(low, high, item):
                return self._repeat(self.add(item), low=low, often=high > 1)
            case Seq(items):
                return self._sequence(map(self.add, items))
            case Alt(items):
                parts = [self.add(item) for item in items]
                return Ends(
                    frozenset[int]().union(*(part.first for part in parts)),
                    frozenset[int]().union(*(part.last for part in parts)),
                    empty=any(part.empty for part in parts),
                )

    def _repeat(self, part: Ends, *, low: int, often: bool) -> Ends:
        if often:
            self._connect(part.last, part.first)
        return Ends(part.first, part.last, empty=part.empty or low == 0)

    def _sequence(self, parts: Iterable[Ends]) -> Ends:
        whole = Ends(frozenset(), frozenset(), empty=True)
        for part in parts:
            self._connect(whole.last, part.first)
            whole = Ends(
                whole.first | part.first if whole.empty else whole.first,
                part.last | whole.last if part.empty else part.last,
                empty=whole.empty and part.empty,
            )
        return whole

    def _connect(self, left: Iterable[int], right: Iterable[int]) -> None:
        for position in right:
            self.before[position] |= set(left)


def places_of(core: Node) -> list[frozenset[int]]:
    """What the first places of a match may be, as far as the shortest goes and no further than is looked at."""
    positions = Positions()
    present = set(positions.add(core).first)
    places = []
    for _ in range(min(HEAD_CHARS_MAX, width(core)[0])):
        places.append(frozenset[int]().union(*(positions.labels[position] for position in present)))
        present = {position for position, before in enumerate(positions.before) if before & present}
    return places


def ways_of(core: Node, length: int) -> list[tuple[frozenset[int], ...]]:
    """The ways in which a match may begin: for each the sets of its first bytes, as many as asked for."""
    positions = Positions()
    after: dict[int, list[int]] = {}
    ways: list[tuple[int, ...]] = [(position,) for position in sorted(positions.add(core).first)]
    for position, before in enumerate(positions.before):
        for one in before:
            after.setdefault(one, []).append(position)
    for _ in range(length - 1):
        ways = [(*way, position) for way in ways for position in after.get(way[-1], ())]
    return list(dict.fromkeys(tuple(positions.labels[position] for position in way) for way in ways))


def heads(core: Node, left: frozenset[int]) -> bytes:
    """For each byte a bit for each of the first places of a match that it may be at, and one when it is in `left`."""
    table = [_LEFT_BIT * (byte in left) for byte in range(256)]
    for place, allowed in enumerate(places_of(core)):
        for byte in allowed:
            table[byte] |= 1 << place
    return bytes(table)


class Table:
    """Positions as plain data, in the slots of a subclass."""

    __slots__: tuple[str, ...] = ()

    def to_table(self) -> dict[str, Any]:
        """It as plain data. Not by `asdict`, which copies each of its ten thousand parts."""
        return {name: getattr(self, name) for name in self.__slots__}


@lru_cache(CORES_KEPT_MAX)
def bitmap(some: frozenset[int]) -> str:
    """A set of bytes as 256 bits, lowest first, in hexadecimal."""
    return sum(1 << byte for byte in some).to_bytes(32, "little").hex()

"""The positions of a core (Glushkov's construction): what each may be, and which may precede it.

Repeats are read as "any number of times": what is said of a core is then true of more than its words, never of less.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .language import Alt, Char, Node, Rep, Seq, width

# How many of the first characters of a match are looked at before its expression is tried.
HEAD_CHARS_MAX = 4
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


def heads(core: Node, left: frozenset[int]) -> bytes:
    """For each byte a bit for each of the first places of a match that it may be at, and one when it is in `left`."""
    positions = Positions()
    present = set(positions.add(core).first)
    table = [_LEFT_BIT * (byte in left) for byte in range(256)]
    for place in range(min(HEAD_CHARS_MAX, width(core)[0])):
        for byte in frozenset[int]().union(*(positions.labels[position] for position in present)):
            table[byte] |= 1 << place
        present = {position for position, before in enumerate(positions.before) if before & present}
    return bytes(table)

"""What a stream has to hold back: automata that tell where, at the end of a text, a match may begin that is not whole.

They are allowed to hold too much and never too little, so repeats are read as "any number of times": a match is not
longer than its pattern's width anyway, and an automaton without counters stays small, and needs no compiling.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .._dlp import Live
from .language import Alt, Char, Node, Rep, Seq
from .patterns import Core

# Patterns share an automaton with others of about their width, because it reaches back as far as its widest.
_BANDS = (32, 64, 128, 256, 512, 2048)

_ANY = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class LiveTable:
    """The positions of some patterns as plain data; see `Live`, which is made of it."""

    sets: list[str]  # bitmaps of bytes, as hexadecimal numbers
    labels: list[int]
    before: list[list[int]]
    starts: list[int]
    reach: int

    def automaton(self) -> Live:
        return Live(
            sets=[bytes.fromhex(bitmap) for bitmap in self.sets],
            labels=self.labels,
            before=self.before,
            starts=self.starts,
            reach=self.reach,
        )


def live_tables(cores: Sequence[Core]) -> list[LiveTable]:
    """One table for each band of widths that there are patterns of."""
    tables = []
    for narrower, band in zip((0, *_BANDS), _BANDS, strict=False):
        members = [core for core in cores if narrower < core.pattern.widest <= band]
        if members:
            tables.append(_table(members))
    return tables


def _table(cores: Iterable[Core]) -> LiveTable:
    positions = Positions()
    starts: list[frozenset[int] | None] = []
    reach = 0
    for core in cores:
        first = positions.add(core.node).first
        allowed = _ANY - core.left
        starts += [allowed if position in first else None for position in range(len(starts), len(positions.labels))]
        reach = max(reach, core.pattern.widest)
    numbers = {some: number for number, some in enumerate(dict.fromkeys([*positions.labels, *filter(None, starts)]))}
    return LiveTable(
        sets=[_bitmap(some) for some in numbers],
        labels=[numbers[label] for label in positions.labels],
        before=[sorted(some) for some in positions.before],
        starts=[-1 if start is None else numbers[start] for start in starts],
        reach=reach,
    )


def _bitmap(some: frozenset[int]) -> str:
    return sum(1 << byte for byte in some).to_bytes(32, "little").hex()


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

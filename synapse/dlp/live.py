"""What a stream has to hold back: automata that tell where, at the end of a text, a match may begin that is not whole.

They are allowed to hold too much and never too little, so repeats are read as "any number of times": a match is not
longer than its pattern's width anyway, and an automaton without counters stays small, and needs no compiling.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._dlp import Live
from .patterns import Core
from .positions import Positions

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

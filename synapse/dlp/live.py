"""What a stream has to hold back: automata that tell where, at the end of a text, a match may begin that is not whole.

They are allowed to hold too much and never too little, so repeats are read as "any number of times": a match is not
longer than its pattern's width anyway, and an automaton without counters stays small, and needs no compiling.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakValueDictionary

import orjson

from .._dlp import Live
from .language import CORES_KEPT_MAX, parse
from .patterns import Core
from .positions import Positions, Table, bitmap

# Patterns share an automaton with others of about their width, because it reaches back as far as its widest.
_BANDS = (32, 64, 128, 256, 512, 2048)

# Most bands have the same cores for prompts as for answers, and the same as before a change. A policy has at most six
# for each of the four; those of every rule there is have a megabyte of lists.
_TABLES_KEPT_MAX = 64

_ANY = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class LiveTable(Table):
    """The positions of some patterns as plain data; see `Live`, which is made of it."""

    sets: list[str]  # bitmaps of bytes, as hexadecimal numbers
    labels: list[int]
    before: list[list[int]]
    starts: list[int]
    reach: int

    def automaton(self) -> Live:
        """The same one for equal tables, as long as somebody has it: it knows the states that texts have needed.

        Most rules do the same to prompts and answers, and are the same before and after a change.
        """
        key = hashlib.sha256(orjson.dumps(self.to_table())).digest()
        known = _shared.get(key)
        if known is None:
            known = _shared[key] = Live(
                sets=[bytes.fromhex(bitmap) for bitmap in self.sets],
                labels=self.labels,
                before=self.before,
                starts=self.starts,
                reach=self.reach,
            )
        return known


# The automata that somebody has, by a hash of their tables.
_shared: WeakValueDictionary[bytes, Live] = WeakValueDictionary()


def live_tables(cores: Sequence[Core]) -> list[LiveTable]:
    """One table for each band of widths that there are patterns of."""
    tables = []
    for narrower, band in zip((0, *_BANDS), _BANDS, strict=False):
        members = [core for core in cores if narrower < core.pattern.widest <= band]
        if members:
            tables.append(_table(tuple((core.source, core.left, core.pattern.widest) for core in members)))
    return tables


@lru_cache(_TABLES_KEPT_MAX)
def _table(members: tuple[tuple[str, frozenset[int], int], ...]) -> LiveTable:
    """The table of some cores: of each its text, what must not stand before it, and its widest match."""
    labels: list[frozenset[int]] = []
    before: list[list[int]] = []
    starts: list[frozenset[int] | None] = []
    reach = 0
    for source, left, widest in members:
        part, offset, allowed = _positions(source), len(labels), _ANY - left
        labels += part.labels
        before += [[offset + position for position in some] for some in part.before]
        starts += [allowed if position in part.first else None for position in range(len(part.labels))]
        reach = max(reach, widest)
    numbers = {some: number for number, some in enumerate(dict.fromkeys([*labels, *filter(None, starts)]))}
    return LiveTable(
        sets=[bitmap(some) for some in numbers],
        labels=[numbers[label] for label in labels],
        before=before,
        starts=[-1 if start is None else numbers[start] for start in starts],
        reach=reach,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """The positions of one core, numbered from 0 on: those before each are in order."""

    labels: tuple[frozenset[int], ...]
    before: tuple[tuple[int, ...], ...]
    first: frozenset[int]


@lru_cache(CORES_KEPT_MAX)
def _positions(source: str) -> _Part:
    positions = Positions()
    first = positions.add(parse(source)).first
    return _Part(tuple(positions.labels), tuple(tuple(sorted(some)) for some in positions.before), first)

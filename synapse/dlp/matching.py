"""Exact matches from Hyperscan's hints: each pattern's candidates in order, and the clusters they form.

A candidate is a guarded match of a core, accepted or rejected by its validator. A pattern's candidates do not overlap,
except that after a rejected one the search goes on from its next character, so that a stray figure before a card
cannot hide the card. After `RETRIES` of those in a row the rejected stretch is passed over whole.

Overlapping accepted candidates form a cluster: one finding, their union, named after the leftmost, then longest, then
first rule among those of the strongest action. Nothing of any match can leave by hiding behind another.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from sys import maxsize

from .findings import STRENGTH, Side
from .patterns import Pattern

# Each retry can cost one more look at the same stretch; three skip the stray groups that stand before real numbers.
RETRIES = 3


class Cursor:
    """The candidates of one pattern in a window, one at a time. `start` is `maxsize` when there are no more."""

    __slots__ = (
        "_at",
        "_chain_end",
        "_ends",
        "_index",
        "_of_chain",
        "_tries",
        "_window",
        "accepted",
        "end",
        "pattern",
        "start",
    )

    def __init__(self, pattern: Pattern, window: bytes, ends: Sequence[int], *, at: int) -> None:
        self.pattern = pattern
        self._window = window
        self._ends = ends
        self._begin(at)

    @property
    def order(self) -> tuple[int, int, int]:
        return self.start, -self.end, self.pattern.index

    def restart(self, at: int) -> None:
        """Go on from `at` as if nothing stood before it but the left context."""
        # What was found stays found, unless it is before `at` or depends on rejected candidates that reach across it.
        if self.start < at or self._of_chain > at:
            self._begin(at)

    def _begin(self, at: int) -> None:
        self._at = at
        self._chain_end = 0
        self._tries = 0
        self._index = bisect_right(self._ends, at)
        self.advance()

    def advance(self) -> None:
        """To the next candidate."""
        self._of_chain = self._chain_end
        pattern, ends = self.pattern, self._ends
        while self._index < len(ends):
            end = ends[self._index]
            if end <= self._at:
                self._index += 1
                continue
            # A match which contains this trigger begins at most its width before it. The search goes on one width
            # further, and everything up to there is settled by it: no stretch is looked at more than three times.
            reach = end + pattern.widest
            match = pattern.guarded.search(
                self._window, max(self._at, end - self._lookback()), reach + pattern.widest + 1
            )
            if match is None or match.start() > reach:
                self._at = reach + 1
                continue
            self._take(match.start(), match.end())
            return
        self.start = self.end = maxsize
        self.accepted = False

    def _lookback(self) -> int:
        return self.pattern.widest

    def _take(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        validator = self.pattern.validator
        self.accepted = validator is None or validator(self._window[start:end])
        if self.accepted:
            self._at = end
            return
        chained = start < self._chain_end
        self._tries = self._tries + 1 if chained else 1
        self._chain_end = max(self._chain_end, end) if chained else end
        self._at = start + 1 if self._tries <= RETRIES else self._chain_end


@dataclass(slots=True)
class Cluster:
    """Accepted candidates that overlap."""

    start: int
    end: int
    pattern: Pattern
    runs: list[tuple[Pattern, int]] = field(default_factory=list)  # patterns that run on, and where their cores end

    def add(self, cursor: Cursor, side: Side) -> None:
        self.end = max(self.end, cursor.end)
        if STRENGTH[cursor.pattern.rule.action(side)] > STRENGTH[self.pattern.rule.action(side)]:
            self.pattern = cursor.pattern
        if cursor.pattern.run is not None:
            self.runs.append((cursor.pattern, cursor.end))


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was looked at and may matter for the frontier of a stream."""

    start: int
    end: int
    accepted: bool


def next_cluster(cursors: Iterable[Cursor], *, limit: int, side: Side, seen: list[Candidate]) -> Cluster | None:
    """The first cluster, from candidates that begin before `limit`; all that it looked at is added to `seen`."""
    cluster: Cluster | None = None
    while True:
        cursor = min(cursors, key=_order)
        if cursor.start >= limit or (cluster is not None and cursor.start >= cluster.end):
            return cluster
        seen.append(Candidate(cursor.start, cursor.end, cursor.accepted))
        if cursor.accepted:
            if cluster is None:
                cluster = Cluster(cursor.start, cursor.end, cursor.pattern)
            cluster.add(cursor, side)
        cursor.advance()


def _order(cursor: Cursor) -> tuple[int, int, int]:
    return cursor.order


def frontier(limit: int, seen: Sequence[Candidate]) -> int:
    """The last place at or before `limit` which no candidate straddles; `seen` is in the order of starts."""
    for candidate in reversed(seen):
        if candidate.start < limit < candidate.end:
            limit = candidate.start
    return limit

"""Exact matches from Hyperscan's hints: each pattern's candidates in order, and the clusters they form.

A candidate is a guarded match of a core, accepted or rejected by its validator. A pattern's candidates do not overlap,
except that after a rejected one the search goes on from its next character, so that a stray figure before a card
cannot hide the card. After `RETRIES` of those in a row the rejected stretch is passed over whole.

Overlapping accepted candidates form a cluster: one finding, their union, named after the leftmost, then longest, then
first rule among those of the strongest action. Nothing of any match can leave by hiding behind another.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
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
        "_index",
        "_of_chain",
        "_stretches",
        "_tries",
        "_window",
        "accepted",
        "end",
        "pattern",
        "start",
    )

    def __init__(self, pattern: Pattern, window: bytes, stretches: "array[int]", *, at: int) -> None:
        self.pattern = pattern
        self._window = window
        self._stretches = stretches
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
        self._index = bisect_right(self._stretches, at) & ~1  # the first of a stretch
        self.advance()

    def advance(self) -> None:
        """To the next candidate."""
        self._of_chain = self._chain_end
        pattern, stretches = self.pattern, self._stretches
        while self._index < len(stretches):
            if stretches[self._index + 1] <= self._at:
                self._index += 2
                continue
            # Each place in a stretch is taken for the end of a trigger: one too many costs a look and changes nothing.
            end = max(stretches[self._index], self._at + 1)
            # A match which contains this trigger begins at most its width before it. The search goes on one width
            # further, and everything up to there is settled by it: no stretch is looked at more than three times.
            reach = end + pattern.widest
            match = pattern.guarded.search(
                self._window, max(self._at, end - self._lookback()), reach + pattern.widest + 1
            )
            if match is None or match.start() > reach:
                self._at = reach + 1
                continue
            if not pattern.fits(self._window, match.start()):
                self._at = match.start() + 1
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


class Straddling:
    """The last stretch of candidates that overlap one another, accepted or rejected, added in the order of starts.

    Nothing before it can matter for a frontier: it begins before the frontier's limit, and all candidates before it end
    at or before its beginning.
    """

    __slots__ = ("_end", "_start")

    def __init__(self) -> None:
        self._start = self._end = 0

    def add(self, candidate: Cursor) -> None:
        if candidate.start >= self._end:
            self._start = candidate.start
        self._end = max(self._end, candidate.end)

    def frontier(self, limit: int) -> int:
        """The last place at or before `limit` which no candidate straddles."""
        return self._start if self._start < limit < self._end else limit


def next_cluster(cursors: Iterable[Cursor], *, limit: int, side: Side, seen: Straddling) -> Cluster | None:
    """The first cluster, from candidates that begin before `limit`; all that it looked at is added to `seen`."""
    cluster: Cluster | None = None
    while True:
        cursor = min(cursors, key=_order)
        if cursor.start >= limit or (cluster is not None and cursor.start >= cluster.end):
            return cluster
        seen.add(cursor)
        if cursor.accepted:
            if cluster is None:
                cluster = Cluster(cursor.start, cursor.end, cursor.pattern)
            cluster.add(cursor, side)
        cursor.advance()


def _order(cursor: Cursor) -> tuple[int, int, int]:
    return cursor.order

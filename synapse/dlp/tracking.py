"""Follows one shadow text, whole or in pieces, and says what of it is decided and which stretches do not leave.

The law: the cuts of a text are the same however it is fed. Up to the frontier everything is decided, because no match
can still begin before it (the live database says so) and no candidate lies across it; from there on a fresh start gives
what going on would have given.
"""

from array import array
from dataclasses import dataclass

from .findings import Side
from .matching import Cluster, Cursor, Straddling, next_cluster
from .patterns import EDGE, Detector, Ends, Pattern, Run


@dataclass(slots=True)
class Cut:
    """A stretch of the shadow that does not leave. While it is `open`, what follows may still belong to it."""

    start: int
    core_end: int  # without the run
    end: int
    pattern: Pattern
    open: bool = False


class OpenRun:
    """A run that is being swallowed."""

    __slots__ = ("_run", "_tail")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tail = b""

    def swallow(self, window: bytes, start: int) -> int | None:
        """Where the run ends in `window[start:]`, None when it goes on beyond."""
        shift = 0
        if self._tail:
            shift = start - len(self._tail)
            window, start = self._tail + window[start:], 0
        end = self._run.end.search(window, start)
        if end is None:
            # A closing expression may have begun: its last byte is still to come.
            self._tail = window[max(start, len(window) - self._run.closing_width + 1) :]
            return None
        return shift + (end.end() if end.lastgroup else end.start())


class Tracker:
    """One text on its way. Offsets in cuts, and `decided`, count from its beginning.

    `ends` are those that a scan of the whole text found, when it was scanned; it then has to come in one piece.
    """

    def __init__(self, detector: Detector, side: Side, *, ends: Ends | None = None) -> None:
        self.decided = 0
        self._ends = None if ends is None else detector.own(ends)
        self._detector = detector
        self._side = side
        self._left = EDGE
        self._held = b""
        self._cut: Cut | None = None
        self._runs: list[OpenRun] = []

    def feed(self, shadow: bytes, *, final: bool = False) -> list[Cut]:
        """The cuts that are new, and first the one that was open, if any. All of them end at or before `decided`."""
        held = self._held + shadow
        cuts: list[Cut] = []
        if self._cut is not None:
            held = self._swallow(self._cut, held, cuts, final=final)
        if held:
            window = self._left + held
            stop = self._decide(window, cuts, final=final)
            self._left, held = window[stop - 1 : stop], window[stop:]
            self.decided += stop - 1
        self._held = held
        return cuts

    def whole(self, window: bytes, ends: Ends) -> list[Cut]:
        """The cuts of a whole text, given with the edge before it and the ends that its scan found."""
        cuts: list[Cut] = []
        self.decided = self._walk(window, ends, cuts, limit=len(window), final=True) - 1
        return cuts

    def _decide(self, window: bytes, cuts: list[Cut], *, final: bool) -> int:
        """How far the window is decided."""
        limit = len(window) if final else self._live_start(window)
        if limit == 1 or len(window) <= self._detector.narrowest:
            return limit
        ends = self._detector.ends(window) if self._ends is None else self._ends
        return self._walk(window, ends, cuts, limit=limit, final=final) if ends else limit

    def _walk(self, window: bytes, ends: Ends, cuts: list[Cut], *, limit: int, final: bool) -> int:
        patterns = self._detector.patterns
        cursors = [self._cursor(patterns[index], window, found) for index, found in ends.items()]
        seen = self._straddling()
        while (cluster := next_cluster(cursors, limit=limit, side=self._side, seen=seen)) and cluster.end <= limit:
            seen = self._straddling()
            cut = self._close(window, cluster, final=final)
            cuts.append(cut)
            stop = cut.end - self.decided + 1
            if cut.open:
                return stop
            if stop > limit:  # a run went on beyond it
                limit = stop - 1 + self._live_start(window[stop - 1 :])
            for cursor in cursors:
                cursor.restart(stop)
        return seen.frontier(limit)

    def _close(self, window: bytes, cluster: Cluster, *, final: bool) -> Cut:
        """The cut of a complete cluster, with its runs as far as the window shows them."""
        stop, open_runs = cluster.end, list[OpenRun]()
        for pattern, core_end in cluster.runs:
            assert pattern.run is not None
            run = OpenRun(pattern.run)
            end = run.swallow(window, core_end)
            if end is None:
                open_runs.append(run)
                end = len(window)
            stop = max(stop, end)
        before = self.decided - 1
        cut = Cut(cluster.start + before, cluster.end + before, stop + before, cluster.pattern)
        if open_runs and not final:
            cut.open, self._cut, self._runs = True, cut, open_runs
        return cut

    def _swallow(self, cut: Cut, held: bytes, cuts: list[Cut], *, final: bool) -> bytes:
        """What is left after the open cut has taken its part."""
        ends = [(run, run.swallow(held, 0)) for run in self._runs]
        self._runs = [run for run, end in ends if end is None]
        stop = len(held) if self._runs else max(end for _, end in ends if end is not None)
        cut.end += stop
        cut.open = bool(self._runs) and not final
        if not cut.open:
            self._cut = None
        cuts.append(cut)
        self._left = held[stop - 1 : stop] or self._left
        self.decided += stop
        return held[stop:]

    # What follows is apart so that tests can break it, and see that the property notices.

    def _live_start(self, window: bytes) -> int:
        return self._detector.live_start(window)

    def _cursor(self, pattern: Pattern, window: bytes, ends: "array[int]") -> Cursor:
        return Cursor(pattern, window, ends, at=1)

    def _straddling(self) -> Straddling:
        return Straddling()

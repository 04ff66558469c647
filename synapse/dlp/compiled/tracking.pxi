# Follows one shadow text, whole or in pieces, and says what of it is decided and which stretches do not leave.
#
# The law: the cuts of a text are the same however it is fed. Up to the frontier everything is decided, because no match
# can still begin before it (the live automaton says so) and no candidate lies across it; from there on a fresh start
# gives what going on would have given.


@cython.final
@cython.freelist(64)
cdef class Cut:
    """A stretch of the shadow that does not leave. While it is `open`, what follows may still belong to it."""

    cdef:
        readonly Py_ssize_t start
        readonly Py_ssize_t core_end  # without the run
        readonly Py_ssize_t end
        readonly Matcher matcher
        readonly bint open


@cython.final
cdef class OpenRun:
    """A run that is being swallowed. `expression` finds its end: the closing group, or what is not of its class."""

    cdef:
        object _expression
        Py_ssize_t _closing_width
        bytes _tail

    def __cinit__(self, run):
        source, self._closing_width = run
        self._expression = compile_expression(source)  # known to it from the second time on
        self._tail = b""

    cdef Py_ssize_t swallow(self, bytes window, Py_ssize_t start) except -2:
        """Where the run ends in `window[start:]`, -1 when it goes on beyond."""
        cdef Py_ssize_t shift = 0
        if self._tail:
            shift = start - len(self._tail)
            window, start = self._tail + window[start:], 0
        end = self._expression.search(window, start)
        if end is None:
            # A closing expression may have begun: its last byte is still to come.
            self._tail = window[max(start, len(window) - self._closing_width + 1) :]
            return -1
        return shift + (end.end() if end.lastgroup else end.start())


@cython.final
cdef class Detector:
    """Some patterns of a ruleset: their matchers, their live automata, and the scan that finds their triggers.

    `scan(window)` gives the stretches in which triggers end, by the index of their pattern; those of others are passed
    over. `left_chars` is how far to the left of a match anything can matter.
    """

    cdef:
        readonly dict matchers
        readonly Py_ssize_t narrowest, widest, left_chars
        list _lives
        object _scan

    def __cinit__(self, matchers, *, lives, scan, Py_ssize_t left_chars):
        if not 1 <= left_chars <= TEXT_MAX:
            raise ValueError("at least the character to the left of a match matters")
        self._lives = list(lives)
        if not all(type(live) is Live for live in self._lives):
            raise TypeError("what a detector holds back is told by objects of class Live")
        known = list(matchers)
        if not all(type(matcher) is Matcher for matcher in known):
            raise TypeError("a detector's matchers are all of class Matcher")
        self.matchers = {matcher.index: matcher for matcher in known}
        self.narrowest = min([matcher.narrowest for matcher in known], default=0)
        self.widest = max([matcher.widest for matcher in known], default=0)
        self.left_chars = left_chars
        self._scan = scan

    def only(self, matchers):
        """The same with some of its matchers. Its automata stay those of all: they may hold too much."""
        return Detector(matchers, lives=self._lives, scan=self._scan, left_chars=self.left_chars)

    cdef list cursors(self, bytes window, dict ends, Py_ssize_t before):
        """Those of its patterns that have a candidate from `before` on; None when there are none."""
        cdef:
            list cursors = None
            Cursor cursor = None
            Matcher matcher
        for index, stretches in ends.items():
            matcher = self.matchers.get(index)
            if matcher is None:
                continue
            # Most have none; one cursor serves them all.
            if cursor is None:
                cursor = Cursor.__new__(Cursor)
            cursor.open(matcher, window, stretches, before)
            if cursor.start != NOWHERE:
                if cursors is None:
                    cursors = []
                cursors.append(cursor)
                cursor = None
        return cursors

    cdef Py_ssize_t live_start(self, bytes window, Py_ssize_t start) except -1:
        """The first place from `start` on where a match may begin that is not yet whole."""
        cdef:
            Live live
            Py_ssize_t best = len(window)
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
        for live in self._lives:
            best = min(best, live.find(characters, start, len(window)))
        return best


@cython.final
@cython.freelist(8)
cdef class Tracker:
    """One text on its way. Offsets in cuts, and `decided`, count from its beginning.

    `ends` are those that a scan of the whole text found, when it was scanned; it then has to come in one piece.
    """

    cdef:
        readonly Py_ssize_t decided
        Detector _detector
        dict _ends
        bytes _left  # what stands before `_held`: the edge of the text, or the last of what is decided
        bytes _held
        Cut _cut
        list _runs

    def __cinit__(self, Detector detector not None, *, dict ends=None):
        self.decided = 0
        self._detector = detector
        self._ends = ends
        self._left = EDGE
        self._held = b""

    cpdef list feed(self, bytes shadow, bint final=False):
        """The cuts that are new, and first the one that was open, if any. All of them end at or before `decided`."""
        cdef:
            bytes held, window
            list cuts = []
            Py_ssize_t before = len(self._left), stop
        if shadow is None:
            raise TypeError("a shadow is bytes")
        held = self._held + shadow if self._held else shadow
        if self._cut is not None:
            held = self._swallow(held, cuts, final)
            before = len(self._left)
        if held:
            window = self._left + held
            stop = self._decide(window, cuts, before, final)
            if stop > before:
                self.decided += stop - before
                self._left = window[max(0, stop - self._detector.left_chars) : stop]
                held = window[stop:]
        self._held = held
        return cuts

    cdef list whole(self, bytes window, list cursors):
        """The cuts of a whole text, given with the edge before it and the candidates that its scan found."""
        cdef list cuts = []
        self.decided = self._walk(window, cursors, cuts, 1, len(window), True) - 1
        return cuts

    cdef Py_ssize_t _decide(self, bytes window, list cuts, Py_ssize_t before, bint final) except -1:
        """How far the window is decided."""
        cdef:
            Detector detector = self._detector
            Py_ssize_t limit = len(window) if final else detector.live_start(window, before)
            dict ends
            list cursors
        if limit == before or len(window) - before < detector.narrowest:
            return limit
        ends = detector._scan(window) if self._ends is None else self._ends
        cursors = detector.cursors(window, ends, before) if ends else None
        return limit if cursors is None else self._walk(window, cursors, cuts, before, limit, final)

    cdef Py_ssize_t _walk(self, bytes window, list cursors, list cuts, Py_ssize_t before, Py_ssize_t limit, bint final
                          ) except -1:
        cdef:
            Detector detector = self._detector
            Straddling seen
            Cluster cluster
            Cut cut
            Cursor cursor
            Py_ssize_t stop, done, shift = self.decided - before
        seen.start = seen.end = 0
        while True:
            cluster = next_cluster(cursors, limit, &seen)
            if cluster is None or cluster.end > limit:
                return frontier(seen, limit)
            seen.start = seen.end = 0
            cut = self._close(window, cluster, shift, final)
            cuts.append(cut)
            stop = cut.end - shift
            if cut.open:
                return stop
            if stop > limit:  # a run went on beyond it
                limit = detector.live_start(window, stop)
            done = 0
            for cursor in cursors:
                cursor.restart(stop)
                done += cursor.is_done(stop)
            if done:
                cursors = [cursor for cursor in cursors if not cursor.is_done(stop)]
                if not cursors:
                    return limit

    cdef Cut _close(self, bytes window, Cluster cluster, Py_ssize_t shift, bint final):
        """The cut of a complete cluster, with its runs as far as the window shows them."""
        cdef:
            Cut cut = Cut.__new__(Cut)
            Py_ssize_t stop = cluster.end, end, core_end
            list open_runs = []
            OpenRun run
            Matcher matcher
        if cluster.runs is not None:
            for matcher, core_end in cluster.runs:
                run = OpenRun(matcher.run)
                end = run.swallow(window, core_end)
                if end < 0:
                    open_runs.append(run)
                    end = len(window)
                stop = max(stop, end)
        cut.start, cut.core_end, cut.end = cluster.start + shift, cluster.end + shift, stop + shift
        cut.matcher = cluster.matcher
        if open_runs and not final:
            cut.open, self._cut, self._runs = True, cut, open_runs
        return cut

    cdef bytes _swallow(self, bytes held, list cuts, bint final):
        """What is left after the open cut has taken its part."""
        cdef:
            Cut cut = self._cut
            OpenRun run
            list open_runs = []
            bytes seen
            Py_ssize_t end, stop = 0
        for run in self._runs:
            end = run.swallow(held, 0)
            if end < 0:
                open_runs.append(run)
            stop = max(stop, end)
        self._runs = open_runs
        if open_runs:
            stop = len(held)
        cut.end += stop
        cut.open = bool(open_runs) and not final
        if not cut.open:
            self._cut = None
        cuts.append(cut)
        if stop:
            seen = self._left + held[:stop]
            self._left = seen[max(0, len(seen) - self._detector.left_chars) :]
        self.decided += stop
        return held[stop:]

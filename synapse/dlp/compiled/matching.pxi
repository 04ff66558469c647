# Exact matches from Hyperscan's hints: each pattern's candidates in order, and the clusters they form.
#
# A candidate is a guarded match of a core where it may stand, accepted or rejected by its validator. A pattern's
# candidates do not overlap, except that after a rejected one the search goes on from its next character, so that a
# stray figure before a card cannot hide the card. After `RETRIES` of those in a row the rejected stretch is passed over.
#
# Overlapping accepted candidates form a cluster: one finding, their union, named after the leftmost, then longest, then
# first pattern among those of the strongest action. Nothing of any match can leave by hiding behind another.


cdef enum:
    # Each retry can cost one more look at the same stretch; three skip the stray groups that stand before real numbers.
    RETRIES_MAX = 3
    HEAD_CHARS_MAX = 7
    LEFT_BIT = 0x80  # in a table of heads
    FEW_BYTES = 16  # at a place, where a text rarely has one of them

RETRIES = RETRIES_MAX

cdef Py_ssize_t NOWHERE = PY_SSIZE_T_MAX


cdef int _allowed(bytes heads, int place) except -1:
    """How many bytes may be at a place."""
    cdef:
        const unsigned char* bits = heads
        int index, count = 0
    for index in range(256):
        count += bits[index] >> place & 1
    return count


@cython.final
cdef class Matcher:
    """One core of one rule on one side: what confirms it, and what becomes of it.

    `expression` confirms. `heads` has for each byte a bit for each of the first places of a match that it may be at,
    and the highest when it must not stand before one. `accept` takes the bytes of a match, `condition(window, start)`
    tells whether it may stand where it stands. No match begins further than `reach` before the end of its trigger; with
    `behind_words` the ends that are found are those of words that a match begins behind, and not of a part of it. It is
    `solid` when no match can begin within another one. `run` has the source of the expression that finds where a run
    after the core ends, and the most characters of its closing.
    """

    cdef:
        readonly int index
        readonly Py_ssize_t narrowest, widest, reach
        readonly int strength
        readonly bint behind_words
        bint _waits  # see Cursor
        bint _leaps  # whether many may be at its first places, so that `search` looks at the last of them first
        readonly str rule, category, action, placeholder
        readonly tuple run
        readonly bytes heads
        readonly Py_ssize_t looked_at  # characters that the confirm pass has read so far
        Automaton _expression
        WordsBefore _words  # the condition, when it is one of these
        Apart _apart
        object _accept, _condition

    def __cinit__(self, int index, *, Automaton expression not None, bytes heads not None, Py_ssize_t narrowest,
                  Py_ssize_t widest, Py_ssize_t reach, bint solid, int strength, str rule not None, str category not None,
                  str action not None, accept=None, condition=None, bint behind_words=False, tuple run=None):
        if not (1 <= narrowest <= widest <= TEXT_MAX and 1 <= reach <= widest):
            raise ValueError("a core has a least and a greatest width, and matches no empty text; its trigger is in it")
        if run is not None and not (
            len(run) == 2 and type(run[0]) is bytes and type(run[1]) is int and 0 <= run[1] <= TEXT_MAX
        ):
            raise ValueError("a run is the source of an expression and the width of its closing")
        self.index = index
        self.narrowest, self.widest, self.reach = narrowest, widest, reach
        self.strength = strength
        self.rule, self.category, self.action = rule, category, action
        self.placeholder = f"[REDACTED:{rule}]"
        self.run = run
        self._waits = solid and run is None
        if len(heads) != 256:
            raise ValueError("heads are told for each byte")
        self._expression, self.heads = expression, heads
        self._leaps = min(_allowed(heads, 0), _allowed(heads, min(narrowest, HEAD_CHARS_MAX) - 1)) > FEW_BYTES
        self._accept = accept
        self.behind_words = behind_words
        self._condition = condition
        self._words = condition if type(condition) is WordsBefore else None
        self._apart = condition if type(condition) is Apart else None

    @property
    def conditional(self) -> bool:
        """Whether more than one character to the left of a match matters."""
        return self._condition is not None

    cdef Py_ssize_t search(self, bytes window, Py_ssize_t at, Py_ssize_t last, Py_ssize_t* match_end) except -2:
        """Where the first guarded match begins, from `at` and behind the window's first byte up to `last`; -1 if none.

        Most texts have no place where the first characters could be, which is seen much sooner here. Where these may be
        many, the last of them is looked at first, and the next match has it where it can be (Boyer and Moore, 1977).
        """
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
            const unsigned char* heads = <const unsigned char*> PyBytes_AS_STRING(self.heads)
            Py_ssize_t length = len(window)
            int place, places = min(self.narrowest, HEAD_CHARS_MAX)
            unsigned int bits
        last = min(last, length - self.narrowest)
        at = max(at, 1)
        while at <= last:
            if not self._leaps and (not heads[characters[at]] & 1 or heads[characters[at - 1]] & LEFT_BIT):
                at += 1
                continue
            place = places - 1
            while place >= 0:
                bits = heads[characters[at + place]]
                if not bits >> place & 1:
                    bits &= (1U << place) - 1
                    at += place - (31 - __builtin_clz(bits)) if bits else place + 1
                    break
                place -= 1
            if place >= 0:
                continue
            if heads[characters[at - 1]] & LEFT_BIT:
                at += 1
                while at <= last and heads[characters[at - 1]] & LEFT_BIT:
                    at += 1
                continue
            if self._words is None or self._words.may_stand(window, at):
                match_end[0] = self._expression.run(window, at, length)
                self.looked_at += self._expression.looked_at
                if match_end[0] >= 0:
                    return at
            at += 1
        return -1

    cdef bint may_stand(self, bytes window, Py_ssize_t start) except -1:
        """Whether its condition holds there."""
        if self._words is not None:
            return self._words.stand(window, start)
        if self._apart is not None:
            return self._apart.stand(window, start)
        return self._condition is None or self._condition(window, start)


@cython.final
@cython.freelist(64)
cdef class Cursor:
    """The candidates of one pattern in a window, one at a time. `start` is NOWHERE when there are no more.

    `stretches` tells where its trigger ends: first, last, first, last … Each place in a stretch is taken for such an
    end: one too many costs a look and changes nothing.

    A candidate that `waits` is one when its condition holds, which is not known before `settle`. So it may be passed
    over unseen where it changes nothing: no other match of its pattern begins within it, whatever becomes of it.
    """

    cdef:
        Matcher matcher
        bytes _window
        array.array _stretches
        Py_ssize_t start, end, _at, _chain_end, _of_chain, _index
        int _tries
        bint accepted, waits

    cdef int open(self, Matcher matcher, bytes window, array.array stretches, Py_ssize_t at) except -1:
        check_stretches(stretches)
        self.matcher = matcher
        self._window = window
        self._stretches = stretches
        self._index = 0
        return self._begin(at)

    cdef bint is_done(self, Py_ssize_t at) noexcept:
        """Whether there is nothing for it behind `at` and later places, wherever it is restarted."""
        # `noexcept`: it compares numbers, and is asked of each pattern after each finding.
        return self.start == NOWHERE and self._of_chain <= at

    cdef int restart(self, Py_ssize_t at) except -1:
        """Go on from `at` as if nothing stood before it but what is to its left."""
        # What was found stays found, unless it is before `at` or depends on rejected candidates that reach across it.
        if self.start < at or self._of_chain > at:
            self._begin(at)
        return 0

    cdef int _begin(self, Py_ssize_t at) except -1:
        self._at = at
        self._chain_end = 0
        self._tries = 0
        while (self._index and self._index <= len(self._stretches)
               and <Py_ssize_t> self._stretches.data.as_uints[self._index - 1] > at):
            self._index -= 2
        return self.advance()

    cdef int advance(self) except -1:
        """To the next candidate."""
        cdef:
            Matcher matcher = self.matcher
            const unsigned int* stretches
            Py_ssize_t first, last, start, match_end
        self._of_chain = self._chain_end
        # Asked anew each time: a condition is anybody's code, and could have shortened the array.
        while self._index + 1 < len(self._stretches) and self._at < len(self._window):
            stretches = self._stretches.data.as_uints
            if <Py_ssize_t> stretches[self._index + 1] <= self._at:
                self._index += 2
                continue
            # Behind words the stretch is where a match begins, or one further: they may have been found with the
            # character behind them.
            first = <Py_ssize_t> stretches[self._index] - (1 if matcher.behind_words else matcher.reach)
            last = <Py_ssize_t> stretches[self._index + 1]
            start = matcher.search(self._window, max(first, self._at), last, &match_end)
            if start < 0:
                self._at = last + 1
                continue
            if match_end <= start:
                raise ValueError("a core matches the empty text")
            self.waits = matcher._waits
            if self.waits:
                self.start, self.end = start, match_end
                self.accepted = False
                return 0
            if not matcher.may_stand(self._window, start):
                self._at = start + 1
                continue
            self._take(start, match_end)
            return 0
        self.start = self.end = NOWHERE
        self.accepted = self.waits = False
        return 0

    cdef int settle(self) except -1:
        """Find out about a candidate that waits; when it is none, go on to the next."""
        self.waits = False
        if self.matcher.may_stand(self._window, self.start):
            return self._take(self.start, self.end)
        self._at = self.start + 1
        return self.advance()

    cdef int pass_over(self) except -1:
        """Go on behind a candidate that waits."""
        self._at = self.end
        return self.advance()

    cdef int _take(self, Py_ssize_t start, Py_ssize_t end) except -1:
        cdef bint chained = start < self._chain_end
        self.start, self.end = start, end
        self.accepted = self.matcher._accept is None or self.matcher._accept(self._window[start:end])
        if self.accepted:
            self._at = end
            return 0
        self._tries = self._tries + 1 if chained else 1
        self._chain_end = max(self._chain_end, end) if chained else end
        self._at = start + 1 if self._tries <= RETRIES_MAX else self._chain_end
        return 0


@cython.final
@cython.freelist(8)
cdef class Cluster:
    """Accepted candidates that overlap."""

    cdef:
        Py_ssize_t start, end
        Matcher matcher
        list runs  # matchers that run on, and where their cores end; None when there are none

    cdef int add(self, Cursor cursor) except -1:
        self.end = max(self.end, cursor.end)
        if cursor.matcher.strength > self.matcher.strength:
            self.matcher = cursor.matcher
        if cursor.matcher.run is not None:
            if self.runs is None:
                self.runs = []
            self.runs.append((cursor.matcher, cursor.end))
        return 0


cdef struct Straddling:
    # The last stretch of candidates that overlap one another, accepted or rejected, added in the order of starts.
    #
    # Nothing before it can matter for a frontier: it begins before the frontier's limit, and all candidates before it
    # end at or before its beginning.
    Py_ssize_t start
    Py_ssize_t end


cdef Py_ssize_t frontier(Straddling seen, Py_ssize_t limit) noexcept:
    """The last place at or before `limit` which no candidate straddles."""
    return seen.start if seen.start < limit < seen.end else limit


cdef Cursor first_of(list cursors):
    """By start, then length, then number."""
    cdef Cursor cursor, best = <Cursor> cursors[0]
    for cursor in cursors:
        if cursor.start < best.start or (cursor.start == best.start and (
            cursor.end > best.end or (cursor.end == best.end and cursor.matcher.index < best.matcher.index)
        )):
            best = cursor
    return best


cdef Cluster next_cluster(list cursors, Py_ssize_t limit, Straddling* seen):
    """The first cluster, from candidates that begin before `limit`; all that it looked at is added to `seen`."""
    cdef:
        Cluster cluster = None
        Cursor cursor
    while True:
        cursor = first_of(cursors)
        if cursor.start >= limit or (cluster is not None and cursor.start >= cluster.end):
            return cluster
        if cursor.waits:
            if (cluster is not None and cursor.end <= cluster.end
                    and cursor.matcher.strength <= cluster.matcher.strength):
                cursor.pass_over()
            else:
                cursor.settle()
            continue
        if cursor.start >= seen.end:
            seen.start = cursor.start
        seen.end = max(seen.end, cursor.end)
        if cursor.accepted:
            if cluster is None:
                cluster = Cluster.__new__(Cluster)
                cluster.start, cluster.end, cluster.matcher = cursor.start, cursor.end, cursor.matcher
            cluster.add(cursor)
        cursor.advance()

# Where triggers end: what Hyperscan reports, kept small.


cdef inline int check_stretches(array.array stretches) except -1:
    """Whoever calls may hand in any array; read as another kind than it is, it would be read beyond its end."""
    if stretches is None or stretches.ob_descr.typecode != c"I" or len(stretches) < 2 or len(stretches) & 1:
        raise ValueError("stretches are an array of unsigned integers: first, last, first, last …")
    return 0


def collect(pattern, start, unsigned int end, flags, dict ends not None) -> None:
    """A match handler: adds each end to its pattern's stretches in `ends`, an array of first, last, first, last …

    Ends close to each other are one stretch. So a text full of them costs no more memory than a text with few.
    """
    cdef:
        array.array known = ends.get(pattern)
        Py_ssize_t last
        unsigned int* places
    if known is None:
        known = array.clone(_UINTS, 2, False)
        known.data.as_uints[0] = known.data.as_uints[1] = end
        ends[pattern] = known
        return
    check_stretches(known)
    last = len(known) - 1
    places = known.data.as_uints
    if end > places[last] and end - places[last] > GAP_MAX:
        array.resize_smart(known, last + 3)
        known.data.as_uints[last + 1] = known.data.as_uints[last + 2] = end
        return
    places[last] = max(places[last], end)
    # Ends come in order. If they ever should not, the stretches they fall in between become one.
    while end < places[last - 1]:
        if last == 1 or end > places[last - 2]:
            places[last - 1] = end
        else:
            places[last - 2] = places[last]
            last -= 2
            array.resize_smart(known, last + 1)
            places = known.data.as_uints


@cython.final
cdef class Scanner:
    """Finds the stretches of a text in which triggers end, by the index of their pattern.

    `databases` are Hyperscan's, which report the numbers of `hints`. Each of these is the patterns that it speaks of,
    and how far behind its end their triggers may end. Calling it gives a dictionary of arrays: first, last, first …
    """

    cdef:
        list _databases
        list _scans
        object _make_scratch
        dict _scratches  # of each thread: two scans in one would corrupt it
        list _own  # the scratches of `_thread`
        unsigned long _thread
        list _hints

    def __cinit__(self, databases, *, make_scratch, hints):
        self._databases = list(databases)
        self._scans = [database.scan for database in self._databases]
        self._make_scratch = make_scratch
        self._scratches = {}
        self._hints = [(tuple(patterns), int(reach)) for patterns, reach in hints]
        if not all(0 <= reach <= HINT_REACH_MAX for _, reach in self._hints):
            raise ValueError("a hint reaches no more than 65,535 characters on")

    def __call__(self, bytes window not None) -> dict:
        cdef:
            dict ends = {}
            Py_ssize_t index
            list scratches = self._scratches_here()
        for index in range(len(self._databases)):
            scan = self._scans[index]
            scan(window, collect, 0, ends, scratches[index])
        return self._spread(ends) if ends else ends

    cdef list _scratches_here(self):
        cdef unsigned long thread = PyThread_get_thread_ident()
        if self._own is None or thread != self._thread:
            own = self._scratches.get(thread)
            if own is None:
                own = self._scratches[thread] = [self._make_scratch(database) for database in self._databases]
            self._own, self._thread = own, thread
        return self._own

    cdef dict _spread(self, dict ends):
        """The same by the patterns that the hints speak of."""
        cdef:
            dict spread = {}
            Py_ssize_t number
            unsigned int reach
        for key, stretches in ends.items():
            check_stretches(stretches)
            number = key
            if not 0 <= number < len(self._hints):
                raise ValueError("a database reports a number that is no hint's")
            patterns, reach = self._hints[number]
            if reach:
                stretches = _behind(stretches, reach)
            for pattern in patterns:
                _join(spread, pattern, stretches)
        return spread


cdef array.array _behind(array.array hints, unsigned int reach):
    """The stretches, each made longer."""
    cdef:
        Py_ssize_t index, last = 1
        const unsigned int* places = hints.data.as_uints
        array.array behind = array.clone(_UINTS, len(hints), False)
        unsigned int* out = behind.data.as_uints
    out[0], out[1] = places[0], places[1] + reach
    for index in range(2, len(hints), 2):
        if places[index] <= out[last]:
            out[last] = places[index + 1] + reach
        else:
            out[last + 1], out[last + 2] = places[index], places[index + 1] + reach
            last += 2
    array.resize(behind, last + 1)
    return behind


cdef int _join(dict ends, pattern, array.array stretches) except -1:
    """Add stretches to those of a pattern."""
    cdef:
        array.array known = ends.get(pattern), joined
        Py_ssize_t left = 0, right = 0, last = -1, count, others
        unsigned int first, end
        unsigned int* out
    if known is None:
        ends[pattern] = stretches
        return 0
    count, others = len(known), len(stretches)
    joined = array.clone(_UINTS, count + others, False)
    out = joined.data.as_uints
    while left < count or right < others:
        if right >= others or (left < count and known.data.as_uints[left] <= stretches.data.as_uints[right]):
            first, end = known.data.as_uints[left], known.data.as_uints[left + 1]
            left += 2
        else:
            first, end = stretches.data.as_uints[right], stretches.data.as_uints[right + 1]
            right += 2
        if last > 0 and first <= out[last]:
            out[last] = max(out[last], end)
        else:
            out[last + 1], out[last + 2] = first, end
            last += 2
    array.resize(joined, last + 1)
    ends[pattern] = joined
    return 0

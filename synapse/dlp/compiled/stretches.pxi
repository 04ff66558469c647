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


cdef int _add_stretch(dict ends, key, unsigned int first, unsigned int last) except -1:
    """Add a stretch that begins no earlier than others of its key, or within them."""
    cdef:
        array.array known = ends.get(key)
        Py_ssize_t size = 0 if known is None else len(known)
    if known is None:
        known = ends[key] = array.clone(_UINTS, 0, False)
    while size and first <= known.data.as_uints[size - 1]:
        first, last = min(first, known.data.as_uints[size - 2]), max(last, known.data.as_uints[size - 1])
        size -= 2
    array.resize_smart(known, size + 2)
    known.data.as_uints[size], known.data.as_uints[size + 1] = first, last
    return 0


@cython.final
cdef class Spoken:
    """What a hint speaks of: patterns without a shape, those with one by their shape, and how far on they may end."""

    cdef:
        tuple patterns
        tuple shaped  # pairs of a shape and its patterns
        unsigned int reach

    def __cinit__(self, patterns, dict shape_of not None, Py_ssize_t reach):
        cdef dict shaped = {}
        if not 0 <= reach <= HINT_REACH_MAX:
            raise ValueError("a hint reaches no more than 65,535 characters on")
        patterns = tuple(patterns)
        for pattern in patterns:
            if pattern in shape_of:
                shaped.setdefault(shape_of[pattern], []).append(pattern)
        self.patterns = tuple([pattern for pattern in patterns if pattern not in shape_of])
        self.shaped = tuple([(shape, tuple(some)) for shape, some in shaped.items()])
        self.reach = <unsigned int> reach


@cython.final
cdef class Scanner:
    """Finds the stretches of a text in which triggers end, by the index of their pattern.

    `databases` are Hyperscan's, which report the numbers of `hints`. Each of these is the patterns that it speaks of,
    and how far behind its end their triggers may end. `claims` has for each of the `shapes` the patterns which claim
    every text of that shape, those which claim it behind a word of a hint only, and the most characters of such a text.
    Calling it gives a dictionary of arrays: first, last, first …
    """

    cdef:
        list _databases
        list _scans
        object _make_scratch
        dict _scratches  # of each thread: two scans in one would corrupt it
        list _own  # the scratches of `_thread`
        unsigned long _thread
        list _hints  # what each speaks of
        Shapes _shapes
        list _claims  # of each shape the patterns which always claim it, and the greatest width
        bytes _always  # for each shape whether there are such patterns

    def __cinit__(self, databases, *, make_scratch, hints, Shapes shapes not None, claims):
        cdef dict shape_of = {}
        self._databases = list(databases)
        self._scans = [database.scan for database in self._databases]
        self._make_scratch = make_scratch
        self._scratches = {}
        self._shapes = shapes
        self._claims = [(tuple(always), int(width)) for always, _, width in claims]
        if len(self._claims) != shapes._number:
            raise ValueError("each shape is claimed by some patterns")
        self._always = bytes([bool(always) for always, _ in self._claims])
        if not all(0 <= width <= TEXT_MAX for _, width in self._claims):
            raise ValueError("a text of a shape has a greatest width")
        for shape, (_, behind_words, _) in enumerate(claims):
            shape_of.update(dict.fromkeys(behind_words, shape))
        self._hints = [Spoken(patterns, shape_of, reach) for patterns, reach in hints]

    def __call__(self, bytes window not None) -> dict:
        cdef:
            dict hints = {}, shapes = {}, ends = {}
            Py_ssize_t index, number
            list scratches = self._scratches_here()
            Spoken spoken
            bytearray wanted = None
            # Hyperscan 0.9.1 does not report some literals at the end of 17 to 34 bytes, when its database has few.
            bytes padded = window + EDGE
        for index in range(len(self._databases)):
            scan = self._scans[index]
            scan(padded, collect, 0, hints, scratches[index])
        for number in hints:
            if not 0 <= number < len(self._hints):
                raise ValueError("a database reports a number that is no hint's")
            spoken = <Spoken> self._hints[number]
            for shape, _ in spoken.shaped:
                if wanted is None:
                    wanted = bytearray(self._always)
                wanted[<Py_ssize_t> shape] = 1
        self._shapes.find(window, self._always if wanted is None else bytes(wanted), shapes)
        for shape, stretches in shapes.items():
            for pattern in (<tuple> self._claims[shape])[0]:
                _join(ends, pattern, stretches)
        for number, stretches in hints.items():
            self._spread(stretches, <Spoken> self._hints[number], shapes, ends)
        return ends

    cdef list _scratches_here(self):
        cdef unsigned long thread = PyThread_get_thread_ident()
        if self._own is None or thread != self._thread:
            own = self._scratches.get(thread)
            if own is None:
                own = self._scratches[thread] = [self._make_scratch(database) for database in self._databases]
            self._own, self._thread = own, thread
        return self._own

    cdef int _spread(self, array.array stretches, Spoken spoken, dict shapes, dict ends) except -1:
        """Add what a hint says of its patterns to `ends`."""
        cdef array.array near
        check_stretches(stretches)
        if spoken.reach:
            _lengthen(stretches, spoken.reach)
        for pattern in spoken.patterns:
            _join(ends, pattern, stretches)
        for shape, patterns in spoken.shaped:
            found = shapes.get(shape)
            if found is None:
                continue
            near = _near(stretches, found, (<tuple> self._claims[shape])[1])
            if near is not None:
                for pattern in patterns:
                    _join(ends, pattern, near)
        return 0


cdef array.array _near(array.array stretches, array.array ends, Py_ssize_t width):
    """What of the stretches a text may begin in that is no wider and ends at one of some places; None for nothing."""
    cdef:
        Py_ssize_t left = 0, right = 0, count = 0, first, last, own_first, own_last
        const unsigned int* places = stretches.data.as_uints
        const unsigned int* found = ends.data.as_uints
        array.array near = array.clone(_UINTS, len(stretches) + len(ends), False)
        unsigned int* out = near.data.as_uints
    while left < len(stretches) and right < len(ends):
        first, last = places[left], places[left + 1]
        own_first, own_last = max(0, <Py_ssize_t> found[right] - width), found[right + 1]
        if own_first <= last and first <= own_last:
            if count and max(first, own_first) <= <Py_ssize_t> out[count - 1]:
                out[count - 1] = max(<Py_ssize_t> out[count - 1], min(last, own_last))
            else:
                out[count], out[count + 1] = max(first, own_first), min(last, own_last)
                count += 2
        if last < own_last:
            left += 2
        else:
            right += 2
    if not count:
        return None
    array.resize(near, count)
    return near


cdef int _lengthen(array.array stretches, unsigned int reach) except -1:
    """Make each longer."""
    cdef:
        Py_ssize_t index, last = 1, size = len(stretches)
        unsigned int* places = stretches.data.as_uints
    places[1] += reach
    for index in range(2, size, 2):
        if places[index] <= places[last]:
            places[last] = places[index + 1] + reach
        else:
            places[last + 1], places[last + 2] = places[index], places[index + 1] + reach
            last += 2
    if last + 1 < size:
        array.resize(stretches, last + 1)
    return 0


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

# Runs regular expressions: where a match ends that begins at a place.


cdef enum:
    READ_BYTE = 0
    SPLIT_WAYS = 1
    LOOK_AHEAD = 2
    LOOK_BEHIND = 3
    MATCH_FOUND = 4
    LOOKS_MAX = 31  # different looks behind: bits of a number
    # Entries of one automaton's table. They have two bytes: the tables of hundreds of rules are in memory, seldom in a
    # cache, and to read there is most of what a match costs. Real texts need some hundreds. An expression that a text
    # makes to need more is left to `re` for a while, and begins anew then: no text makes all later ones slower.
    AUTOMATON_ENTRIES_MAX = 1 << 16
    RUNS_OF_RE = 4096
    # Bytes of the lists of ways: those of a wide and ambiguous expression, such as of a rule of one's own, are long.
    AUTOMATON_WAYS_MAX = 8 << 20
    AUTOMATON_STATES_MAX = 0x7E00  # with a first state for each class they are fewer than half of UNSEEN


@cython.final
cdef class Automaton:
    """What `re.compile(source).match(window, at, end)` finds, many times faster: a lazy deterministic automaton.

    Its states are lists of ways, the preferred first, and they are made when a text first needs them (as in RE2).
    `make()` gives source and program when they are first needed. A program is for each byte its class, the number of
    classes with that of the edge, for each set of classes whether it has each, and instructions; None when only `re`
    can run it. With `anywhere` the program finds matches wherever they begin, as `search` does.
    """

    cdef:
        object __weakref__
        readonly bint anywhere
        Py_ssize_t looked_at  # how many bytes the last run read
        bytes _source
        object _make, _fallback
        bint _made
        unsigned char _classes[256]
        int _class_count, _length, _stamp
        Py_ssize_t _ways_size  # bytes of the lists of ways of all states
        int _runs_left  # before it begins anew; 0 when `re` runs it for good
        array.array _code  # for each instruction its kind, what it is about, and where to go on
        array.array _behind  # for each class, the looks behind that it satisfies
        array.array _marks, _stack, _next  # of one step
        array.array _table  # for each state and class: the next state, doubled, plus one where a match ends
        array.array _starts  # for each class that may stand before, the first state
        bytes _members  # for each set and class, whether it has it
        bytes _asks  # for each instruction, whether what stands before matters to it
        list _states
        dict _numbers

    def __cinit__(self, make, *, bint anywhere=False):
        self._make, self.anywhere = make, anywhere

    def compile(self) -> None:
        """Find out now what would fail later: raises what the given function does."""
        self._prepare()

    @property
    def left_to_re(self) -> bool:
        """Whether `re` runs it now."""
        return self._fallback is not None

    def match(self, bytes window not None, Py_ssize_t at=0, end=None) -> int:
        """Where the match ends that begins at `at` in `window[:end]`, -1 when there is none."""
        cdef Py_ssize_t last = len(window) if end is None else end
        if not 0 <= at <= last <= len(window):
            raise ValueError("the place is in the window")
        return self.run(window, at, last)

    def finds(self, bytes window not None) -> bool:
        """Whether there is a match; for an expression that is looked for anywhere."""
        return self.run(window, 0, len(window)) >= 0

    cdef int _prepare(self) except -1:
        cdef bytes source
        source, program = self._make()
        if self._made:  # meanwhile, by another thread
            return 0
        if source is None:
            raise TypeError("an expression is bytes")
        self._source = source
        if program is None:
            self._leave_to_re()
        else:
            self._load(program)
        self._made = True
        return 0

    cdef int _leave_to_re(self) except -1:
        expression = compile_expression(self._source)
        self._fallback = expression.search if self.anywhere else expression.match
        return 0

    cdef int _load(self, program) except -1:
        cdef:
            Py_ssize_t number, index
            int kind, what, following, count
            int* code
            bint changed = True
            array.array own_code = array.array("i")
            list sets, looks = []
            bytearray asks
            bytes members, classes
        # Copies first: what is checked must be what is used.
        given_classes, count, given_sets, instructions = program
        classes, sets = bytes(given_classes), [bytes(one) for one in given_sets]
        for kind, what, following in instructions:
            own_code.append(kind)
            own_code.append(what)
            own_code.append(following)
        number = len(own_code) // 3
        code = own_code.data.as_ints
        if len(classes) != 256 or not 2 <= count <= 257 or max(classes) >= count or not 1 <= number <= TEXT_MAX:
            raise ValueError("a program has a class for each byte, and instructions")
        if not all([len(one) == count for one in sets]):
            raise ValueError("a set tells of each class")
        members = b"".join(sets)
        for index in range(number):
            kind, what, following = code[3 * index], code[3 * index + 1], code[3 * index + 2]
            if not (READ_BYTE <= kind <= MATCH_FOUND and 0 <= following < number and 0 <= what
                    and what < (number if kind == SPLIT_WAYS else len(sets) if kind != MATCH_FOUND else 1)):
                raise ValueError("an instruction is of a kind, about a set, and leads to another")
            if kind == LOOK_BEHIND:
                if what not in looks:
                    looks.append(what)
                code[3 * index + 1] = looks.index(what)  # from here on the number of a bit
        if len(looks) > LOOKS_MAX:
            self._leave_to_re()
            return 0
        behind = array.array("i", [
            sum([(members[<Py_ssize_t> look * count + index] & 1) << bit for bit, look in enumerate(looks)])
            for index in range(count)
        ])
        asks = bytearray(number)
        while changed:
            changed = False
            for index in range(number):
                kind, what, following = code[3 * index], code[3 * index + 1], code[3 * index + 2]
                if not asks[index] and (
                    kind == LOOK_BEHIND or (kind == SPLIT_WAYS and (asks[what] or asks[following]))
                    or (kind == LOOK_AHEAD and asks[following])
                ):
                    asks[index] = changed = True
        marks, stack = array.array("i", bytes(8 * number)), array.array("i", bytes(12 * number + 4))
        following_ways = array.array("i", bytes(4 * number + 4))
        starts, table, states, numbers = array.array("i", [UNKNOWN]) * count, array.array("H"), [], {}
        if self._made:  # meanwhile: the garbage collector has run, and in a finalizer another thread
            return 0
        for index in range(256):
            self._classes[index] = classes[index]
        self._class_count, self._length = count, <int> number
        self._code, self._members, self._asks, self._behind = own_code, members, bytes(asks), behind
        self._marks, self._stack, self._next = marks, stack, following_ways
        self._starts, self._table, self._states, self._numbers = starts, table, states, numbers
        self._forget()
        return 0

    cdef int _forget(self) except -1:
        cdef Py_ssize_t index
        self._states.clear()
        self._numbers.clear()
        array.resize(self._table, 0)
        for index in range(self._class_count):
            self._starts.data.as_ints[index] = UNKNOWN
        memset(self._marks.data.as_ints, 0, len(self._marks) * sizeof(int))
        self._stamp = 0
        self._ways_size = 0
        self._state(b"")  # DEAD
        return 0

    cdef Py_ssize_t run(self, bytes window, Py_ssize_t at, Py_ssize_t end) except -2:
        """`match`, of places that are in the window."""
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
            const unsigned short* table
            int edge, state, entry, number
            Py_ssize_t found = -1, begin = at
        if not self._made:
            self._prepare()
        if self._fallback is not None:
            return self._run_re(window, at, end)
        edge = self._class_count - 1
        number = self._classes[characters[at - 1]] if at else edge
        state = self._starts.data.as_ints[number]
        if state == UNKNOWN:
            state = self._start(number)
        table = self._table.data.as_ushorts
        while True:
            number = self._classes[characters[at]] if at < end else edge
            entry = table[state * self._class_count + number]
            if entry == UNSEEN:
                entry = self._step(state, number)
                if entry == UNKNOWN:
                    self._forget()
                    self._leave_to_re()
                    self._runs_left = RUNS_OF_RE
                    return self._run_re(window, begin, end)
                table = self._table.data.as_ushorts
            if entry & 1:
                found = at
            state = entry >> 1
            if state == DEAD or at >= end:
                self.looked_at = at - begin
                return found
            at += 1

    cdef Py_ssize_t find(self, bytes window, Py_ssize_t at, Py_ssize_t last, Py_ssize_t end) except -2:
        """The first place from `at` on and before `last` where a match in `window[:end]` begins, -1 when none does."""
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
            int before, state
        if not self._made:
            self._prepare()
        while at < last:
            # Most places are ruled out by what stands there and before them.
            if self._fallback is None:
                before = self._classes[characters[at - 1]] if at else self._class_count - 1
                state = self._starts.data.as_ints[before]
                if state != UNKNOWN and self._table.data.as_ushorts[
                    state * self._class_count + self._classes[characters[at]]
                ] == 2 * DEAD:
                    at += 1
                    continue
            if self.run(window, at, end) >= 0:
                return at
            at += 1
        return -1

    cdef Py_ssize_t _run_re(self, bytes window, Py_ssize_t at, Py_ssize_t end) except -2:
        match = self._fallback(window, at, end)
        if self._runs_left:
            self._runs_left -= 1
            if not self._runs_left:
                self._fallback = None
        self.looked_at = (end if match is None else match.end()) - at
        return -1 if match is None else match.end()

    cdef int _start(self, int before) except -1:
        cdef:
            int state
            int* ways = self._next.data.as_ints
        ways[0] = self._behind.data.as_ints[before] if self._asks[0] else 0
        ways[1] = 0
        state = self._state(PyBytes_FromStringAndSize(<char*> ways, 2 * sizeof(int)))
        self._starts.data.as_ints[before] = state
        return state

    cdef int _state(self, bytes ways) except -1:
        """The number of a state: bits of the looks behind that hold, and where its ways go on."""
        cdef int index, number
        known = self._numbers.get(ways)
        if known is not None:
            return known
        number = <int> len(self._states)
        array.resize_smart(self._table, (number + 1) * self._class_count)
        for index in range(number * self._class_count, (number + 1) * self._class_count):
            self._table.data.as_ushorts[index] = UNSEEN
        self._states.append(ways)
        self._numbers[ways] = number
        self._ways_size += len(ways)
        return number

    cdef int _step(self, int state, int number) except -2:
        """Make the entry of the table for a state and a class; UNKNOWN when there is no more room."""
        cdef:
            bytes ways = self._states[state]
            const int* known = <const int*> PyBytes_AS_STRING(ways)
            const int* code = self._code.data.as_ints
            const unsigned char* members = <const unsigned char*> PyBytes_AS_STRING(self._members)
            int* seen = self._marks.data.as_ints
            int* added = seen + self._length
            int* stack = self._stack.data.as_ints
            int* following = self._next.data.as_ints
            Py_ssize_t index, count = len(ways) // <Py_ssize_t> sizeof(int)
            int depth, at, kind, what, on, size = 1, matches = 0, entry, stamp
            bint asks = False
        index = len(self._states) + 1
        if (index * self._class_count > AUTOMATON_ENTRIES_MAX or index > AUTOMATON_STATES_MAX
                or self._ways_size > AUTOMATON_WAYS_MAX):
            return UNKNOWN
        stamp = self._stamp = self._stamp + 1
        for index in range(1, count):
            if matches:
                break
            stack[0] = known[index]
            depth = 1
            while depth:
                depth -= 1
                at = stack[depth]
                if seen[at] == stamp:
                    continue
                seen[at] = stamp
                kind, what, on = code[3 * at], code[3 * at + 1], code[3 * at + 2]
                if kind == SPLIT_WAYS:
                    stack[depth], stack[depth + 1] = on, what
                    depth += 2
                elif kind == READ_BYTE:
                    if members[what * self._class_count + number] and added[on] != stamp:
                        added[on] = stamp
                        following[size] = on
                        size += 1
                        asks = asks or self._asks[on]
                elif kind == LOOK_AHEAD:
                    if members[what * self._class_count + number]:
                        stack[depth] = on
                        depth += 1
                elif kind == LOOK_BEHIND:
                    if known[0] >> what & 1:
                        stack[depth] = on
                        depth += 1
                else:
                    # The ways that are left are not preferred to this one.
                    matches = 1
                    break
        following[0] = self._behind.data.as_ints[number] if asks else 0
        if size == 1:
            entry = 2 * DEAD + matches
        else:
            entry = 2 * self._state(PyBytes_FromStringAndSize(<char*> following, size * sizeof(int))) + matches
        self._table.data.as_ushorts[state * self._class_count + number] = <unsigned short> entry
        return entry

# Digit shapes and long runs: numbers in groups, keys of fixed lengths. They are what Hyperscan pays most for, because
# nothing in them is a literal; but ordinary words hold no digits and are short, and eight characters of a text are told
# to be ordinary at once. Only around the others an automaton is run, and that one knows the shapes whole.


cdef enum:
    # A shape with digits has its first one no further than this behind its beginning.
    LEAD_MAX = 12
    # A shape without them lies in a run of so many printed characters without a blank; English words are shorter.
    LONG_RUN_MIN = 16
    # States of the automaton that are kept; a text made to need more costs time, since all are forgotten then.
    # Two bytes of a table tell the next one: small tables stay in the processor's caches.
    SHAPE_STATES_MAX = 8192
    SHAPE_SLOTS = 4 * SHAPE_STATES_MAX  # of the table that finds a state by its positions
    # The pairs of bytes that are looked at before the automaton is run: around a beginning, and behind it.
    PAIRS = 4
    # Kinds of shapes that are told apart there, one bit each; of these the first have an early digit.
    SHAPE_KINDS_MAX = 8
    EARLY_KINDS_MAX = 4
    EVERY_KIND = (1 << SHAPE_KINDS_MAX) - 1

SHAPE_LEAD_CHARS = LEAD_MAX
SHAPE_RUN_CHARS = LONG_RUN_MIN
EARLY_KINDS_OF_SHAPES = EARLY_KINDS_MAX


cdef inline bint _any_digit(unsigned long long eight) noexcept nogil:
    # Of each byte the seven lower bits are raised so far that the highest tells whether it reaches a bound.
    cdef unsigned long long low = eight & 0x7F7F7F7F7F7F7F7FULL
    return ((low + 0x5050505050505050ULL) & ~(low + 0x4646464646464646ULL) & ~eight & 0x8080808080808080ULL) != 0


cdef inline bint _all_printed(unsigned long long eight) noexcept nogil:
    """Whether each byte is ASCII, and neither blank nor control character."""
    cdef unsigned long long low = eight & 0x7F7F7F7F7F7F7F7FULL
    return ((low + 0x5F5F5F5F5F5F5F5FULL) & ~(low + 0x0101010101010101ULL) & ~eight & 0x8080808080808080ULL
            ) == 0x8080808080808080ULL


cdef inline bint _is_printed(unsigned char byte) noexcept nogil:
    return 0x21 <= byte < 0x7F


cdef struct Region:
    Py_ssize_t start
    Py_ssize_t until
    Py_ssize_t digit  # the first one
    bint long_run  # whether it is in one, where words without digits may be


cdef bint _next_region(const unsigned char* text, Py_ssize_t length, Py_ssize_t floor, Py_ssize_t lead, Region* region
                       ) noexcept nogil:
    """The first stretch from `floor` on in which a shape may begin that begins there or later.

    `lead` is how far before its first digit a shape begins at most, when it is not in a long run.
    """
    cdef:
        unsigned long long eight
        Py_ssize_t at = floor, start, until, place
        bint digits
    while at < length:
        if at + 8 <= length:
            memcpy(&eight, text + at, 8)  # one instruction
        else:
            eight = 0
            memcpy(&eight, text + at, length - at)
        digits = _any_digit(eight)
        if digits or _all_printed(eight):
            place = at
            while digits and not 0x30 <= text[place] <= 0x39:
                place += 1
            start = until = place
            while start > floor and _is_printed(text[start - 1]):
                start -= 1
            while until < length and _is_printed(text[until]):
                until += 1
            if until - start >= LONG_RUN_MIN:
                # What precedes a digit may begin before the run. In these eight characters is the first, or behind them.
                region.start = max(floor, min(start, (place if digits else at + 8) - LEAD_MAX))
                region.until = until
                region.long_run = True
                return True
            if digits:
                region.start = max(floor, place - lead)
                region.digit = place
                while place < until and 0x30 <= text[place] <= 0x39:
                    place += 1
                region.until = place
                region.long_run = False
                return True
        at += 8
    return False


cdef inline bint _may_begin(int kinds, const unsigned char* at, const unsigned char* pairs, Py_ssize_t count,
                            const unsigned char* classes) noexcept nogil:
    """Whether a word of these kinds may begin at a place, as far as the characters around it tell. See `_pairs`."""
    cdef:
        Py_ssize_t first = classes[at[0]], second, third, plane = count * count
    kinds &= pairs[classes[at[-1]] * count + first]
    if not kinds:
        return False
    second, third = classes[at[1]], classes[at[2]]
    pairs += plane
    kinds &= pairs[first * count + second] & pairs[plane + second * count + third]
    return kinds and kinds & pairs[2 * plane + third * count + classes[at[3]]]


@cython.final
cdef class Shapes:
    """Where words of some languages end in a text, between what may stand beside them.

    The languages are given by positions (Glushkov, 1961). `sets` are sets of bytes, each a bitmap of 32 bytes with the
    lowest bit first. For each position `labels` has the set of what it may be, `following` the positions that may follow,
    `lefts` the set of what may stand to the left of a word that begins there, or -1 where none begins, `rights` the set
    of what may stand to the right of a word that ends there, or -1 where none ends, and `of_shape` the number of the
    language that it belongs to. The edge of a text may stand everywhere.

    `kinds` has a number for each language: below EARLY_KINDS_OF_SHAPES when its words have a digit among their first
    SHAPE_LEAD_CHARS bytes. Those of the others, from there on up to twice as much, must consist of printed ones,
    SHAPE_RUN_CHARS or more. What is neither is found only now and then. Languages that begin alike should be of one kind.
    `leads` tells of each language how far behind its beginning that digit is at most.

    No word is longer than `reach` bytes: so far the automaton goes on from each place, and no further, whatever the text.

    The automaton is deterministic and lazy: its states are sets of positions, and are made when a text first needs them
    (Thompson, 1968; as in RE2). While it runs no object is made that the garbage collector knows: finalizers are
    anybody's code, and other threads may run in them, for which it could have forgotten the state that it is in.
    """

    cdef:
        unsigned char _classes[256]
        int _class_count, _edge, _count, _dead, _mark
        Py_ssize_t _number  # of shapes
        Py_ssize_t _reach_max
        int _ending_now  # the number of what ends with the step that was made last
        array.array _members  # for each set, whether it has each class
        array.array _labels, _lefts, _rights, _shapes
        array.array _after, _after_starts  # those of position n: _after[_after_starts[n] : _after_starts[n + 1]]
        array.array _first, _first_starts  # the same for each class: the positions where a word may begin with it
        array.array _kinds  # of each class: those with the same number are alike to the left of all words
        array.array _class_of_kind
        array.array _marks, _reached, _ended  # for each position
        array.array _table  # for each state and class: the next state, doubled, plus one where words end
        array.array _endings  # for each state and class: the number of what ends there
        list _lists  # of what ends somewhere: the numbers of shapes, as bytes
        array.array _last  # for each shape where its last stretch of ends in this text begins and ends; -1 for none
        array.array _touched  # the shapes that have one
        array.array _closed  # the stretches before those: shape, first, last, shape, first, last …
        int _touched_count
        int _kinds_ahead[LEAD_MAX]  # for how far ahead the first digit is: the kinds that may begin there
        int _lead_max
        array.array _pairs  # for each place and each two classes: the kinds of shapes that may have them there
        dict _list_numbers
        array.array _positions, _starts  # those of state n: _positions[_starts[n] : _starts[n + 1]]
        array.array _slots  # states, in the order of their hashes; -1 where there is none

    def __cinit__(self, *, list sets not None, labels not None, list following not None, lefts not None, rights not None,
                  of_shape not None, kinds not None, leads not None,
                  Py_ssize_t reach):
        cdef:
            Py_ssize_t position, index, count
            list first
        # Copies first: what is checked must be what is used.
        sets = list(sets)
        self._labels, self._lefts = array.array("i", labels), array.array("i", lefts)
        self._rights, self._shapes = array.array("i", rights), array.array("i", of_shape)
        self._after, self._after_starts = _one_behind_the_other(following)
        count = len(self._labels)
        if not count + 1 == len(self._after_starts) == len(self._lefts) + 1 == len(self._rights) + 1 == (
            len(self._shapes) + 1
        ):
            raise ValueError("each position has a label, positions after it, a left and a right set, and a shape")
        if not all(type(bitmap) is bytes and len(bitmap) == 32 for bitmap in sets):
            raise ValueError("a set of bytes has 256 bits")
        if not all(0 <= number < len(sets) for number in self._labels):
            raise ValueError("a label is not one of the sets")
        if not all(-1 <= number < len(sets) for numbers in (self._lefts, self._rights) for number in numbers):
            raise ValueError("what stands beside a word is not one of the sets")
        if not all(number >= 0 for number in self._shapes):
            raise ValueError("shapes are numbered from 0 on")
        if not all(0 <= number < count for number in self._after):
            raise ValueError("a position that follows another does not exist")
        if not 0 <= reach <= TEXT_MAX:
            raise ValueError("no word is longer than `reach`")
        self._number = max(self._shapes, default=-1) + 1
        kinds = list(kinds)
        if not (len(kinds) == self._number and all(0 <= kind < SHAPE_KINDS_MAX for kind in kinds)):
            raise ValueError("each shape is of a kind")
        self._lead(kinds, list(leads))
        self._reach_max = reach
        self._last = array.array("i", b"\xff" * (2 * sizeof(int) * self._number))
        self._touched = array.array("i", bytes(sizeof(int) * self._number))
        self._classify(sets)
        self._pair(kinds)
        first = [[] for _ in range(self._class_count)]
        for position in range(count):
            if self._lefts.data.as_ints[position] >= 0:
                for index in range(self._class_count):
                    if self._has(self._labels.data.as_ints[position], index):
                        (<list> first[index]).append(position)
        self._first, self._first_starts = _one_behind_the_other(first)
        self._marks = array.array("i", bytes(4 * count))
        self._reached = array.array("i", bytes(4 * count))
        self._ended = array.array("i", bytes(4 * count))
        self._slots = array.array("i", bytes(4 * SHAPE_SLOTS))
        self._lists, self._list_numbers = [], {}
        self._table, self._endings = array.array("H"), array.array("i")
        self._positions, self._starts = array.array("i"), array.array("i")
        self._forget()

    cdef int _classify(self, list sets) except -1:
        """Bytes that are in the same of these sets are one class. The edge is one of its own."""
        cdef:
            int byte, number, kind
            Py_ssize_t index
            dict classes = {}, kinds = {}
        lefts = sorted({number for number in self._lefts if number >= 0})
        for byte in range(256):
            signature = _signature(sets, byte)
            self._classes[byte] = classes.setdefault((byte == EDGE[0], signature), len(classes))
        self._class_count = len(classes)
        self._edge = self._classes[<int> EDGE[0]]
        self._members = array.array("B", bytes(len(sets) * self._class_count))
        self._kinds = array.array("i")
        self._class_of_kind = array.array("i")
        for (edge, signature), number in classes.items():
            for index in range(len(sets)):
                self._members.data.as_uchars[index * self._class_count + number] = (<bytes> signature)[index]
            kind = kinds.setdefault((edge, *[(<bytes> signature)[left] for left in lefts]), len(kinds))
            self._kinds.append(kind)
            if kind == len(self._class_of_kind):
                self._class_of_kind.append(number)
        self._dead = len(kinds)
        return 0

    cdef int _lead(self, list kinds, list leads) except -1:
        cdef int ahead
        if not (len(leads) == self._number and all(0 <= lead < LEAD_MAX for lead in leads)):
            raise ValueError("each shape has its first digit within the first SHAPE_LEAD_CHARS bytes")
        self._lead_max = max(leads, default=0)
        for ahead in range(LEAD_MAX):
            self._kinds_ahead[ahead] = 0
            for kind, lead in zip(kinds, leads):
                if kind < EARLY_KINDS_MAX and lead >= ahead:
                    self._kinds_ahead[ahead] |= 1 << <int> kind
        return 0

    cdef int _pair(self, list kinds) except -1:
        """Which kinds of shapes two classes in a row may be of. Where a word may end sooner, everything can follow."""
        cdef:
            Py_ssize_t position, on
            int place, kind
            set behind, pairs
            list here
            const int* after = self._after.data.as_ints
            const int* starts = self._after_starts.data.as_ints
            const int* labels = self._labels.data.as_ints
        self._pairs = array.array("B", bytes(PAIRS * self._class_count * self._class_count))
        for kind in range(SHAPE_KINDS_MAX):
            here = [
                position for position in range(len(self._labels))
                if self._lefts.data.as_ints[position] >= 0 and kinds[self._shapes.data.as_ints[position]] == kind
            ]
            pairs = {(self._lefts.data.as_ints[position], labels[position]) for position in here}
            self._mark_pairs(pairs, 0, kind)
            for label in {label for _, label in pairs}:
                self._mark_pair(self._edge, label, 0, kind)
            for place in range(1, PAIRS):
                behind, pairs = set(), set()
                for position in here:
                    if position < 0 or self._rights.data.as_ints[position] >= 0:
                        behind.add(-1)
                        pairs.add((-1 if position < 0 else labels[position], -1))
                    if position >= 0:
                        for on in range(starts[position], starts[position + 1]):
                            behind.add(after[on])
                            pairs.add((labels[position], labels[after[on]]))
                self._mark_pairs(pairs, place, kind)
                here = list(behind)
        return 0

    cdef int _mark_pairs(self, set pairs, int place, int kind) except -1:
        """For the classes of pairs of sets; -1 is the set of all."""
        cdef Py_ssize_t index
        for one, other in pairs:
            for index in range(self._class_count):
                if one < 0 or self._has(one, index):
                    self._mark_pair(index, other, place, kind)
        return 0

    cdef int _mark_pair(self, Py_ssize_t index, Py_ssize_t other, int place, int kind) except -1:
        cdef Py_ssize_t behind, first = (place * self._class_count + index) * self._class_count
        for behind in range(self._class_count):
            if other < 0 or self._has(other, behind):
                self._pairs.data.as_uchars[first + behind] |= <unsigned char> (1 << kind)
        return 0

    # `noexcept`: it reads a byte of an array that never changes, whose indices were checked when it was made; and it is
    # asked for each way on of each state that is made.
    cdef inline bint _has(self, Py_ssize_t number, Py_ssize_t index) noexcept:
        return self._members.data.as_uchars[number * self._class_count + index] != 0

    @property
    def states(self) -> int:
        """How many are known now."""
        return self._count

    cdef int _forget(self) except -1:
        cdef int kind
        self._lists.clear()
        self._list_numbers.clear()
        self._number_of(b"")
        self._count = 0
        for known in (self._table, self._endings, self._positions):
            array.resize(known, 0)
        array.resize(self._starts, 1)
        self._starts.data.as_ints[0] = 0
        memset(self._slots.data.as_ints, 0xFF, SHAPE_SLOTS * sizeof(int))
        for kind in range(self._dead):
            self._add(0)
        self._state(0)  # the dead one
        return 0

    cdef int _state(self, int size) except -2:
        """The number of the state of the positions in `_reached`; -1 when it is new and there are too many."""
        cdef:
            const int* reached = self._reached.data.as_ints
            const int* starts = self._starts.data.as_ints
            int* slots = self._slots.data.as_ints
            int place, number
            unsigned int mixed = 2166136261U
        for place in range(size):
            mixed = (mixed ^ <unsigned int> reached[place]) * 16777619U  # FNV-1a, of whole numbers
        mixed ^= mixed >> 15
        place = <int> (mixed % SHAPE_SLOTS)
        while slots[place] >= 0:
            number = slots[place]
            if starts[number + 1] - starts[number] == size and memcmp(
                self._positions.data.as_ints + starts[number], reached, size * sizeof(int)
            ) == 0:
                return number
            place = (place + 1) % SHAPE_SLOTS
        if self._count >= SHAPE_STATES_MAX:
            return -1
        slots[place] = self._count
        return self._add(size)

    cdef int _add(self, int size) except -1:
        cdef int number = self._count
        cdef Py_ssize_t index, known = len(self._positions)
        array.resize_smart(self._positions, known + size)
        memcpy(self._positions.data.as_ints + known, self._reached.data.as_ints, size * sizeof(int))
        array.resize_smart(self._starts, number + 2)
        self._starts.data.as_ints[number + 1] = <int> (known + size)
        array.resize_smart(self._table, (number + 1) * self._class_count)
        array.resize_smart(self._endings, (number + 1) * self._class_count)
        for index in range(number * self._class_count, (number + 1) * self._class_count):
            self._table.data.as_ushorts[index] = UNSEEN
        self._count += 1
        return number

    cdef bytes _ending(self, int state, int index):
        """The shapes of which a word ends in a state before a byte of a class, or before the end when that is -1."""
        cdef:
            const int* positions = self._positions.data.as_ints
            int* ended = self._ended.data.as_ints
            Py_ssize_t at, size = 0
            int right, shape
        for at in range(self._starts.data.as_ints[state], self._starts.data.as_ints[state + 1]):
            right = self._rights.data.as_ints[positions[at]]
            if right >= 0 and (index < 0 or index == self._edge or self._has(right, index)):
                shape = self._shapes.data.as_ints[positions[at]]
                if not size or ended[size - 1] != shape:
                    ended[size] = shape
                    size += 1
        return PyBytes_FromStringAndSize(<char*> ended, size * sizeof(int))

    cdef int _number_of(self, bytes ending) except -1:
        number = self._list_numbers.get(ending)
        if number is None:
            number = self._list_numbers[ending] = len(self._lists)
            self._lists.append(ending)
        return number

    cdef int _step(self, int state, int index) except -1:
        """Make the entry of the table for a state and a class."""
        cdef:
            bytes ending = self._ending(state, index)
            int size = self._reach(state, index)
            int target = self._state(size), entry
            bint full = target < 0
        if full:
            self._forget()
            target = self._state(size)
        self._ending_now = self._number_of(ending)
        entry = target << 1 | (self._ending_now != 0)
        if not full:
            self._table.data.as_ushorts[state * self._class_count + index] = <unsigned short> entry
            self._endings.data.as_ints[state * self._class_count + index] = self._ending_now
        return entry

    cdef int _reach(self, int state, int index) except -1:
        """Fill `_reached` with the positions that a byte of a class leads to, in order; tells how many."""
        cdef:
            const int* positions = self._positions.data.as_ints
            const int* following = self._after.data.as_ints
            const int* starts = self._after_starts.data.as_ints
            const int* labels = self._labels.data.as_ints
            const unsigned char* members = self._members.data.as_uchars + index
            int* marks = self._marks.data.as_ints
            int* reached = self._reached.data.as_ints
            int size = 0, position, left, mark, place
            Py_ssize_t at, on
        if state < self._dead:
            left = self._class_of_kind.data.as_ints[state]
            for at in range(self._first_starts.data.as_ints[index], self._first_starts.data.as_ints[index + 1]):
                position = self._first.data.as_ints[at]
                if left == self._edge or self._has(self._lefts.data.as_ints[position], left):
                    reached[size] = position
                    size += 1
            return size
        if self._mark == 0x7FFFFFFF:
            memset(marks, 0, len(self._marks) * sizeof(int))
            self._mark = 0
        self._mark += 1
        mark = self._mark
        for at in range(self._starts.data.as_ints[state], self._starts.data.as_ints[state + 1]):
            for on in range(starts[positions[at]], starts[positions[at] + 1]):
                position = following[on]
                if marks[position] == mark or not members[labels[position] * self._class_count]:
                    continue
                marks[position] = mark
                # What follows in order is mostly in order itself.
                place = size
                while place and reached[place - 1] > position:
                    reached[place] = reached[place - 1]
                    place -= 1
                reached[place] = position
                size += 1
        return size

    cdef int find(self, bytes window, bytes wanted, dict ends) except -1:
        """Add the stretches in which words of those shapes end that are wanted; a window's first byte is to the left.

        `wanted` has a byte for each shape, which is not 0 when it is.
        """
        cdef:
            array.array closed = array.clone(_INTS, 0, False)
            Py_ssize_t index
            int shape
        if len(window) > 0x7FFFFFFF:
            raise ValueError("a text is scanned in parts of at most 2 GiB")
        if len(wanted) != self._number:
            raise ValueError("each shape is wanted or not")
        # Made before the walk, in which the garbage collector must not run.
        self._closed = closed
        self._walk(window, wanted)
        self._closed = None
        for index in range(0, len(closed), 3):
            shape = closed.data.as_ints[index]
            _add_stretch(ends, shape, closed.data.as_ints[index + 1], closed.data.as_ints[index + 2])
        return 0

    cdef int _walk(self, bytes window, bytes wanted) except -1:
        """Run from each place where a word may begin, and put the stretches of ends into `_closed`."""
        cdef:
            const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(window)
            Py_ssize_t length = len(window), start, at = 1
            int index, kinds
            Region region
        self._let_go()
        while _next_region(text, length, at, self._lead_max, &region):
            for start in range(region.start, region.until):
                kinds = EVERY_KIND if region.long_run else self._kinds_ahead[max(0, region.digit - start)]
                if kinds and (start + PAIRS > length or _may_begin(
                    kinds, text + start, self._pairs.data.as_uchars, self._class_count, self._classes
                )):
                    self._run(text, length, start, wanted)
            at = region.until
        for index in range(self._touched_count):
            self._close(self._touched.data.as_ints[index])
        self._let_go()
        return 0

    cdef int _let_go(self) except -1:
        """Forget the last stretches."""
        cdef int index
        for index in range(self._touched_count):
            memset(self._last.data.as_ints + 2 * self._touched.data.as_ints[index], 0xFF, 2 * sizeof(int))
        self._touched_count = 0
        return 0

    cdef int _run(self, const unsigned char* text, Py_ssize_t length, Py_ssize_t start, bytes wanted) except -1:
        """Put the stretches of ends of the words that begin at a place into `_closed`, when they are no longer the last."""
        cdef:
            const unsigned short* table = self._table.data.as_ushorts
            Py_ssize_t count = self._class_count, at, stop = min(length, start + self._reach_max + 1)
            int state = self._kinds.data.as_ints[self._classes[text[start - 1]]], entry, index
        for at in range(start, stop):
            index = self._classes[text[at]]
            entry = table[state * count + index]
            if entry == UNSEEN:
                entry = self._step(state, index)
                table = self._table.data.as_ushorts
                if entry & 1:
                    self._end_here(<bytes> self._lists[self._ending_now], <int> at, wanted)
            elif entry & 1:
                self._end_here(<bytes> self._lists[self._endings.data.as_ints[state * count + index]], <int> at, wanted)
            state = entry >> 1
            if state == self._dead:
                return 0
        if stop == length:
            self._end_here(self._ending(state, -1), <int> length, wanted)
        return 0

    cdef int _end_here(self, bytes shapes, int at, bytes wanted) except -1:
        cdef:
            const int* ended = <const int*> PyBytes_AS_STRING(shapes)
            Py_ssize_t index
            int* last
        for index in range(len(shapes) // <Py_ssize_t> sizeof(int)):
            last = self._last.data.as_ints + 2 * ended[index]
            # Words that begin one after the other mostly end where one has ended already.
            if not wanted[ended[index]] or last[0] <= at <= last[1]:
                continue
            if last[1] < 0:
                self._touched.data.as_ints[self._touched_count] = ended[index]
                self._touched_count += 1
                last[0] = last[1] = at
            elif at > last[1] + GAP_MAX:
                self._close(ended[index])
                last[0] = last[1] = at
            elif at > last[1]:
                last[1] = at
            else:
                last[0] = at
        return 0

    cdef int _close(self, int shape) except -1:
        """Put the last stretch of ends of a shape behind those before it."""
        cdef:
            const int* last = self._last.data.as_ints + 2 * shape
            Py_ssize_t size = len(self._closed)
        array.resize_smart(self._closed, size + 3)
        self._closed.data.as_ints[size] = shape
        self._closed.data.as_ints[size + 1], self._closed.data.as_ints[size + 2] = last[0], last[1]
        return 0

    def ends(self, bytes window not None) -> dict:
        """By the number of each shape the stretches in which words end, behind the first byte of the window."""
        cdef dict ends = {}
        self.find(window, b"\1" * self._number, ends)
        return ends


cdef tuple _one_behind_the_other(list lists):
    """The numbers of some lists in one array, and where in it each list begins, the end included."""
    numbers, starts = array.array("i"), array.array("i", [0])
    for one in lists:
        numbers.extend(array.array("i", one))
        starts.append(len(numbers))
    return numbers, starts

# The earliest place at the end of a text where a match may begin that is not whole yet.


cdef enum:
    DEAD = 0
    INITIAL = 1
    UNKNOWN = -1
    UNSEEN = 0xFFFF  # in a table, whose entries have two bytes
    # States of one automaton that are kept. Prose needs some hundreds, keys and figures of every kind some thousands; a
    # text made to need more costs time, since all are forgotten then. Each takes less than a kilobyte: a row of 2 bytes
    # for each class and a bit for each position.
    LIVE_STATES_MAX = 16384


cdef bytes _signature(list sets, int byte):
    """For each set, a bitmap of 32 bytes with the lowest bit first, whether it has a byte."""
    return bytes([(<bytes> bitmap)[byte >> 3] >> (byte & 7) & 1 for bitmap in sets])


@cython.final
cdef class Live:
    """The beginnings of a language's words, read backwards from the end of a text by a lazy deterministic automaton.

    The language is given by positions (Glushkov, 1961). `sets` are sets of bytes, each a bitmap of 32 bytes with the
    lowest bit first. For each position `labels` has the set of what it may be, `before` the positions that may stand
    before it, `starts` the set of what may stand to the left of a word which begins there, or -1 where none begins. No
    word is taken to be longer than `reach` bytes.

    States are sets of positions; they are made when a text first needs them (Thompson, 1968; as in RE2). As in `Shapes`,
    no object is made meanwhile that the garbage collector knows.
    """

    cdef:
        object __weakref__
        unsigned char _classes[256]
        int _class_count, _words, _count
        Py_ssize_t _reach
        array.array _labels  # for each class, the set of positions that it may be at
        array.array _starts  # for each class, the set of first positions that it may stand before
        list _before  # for each position, those before it
        array.array _table  # for each state and class: the next state, doubled, plus one where a word begins
        dict _states
        list _sets

    def __cinit__(self, *, list sets not None, labels not None, list before not None, starts not None,
                  Py_ssize_t reach):
        cdef:
            int position, number, count
            # Copies first: what is checked must be what is used.
            array.array own_labels = array.array("i", labels)
            array.array own_starts = array.array("i", starts)
            list classes_of = []
        self._before = [array.array("i", positions) for positions in before]
        sets = list(sets)
        count = len(own_labels)
        if not count == len(self._before) == len(own_starts):
            raise ValueError("each position has a label, positions before it and a start")
        if not all(type(bitmap) is bytes and len(bitmap) == 32 for bitmap in sets):
            raise ValueError("a set of bytes has 256 bits")
        if not 1 <= reach <= TEXT_MAX:
            raise ValueError("no word is longer than `reach`, which is at least 1")
        if not all(0 <= number < len(sets) for number in own_labels) or not all(
            -1 <= number < len(sets) for number in own_starts
        ):
            raise ValueError("a label or a start is not one of the sets")
        self._reach = reach
        self._words = (count + 63) // 64
        if not all(0 <= number < count for positions in self._before for number in positions):
            raise ValueError("a position that stands before another does not exist")
        self._classify(sets, classes_of)
        self._labels = array.array("Q", bytes(8 * self._words * self._class_count))
        self._starts = array.array("Q", bytes(8 * self._words * self._class_count))
        for position in range(count):
            self._mark(self._labels, position, <array.array> classes_of[own_labels.data.as_ints[position]])
            if own_starts.data.as_ints[position] >= 0:
                self._mark(self._starts, position, <array.array> classes_of[own_starts.data.as_ints[position]])
        self._table = array.array("H")
        self._states, self._sets = {}, []
        self._forget()

    cdef int _classify(self, list sets, list classes_of) except -1:
        """Bytes that are in the same of these sets are one class; tells which classes each set has."""
        cdef int byte
        signatures = {}
        for byte in range(256):
            signature = _signature(sets, byte)
            self._classes[byte] = signatures.setdefault(signature, len(signatures))
        self._class_count = len(signatures)
        for index in range(len(sets)):
            classes_of.append(array.array("i", [n for signature, n in signatures.items() if signature[index]]))
        return 0

    cdef int _mark(self, array.array bits, Py_ssize_t position, array.array classes) except -1:
        cdef int index
        for index in range(len(classes)):
            bits.data.as_ulonglongs[classes.data.as_ints[index] * self._words + (position >> 6)] |= (
                1ULL << (position & 63)
            )
        return 0

    @property
    def states(self) -> int:
        """How many are known now."""
        return self._count

    cdef int _forget(self) except -1:
        self._states.clear()
        self._sets.clear()
        self._count = 0
        array.resize(self._table, 0)
        self._add(b"")  # DEAD
        self._add(None)  # INITIAL
        return 0

    cdef int _add(self, positions) except -1:
        cdef int number = self._count, index
        self._states[positions] = number
        self._sets.append(positions)
        array.resize_smart(self._table, (number + 1) * self._class_count)
        for index in range(number * self._class_count, (number + 1) * self._class_count):
            self._table.data.as_ushorts[index] = UNSEEN
        self._count += 1
        return number

    cdef int _step(self, int state, int number) except -1:
        """Make the entry of the table for a state and a class."""
        cdef:
            int word, index, words = self._words, target, begins = 0
            Py_ssize_t position
            unsigned long long bits
            bytes known, positions = PyBytes_FromStringAndSize(NULL, 8 * words)
            const unsigned long long* present
            const unsigned long long* labels = self._labels.data.as_ulonglongs + number * words
            const unsigned long long* starts = self._starts.data.as_ulonglongs + number * words
            unsigned long long* following
            array.array before
            bint any_left = False
        following = <unsigned long long*> PyBytes_AS_STRING(positions)
        memset(following, 0, 8 * words)
        if state == INITIAL:
            for word in range(words):
                following[word] = labels[word]
                any_left |= labels[word] != 0
        else:
            known = self._sets[state]
            present = <const unsigned long long*> PyBytes_AS_STRING(known)
            for word in range(words):
                bits = present[word]
                begins |= (bits & starts[word]) != 0
                while bits:
                    position = (<Py_ssize_t> word << 6) + __builtin_ctzll(bits)
                    bits &= bits - 1
                    before = self._before[position]
                    for index in range(len(before)):
                        following[before.data.as_ints[index] >> 6] |= 1ULL << (before.data.as_ints[index] & 63)
            for word in range(words):
                following[word] &= labels[word]
                any_left |= following[word] != 0
        if not any_left:
            target = DEAD
        else:
            found = self._states.get(positions)
            if found is not None:
                target = found
            elif self._count >= LIVE_STATES_MAX:
                self._forget()
                return self._add(positions) << 1 | begins
            else:
                target = self._add(positions)
        self._table.data.as_ushorts[state * self._class_count + number] = <unsigned short> (target << 1 | begins)
        return target << 1 | begins

    cdef Py_ssize_t find(self, const unsigned char* window, Py_ssize_t start, Py_ssize_t end) except -1:
        """The first place from `start` on, which is not 0, where a word may begin that goes on beyond `end`."""
        cdef:
            Py_ssize_t lowest = max(start, end - self._reach), at = end, best = end
            int state = INITIAL, entry, number
        while at >= lowest:
            at -= 1
            number = self._classes[window[at]]
            entry = self._table.data.as_ushorts[state * self._class_count + number]
            if entry == UNSEEN:
                entry = self._step(state, number)
            if entry & 1:
                best = at + 1
            state = entry >> 1
            if state == DEAD:
                break
        return best

    def first(self, bytes window not None, Py_ssize_t start) -> int:
        """The same for all of `window`."""
        if not 1 <= start <= len(window):
            raise ValueError("there is a byte to the left of the first place")
        return self.find(<const unsigned char*> PyBytes_AS_STRING(window), start, len(window))

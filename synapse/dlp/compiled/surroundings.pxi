# Whether a word of its context stands before a match, or whether it stands apart.


cdef enum:
    # How far to the left of a match a word may begin. Compounds are long: "Steueridentifikationsnummer" has 27 letters.
    CONTEXT_REACH = 64
    # The longest name of a rule; placeholders have it in them, and streams keep that much of what has left.
    RULE_NAME_MAX = 48
    OPENING_MAX = 24  # what may stand between the sign of an assignment and its value

CONTEXT_CHARS = CONTEXT_REACH
RULE_ID_CHARS_MAX = RULE_NAME_MAX

cdef bytes _PLACEHOLDER = b"[REDACTED:"


@cython.final
cdef class Assignment:
    """Whether a part of a name that ends at a place leads to a value that begins at another.

    `rest` are the bytes that the rest of a name may have, and `last` those that it may end in; of `rest_max` bytes at
    most, it is as long as it can be. Behind the name `signed` matches up to the value, or `unsigned` does behind one of
    the words of `before`, of `before_max` bytes. A name does not count when `harmless` matches at its end, where that
    is behind the part; `harmless_max` bytes are looked at.
    """

    cdef:
        unsigned char _rest[256]  # 1 for what may be in it, 3 for what may end it
        Py_ssize_t _rest_max, _before_max, _harmless_max
        Automaton _signed, _unsigned, _before, _harmless

    def __cinit__(self, *, bytes rest not None, bytes last not None, Py_ssize_t rest_max, Automaton signed not None,
                  Automaton unsigned not None, Automaton before not None, Py_ssize_t before_max,
                  Automaton harmless not None, Py_ssize_t harmless_max):
        cdef unsigned char byte
        if not (0 <= rest_max <= TEXT_MAX and 0 <= before_max <= TEXT_MAX and 0 <= harmless_max <= TEXT_MAX):
            raise ValueError("what is looked at has a width")
        memset(self._rest, 0, sizeof(self._rest))
        for byte in rest:
            self._rest[byte] |= 1
        for byte in last:
            self._rest[byte] = 3
        self._rest_max, self._before_max, self._harmless_max = rest_max, before_max, harmless_max
        self._signed, self._unsigned, self._before, self._harmless = signed, unsigned, before, harmless

    def __call__(self, bytes window not None, Py_ssize_t end, Py_ssize_t start) -> bool:
        if not 0 <= end <= start <= len(window):
            raise ValueError("the places are in the window, one before the other")
        return self.leads(window, end, start)

    cdef bint leads(self, bytes window, Py_ssize_t end, Py_ssize_t start) except -1:
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
            Py_ssize_t named = end, last = min(start, end + self._rest_max)
        while named < last and self._rest[characters[named]]:
            named += 1
        while named > end:
            if self._rest[characters[named - 1]] == 3 and self._follows(window, named, start):
                # A word may itself say `id`; what a name adds to it may not.
                return self._harmless.find(window, max(0, named - self._harmless_max), named, named) < 0
            named -= 1
        return self._follows(window, end, start)

    cdef bint _follows(self, bytes window, Py_ssize_t end, Py_ssize_t start) except -1:
        """Whether what stands between a name and a value makes it that."""
        if self._signed.run(window, end, start) >= 0:
            return True
        return (self._unsigned.run(window, end, start) >= 0
                and self._before.find(window, max(0, end - self._before_max), end, end) >= 0)


@cython.final
cdef class WordsBefore:
    """Whether a word stands shortly before a place, behind the last placeholder.

    `words` matches the words where they begin, up to one character behind the place. With `leads` they are parts of
    names: `words` matches up to the place, and `leads` tells whether the end of a word leads to it.
    """

    cdef:
        Automaton _words
        Assignment _leads

    def __cinit__(self, Automaton words not None, *, Assignment leads=None):
        self._words, self._leads = words, leads

    def compile(self) -> None:
        """Find out now what would fail later: raises what makes the automaton does."""
        self._words._prepare()

    def __call__(self, bytes window not None, Py_ssize_t start) -> bool:
        if not 0 <= start <= len(window):
            raise ValueError("the place is in the window")
        return self.may_stand(window, start) and self.stand(window, start)

    cdef inline bint may_stand(self, bytes window, Py_ssize_t start) noexcept:
        """Rules out most places at once; those where it says yes have to be asked about."""
        # `noexcept`: it reads bytes before a place that is in the window, and is asked at each place that may be a head.
        return self._leads is None or _may_be_value(<const unsigned char*> PyBytes_AS_STRING(window), start)

    cdef bint stand(self, bytes window, Py_ssize_t start) except -1:
        cdef:
            Py_ssize_t first = max(0, start - CONTEXT_REACH), at = first, behind
            Py_ssize_t end = start if self._leads is not None else min(start + 1, <Py_ssize_t> len(window))
        at = self._words.find(window, at, start, end)
        if at < 0:
            return False
        behind = _behind_placeholder(window, first, start)
        while True:
            if at >= behind and (
                self._leads is None or self._leads.leads(window, self._words.run(window, at, end), start)
            ):
                return True
            at = self._words.find(window, max(at + 1, behind), start, end)
            if at < 0:
                return False


@cython.final
cdef class Apart:
    """Whether a match stands apart: from the groups of a longer number, and from a word that claims it for another kind.

    With `groups` no digit and a separator may stand before it: what is behind them is the rest of a longer number. So
    it is behind what was replaced, since that may have been such a number. None of the words of `claims` may lead to it.
    """

    cdef:
        bint _groups
        WordsBefore _claims

    def __cinit__(self, *, bint groups=False, WordsBefore claims=None):
        self._groups, self._claims = groups, claims

    def __call__(self, bytes window not None, Py_ssize_t start) -> bool:
        if not 0 <= start <= len(window):
            raise ValueError("the place is in the window")
        return self.stand(window, start)

    cdef bint stand(self, bytes window, Py_ssize_t start) except -1:
        if self._groups and _is_grouped(window, start):
            return False
        return self._claims is None or not (self._claims.may_stand(window, start) and self._claims.stand(window, start))


cdef bint _is_grouped(bytes window, Py_ssize_t start) except -1:
    """Whether a digit or a placeholder, and one separator, stand before a place."""
    cdef:
        const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
        Py_ssize_t at = start - 2, last
    if at < 0 or characters[start - 1] not in b" ./-":
        return False
    if 0x30 <= characters[at] <= 0x39:
        return True
    if characters[at] != 0x5D:
        return False
    last = max(len(_PLACEHOLDER), at - RULE_NAME_MAX)
    while at > last and _is_of_a_name(characters[at - 1]):
        at -= 1
    return (characters[at] != 0x5D and at >= <Py_ssize_t> len(_PLACEHOLDER)
            and window.startswith(_PLACEHOLDER, at - len(_PLACEHOLDER)))


cdef inline bint _is_of_a_name(unsigned char character) noexcept nogil:
    return 0x61 <= character <= 0x7A or 0x30 <= character <= 0x39 or character == 0x5F


cdef Py_ssize_t _behind_placeholder(bytes window, Py_ssize_t first, Py_ssize_t start) except -1:
    """`first`, or the end of the last placeholder before `start`."""
    cdef:
        const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
        Py_ssize_t at = start, earliest = max(0, first - len(_PLACEHOLDER) - RULE_NAME_MAX)
    while at > earliest:
        at -= 1
        if characters[at] == 0x5B and window.startswith(_PLACEHOLDER, at, start):
            at = window.find(b"]", at, start)
            return start if at < 0 else max(first, at + 1)
    return first


cdef bint _may_be_value(const unsigned char* characters, Py_ssize_t start) noexcept:
    """Whether what stands before a place can lead to a value. It rules most places out, and words are tried after it.

    There is a sign and what opens a value; or only blanks and quotes, behind a word such as `is`, `token`, `Bearer`.
    `noexcept`: it reads at most OPENING_MAX bytes before a place that is in the window, and none before the first.
    """
    cdef:
        Py_ssize_t at = start, last = max(0, start - OPENING_MAX)
        unsigned char character, before
    while at > last:
        at -= 1
        character = characters[at]
        if character in b"=:>,(|?":
            return True
        if character not in b"\"'`\\ \t\n\r\v\f":
            break
    if at == start or at == start - 1 or at < 1:
        return False
    character, before = characters[at] | 0x20, characters[at - 1] | 0x20
    if character == 0x73 or character == 0x63:  # is, basic
        return before == 0x69
    if character == 0x74:  # ist, est, secret
        return before == 0x73 or before == 0x65
    if character == 0x79:  # key, by
        return before == 0x65 or before == 0x62
    if character == 0x6E or character == 0x72:  # token, bearer
        return before == 0x65
    return character == 0x64 and before == 0x72  # word

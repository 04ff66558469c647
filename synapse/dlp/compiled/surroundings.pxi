# Whether a word of its context stands before a match.


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
cdef class WordsBefore:
    """Whether a word stands shortly before a place, behind the last placeholder.

    `make` gives two functions when they are first needed. `begins(text, at)` finds where the first letters of a word
    stand in a text in small letters; `match(window, at, end)` tells whether a word begins at that place, and leads to
    what begins at `end`, or one character before it when not `assigned`.
    """

    cdef:
        object _make, _begins, _match
        bint _assigned

    def __cinit__(self, make, *, bint assigned):
        self._make = make
        self._assigned = assigned

    def compile(self) -> None:
        """Find out now what would fail later: raises what the given function does."""
        begins, match = self._make()
        self._begins, self._match = begins, match

    def __call__(self, bytes window not None, Py_ssize_t start) -> bool:
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(window)
            Py_ssize_t first, at = 0, end
            bytes left
        if not 0 <= start <= len(window):
            raise ValueError("the place is in the window")
        if self._assigned and not _may_be_value(characters, start):
            return False
        first = _behind_placeholder(window, max(0, start - CONTEXT_REACH), start)
        if self._match is None:
            self.compile()
        left = window[first:start].lower()
        end = start if self._assigned else start + 1
        # Where no word begins the whole expression, with all its words, need not be tried.
        while True:
            begun = self._begins(left, at)
            if begun is None:
                return False
            at = <Py_ssize_t> begun.start() + 1
            if self._match(window, first + at - 1, end):
                return True


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

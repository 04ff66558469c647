# What tells a random token from a placeholder.


cdef enum:
    HAS_DIGIT = 1
    HAS_SMALL = 2
    HAS_CAPITAL = 4
    VARIED_CHARS = 16
    VARIED_MIN = 6

DIGIT, SMALL, CAPITAL = HAS_DIGIT, HAS_SMALL, HAS_CAPITAL


def kinds(bytes match not None) -> int:
    """Whether there are digits, small letters and capital letters: a sum of DIGIT, SMALL and CAPITAL."""
    cdef:
        unsigned char character
        int found = 0
    for character in match:
        if 0x30 <= character <= 0x39:
            found |= HAS_DIGIT
        elif 0x61 <= character <= 0x7A:
            found |= HAS_SMALL
        elif 0x41 <= character <= 0x5A:
            found |= HAS_CAPITAL
    return found


def varied(bytes match not None) -> bool:
    """No placeholder such as `xxxx…`: sixteen random characters have fewer than six different ones in no lifetime."""
    cdef:
        const unsigned char* characters = match
        Py_ssize_t index, length = len(match)
        unsigned char seen[256]
        int different = 0
    memset(seen, 0, sizeof(seen))
    for index in range(max(0, length - VARIED_CHARS), length):
        different += not seen[characters[index]]
        seen[characters[index]] = 1
    return different >= VARIED_MIN


def repeats(bytes match not None, Py_ssize_t times) -> bool:
    """Whether a character stands so many times in a row, twice at least."""
    cdef:
        const unsigned char* characters = match
        Py_ssize_t index, row = 1
    for index in range(1, len(match)):
        row = row + 1 if characters[index] == characters[index - 1] else 1
        if row >= times:
            return True
    return False

"""The compiled loops of the DLP engine. It knows buffers and offsets, not policy; its face is `_dlp.pyi`."""

from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ


def luhn(str text not None) -> bool:
    """Whether the digits of `text`, whatever stands between them, pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    cdef:
        int kind = PyUnicode_KIND(text)
        void* characters = PyUnicode_DATA(text)
        Py_ssize_t index = len(text)
        Py_UCS4 character
        int digit, total = 0, doubled = 0, count = 0
    while index > 0:
        index -= 1
        character = PyUnicode_READ(kind, characters, index)
        if character < u"0" or character > u"9":
            continue
        digit = <int> character - 48
        if doubled:
            digit *= 2
            if digit > 9:
                digit -= 9
        doubled ^= 1
        # 10 divides 100, so the sum may be cut down at any time; no length of text overflows it.
        total = (total + digit) % 10
        count += 1
    return count > 0 and total == 0


def mod97(str text not None) -> int:
    """The remainder by 97 of `text` read as a number, a letter standing for 10 to 35; other characters are skipped."""
    cdef:
        int kind = PyUnicode_KIND(text)
        void* characters = PyUnicode_DATA(text)
        Py_ssize_t index
        Py_UCS4 character
        int remainder = 0
    for index in range(len(text)):
        character = PyUnicode_READ(kind, characters, index)
        if u"0" <= character <= u"9":
            remainder = (remainder * 10 + <int> character - 48) % 97
        elif u"A" <= character <= u"Z":
            remainder = (remainder * 100 + <int> character - 55) % 97
        elif u"a" <= character <= u"z":
            remainder = (remainder * 100 + <int> character - 87) % 97
    return remainder

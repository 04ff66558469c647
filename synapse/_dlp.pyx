"""The compiled loops of the DLP engine. It knows buffers and offsets, not policy; its face is `_dlp.pyi`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_KIND, PyUnicode_READ

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)

cdef enum:
    DROPPED = 0xFF  # the value of a page's byte that says "this code point leaves no trace"
    PAGES = 0x1100


cdef class Folding:
    """Folds text to one byte, or none, for each code point, by a table of pages of 256 code points.

    `fold_page(page)` gives the 256 bytes of a page, 0xFF for a code point that is dropped. A page is made when a text
    first needs it: most deployments never see more than a dozen of the 4,352.
    """

    cdef object _fold_page
    cdef list _owners
    cdef const unsigned char* _pages[PAGES]

    def __cinit__(self, fold_page):
        self._fold_page = fold_page
        self._owners = []

    cdef const unsigned char* _page(self, Py_ssize_t number) except NULL:
        cdef bytes page
        if self._pages[number] is NULL:
            page = self._fold_page(number)
            if len(page) != 256:
                raise ValueError("a page has 256 bytes")
            self._owners.append(page)
            self._pages[number] = <const unsigned char*> PyBytes_AS_STRING(page)
        return self._pages[number]

    def fold(self, str text not None) -> tuple:
        """The folded bytes, and for each of them its offset in the text: None when every offset is its own."""
        cdef:
            Py_ssize_t length = len(text), index, size = 0
            int kind
            void* characters
            unsigned int character, last_page = 0xFFFFFFFF
            const unsigned char* page = NULL
            unsigned char folded
            unsigned char* out
            bytes result
        if PyUnicode_IS_ASCII(text):
            return PyBytes_FromStringAndSize(<char*> PyUnicode_DATA(text), length), None
        kind = PyUnicode_KIND(text)
        characters = PyUnicode_DATA(text)
        result = PyBytes_FromStringAndSize(NULL, length)
        out = <unsigned char*> PyBytes_AS_STRING(result)
        for index in range(length):
            character = <unsigned int> PyUnicode_READ(kind, characters, index)
            if character >> 8 != last_page:
                last_page = character >> 8
                page = self._page(last_page)
            folded = page[character & 0xFF]
            if folded == DROPPED:
                return self._fold_and_drop(text, result, index)
            out[index] = folded
        return result, None

    cdef tuple _fold_and_drop(self, str text, bytes begun, Py_ssize_t size):
        """The same from the first dropped code point on, with offsets."""
        cdef:
            Py_ssize_t length = len(text), index
            int kind = PyUnicode_KIND(text)
            void* characters = PyUnicode_DATA(text)
            unsigned int character
            unsigned char folded
            unsigned char* out = <unsigned char*> PyBytes_AS_STRING(begun)
            list offsets = list(range(size))
        for index in range(size, length):
            character = <unsigned int> PyUnicode_READ(kind, characters, index)
            folded = self._page(character >> 8)[character & 0xFF]
            if folded != DROPPED:
                out[size] = folded
                size += 1
                offsets.append(index)
        return begun[:size], offsets


def collect(pattern, start, end, flags, dict ends not None) -> None:
    """A match handler: appends each end to its pattern's list in `ends`."""
    cdef list known = ends.get(pattern)
    if known is None:
        ends[pattern] = [end]
    else:
        known.append(end)


def farthest(pattern, start, end, flags, list best not None) -> None:
    """A match handler: keeps the largest end in `best[0]`."""
    if end > best[0]:
        best[0] = end


def luhn(bytes text not None) -> bool:
    """Whether the digits of `text`, whatever stands between them, pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    cdef:
        const unsigned char* characters = text
        Py_ssize_t index = len(text)
        int digit, total = 0, doubled = 0, count = 0
    while index > 0:
        index -= 1
        digit = <int> characters[index] - 48
        if digit < 0 or digit > 9:
            continue
        if doubled:
            digit *= 2
            if digit > 9:
                digit -= 9
        doubled ^= 1
        # Cut down each time, so that no length of text overflows it.
        total = (total + digit) % 10
        count = 1
    return count > 0 and total == 0


def mod97(bytes text not None) -> int:
    """The remainder by 97 of `text` read as a number, a letter standing for 10 to 35; other characters are skipped."""
    cdef:
        const unsigned char* characters = text
        Py_ssize_t index
        int character, remainder = 0
    for index in range(len(text)):
        character = characters[index]
        if 48 <= character <= 57:
            remainder = (remainder * 10 + character - 48) % 97
        elif 65 <= character <= 90:
            remainder = (remainder * 100 + character - 55) % 97
        elif 97 <= character <= 122:
            remainder = (remainder * 100 + character - 87) % 97
    return remainder

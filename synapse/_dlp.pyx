"""The compiled loops of the DLP engine. It knows buffers and offsets, not policy; its face is `_dlp.pyi`."""

from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact, PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.set cimport PySet_Contains
from cpython.unicode cimport (
    PyUnicode_CheckExact, PyUnicode_DATA, PyUnicode_FindChar, PyUnicode_GET_LENGTH, PyUnicode_KIND, PyUnicode_READ,
)

import array

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)

cdef enum:
    DROPPED = 0xFF  # the value of a page's byte that says "this code point leaves no trace"
    PAGES = 0x1100
    # Ends of triggers no further apart than this are one stretch: the confirm pass looks further around each anyway.
    GAP_MAX = 32

# What arrays of places are cloned from: four bytes for each, since no scanned text comes near 4 GiB.
cdef array.array _UINTS = array.array("I")


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
        """The folded bytes, and for each of them its offset in the text: None when every offset is its own.

        ASCII without control characters, but for line feeds, is taken as it is: it must be its own image.
        """
        cdef:
            Py_ssize_t length = len(text), index, size = 0
            int kind
            void* characters
            unsigned int character, last_page = 0xFFFFFFFF
            const unsigned char* page = NULL
            unsigned char folded
            unsigned char* out
            bytes result
        if PyUnicode_IS_ASCII(text) and _is_plain(<const unsigned char*> PyUnicode_DATA(text), length):
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
            array.array offsets = array.clone(_UINTS, length, False)
        for index in range(size):
            offsets.data.as_uints[index] = <unsigned int> index
        for index in range(size, length):
            character = <unsigned int> PyUnicode_READ(kind, characters, index)
            folded = self._page(character >> 8)[character & 0xFF]
            if folded != DROPPED:
                out[size] = folded
                offsets.data.as_uints[size] = <unsigned int> index
                size += 1
        array.resize(offsets, size)
        return begun[:size], offsets


cdef bint _is_plain(const unsigned char* characters, Py_ssize_t length) noexcept nogil:
    cdef:
        Py_ssize_t index
        unsigned char others = 0
    # Without a way out of the loop, so that the compiler makes vectors of it.
    for index in range(length):
        others |= ((characters[index] < 0x20) & (characters[index] != 0x0A)) | (characters[index] == 0x7F)
    return not others


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


def farthest(pattern, start, end, flags, list best not None) -> None:
    """A match handler: keeps the largest end in `best[0]`."""
    if end > best[0]:
        best[0] = end


cdef class StringWalk:
    """Collects the strings of parsed JSON in one pass, for one scan of all of them.

    These are the values, the keys not in `known`, and the text of integers from `number_min` up, whatever their sign;
    0 for none. `media` names the values that are passed over: `{parent key: (key, what the value begins with)}`.
    Values under the key `encoded` that have a backslash in them are JSON in a string, and told apart as well.
    """

    cdef frozenset _known
    cdef dict _media
    cdef str _encoded
    cdef long long _number_min

    def __init__(self, *, frozenset known not None, dict media not None = {}, str encoded not None = "",
                 long long number_min = 0):
        self._known = known
        self._media = media
        self._encoded = encoded
        self._number_min = number_min

    def collect(self, value, list strings not None, *, int depth_max, list escaped=None) -> bool:
        """Appends to `strings`, and to `escaped` those under `encoded`. False: it did not see all of the value.

        So it is for a value nested deeper than `depth_max` objects and arrays, or that is not of JSON's own types.
        """
        return self._take(value, None, strings, escaped, depth_max)

    cdef bint _take(self, value, key, list strings, list escaped, int room) except -1:
        if PyUnicode_CheckExact(value):
            strings.append(value)
            if (escaped is not None and key is not None and key == self._encoded
                    and PyUnicode_FindChar(value, 0x5C, 0, PyUnicode_GET_LENGTH(value), 1) >= 0):
                escaped.append(value)
            return True
        if PyDict_CheckExact(value):
            return room > 0 and self._take_object(value, key, strings, escaped, room - 1)
        if PyList_CheckExact(value):
            if room <= 0:
                return False
            for item in <list> value:
                if not self._take(item, None, strings, escaped, room - 1):
                    return False
            return True
        if value is None or value is True or value is False:
            return True
        return self._take_number(value, strings)

    cdef bint _take_object(self, value, parent, list strings, list escaped, int room) except -1:
        cdef:
            Py_ssize_t position = 0
            PyObject* key_reference
            PyObject* item_reference
            tuple media = None if parent is None else self._media.get(parent)
        while PyDict_Next(value, &position, &key_reference, &item_reference):
            key, item = <object> key_reference, <object> item_reference
            if not PyUnicode_CheckExact(key):
                return False
            if not PySet_Contains(self._known, key):
                strings.append(key)
            if media is not None and key == media[0] and PyUnicode_CheckExact(item) and item.startswith(media[1]):
                continue
            if not self._take(item, key, strings, escaped, room):
                return False
        return True

    cdef bint _take_number(self, value, list strings) except -1:
        cdef:
            int overflow = 0
            long long number
            double fraction
        if PyLong_CheckExact(value):
            if self._number_min:
                number = PyLong_AsLongLongAndOverflow(value, &overflow)
                if overflow or number >= self._number_min or number <= -self._number_min:
                    strings.append(str(value))
            return True
        if PyFloat_CheckExact(value):
            fraction = PyFloat_AS_DOUBLE(value)
            # Writers of JSON differ in how they spell a large one.
            return not self._number_min or -self._number_min < fraction < self._number_min
        return False


def same_quotes(bytes payload not None, value, *, int depth_max) -> bool:
    """Whether `payload` has as many quotation marks as `value`, which was read from it, has when it is written again.

    Also False for a value nested deeper than `depth_max` objects and arrays, or that is not of JSON's own types.
    """
    cdef:
        const unsigned char* characters = payload
        Py_ssize_t index, there = 0, written = 0
    for index in range(len(payload)):
        there += characters[index] == 0x22
    return _add_quotes(value, &written, depth_max) and there == written


cdef bint _add_quotes(value, Py_ssize_t* count, int room) except -1:
    cdef:
        Py_ssize_t position = 0
        PyObject* key
        PyObject* item
    if PyUnicode_CheckExact(value):
        count[0] += 2 + _quotes_inside(value)
        return True
    if PyDict_CheckExact(value):
        if room <= 0:
            return False
        while PyDict_Next(value, &position, &key, &item):
            if not PyUnicode_CheckExact(<object> key):
                return False
            count[0] += 2 + _quotes_inside(<object> key)
            if not _add_quotes(<object> item, count, room - 1):
                return False
        return True
    if PyList_CheckExact(value):
        if room <= 0:
            return False
        for element in <list> value:
            if not _add_quotes(element, count, room - 1):
                return False
        return True
    return value is None or value is True or value is False or PyLong_CheckExact(value) or PyFloat_CheckExact(value)


cdef Py_ssize_t _quotes_inside(text):
    cdef:
        Py_ssize_t length = PyUnicode_GET_LENGTH(text), index, count = 0
        int kind = PyUnicode_KIND(text)
        const unsigned char* bytes_of_one
        const unsigned short* bytes_of_two
        const unsigned int* bytes_of_four
    # A loop for each width, so that the compiler makes vectors of it.
    if kind == 1:
        bytes_of_one = <const unsigned char*> PyUnicode_DATA(text)
        for index in range(length):
            count += bytes_of_one[index] == 0x22
    elif kind == 2:
        bytes_of_two = <const unsigned short*> PyUnicode_DATA(text)
        for index in range(length):
            count += bytes_of_two[index] == 0x22
    else:
        bytes_of_four = <const unsigned int*> PyUnicode_DATA(text)
        for index in range(length):
            count += bytes_of_four[index] == 0x22
    return count


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

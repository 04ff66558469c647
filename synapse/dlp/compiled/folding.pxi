# Folds text to its shadow, by a table of pages.

ctypedef const unsigned char _Latin

ctypedef fused Character:
    _Latin
    const unsigned short
    const unsigned int


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

    cdef bint _makes_page(self, Py_ssize_t number) except -1:
        """Make a page; False when it was there."""
        cdef bytes page
        if self._pages[number] is not NULL:
            return False
        page = self._fold_page(number)
        if len(page) != 256:
            raise ValueError("a page has 256 bytes")
        # Whoever makes pages may fold texts meanwhile, and have made this one.
        if self._pages[number] is NULL:
            self._owners.append(page)
            self._pages[number] = <const unsigned char*> PyBytes_AS_STRING(page)
        return True

    def fold(self, str text not None) -> tuple:
        """The folded bytes, and for each of them its offset in the text: None when every offset is its own.

        ASCII without control characters, but for line feeds, is taken as it is: it must be its own image.
        """
        cdef:
            Py_ssize_t length = PyUnicode_GET_LENGTH(text), size = 0, at
            bytes shadow
            array.array offsets
            unsigned char* out
        if PyUnicode_IS_ASCII(text) and _is_plain(<const unsigned char*> PyUnicode_DATA(text), length):
            return PyBytes_FromStringAndSize(<char*> PyUnicode_DATA(text), length), None
        shadow = PyBytes_FromStringAndSize(NULL, length)
        out = <unsigned char*> PyBytes_AS_STRING(shadow)
        at = self._fold_into(text, 0, out, &size, NULL, True)
        if at == length:
            return shadow, None
        # The first one that is dropped: from here on the offsets are told.
        offsets = array.clone(_UINTS, length, False)
        for size in range(at):
            offsets.data.as_uints[size] = <unsigned int> size
        size = at
        self._fold_into(text, at, out, &size, offsets.data.as_uints, False)
        array.resize(offsets, size)
        return shadow[:size], offsets

    def window(self, str text not None) -> bytes:
        """The edge of a text and the folded bytes behind it. Their number tells whether any character was dropped."""
        cdef:
            Py_ssize_t length = PyUnicode_GET_LENGTH(text), size = 0
            bytes window = PyBytes_FromStringAndSize(NULL, length + 1)
            unsigned char* out = <unsigned char*> PyBytes_AS_STRING(window)
        out[0] = <unsigned char> EDGE[0]
        if PyUnicode_IS_ASCII(text) and _is_plain(<const unsigned char*> PyUnicode_DATA(text), length):
            memcpy(out + 1, PyUnicode_DATA(text), length)
            return window
        if self._fold_into(text, 0, out + 1, &size, NULL, True) == length:
            return window
        self._fold_into(text, size, out + 1, &size, NULL, False)
        return window[: size + 1]

    cdef Py_ssize_t _fold_into(self, str text, Py_ssize_t at, unsigned char* out, Py_ssize_t* size, unsigned int* offsets,
                               bint whole) except -1:
        """Fold from a place on; tells where it ended: when it must be whole, at the first code point that is dropped."""
        cdef:
            Py_ssize_t length = PyUnicode_GET_LENGTH(text)
            int kind = PyUnicode_KIND(text)
            void* characters = PyUnicode_DATA(text)
        while True:
            if kind == 1:
                at = _fold(self._pages, <const unsigned char*> characters, at, length, out, size, offsets, whole)
            elif kind == 2:
                at = _fold(self._pages, <const unsigned short*> characters, at, length, out, size, offsets, whole)
            else:
                at = _fold(self._pages, <const unsigned int*> characters, at, length, out, size, offsets, whole)
            if at == length or not self._makes_page(<unsigned int> PyUnicode_READ(kind, characters, at) >> 8):
                return at


cdef Py_ssize_t _fold(const unsigned char** pages, Character* s, Py_ssize_t at, Py_ssize_t length, unsigned char* out,
                      Py_ssize_t* size, unsigned int* offsets, bint whole) noexcept nogil:
    """Fold up to the first code point whose page is not made yet or, when it must be whole, which is dropped."""
    cdef:
        Py_ssize_t count = size[0], plain = at  # where eight plain characters are next looked for
        unsigned long long eight
        unsigned int c
        unsigned char folded
        const unsigned char* page
    while at < length:
        if Character is _Latin and offsets is NULL and at >= plain:
            if at + 8 <= length:
                memcpy(&eight, s + at, 8)
                if _all_visible(eight):
                    memcpy(out + count, &eight, 8)
                    at += 8
                    count += 8
                    continue
            plain = at + 8
        c = s[at]
        page = pages[c >> 8]
        if page is NULL:
            break
        folded = page[c & 0xFF]
        out[count] = folded
        if whole:
            if folded == DROPPED:
                break
            count += 1
        else:
            if offsets is not NULL:
                offsets[count] = <unsigned int> at
            count += folded != DROPPED
        at += 1
    size[0] = count
    return at


cdef inline bint _all_visible(unsigned long long eight) noexcept nogil:
    """Whether each byte is ASCII and no control character, so that its image is itself."""
    # Of each byte the seven lower bits are raised so far that the highest tells whether it reaches a bound.
    cdef unsigned long long low = eight & 0x7F7F7F7F7F7F7F7FULL
    return ((low + 0x6060606060606060ULL) & ~(low + 0x0101010101010101ULL) & ~eight & 0x8080808080808080ULL
            ) == 0x8080808080808080ULL


cdef bint _is_plain(const unsigned char* characters, Py_ssize_t length) noexcept nogil:
    cdef:
        Py_ssize_t index
        unsigned char others = 0
    # Without a way out of the loop, so that the compiler makes vectors of it.
    for index in range(length):
        others |= ((characters[index] < 0x20) & (characters[index] != 0x0A)) | (characters[index] == 0x7F)
    return not others

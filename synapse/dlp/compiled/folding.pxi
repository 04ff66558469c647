# Folds text to its shadow, by a table of pages.

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

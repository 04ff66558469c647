# The text of a streamed delta, without parsing it: most events of a stream differ in nothing else.


@cython.final
cdef class DeltaTemplate:
    """Reads events that are, byte by byte, one that was parsed, but for one text and perhaps one padding.

    An event is `before`, the body of a JSON string, `after`; with `padded`, it is `before`, the body, `after`, letters
    and digits, `end`. The body has no quotation mark and nothing else that would end a string, so that every parser
    reads from such an event what it read from the first, with another text.
    """

    cdef:
        readonly bytes before, after, end
        readonly bint padded

    def __cinit__(self, bytes before not None, bytes after not None, *, bytes end=None):
        self.before, self.after = before, after
        self.padded = end is not None
        self.end = b"" if end is None else end

    def read(self, bytes event not None):
        """The text and the padding of an event; None when it is another kind of event."""
        cdef:
            const unsigned char* characters = <const unsigned char*> PyBytes_AS_STRING(event)
            Py_ssize_t length = len(event), start = len(self.before), stop, pad = length - len(self.end)
        if length < start + len(self.after) + len(self.end):
            return None
        if memcmp(characters, PyBytes_AS_STRING(self.before), start) != 0:
            return None
        stop = pad
        if self.padded:
            if memcmp(characters + pad, PyBytes_AS_STRING(self.end), len(self.end)) != 0:
                return None
            while stop > start and _is_alphanumeric(characters[stop - 1]):
                stop -= 1
        stop -= len(self.after)
        if stop < start or memcmp(characters + stop, PyBytes_AS_STRING(self.after), len(self.after)) != 0:
            return None
        text = _string_body(characters + start, stop - start)
        if text is None:
            return None
        if not self.padded:
            return text, ""
        return text, PyUnicode_DecodeUTF8(
            <const char*> characters + stop + len(self.after), pad - stop - len(self.after), "strict"
        )

    def write(self, bytes body not None, str padding not None) -> bytes:
        """An event with another body; it is the inside of a JSON string."""
        return b"".join((self.before, body, self.after, padding.encode("ascii"), self.end))


cdef object _string_body(const unsigned char* characters, Py_ssize_t length):
    """What the inside of a JSON string says; None where it is none, or has escapes of code units."""
    cdef:
        Py_ssize_t index = 0, size = 0
        unsigned char character
        bytes plain
        char* out
    while index < length and characters[index] != 0x5C:
        if characters[index] < 0x20 or characters[index] == 0x22:
            return None
        index += 1
    try:
        if index == length:
            return PyUnicode_DecodeUTF8(<const char*> characters, length, "strict")
        plain = PyBytes_FromStringAndSize(NULL, length)
        out = PyBytes_AS_STRING(plain)
        memcpy(out, characters, index)
        size = index
        while index < length:
            character = characters[index]
            if character < 0x20 or character == 0x22:
                return None
            if character == 0x5C:
                index += 1
                character = _escaped(characters[index]) if index < length else 0
                if character == 0:
                    return None
            out[size] = <char> character
            size += 1
            index += 1
        return PyUnicode_DecodeUTF8(out, size, "strict")
    except UnicodeDecodeError:
        return None


cdef unsigned char _escaped(unsigned char letter) noexcept:
    """What a backslash and a letter stand for (RFC 8259, section 7); 0 for none, and for code units."""
    if letter == 0x22 or letter == 0x5C or letter == 0x2F:
        return letter
    if letter == 0x6E:
        return 0x0A
    if letter == 0x74:
        return 0x09
    if letter == 0x72:
        return 0x0D
    if letter == 0x62:
        return 0x08
    return 0x0C if letter == 0x66 else 0


cdef bint _is_alphanumeric(unsigned char character) noexcept:
    return 48 <= character <= 57 or 65 <= character <= 90 or 97 <= character <= 122

# Which views of a text may be worth making (`synapse/dlp/views`). Every block of eight characters is looked at through a
# table; only what stands out is looked at again. Ordinary text pays less for this than for a tenth of its scan.

cdef enum:
    # What `view_hints` answers, in sum.
    HINT_ESCAPED = 1  # characters written as entities or escapes
    HINT_SPLIT = 2  # markup, or the joint of two string literals, within a word or a number
    HINT_CODED = 4  # a run of base64 or of hex figures that spells something readable, or is compressed
    HINT_LISTED = 8  # numbers one after the other that may be codes of characters
    HINT_SPELLED = 16  # words in place of figures and signs, or letters in place of figures
    HINT_UNSEEN = 32  # tags and variation selectors, which print nothing and can spell
    HINT_FOLDED = 64  # signs that are something else in the shadow: its hints have to be asked for

    # Classes of characters.
    IS_BASE64 = 1
    IS_LISTED = 2  # figures, hex figures and what stands between them in a list
    IS_CARD_LIKE = 4  # figures, letters that look like them, and what stands between them in the number of a card
    IS_OF_FIGURES = 8  # the letters of the words for figures, and what stands between those words
    IS_SPECIAL = 16  # begins something that has to be looked at
    IS_HEX = 32
    IS_WORD = 64  # letters and figures
    IS_PRINTED = 128
    RUNS = IS_BASE64 | IS_LISTED | IS_CARD_LIKE | IS_OF_FIGURES

    BLOCK = 8  # every run that matters has a whole block in it
    RUN_CHARS_MIN = 16  # a shorter run of base64 has less than twelve bytes
    HEX_CHARS_MIN = 20
    NUMBERS_MIN = 10
    BITS_MIN = 80  # as many of eight bits each, without anything between them
    LIST_CHARS_MIN = 29  # as many numbers of two figures
    FIGURE_BLOCKS_MIN = 5  # of the shortest thirteen words for figures, 51 characters
    FIGURE_WORDS_MIN = 6
    READABLE_CHARS_MIN = 8

cdef unsigned char _CLASSES[256]


cdef int _classify() except -1:
    cdef int index
    for index in range(256):
        _CLASSES[index] = IS_SPECIAL if index >= 128 else 0
    for members, of in (
        ("0123456789", IS_BASE64 | IS_LISTED | IS_CARD_LIKE | IS_HEX | IS_WORD),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", IS_BASE64 | IS_WORD),
        ("+/-_", IS_BASE64),
        ("ABCDEFabcdef", IS_HEX | IS_LISTED),
        ("x ,:;|-\n", IS_LISTED),
        ("OoIl -", IS_CARD_LIKE),
        ("EFGHINORSTUVWXZefghinorstuvwxz ,.-\n", IS_OF_FIGURES),
        ("&%\\=*~`<+([{", IS_SPECIAL),
        ("\t\n\r", IS_PRINTED),
        ("".join(map(chr, range(32, 127))), IS_PRINTED),
    ):
        for member in members:
            index = ord(member)
            _CLASSES[index] |= <unsigned char> of
    return 0


_classify()


def view_hints(list texts not None) -> int:
    """The hints of all these texts together; 0, as for nearly all, when no view of any of them can show more."""
    cdef int hints = 0
    for text in texts:
        hints |= _hints_of(text)
    return hints


cdef int _hints_of(str text) except -1:
    cdef:
        Py_ssize_t length = PyUnicode_GET_LENGTH(text)
        int kind = PyUnicode_KIND(text)
        void* characters = PyUnicode_DATA(text)
    if kind == 1:
        return _hints(<const unsigned char*> characters, length)
    if kind == 2:
        return _hints(<const unsigned short*> characters, length)
    return _hints(<const unsigned int*> characters, length)


cdef inline int _class_of(unsigned int c) noexcept nogil:
    return _CLASSES[c] if c < 256 else IS_SPECIAL


cdef int _hints(Character* s, Py_ssize_t length) noexcept nogil:
    cdef:
        Py_ssize_t at = 0, index, coded = 0, listed = 0, card_like = 0
        int hints = 0, every, some, of, figure_blocks = 0
    while at + BLOCK <= length:
        every, some = 0xFF, 0
        for index in range(BLOCK):
            of = _class_of(s[at + index])
            every &= of
            some |= of
        if some & IS_SPECIAL:
            hints |= _specials(s, length, at, at + BLOCK)
        if every & RUNS:
            if every & IS_BASE64 and at >= coded:
                coded = _end_of(s, length, at, IS_BASE64)
                if not hints & HINT_CODED and _is_coded(s, _start_of(s, at, IS_BASE64), coded):
                    hints |= HINT_CODED
            if every & IS_LISTED and at >= listed:
                listed = _end_of(s, length, at, IS_LISTED)
                if _is_list(s, _start_of(s, at, IS_LISTED), listed):
                    hints |= HINT_LISTED
            if every & IS_CARD_LIKE and at >= card_like:
                card_like = _end_of(s, length, at, IS_CARD_LIKE)
                if _is_card_like(s, length, _start_of(s, at, IS_CARD_LIKE), card_like):
                    hints |= HINT_SPELLED
        figure_blocks = figure_blocks + 1 if every & IS_OF_FIGURES else 0
        if figure_blocks >= FIGURE_BLOCKS_MIN and not hints & HINT_SPELLED and _are_figures(s, length, at):
            hints |= HINT_SPELLED
        at += BLOCK
    hints |= _specials(s, length, at, length)
    return hints | HINT_SPELLED if _says_dot(s, length) else hints


cdef bint _says_dot(Character* s, Py_ssize_t length) noexcept nogil:
    cdef:
        Py_ssize_t at
        unsigned char there = 0
    # Without a way out of the loop, so that the compiler makes vectors of it.
    for at in range(length - 2):
        there |= ((s[at] | 32) == 100) & ((s[at + 1] | 32) == 111) & ((s[at + 2] | 32) == 116)
    return there


cdef int _specials(Character* s, Py_ssize_t length, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef:
        Py_ssize_t at
        unsigned int c
        int hints = 0
    for at in range(start, end):
        c = s[at]
        if c >= 128:
            hints |= _beyond_ascii(c)
        elif _CLASSES[c] & IS_SPECIAL:
            hints |= _special(s, length, at)
    return hints


cdef inline int _beyond_ascii(unsigned int c) noexcept nogil:
    if c < 0x2000:
        return HINT_FOLDED if c == 0xAD else 0
    if 0x200B <= c <= 0x200F or 0x202A <= c <= 0x202E or 0x2060 <= c <= 0x206F or c == 0xFEFF or 0xFF01 <= c <= 0xFF5E:
        return HINT_FOLDED
    return HINT_UNSEEN if 0xFE00 <= c <= 0xFE0F or c >= 0xE0000 else 0


cdef int _special(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """What the character at a place begins."""
    cdef:
        unsigned int c = s[at]
        unsigned int following = s[at + 1] if at + 1 < length else 0
    if c == 38:  # &
        return HINT_ESCAPED if following == 35 or _is_letter(following) else _joint(s, length, at)
    if c == 37:  # %
        return HINT_ESCAPED if _class_of(following) & IS_HEX or following == 117 else 0
    if c == 92:  # backslash
        return HINT_ESCAPED if _class_of(following) & IS_PRINTED else 0
    if c == 61:  # =
        return HINT_ESCAPED if (
            at + 3 < length and s[at + 3] == 61 and _class_of(following) & IS_HEX and _class_of(s[at + 2]) & IS_HEX
        ) else 0
    if c == 43:  # +
        return _joint(s, length, at)
    if c == 40 or c == 91 or c == 123:
        return _bracketed(s, length, at)
    return _markup(s, length, at)


cdef int _joint(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """Whether an operator has a quotation mark on either side, with blanks or without."""
    cdef Py_ssize_t left = at - 1, right = at + 1
    while left >= 0 and (s[left] == 32 or s[left] == 10):
        left -= 1
    while right < length and (s[right] == 32 or s[right] == 10):
        right += 1
    return HINT_SPLIT if left >= 0 and right < length and _is_quote(s[left]) and _is_quote(s[right]) else 0


cdef inline bint _is_letter(unsigned int c) noexcept nogil:
    return 97 <= (c | 32) <= 122


cdef inline bint _is_quote(unsigned int c) noexcept nogil:
    return c == 34 or c == 39 or c == 96


cdef int _bracketed(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """Whether a bracket is opened for `at`, `dot` or the signs themselves."""
    cdef unsigned int c
    at += 1
    if at < length and s[at] == 32:
        at += 1
    if at + 1 >= length:
        return 0
    c = s[at]
    if c == 64 or (c == 46 and not _class_of(s[at + 1]) & IS_WORD):
        return HINT_SPELLED
    if (c | 32) == 97 and (s[at + 1] | 32) == 116:
        return HINT_SPELLED
    return HINT_SPELLED if at + 2 < length and (c | 32) == 100 and (s[at + 1] | 32) == 111 and (s[at + 2] | 32) == 116 else 0


cdef int _markup(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """Whether signs of emphasis or tags stand within a word, or beside a figure that goes on after them."""
    cdef:
        Py_ssize_t left = at - 1, right = at
        unsigned int c
        bint blank = False
    if left < 0 or not (_class_of(s[left]) & IS_WORD or s[left] == 64 or s[left] == 46):
        return 0
    while right < length:
        c = s[right]
        if c == 60:
            right = _after_tag(s, length, right)
            if right < 0:
                return 0
        elif c == 42 or c == 126 or c == 96:
            right += 1
        elif (c == 32 or c == 45) and not blank and 48 <= s[left] <= 57:
            blank = True
            right += 1
        else:
            break
    if right >= length:
        return 0
    if 48 <= s[left] <= 57:
        return HINT_SPLIT if 48 <= s[right] <= 57 else 0
    return HINT_SPLIT if not blank and (_class_of(s[right]) & IS_WORD or s[right] == 64 or s[right] == 46) else 0


cdef Py_ssize_t _after_tag(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """The place after a tag, -1 when it is none."""
    cdef Py_ssize_t end = at + 1, last = min(length, at + 80)
    if end < length and (s[end] == 47 or s[end] == 33):
        end += 1
    if end >= length or not (_is_letter(s[end]) or s[end] == 45):
        return -1
    while end < last:
        if s[end] == 62:
            return end + 1
        end += 1
    return -1


cdef Py_ssize_t _end_of(Character* s, Py_ssize_t length, Py_ssize_t at, int kind) noexcept nogil:
    while at < length and _class_of(s[at]) & kind:
        at += 1
    return at


cdef Py_ssize_t _start_of(Character* s, Py_ssize_t at, int kind) noexcept nogil:
    while at > 0 and _class_of(s[at - 1]) & kind:
        at -= 1
    return at


cdef bint _is_card_like(Character* s, Py_ssize_t length, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    """Whether there are figures and look-alikes enough for the number of a card, without the halves of words."""
    cdef Py_ssize_t at, figures = 0, letters = 0
    if start > 0 and _class_of(s[start - 1]) & IS_WORD:
        while start < end and _class_of(s[start]) & IS_WORD:
            start += 1
    if end < length and _class_of(s[end]) & IS_WORD:
        while end > start and _class_of(s[end - 1]) & IS_WORD:
            end -= 1
    for at in range(start, end):
        if 48 <= s[at] <= 57:
            figures += 1
        elif s[at] != 32 and s[at] != 45:
            letters += 1
    return figures > 0 and letters > 0 and figures + letters >= 16


cdef bint _are_figures(Character* s, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """Whether some words from a place on are words for figures: "four one one"."""
    cdef Py_ssize_t number
    cdef unsigned int a, b
    at = _start_of(s, at, IS_WORD)
    for number in range(FIGURE_WORDS_MIN):
        if at + 2 >= length:
            return number > 0
        a, b = s[at] | 32, s[at + 1] | 32
        if not (
            (a == 111 and (b == 110 or b == 104)) or (a == 116 and (b == 119 or b == 104))
            or (a == 115 and (b == 105 or b == 101)) or (a == 122 and b == 101)
            or (a == 102 and (b == 111 or b == 105)) or (a == 110 and b == 105) or (a == 101 and b == 105)
        ):
            return False
        at = _end_of(s, length, at, IS_WORD)
        while at < length and not _class_of(s[at]) & IS_WORD and _class_of(s[at]) & IS_OF_FIGURES:
            at += 1
    return True


cdef bint _is_list(Character* s, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    """Whether numbers of the size of character codes follow each other closely."""
    cdef Py_ssize_t at = start, size, blanks, numbers = 0
    if end - start < LIST_CHARS_MIN:
        return False
    while at < end:
        size = 0
        while at < end and (_class_of(s[at]) & IS_HEX or s[at] == 120):
            size += 1
            at += 1
        if size >= BITS_MIN:
            return True
        numbers = numbers + 1 if 2 <= size <= 4 or 7 <= size <= 8 else 0
        if numbers >= NUMBERS_MIN:
            return True
        blanks = 0
        while at < end and not (_class_of(s[at]) & IS_HEX or s[at] == 120):
            blanks += 1
            at += 1
        if blanks > 2:
            numbers = 0
    return False


cdef bint _is_coded(Character* s, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef int shift
    if end - start < RUN_CHARS_MIN:
        return False
    for shift in range(4):
        if _is_readable_base64(s, start + shift, end):
            return True
    if end - start < HEX_CHARS_MIN:
        return False
    return _is_readable_hex(s, start, end) or _is_readable_hex(s, start + 1, end)


cdef bint _is_readable_base64(Character* s, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef:
        Py_ssize_t at
        unsigned int bits = 0, value, c, last = 1, number = 0, first = 0
        int readable = 0, room = 0
    for at in range(start, end):
        c = s[at]
        if c >= 97:
            value = c - 71
        elif c == 95:
            value = 63
        elif c >= 65:
            value = c - 65
        elif c >= 48:
            value = c + 4
        else:
            value = 63 if c == 47 else 62
        bits = (bits << 6) | value
        room += 6
        if room < 8:
            continue
        room -= 8
        value = (bits >> room) & 0xFF
        number += 1
        if number == 1:
            first = value
        elif number == 2 and (
            (first == 0x1F and value == 0x8B)
            or (first == 0x78 and (value == 0x01 or value == 0x5E or value == 0x9C or value == 0xDA))
        ):
            return True  # compressed
        if value < 128 and _CLASSES[value] & IS_PRINTED:
            readable += 1
            if readable >= READABLE_CHARS_MIN:
                return True
        elif value != 0 or last == 0:  # single zeros stand between the letters of UTF-16
            readable = 0
        last = value
    return False


cdef bint _is_readable_hex(Character* s, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    cdef:
        Py_ssize_t at = start
        unsigned int value, last = 1
        int readable = 0
    while at + 1 < end:
        if not (_class_of(s[at]) & IS_HEX and _class_of(s[at + 1]) & IS_HEX):
            readable = 0
            at += 1  # the pairs may begin on the other foot
            continue
        value = _figure(s[at]) * 16 + _figure(s[at + 1])
        if value < 128 and _CLASSES[value] & IS_PRINTED:
            readable += 1
            if readable >= READABLE_CHARS_MIN:
                return True
        elif value != 0 or last == 0:
            readable = 0
        last = value
        at += 2
    return False


cdef inline unsigned int _figure(unsigned int c) noexcept nogil:
    return c - 48 if c <= 57 else (c | 32) - 87

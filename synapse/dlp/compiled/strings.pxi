# The strings of parsed JSON.

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

    def __cinit__(self, *, frozenset known not None, dict media not None = {}, str encoded not None = "",
                  long long number_min = 0):
        self._known = known
        self._media = dict(media)
        if not all(
            type(named) is tuple and len(named) == 2 and type(named[0]) is str and type(named[1]) is str
            for named in self._media.values()
        ):
            raise ValueError("a medium is named by its key and by what its value begins with")
        if number_min < 0:
            raise ValueError("numbers are taken whatever their sign; give the least as a positive one")
        self._encoded = encoded
        self._number_min = number_min

    def collect(self, value, list strings not None, *, int depth_max, list escaped=None) -> bool:
        """Appends to `strings`, and to `escaped` those under `encoded`. False: it did not see all of the value.

        So it is for a value nested deeper than `depth_max` objects and arrays, or that is not of JSON's own types.
        """
        return self._take(value, None, strings, escaped, min(depth_max, DEPTH_MAX))

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
    return _add_quotes(value, &written, min(depth_max, DEPTH_MAX)) and there == written


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

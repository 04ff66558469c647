# Check-digit schemes that are hot.

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

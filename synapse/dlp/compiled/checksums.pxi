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


def digits(bytes match not None) -> bytes:
    """Only the digits of a match."""
    return _kept(match, False)


def alphanumerics(bytes match not None) -> bytes:
    """Only the digits and letters of a match, as capital letters."""
    return _kept(match, True)


cdef bytes _kept(bytes match, bint letters):
    cdef:
        const unsigned char* characters = match
        Py_ssize_t index, size = 0, length = len(match)
        unsigned char character
        bytes kept = PyBytes_FromStringAndSize(NULL, length)
        char* out = PyBytes_AS_STRING(kept)
    for index in range(length):
        character = characters[index]
        if 48 <= character <= 57 or (letters and 65 <= character <= 90):
            out[size] = <char> character
            size += 1
        elif letters and 97 <= character <= 122:
            out[size] = <char> (character - 32)
            size += 1
    return kept if size == length else kept[:size]


def weighted(bytes number not None, weights) -> int:
    """The sum of digits times weights, as far as both go."""
    cdef:
        const unsigned char* characters = number
        Py_ssize_t index = 0, length = len(number)
        long long total = 0
    for weight in weights:
        if index == length:
            break
        total += (<int> characters[index] - 48) * <int> weight
        index += 1
    return total


def is_date(long long year, long long month, long long day) -> bool:
    """Whether there is such a day in the Gregorian calendar, continued backwards and forwards."""
    cdef int days
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return False
    days = 30 if month in (4, 6, 9, 11) else 31
    if month == 2:
        days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return day <= days


def pairs(bytes number not None) -> tuple:
    """The first six digits as three numbers of two digits. Raises ValueError when they are no digits."""
    cdef:
        const unsigned char* characters = number
        Py_ssize_t index
    if len(number) < 6:
        raise ValueError("there are not six digits")
    for index in range(6):
        if not 48 <= characters[index] <= 57:
            raise ValueError("there are not six digits")
    return (
        (characters[0] - 48) * 10 + characters[1] - 48,
        (characters[2] - 48) * 10 + characters[3] - 48,
        (characters[4] - 48) * 10 + characters[5] - 48,
    )


def mod11_10(bytes number not None) -> bool:
    """ISO/IEC 7064, MOD 11,10: the last digit is the check digit."""
    cdef:
        const unsigned char* characters = number
        Py_ssize_t index, length = len(number)
        int product = 10, total
    if length < 2:
        return False
    for index in range(length - 1):
        total = (<int> characters[index] - 48 + product) % 10
        product = (total if total else 10) * 2 % 11
    return (product + characters[length - 1] - 48) % 10 == 1


def mod11_2(bytes number not None) -> bool:
    """ISO/IEC 7064, MOD 11-2: the last character is the check character, X for ten."""
    cdef:
        const unsigned char* characters = number
        Py_ssize_t index, length = len(number)
        int total = 0, check
    if length < 2:
        return False
    for index in range(length - 1):
        total = (total + characters[index] - 48) * 2 % 11
    check = 10 if characters[length - 1] | 0x20 == 0x78 else characters[length - 1] - 48
    return (total + check) % 11 == 1


cdef unsigned char _VERHOEFF_PRODUCT[10][10]
cdef unsigned char _VERHOEFF_SHUFFLED[8][10]


cdef int _make_verhoeff_tables() except -1:
    """The dihedral group of order ten, 0 to 4 turn, 5 to 9 turn and mirror; and a permutation applied 0 to 7 times."""
    cdef int a, b, place
    shuffle = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    for a in range(10):
        _VERHOEFF_SHUFFLED[0][a] = a
        for b in range(10):
            if a < 5:
                _VERHOEFF_PRODUCT[a][b] = (a + b) % 5 if b < 5 else 5 + (a + b) % 5
            else:
                _VERHOEFF_PRODUCT[a][b] = 5 + (a - b) % 5 if b < 5 else (a - b + 10) % 5
    for place in range(1, 8):
        for a in range(10):
            _VERHOEFF_SHUFFLED[place][a] = _VERHOEFF_SHUFFLED[place - 1][<int> shuffle[a]]
    return 0

_make_verhoeff_tables()


def verhoeff(bytes number not None) -> bool:
    """Verhoeff's scheme (Error Detecting Decimal Codes, 1969): the last digit is the check digit."""
    cdef:
        const unsigned char* characters = number
        Py_ssize_t place, length = len(number)
        int digit, check = 0
    if length < 2:
        return False
    for place in range(length):
        digit = <int> characters[length - 1 - place] - 48
        if not 0 <= digit <= 9:
            return False
        check = _VERHOEFF_PRODUCT[check][_VERHOEFF_SHUFFLED[place & 7][digit]]
    return check == 0


def base58(bytes text not None) -> bytes:
    """The number that `text` writes in base 58, Bitcoin's alphabet, big-endian; each leading 1 is a zero byte.

    Nothing for a character outside the alphabet, and for a text of more than 128 characters.
    """
    cdef:
        const unsigned char* characters = text
        Py_ssize_t index, zeros = 0, length = len(text), size = 0, place
        unsigned char number[128]
        int carry, value
    if length > 128:
        return b""
    for index in range(length):
        value = _base58_value(characters[index])
        if value < 0:
            return b""
        if value == 0 and zeros == index:
            zeros += 1
        carry = value
        for place in range(size):
            carry += number[place] * 58
            number[place] = carry & 0xFF
            carry >>= 8
        while carry:
            number[size] = carry & 0xFF
            size += 1
            carry >>= 8
    return bytes(zeros) + bytes([number[size - 1 - place] for place in range(size)])


cdef int _base58_value(unsigned char character) noexcept:
    """1 to 9, then the letters without I, O and l."""
    if 49 <= character <= 57:
        return character - 49
    if 65 <= character <= 72:
        return character - 56
    if 74 <= character <= 78:
        return character - 57
    if 80 <= character <= 90:
        return character - 58
    if 97 <= character <= 107:
        return character - 64
    if 109 <= character <= 122:
        return character - 65
    return -1


def entropy(bytes match not None) -> float:
    """Shannon's entropy in bits for each character: 0 when all are the same, 4 for random hex, near 6 for base64."""
    cdef:
        const unsigned char* characters = match
        Py_ssize_t index, length = len(match)
        int counts[256]
        double bits = 0.0
    if length == 0:
        return 0.0
    memset(counts, 0, sizeof(counts))
    for index in range(length):
        counts[characters[index]] += 1
    for index in range(256):
        if counts[index]:
            bits -= counts[index] * log2(<double> counts[index] / length)
    return bits / length


cdef unsigned char _BECH32[256]


cdef int _fill_bech32() except -1:
    cdef bytes alphabet = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    cdef int value
    memset(_BECH32, 0xFF, 256)
    for value in range(32):
        _BECH32[<unsigned char> alphabet[value]] = <unsigned char> value
    return 0


_fill_bech32()


def bech32(bytes prefix not None, bytes data not None) -> int:
    """What the polynomial of bech32 leaves of an address (BIP-173): prefix and data, without the 1 between, in small
    letters; -1 when a character of the data is none of its alphabet.
    """
    cdef:
        const unsigned char* characters = prefix
        unsigned int remainder = 1
        Py_ssize_t index
    for index in range(len(prefix)):
        remainder = _bech32_step(remainder) ^ (characters[index] >> 5)
    remainder = _bech32_step(remainder)
    for index in range(len(prefix)):
        remainder = _bech32_step(remainder) ^ (characters[index] & 31)
    characters = data
    for index in range(len(data)):
        if _BECH32[characters[index]] == 0xFF:
            return -1
        remainder = _bech32_step(remainder) ^ _BECH32[characters[index]]
    return remainder


cdef inline unsigned int _bech32_step(unsigned int remainder) noexcept nogil:
    cdef unsigned int top = remainder >> 25
    remainder = (remainder & 0x1FFFFFF) << 5
    if top & 1:
        remainder ^= 0x3B6A57B2
    if top & 2:
        remainder ^= 0x26508E6D
    if top & 4:
        remainder ^= 0x1EA119FA
    if top & 8:
        remainder ^= 0x3D4233DD
    if top & 16:
        remainder ^= 0x2A1462B3
    return remainder


def mrz_digit(bytes text not None) -> int:
    """The check digit of a field of a machine-readable line, with the weights 7, 3, 1 (ICAO 9303, part 3, §4.9).

    Letters count from 10 on, what is neither letter nor digit for nothing.
    """
    cdef:
        const unsigned char* characters = text
        Py_ssize_t index
        int value, total = 0
    for index in range(len(text)):
        value = characters[index]
        if 48 <= value <= 57:
            value -= 48
        elif 65 <= value <= 90:
            value -= 55
        else:
            continue
        total = (total + value * (7 if index % 3 == 0 else 3 if index % 3 == 1 else 1)) % 10
    return total


cdef extern from "arpa/inet.h":
    int AF_INET6
    int inet_pton(int family, const char* text, void* address) nogil


def is_ipv6(bytes text not None) -> bool:
    """Whether this is an IPv6 address (RFC 4291, §2.2), to the system's own reader."""
    cdef unsigned char address[16]
    return b"\0" not in text and inet_pton(AF_INET6, PyBytes_AS_STRING(text), address) == 1

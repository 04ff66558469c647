"""The compiled checksums once more in plain Python, for the same tests."""

import math
import string
from collections import Counter
from collections.abc import Iterable

_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_NOT_ALPHANUMERIC = bytes(set(range(256)) - set(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))


def digits(match: bytes) -> bytes:
    """Only the digits of a match."""
    return match.translate(None, _NOT_DIGITS)


def alphanumerics(match: bytes) -> bytes:
    """Only the digits and letters of a match, as capital letters."""
    return match.translate(None, _NOT_ALPHANUMERIC).upper()


def weighted(number: bytes, weights: Iterable[int]) -> int:
    """The sum of digits times weights, as far as both go."""
    return sum((digit - 48) * weight for digit, weight in zip(number, weights, strict=False))


def mod11_10(number: bytes) -> bool:
    """ISO/IEC 7064, MOD 11,10: the last digit is the check digit."""
    product = 10
    for digit in number[:-1]:
        product = ((digit - 48 + product) % 10 or 10) * 2 % 11
    return (product + number[-1] - 48) % 10 == 1


def mod11_2(number: bytes) -> bool:
    """ISO/IEC 7064, MOD 11-2: the last character is the check character, X for ten."""
    total = 0
    for digit in number[:-1]:
        total = (total + digit - 48) * 2 % 11
    check = 10 if number[-1:] in b"Xx" else number[-1] - 48
    return (total + check) % 11 == 1


def _dihedral(a: int, b: int) -> int:
    """The product of two elements of the dihedral group of order ten: 0 to 4 turn, 5 to 9 turn and mirror."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


_PRODUCT = tuple(tuple(_dihedral(a, b) for b in range(10)) for a in range(10))
_SHUFFLE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permutations() -> tuple[tuple[int, ...], ...]:
    rows = [tuple(range(10))]
    for _ in range(7):
        rows.append(tuple(_SHUFFLE[rows[-1][n]] for n in range(10)))
    return tuple(rows)


_PERMUTED = _permutations()


def verhoeff(number: bytes) -> bool:
    """Verhoeff's scheme (Error Detecting Decimal Codes, 1969): the last digit is the check digit."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = _PRODUCT[check][_PERMUTED[place % 8][digit - 48]]
    return check == 0


_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(text: bytes) -> bytes:
    number = 0
    for character in text:
        if character not in _BASE58:
            return b""
        number = number * 58 + _BASE58.index(character)
    zeros = len(text) - len(text.lstrip(b"1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32(prefix: bytes, data: bytes) -> int:
    if any(character not in _BECH32 for character in data):
        return -1
    remainder = 1
    for number in (*(c >> 5 for c in prefix), 0, *(c & 31 for c in prefix), *map(_BECH32.index, data)):
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ number
        for place, generator in enumerate(_BECH32_GENERATOR):
            if top >> place & 1:
                remainder ^= generator
    return remainder


def mrz_digit(text: bytes) -> int:
    values = [int(chr(c), 36) if chr(c) in string.digits + string.ascii_uppercase else 0 for c in text]
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10


def entropy(match: bytes) -> float:
    length = len(match)
    return -sum(n / length * math.log2(n / length) for n in Counter(match).values()) if length else 0.0


def luhn(text: bytes) -> bool:
    number = [int(chr(byte)) for byte in text if chr(byte).isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in number[-2::-2]]
    return bool(number) and (sum(number[-1::-2]) + sum(doubled)) % 10 == 0


def mod97(text: bytes) -> int:
    return int("0" + "".join(str(int(chr(byte), 36)) for byte in text if chr(byte).isalnum())) % 97

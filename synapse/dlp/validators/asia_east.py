"""Numbers of people and businesses in China, Hong Kong, Taiwan, Korea and Japan."""

from .checksums import alphanumerics, digits, mod11_2, value, weighted
from .dates import is_date, is_short_date, pairs

# The first two digits of a region's code (GB/T 2260); 81 to 83 are residents from Hong Kong, Macau and Taiwan.
_CN_PROVINCES = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83)
)


def cn_resident_id(match: bytes) -> bool:
    """Region, date of birth, serial number, check character (GB 11643-1999). Fifteen digits until 1999."""
    number = alphanumerics(match)
    if int(number[:2]) not in _CN_PROVINCES:
        return False
    if len(number) == 15:
        return is_date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
    born = is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    return 1900 <= int(number[6:10]) <= 2099 and born and mod11_2(number)


_USCC = {letter: place for place, letter in enumerate(b"0123456789ABCDEFGHJKLMNPQRTUWXY")}


def cn_uscc(match: bytes) -> bool:
    """A check character modulo 31 with weights that are powers of three (GB 32100-2015)."""
    number = alphanumerics(match)
    if any(letter not in _USCC for letter in number) or len(set(number)) < 4:
        return False
    total = sum(_USCC[letter] * pow(3, place, 31) for place, letter in enumerate(number[:17]))
    return _USCC[number[17]] == -total % 31


def hk_hkid(match: bytes) -> bool:
    """One or two letters, six digits, a check character in brackets: modulo 11 (Immigration Department)."""
    number = alphanumerics(match)
    values = [36, *map(value, number[:-1])] if len(number) == 8 else [*map(value, number[:-1])]
    total = sum(item * (9 - place) for place, item in enumerate(values))
    return (total + (10 if number[-1:] == b"A" else number[-1] - 48)) % 11 == 0


# The number of a letter is its place in this row, from ten on: counties in the order in which they got one.
_TW_LETTERS = b"ABCDEFGHJKLMNPQRSTUVXYWZIO"


def tw_id(match: bytes) -> bool:
    """A county, sex or kind of resident, a check digit modulo ten (Ministry of the Interior).

    Residents had two letters until 2021, of which the second counts by its last digit.
    """
    number = alphanumerics(match)
    tens, ones = divmod(_TW_LETTERS.index(number[0]) + 10, 10)
    second = _TW_LETTERS.index(number[1]) % 10 if number[1] > 57 else number[1] - 48
    total = tens + 9 * ones + 8 * second + weighted(number[2:], (7, 6, 5, 4, 3, 2, 1, 1))
    return total % 10 == 0


def tw_ubn(match: bytes) -> bool:
    """The cross-sum of weighted digits is divisible by five since 2023; a seven may count as one (Fiscal Information).

    The rule until then was the same with ten; what it accepted, this accepts.
    """
    number = digits(match)
    products = (
        digit * weight for digit, weight in zip((n - 48 for n in number), (1, 2, 1, 2, 1, 2, 4, 1), strict=True)
    )
    total = sum(sum(divmod(product, 10)) for product in products)
    return len(set(number)) > 1 and (total % 5 == 0 or (number[6] == 55 and (total + 1) % 5 == 0))


def kr_rrn(match: bytes) -> bool:
    """Date of birth, century and sex (Ministry of the Interior and Safety). The last digit is random since 2020."""
    number = digits(match)
    return number[6] in b"1234" and is_short_date(*pairs(number)) and len(set(number[7:])) > 1


def kr_frn(match: bytes) -> bool:
    """The same for registered foreigners: 5 to 8."""
    number = digits(match)
    return number[6] in b"5678" and is_short_date(*pairs(number)) and len(set(number[7:])) > 1


def kr_brn(match: bytes) -> bool:
    """Tax office, kind, serial number, check digit (National Tax Service)."""
    number = digits(match)
    if number[:3] < b"101" or number[3:5] == b"00" or number[5:9] == b"0000":
        return False
    total = weighted(number[:9], (1, 3, 7, 1, 3, 7, 1, 3, 5)) + (number[8] - 48) * 5 // 10
    return number[9] - 48 == -total % 10


def jp_my_number(match: bytes) -> bool:
    """Twelve digits, the last modulo 11 (Order of the Ministry of Internal Affairs No. 85 of 2014, article 5)."""
    number = digits(match)
    check = -weighted(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10
    return len(number) == 12 and len(set(number)) > 1 and number[11] - 48 == check


def jp_corporate_number(match: bytes) -> bool:
    """Thirteen digits, the first modulo nine (Order of the Ministry of Finance No. 70 of 2014)."""
    number = digits(match)
    return len(set(number)) > 2 and number[0] - 48 == 9 - weighted(number[1:], (2, 1) * 6) % 9


def jp_driver_licence(match: bytes) -> bool:
    """A public safety commission first. How the eleventh digit is computed is not published: not asked for."""
    number = digits(match)
    return len(number) == 12 and 10 <= int(number[:2]) <= 97 and len(set(number)) > 2


VALIDATORS = (
    *(cn_resident_id, cn_uscc, hk_hkid, tw_id, tw_ubn),
    *(jp_corporate_number, jp_driver_licence, jp_my_number),
    *(kr_brn, kr_frn, kr_rrn),
)

"""Numbers of people and businesses in South Africa, Egypt, Israel, Turkey, Saudi Arabia and the Emirates."""

from .checksums import digits, luhn, weighted
from .dates import is_date, is_short_date, pairs


def za_id(match: bytes) -> bool:
    """Date of birth, citizenship 0 to 2, Luhn (Department of Home Affairs)."""
    number = digits(match)
    return is_short_date(*pairs(number)) and number[10] in b"012" and luhn(number)


def za_tax(match: bytes) -> bool:
    """Ten digits by Luhn, of the kinds 0, 1, 2, 3 and 9 (South African Revenue Service)."""
    number = digits(match)
    return number[0] in b"01239" and len(set(number)) > 1 and luhn(number)


_EG_GOVERNORATES = frozenset((*range(1, 5), *range(11, 20), *range(21, 30), *range(31, 36), 88))


def eg_national_id(match: bytes) -> bool:
    """Century 2 or 3, date of birth, governorate, or 88 for abroad (Civil Status Organization)."""
    number = digits(match)
    year = (1900 if number[:1] == b"2" else 2000) + int(number[1:3])
    return (
        number[:1] in {b"2", b"3"}
        and is_date(year, int(number[3:5]), int(number[5:7]))
        and int(number[7:9]) in _EG_GOVERNORATES
    )


def il_id(match: bytes) -> bool:
    """Nine digits by Luhn, leading zeros included (Population and Immigration Authority)."""
    number = digits(match)
    return len(set(number)) > 1 and luhn(number)


def tr_tckn(match: bytes) -> bool:
    """The tenth digit from the odd and even ones, the last from the sum of all (Ministry of Interior, NVI)."""
    number = digits(match)
    tenth = weighted(number, (7, -1, 7, -1, 7, -1, 7, -1, 7)) % 10
    last = weighted(number, (1,) * 10) % 10
    return number[9:] == b"%d%d" % (tenth, last) and number[:1] != b"0" and len(set(number)) > 1


def tr_vkn(match: bytes) -> bool:
    """A check digit over powers of two modulo nine (Revenue Administration, GIB)."""
    number = [digit - 48 for digit in digits(match)]
    total = 0
    for place, digit in enumerate(number[:9]):
        shifted = (digit + 9 - place) % 10
        total += (shifted * 2 ** (9 - place) % 9 or 9) if shifted else 0
    return len(set(number)) > 1 and number[9] == -total % 10


def sa_id(match: bytes) -> bool:
    """A citizen's number begins with 1, a resident's with 2; Luhn (Ministry of Interior, Absher)."""
    number = digits(match)
    return len(set(number)) > 2 and luhn(number)


def ae_id(match: bytes) -> bool:
    """784, the year of birth, a serial number. Some that are in use do not satisfy Luhn, so it is not asked for."""
    number = digits(match)
    return 1900 <= int(number[3:7]) <= 2099 and len(set(number[7:])) > 1


VALIDATORS = (ae_id, eg_national_id, il_id, sa_id, tr_tckn, tr_vkn, za_id, za_tax)

"""Numbers of people and businesses in India, Pakistan, Thailand, Indonesia, Malaysia and Singapore."""

from .checksums import alphanumerics, digits, luhn, value, verhoeff, weighted
from .dates import is_date, is_short_date, pairs


def in_aadhaar(match: bytes) -> bool:
    """Twelve digits, Verhoeff; neither 0 nor 1 first, no palindrome (Unique Identification Authority of India)."""
    number = digits(match)
    return len(number) == 12 and number[:1] > b"1" and number != number[::-1] and verhoeff(number)


def in_vid(match: bytes) -> bool:
    """A virtual id: the same with 16 digits."""
    number = digits(match)
    return len(number) == 16 and number[:1] > b"1" and number != number[::-1] and verhoeff(number)


def in_pan(match: bytes) -> bool:
    """The serial number runs from 0001 (Income Tax Department)."""
    return alphanumerics(match)[5:9] != b"0000"


def in_gstin(match: bytes) -> bool:
    """State, PAN, and a check character by Luhn over 36 characters (Goods and Services Tax Network)."""
    number = alphanumerics(match)
    state = int(number[:2])
    total = sum(sum(divmod(value(c) * (1 + place % 2), 36)) for place, c in enumerate(reversed(number)))
    real = number[7:11] != b"0000" and number[12] != 48
    return (1 <= state <= 38 or state in {97, 99}) and real and total % 36 == 0


def pk_cnic(match: bytes) -> bool:
    """Province 1 to 7 first, sex last (National Database and Registration Authority)."""
    number = digits(match)
    return len(number) == 13 and number[0] in b"1234567" and number[12] != 48 and len(set(number)) > 2


def th_pin(match: bytes) -> bool:
    """Modulo 11 with weights from 13 down; kinds 1 to 8 (Department of Provincial Administration)."""
    number = digits(match)
    check = (11 - weighted(number[:12], range(13, 1, -1)) % 11) % 10
    return number[0] not in b"09" and len(set(number)) > 1 and number[12] - 48 == check


_ID_PROVINCES = frozenset(
    (*range(11, 20), 21, *range(31, 37), *range(51, 54), *range(61, 66), *range(71, 77), 81, 82, *range(91, 98))
)


def id_nik(match: bytes) -> bool:
    """Province, district, date of birth with 40 added to a woman's day, serial number (Dukcapil)."""
    number = digits(match)
    day, month, year = int(number[6:8]), int(number[8:10]), int(number[10:12])
    born = is_date(2000 + year, month, day - 40 if day > 40 else day)
    return len(number) == 16 and int(number[:2]) in _ID_PROVINCES and born and number[12:] != b"0000"


def id_npwp(match: bytes) -> bool:
    """Of 15 digits the first nine satisfy Luhn; of 16, either a NIK or the same behind a zero (DJP, PMK 112/2022)."""
    number = digits(match)
    if len(number) == 16:
        return luhn(number[:10]) if number[0] == 48 else id_nik(number)
    return len(set(number)) > 1 and luhn(number[:9])


def my_nric(match: bytes) -> bool:
    """Date and place of birth (Jabatan Pendaftaran Negara)."""
    number = digits(match)
    place = int(number[6:8])
    places = (
        1 <= place <= 16 or 21 <= place <= 68 or place in {71, 72, 98, 99} or 74 <= place <= 79 or 82 <= place <= 93
    )
    return len(number) == 12 and places and is_short_date(*pairs(number))


_NRIC_CHECKS = {83: b"JZIHGFEDCBA", 84: b"JZIHGFEDCBA", 70: b"XWUTRQPNMLK", 71: b"XWUTRQPNMLK", 77: b"XWUTRQPNJLK"}
_NRIC_OFFSETS = {84: 4, 71: 4, 77: 3}


def sg_nric(match: bytes) -> bool:
    """Weights 2765432, an offset for each series, a letter for each remainder (Immigration Authority)."""
    number = alphanumerics(match)
    series = number[0]
    total = weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + _NRIC_OFFSETS.get(series, 0)
    return number[8] == _NRIC_CHECKS[series][total % 11]


_UEN_KINDS = frozenset(
    b"CC CD CH CL CM CP CS CX DP FB FC FM FN GA GB GS HS LL LP MB MC MD MH MM MQ NB NR PA PB PF RF RP SM SS TC TU VH "
    b"XL".split()
)
_UEN_LETTERS = b"ABCDEFGHJKLMNPQRSTUVWX0123456789"


def sg_uen(match: bytes) -> bool:
    """Three forms: business, local company, and others with a kind (Accounting and Corporate Regulatory Authority)."""
    number = alphanumerics(match)
    if len(number) == 9:
        return number[8] == b"XMKECAWLJDB"[weighted(number[:8], (10, 4, 9, 3, 8, 2, 7, 1)) % 11]
    if number[0] <= 57:
        check = b"ZKCMDNERGWH"[weighted(number[:9], (10, 8, 6, 4, 9, 7, 5, 3, 1)) % 11]
        return b"1900" <= number[:4] < b"2100" and number[9] == check
    if number[3:5] not in _UEN_KINDS or any(letter not in _UEN_LETTERS for letter in number):
        return False
    pairs = zip(number[:9], (4, 3, 5, 3, 10, 2, 2, 5, 7), strict=True)
    return number[9] == _UEN_LETTERS[(sum(_UEN_LETTERS.index(letter) * weight for letter, weight in pairs) - 5) % 11]


VALIDATORS = (
    *(id_nik, id_npwp, in_aadhaar, in_gstin, in_pan, in_vid),
    *(my_nric, pk_cnic, sg_nric, sg_uen, th_pin),
)

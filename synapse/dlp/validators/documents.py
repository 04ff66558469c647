"""Travel documents and what identifies a vehicle's driver or a person by a letter and digits."""

import re

from ..._dlp import mrz_digit

_CHECKED = re.compile(rb"[A-Z0-9<]+")


def passport_mrz(match: bytes) -> bool:
    """ICAO 9303: the check digits of number, date of birth and date of expiry, and the one over all of them."""
    lines: list[bytes] = _CHECKED.findall(match)
    widths = [len(line) for line in lines]
    if widths == [30, 30, 30]:  # TD1, part 5
        return _all_checked(lines[0][5:15], lines[1][:7], lines[1][8:15]) and _composite_td1(lines[0], lines[1])
    line = lines[-1]
    if len(line) not in {36, 44} or not _all_checked(line[:10], line[13:20], line[21:28]):
        return False
    is_visa = lines[0][:1] == b"V"  # visas have no composite
    return is_visa or _mrz_check(line[:10] + line[13:20] + line[21:-1]) == line[-1]


def _composite_td1(first: bytes, second: bytes) -> bool:
    return _mrz_check(first[5:] + second[:7] + second[8:15] + second[18:29]) == second[29]


def _all_checked(*fields: bytes) -> bool:
    """Whether the last character of each field is the check digit of the others."""
    return all(_mrz_check(field[:-1]) == field[-1] for field in fields)


def _mrz_check(text: bytes) -> int:
    """The check digit as a character."""
    return 48 + mrz_digit(text)


_NOT_ALPHANUMERIC = re.compile(rb"[^0-9A-Za-z]+")
_DATE = re.compile(
    rb"(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}(?:[-/. ][0-9]{1,2})?|[0-9]{1,2}([-/. ])[0-9]{1,2}\1(?:19|20)?[0-9]{2}"
)


def document_number(match: bytes) -> bool:
    """A number of a passport or a licence: digits for the most part, not one repeated, and no date."""
    number = _NOT_ALPHANUMERIC.sub(b"", match)
    figures = [character for character in number if character < 58]
    return len(number) >= 5 and len(figures) >= 3 and len(set(number)) > 2 and _DATE.fullmatch(match) is None


VALIDATORS = (document_number, passport_mrz)

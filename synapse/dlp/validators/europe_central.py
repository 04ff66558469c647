"""Identifiers of Germany, Austria and Switzerland."""

from collections import Counter

from .checksums import alphanumerics, digits, luhn, mod11_10, value, weighted
from .dates import is_short_date, pairs


def de_steuer_id(match: bytes) -> bool:
    """https://www.bzst.de (Steuer-IdNr): mod 11,10; of the first ten digits one occurs twice or thrice, no other."""
    number = digits(match)
    if number[:1] == b"0" or not mod11_10(number):
        return False
    repeated = [count for count in Counter(number[:10]).values() if count > 1]
    return len(repeated) == 1 and repeated[0] in {2, 3}


def de_svnr(match: bytes) -> bool:
    """https://www.gesetze-im-internet.de/vkvv (VKVV, § 2): area, date of birth, initial, serial, check digit.

    The letter counts as two digits; sums of digits of products, mod 10. A day may be 50 more.
    """
    number = alphanumerics(match)
    day, month, year = pairs(number[2:])
    if not is_short_date(year, month, day - 50 if day > 50 else day):
        return False
    figures = number[:8] + b"%02d" % (number[8] - 64) + number[9:11]
    products = (int(chr(d)) * w for d, w in zip(figures, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == number[11] - 48


def de_kvnr(match: bytes) -> bool:
    """https://www.gkv-spitzenverband.de (Krankenversichertennummer): Luhn from the left, the letter as two digits."""
    number = alphanumerics(match)
    figures = b"%02d" % (number[0] - 64) + number[1:9]
    products = (int(chr(d)) * (1 + place % 2) for place, d in enumerate(figures))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == number[9] - 48


def de_document(match: bytes) -> bool:
    """https://www.bmi.bund.de (ICAO 9303): where a tenth digit is there, it is the check digit, weights 7, 3, 1."""
    number = alphanumerics(match)
    total = sum(value(character) * (7, 3, 1)[place % 3] for place, character in enumerate(number[:9]))
    return any(chr(c).isdigit() for c in number) and (len(number) < 10 or total % 10 == number[9] - 48)


def de_ust_id(match: bytes) -> bool:
    """https://www.bzst.de (USt-IdNr): mod 11,10; the first digit is not zero."""
    number = digits(match)
    return number[:1] != b"0" and mod11_10(number)


def de_lanr(match: bytes) -> bool:
    """https://www.kbv.de (Arztnummer): weights 4 and 9 in turn, the seventh digit completes the sum to tens."""
    number = digits(match)
    return (weighted(number[:6], (4, 9, 4, 9, 4, 9)) + number[6] - 48) % 10 == 0


def at_svnr(match: bytes) -> bool:
    """https://www.sozialversicherung.at: serial, check digit (mod 11), date of birth; months go up to 15."""
    number = digits(match)
    day, month, year = pairs(number[4:])
    total = weighted(number, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    dated = is_short_date(year, month, day) or (13 <= month <= 15 and 1 <= day <= 31)
    return number[:1] != b"0" and total == number[3] - 48 and dated


def at_uid(match: bytes) -> bool:
    """https://www.bmf.gv.at (UID): sums of digits, every second one doubled; 96 less that, mod 10."""
    number = digits(match)
    total = sum(sum(divmod((d - 48) * (1 + place % 2), 10)) for place, d in enumerate(number[:7]))
    return (96 - total) % 10 == number[7] - 48


def at_tax_number(match: bytes) -> bool:
    """https://www.bmf.gv.at (Abgabenkontonummer): Luhn."""
    return luhn(digits(match))


def ch_ahv(match: bytes) -> bool:
    """https://www.zas.admin.ch (AHV number): an EAN-13 that begins with 756."""
    return weighted(digits(match), (1, 3) * 6 + (1,)) % 10 == 0


def ch_uid(match: bytes) -> bool:
    """https://www.bfs.admin.ch (UID register): mod 11, weights 5 4 3 2 7 6 5 4."""
    return weighted(digits(match), (5, 4, 3, 2, 7, 6, 5, 4, 1)) % 11 == 0


VALIDATORS = (
    *(de_steuer_id, de_svnr, de_kvnr, de_document, de_ust_id, de_lanr),
    *(at_svnr, at_uid, at_tax_number, ch_ahv, ch_uid),
)

"""Identifiers of Luxembourg, Malta and Cyprus."""

from .checksums import alphanumerics, digits, luhn, verhoeff, weighted
from .dates import is_date


def lu_matricule(match: bytes) -> bool:
    """https://guichet.public.lu (matricule): date of birth, serial; Luhn's digit and Verhoeff's."""
    number = digits(match)
    dated = is_date(int(number[:4]), int(number[4:6]), int(number[6:8]))
    return dated and luhn(number[:12]) and verhoeff(number[:11] + number[12:])


def lu_tva(match: bytes) -> bool:
    """https://pfi.public.lu (TVA): the last two digits are the first six mod 89."""
    number = digits(match)
    return int(number[:6]) % 89 == int(number[6:])


def mt_vat(match: bytes) -> bool:
    """https://cfr.gov.mt (VAT): weights 3 4 6 7 8 9 10 1, mod 37."""
    number = digits(match)
    return number[:1] != b"0" and weighted(number, (3, 4, 6, 7, 8, 9, 10, 1)) % 37 == 0


_CY_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)


def cy_vat(match: bytes) -> bool:
    """https://www.mof.gov.cy (TIC, VAT): every second digit through a table, mod 26; none begins with 12."""
    number = alphanumerics(match).removeprefix(b"CY")
    total = sum(_CY_ODD[d - 48] if place % 2 == 0 else d - 48 for place, d in enumerate(number[:8]))
    return number[:2] != b"12" and total % 26 == number[8] - 65


VALIDATORS = (lu_matricule, lu_tva, mt_vat, cy_vat)

"""Numbers of people and businesses in the United States and Canada."""

from .checksums import alphanumerics, digits, luhn
from .dates import is_date

# Printed in wallets and advertisements, or typed by everybody who needs a number.
_SSN_SAMPLES = frozenset((b"078051120", b"219099999", b"457555462", b"123456789"))


def us_ssn(match: bytes) -> bool:
    """Which numbers the Social Security Administration issues: https://www.ssa.gov/employer/randomization.html"""
    number = digits(match)
    area, group, serial = number[:3], number[3:5], number[5:]
    return (
        area not in {b"000", b"666"}
        and area < b"900"
        and group != b"00"
        and serial != b"0000"
        and number not in _SSN_SAMPLES
    )


def us_itin(match: bytes) -> bool:
    """The groups in use: 50-65, 70-88, 90-92, 94-99 (Internal Revenue Manual, 3.21.263)."""
    number = digits(match)
    group = int(number[3:5])
    return number[:1] == b"9" and group >= 50 and not (66 <= group <= 69 or group in {89, 93}) and number[5:] != b"0000"


_EIN_UNUSED = frozenset((0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97))


def us_ein(match: bytes) -> bool:
    """The prefixes that campuses of the Internal Revenue Service assign (irs.gov, "How EINs are assigned")."""
    number = digits(match)
    return int(number[:2]) not in _EIN_UNUSED and len(set(number[2:])) > 1


def ca_sin(match: bytes) -> bool:
    """Luhn; no number of a person begins with 0 or 8 (Employment and Social Development Canada)."""
    number = digits(match)
    return len(number) == 9 and number[0] not in b"08" and len(set(number)) > 1 and luhn(number)


def ca_business_number(match: bytes) -> bool:
    """The nine digits of a business number satisfy Luhn (Canada Revenue Agency)."""
    return luhn(digits(match)[:9])


def ca_ramq(match: bytes) -> bool:
    """Québec: four letters, then the date of birth with 50 added to the month of a woman."""
    number = alphanumerics(match)[4:]
    month = int(number[2:4])
    return len(number) == 8 and is_date(2000 + int(number[:2]), month - 50 if month > 50 else month, int(number[4:6]))


VALIDATORS = (ca_business_number, ca_ramq, ca_sin, us_ein, us_itin, us_ssn)

"""Dates of birth inside numbers."""

from calendar import monthrange


def is_date(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def is_short_date(year: int, month: int, day: int) -> bool:
    """A date whose century is not told: 29 February counts when one of the centuries has it."""
    return is_date(2000 + year, month, day)


def pairs(number: bytes) -> tuple[int, int, int]:
    """The first six digits as three numbers of two digits."""
    return int(number[:2]), int(number[2:4]), int(number[4:6])

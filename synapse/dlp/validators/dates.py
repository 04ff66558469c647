"""Dates of birth inside numbers."""

from ..._dlp import is_date, pairs

__all__ = ["is_date", "is_short_date", "pairs"]


def is_short_date(year: int, month: int, day: int) -> bool:
    """A date whose century is not told: 29 February counts when one of the centuries has it."""
    return is_date(2000 + year, month, day)

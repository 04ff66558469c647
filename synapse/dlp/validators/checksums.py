"""Check-digit schemes that many numbers share, most of them compiled. What asks for digits takes nothing else."""

from ..._dlp import alphanumerics, base58, digits, luhn, mod11_2, mod11_10, mod97, verhoeff, weighted

__all__ = [
    "LETTERS",
    "alphanumerics",
    "base58",
    "digits",
    "luhn",
    "mod11_2",
    "mod11_10",
    "mod97",
    "value",
    "verhoeff",
    "weighted",
]


LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def value(character: int) -> int:
    """0 to 9 for a digit, 10 to 35 for a capital letter."""
    return character - 48 if character < 58 else character - 55

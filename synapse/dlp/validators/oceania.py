"""Numbers of people and businesses in Australia and New Zealand."""

from .checksums import alphanumerics, digits, luhn, weighted


def au_tfn(match: bytes) -> bool:
    """Eight or nine digits whose weighted sum is divisible by 11 (Australian Taxation Office)."""
    number = digits(match)
    return len(number) in {8, 9} and len(set(number)) > 1 and weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_abn(match: bytes) -> bool:
    """With one taken off its first digit, the weighted sum is divisible by 89 (Australian Business Register)."""
    number = digits(match)
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return len(number) == 11 and number[0] != 48 and (weighted(number, weights) - 10) % 89 == 0


def au_acn(match: bytes) -> bool:
    """The check digit completes the weighted sum to a multiple of ten (Corporations Regulations 2001, schedule 2)."""
    number = digits(match)
    return len(number) == 9 and len(set(number)) > 1 and weighted(number, (8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def au_medicare(match: bytes) -> bool:
    """The ninth digit is the check digit, the tenth the issue (Services Australia)."""
    number = digits(match)
    return len(number) in {10, 11} and weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == number[8] - 48


def au_ihi(match: bytes) -> bool:
    """An individual healthcare identifier: 800360 and Luhn, as ISO/IEC 7812 has it (Services Australia)."""
    return luhn(digits(match))


def nz_ird(match: bytes) -> bool:
    """Eight or nine digits between 10,000,000 and 150,000,000; a second set of weights for ten (Inland Revenue)."""
    number = digits(match).rjust(9, b"0")
    if len(number) > 9 or not 10_000_000 < int(number) < 150_000_000:
        return False
    check = -weighted(number, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighted(number, (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return number[8] - 48 == check


_NHI_LETTERS = b"ABCDEFGHJKLMNPQRSTUVWXYZ"


def nz_nhi(match: bytes) -> bool:
    """Three letters, then four digits (modulo 11), or two digits and two letters (modulo 23): HISO 10046.

    The letters count from A = 1, without I and O. Until 2022 the second was to be modulo 24; samples of it live on.
    """
    number = alphanumerics(match)
    total = sum(_nhi_value(character) * (7 - place) for place, character in enumerate(number[:6]))
    if number[6] > 57:
        return number[6] in (_NHI_LETTERS[22 - total % 23], _NHI_LETTERS[23 - total % 24])
    return total % 11 != 0 and number[6] - 48 == (11 - total % 11) % 10


def _nhi_value(character: int) -> int:
    return _NHI_LETTERS.index(character) + 1 if character > 57 else character - 48


VALIDATORS = (au_abn, au_acn, au_ihi, au_medicare, au_tfn, nz_ird, nz_nhi)

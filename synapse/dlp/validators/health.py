"""Numbers of the American health system."""

from .checksums import alphanumerics, digits, luhn


def npi(match: bytes) -> bool:
    """45 CFR 162.406: the Luhn sum with the prefix 80840, which stands for health applications in the United States."""
    return luhn(b"80840" + digits(match))


def dea(match: bytes) -> bool:
    """21 CFR 1301: the odd digits and twice the even ones; the last digit of the sum is the check digit."""
    first, second, third, fourth, fifth, sixth, check = (character - 48 for character in match[-7:])
    return (first + third + fifth + 2 * (second + fourth + sixth)) % 10 == check


def ndc(match: bytes) -> bool:
    """21 CFR 207.33: labeler, product and package; eleven digits in claims."""
    groups = tuple(map(len, match.replace(b"*", b"-").split(b"-")))
    return groups in {(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2), (11,), (10,)} and len(set(digits(match))) > 2


def medical_record(match: bytes) -> bool:
    """A hospital's own number: at least four digits."""
    number = alphanumerics(match)
    return sum(character < 58 for character in number) >= 4 and len(set(number)) > 1


VALIDATORS = (dea, medical_record, ndc, npi)

"""Payment cards and bank accounts."""

import re

from .checksums import luhn, mod97

# How cards are printed and typed; any separators may stand between these groups.
_CARD_LAYOUTS = frozenset(
    (
        (4, 4, 4, 4),
        (4, 6, 5),
        (4, 6, 4),
        (4, 4, 4, 3),
        (4, 4, 4, 4, 1),
        (4, 4, 4, 4, 2),
        (4, 4, 4, 4, 3),
        (8, 8),
        (6, 13),
    )
)
_NOT_DIGITS = re.compile(rb"[^0-9]+")


def credit_card(match: bytes) -> bool:
    groups = _NOT_DIGITS.split(match)
    digits = b"".join(groups)
    return len(set(digits)) > 1 and _card_issued(digits) and luhn(digits) and _card_layout(match, groups)


def _card_issued(digits: bytes) -> bool:
    """Whether an issuer has numbers with this beginning and this length (ISO/IEC 7812 and the schemes' own lists)."""
    length, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    match digits[:1]:
        case b"2":
            return length == 16 and (2221 <= four <= 2720 or 2200 <= four <= 2204)
        case b"3":
            american_express = length == 15 and two in {34, 37}
            jcb = length == 16 and 3528 <= four <= 3589
            diners = length == 14 and (two in {36, 38, 39} or 300 <= three <= 305 or three == 309)
            return american_express or jcb or diners
        case b"4":
            return length in {13, 16, 19}
        case b"5" | b"6":
            return 16 <= length <= 19
        case _:
            return False


def _card_layout(match: bytes, groups: list[bytes]) -> bool:
    """One piece, printed groups, or equal groups with the same sign between all of them; not a table of numbers."""
    lengths = tuple(map(len, groups))
    if len(lengths) == 1 or lengths in _CARD_LAYOUTS:
        return True
    separators = set(re.findall(rb"[^0-9]+", match))
    return len(separators) == 1 and len(set(lengths[:-1])) == 1 and lengths[-1] <= lengths[0]


def iban(match: bytes) -> bool:
    account = match.translate(None, b" -")
    return mod97(account[4:] + account[:4]) == 1


VALIDATORS = (credit_card, iban)

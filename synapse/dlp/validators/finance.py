"""Payment cards, bank accounts and securities."""

import re
from functools import cache

from .checksums import alphanumerics, digits, luhn, mod97, value, weighted
from .countries import ALPHA_2

# Issuers' ranges with the lengths of their numbers (ISO/IEC 7812, the schemes' own lists): first and last beginning.
_ANY_LENGTH = frozenset(range(12, 20))
_FROM_16 = frozenset((16, 17, 18, 19))
_ONLY_16 = frozenset((16,))
_CARD_RANGES = tuple(
    (first, last, lengths)
    for lengths, ranges in (
        (frozenset((13, 16, 19)), "4"),  # Visa
        (_ONLY_16, "51-55 2221-2720 2205 508 81-82 9792 8600 9860"),  # Mastercard, Borica, RuPay, Troy, Uzcard, Humo
        (_FROM_16, "2200-2204 50 56-59 3528-3589 60-69 8100-8171"),  # Mir, Maestro, JCB, Discover, UnionPay, Elo, …
        (frozenset((15,)), "34 37"),  # American Express
        (frozenset((14,)), "300-305 3095 36 38-39"),  # Diners Club
        # Maestro's short numbers are the shape of many other numbers, so only its best-known issuers.
        (_ANY_LENGTH, "5018 5020 5038 5893 6304 6759 6761-6763"),
    )
    for first, _, last in (item.encode().partition(b"-") for item in ranges.split())
)
# How cards are printed and typed; any separators may stand between these groups.
_CARD_LAYOUTS = frozenset(
    (
        *((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4), (4, 4, 4, 1), (4, 4, 4, 2), (4, 4, 4, 3)),
        *((4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (8, 8), (4, 4, 8), (4, 8, 4), (8, 4, 4), (4, 12)),
        *((6, 10), (6, 13), (8, 8, 3), (4, 15), (12, 4)),
    )
)
_NOT_DIGITS = re.compile(rb"[^0-9]+")


def credit_card(match: bytes) -> bool:
    """Luhn's check digit, first digits and a length that an issuer uses, and groups as on a card."""
    number = digits(match)
    return luhn(number) and len(set(number)) > 1 and _card_issued(number) and _card_layout(match)


def _card_issued(number: bytes) -> bool:
    return len(number) in _card_lengths(number[:_ISSUER_DIGITS])


# By the first digits, of which no range names more.
_ISSUER_DIGITS = 4


@cache
def _card_lengths(begins: bytes) -> frozenset[int]:
    return frozenset[int]().union(
        *(lengths for first, last, lengths in _CARD_RANGES if first <= begins[: len(first)] <= (last or first))
    )


def _card_layout(match: bytes) -> bool:
    """One piece, printed groups, or equal groups with the same sign between all of them; not a table of numbers."""
    if match.isdigit():
        return True
    lengths = tuple(map(len, _NOT_DIGITS.split(match)))
    if lengths in _CARD_LAYOUTS:
        return True
    return len(set(_NOT_DIGITS.findall(match))) == 1 and len(set(lengths[:-1])) == 1 and lengths[-1] <= lengths[0]


_TRACK_NUMBER = re.compile(rb"[0-9]{12,19}")
_TRACK_EXPIRY = re.compile(rb"[\^=Dd][0-9]{2}(?:0[1-9]|1[0-2])[0-9]*[=?F]?")


def card_track(match: bytes) -> bool:
    """ISO/IEC 7813: a card's number, and behind a separator year and month of its expiry."""
    number = _TRACK_NUMBER.search(match)
    expiry = _TRACK_EXPIRY.search(match[match.rfind(b"^") :] if b"^" in match else match)
    return number is not None and expiry is not None and luhn(number.group()) and _card_issued(number.group())


def card_expiry(match: bytes) -> bool:
    """A month from 1 to 12, and a year from 2020 to 2049; a whole date is none."""
    parts = _NOT_DIGITS.split(match)
    if len(parts) != 2:
        return False
    month, year = parts
    if len(month) == 4:
        month, year = year, month
    return 1 <= int(month) <= 12 and 20 <= int(year[-2:]) <= 49


# The account behind the check digits (SWIFT's IBAN registry, release 98): n digits, a letters, c either.
_IBAN_FORMS = (
    ("11n", "NO"),
    ("12n", "BE"),
    ("14n", "DK FI FO GL SD"),
    ("2a12n", "FK"),
    ("4a10n", "NL"),
    ("15n", "SI"),
    ("3n10c2n", "MK"),
    ("16n", "AT BA EE LT MN XK"),
    ("3n13c", "KZ LU"),
    ("17n", "HR"),
    ("4a13c", "LV"),
    ("5n12c", "CH LI"),
    ("18n", "CR DE ME RS VA"),
    ("2a16n", "GE"),
    ("4a14c", "BH"),
    ("4a14n", "GB IE"),
    ("4a6n8c", "BG"),
    ("19n", "AE IL SO TL"),
    ("3n16c", "OM"),
    ("4a15c", "GI"),
    ("4a15n", "IQ"),
    ("20c", "MD"),
    ("20n", "CZ ES SE SK TN"),
    ("2n18c", "SA"),
    ("4a16c", "PK RO"),
    ("4a16n", "VG"),
    ("8n12c", "AD"),
    ("21n", "LY PT ST"),
    ("22n", "IS"),
    ("6n16c", "TR"),
    ("10n11c2n", "FR MC"),
    ("1a10n12c", "IT SM"),
    ("23n", "BI DJ MR"),
    ("7n16c", "GR"),
    ("24c", "GT"),
    ("24n", "HU PL"),
    ("4a20c", "AZ"),
    ("4a20n", "HN NI SV"),
    ("4c20n", "DO"),
    ("4c4n16c", "BY"),
    ("4n20c", "LB"),
    ("8n16c", "AL CY"),
    ("23n1a1c", "BR"),
    ("25n", "EG"),
    ("4a21c", "PS QA"),
    ("6n19c", "UA"),
    ("4a19n3a", "MU"),
    ("4a22c", "KW"),
    ("4a4n18c", "JO YE"),
    ("4a20n3a", "SC"),
    ("4a5n18c", "MT"),
    ("4a24c", "LC"),
    ("14n15c", "RU"),
)
_IBAN_CLASSES = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}


def _iban_account(form: str) -> re.Pattern[bytes]:
    parts = re.findall(r"(\d+)([nac])", form)
    return re.compile("".join(f"{_IBAN_CLASSES[kind]}{{{count}}}" for count, kind in parts).encode())


_IBAN_ACCOUNTS = {
    country.encode(): _iban_account(form) for form, countries in _IBAN_FORMS for country in countries.split()
}


def iban(match: bytes) -> bool:
    """The length and form of its country's accounts; ISO 7064, mod 97, over all of it."""
    account = alphanumerics(match)
    form = _IBAN_ACCOUNTS.get(account[:2])
    return form is not None and form.fullmatch(account[4:]) is not None and mod97(account[4:] + account[:4]) == 1


def swift_bic(match: bytes) -> bool:
    """ISO 9362: bank, country, place, branch."""
    return alphanumerics(match)[4:6] in ALPHA_2


_ABA_DISTRICTS = frozenset((*range(1, 13), *range(21, 33), *range(61, 73), 80))


def us_aba_routing(match: bytes) -> bool:
    """Federal Reserve districts, then the weights 3, 7, 1 (ABA Routing Number Policy)."""
    number = digits(match)
    return len(number) == 9 and int(number[:2]) in _ABA_DISTRICTS and weighted(number, (3, 7, 1) * 3) % 10 == 0


_DATES = re.compile(rb"(?:19|20)\d\d[-/.]\d\d[-/.]\d\d|\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d|\d{3}-\d{3}-\d{4}")


def bank_account(match: bytes) -> bool:
    """An account, however grouped; no date and no telephone number."""
    number = digits(match)
    return 6 <= len(number) <= 18 and len(set(number)) > 1 and _DATES.fullmatch(match) is None


def cusip(match: bytes) -> bool:
    """ANSI X9.6: every second value doubled, the sum of all their digits."""
    if not match[8:].isdigit():
        return False
    total = 0
    for place, character in enumerate(match[:8]):
        doubled = _cusip_value(character) * (1 + place % 2)
        total += doubled // 10 + doubled % 10
    return match[8] - 48 == -total % 10


def _cusip_value(character: int) -> int:
    special = b"*@#".find(character)
    return 36 + special if special >= 0 else value(character)


def sedol(match: bytes) -> bool:
    """London Stock Exchange, SEDOL Masterfile: the weights 1, 3, 1, 7, 3, 9, 1. The old ones are digits alone."""
    if match[:1].isdigit() and not match.isdigit():
        return False
    values = map(value, match.upper())
    return (
        len(match) == 7 and sum(v * weight for v, weight in zip(values, (1, 3, 1, 7, 3, 9, 1), strict=False)) % 10 == 0
    )


# A letter's two digits, a digit's one.
_EXPANDED = {character: b"%d" % value(character) for character in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

# International securities have no country.
_ISIN_PREFIXES = ALPHA_2 | {b"XS", b"EU", b"XA", b"XB", b"XC", b"XD", b"XF"}


def isin(match: bytes) -> bool:
    """ISO 6166: letters become two digits, then the Luhn sum. Some countries' own number has a check digit as well."""
    number = match.upper()
    if (
        len(number) != 12
        or number[:2] not in _ISIN_PREFIXES
        or not luhn(b"".join([_EXPANDED[character] for character in number]))
    ):
        return False
    if number[:2] in {b"US", b"CA"}:
        return cusip(number[2:11])
    return number[:4] != b"GB00" or sedol(number[4:11])


def lei(match: bytes) -> bool:
    """ISO 17442, with the check digits of ISO/IEC 7064, MOD 97-10. Letters and digits: else it is another number."""
    return mod97(match) == 1 and not match.isdigit()


VALIDATORS = (
    *(bank_account, card_expiry, card_track, credit_card, cusip, iban, isin, lei, sedol, swift_bic),
    us_aba_routing,
)

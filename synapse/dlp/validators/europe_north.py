"""Identifiers of Sweden, Norway, Denmark, Finland, Estonia, Latvia and Lithuania."""

from .checksums import alphanumerics, digits, luhn, weighted
from .dates import is_date, is_short_date, pairs


def se_personnummer(match: bytes) -> bool:
    """https://skatteverket.se (personnummer): date of birth (or a day 60 more), Luhn of ten digits."""
    number = digits(match)
    year, month, day = pairs(number[-10:])
    return is_short_date(year, month, day - 60 if day > 60 else day) and luhn(number[-10:])


def se_orgnr(match: bytes) -> bool:
    """https://www.bolagsverket.se (organisationsnummer): Luhn; the third digit is at least 2, so it is no date."""
    number = digits(match)[-10:]
    return number[2:3] >= b"2" and luhn(number)


def se_vat(match: bytes) -> bool:
    """https://skatteverket.se (momsregistreringsnummer): ten digits with Luhn, then 01."""
    number = digits(match)
    return luhn(number[:10]) and number[10:] == b"01"


def no_fodselsnummer(match: bytes) -> bool:
    """https://www.skatteetaten.no (fødselsnummer): date of birth, two check digits mod 11.

    Days are 40 more in D numbers, months 40 more in H numbers and 80 more in numbers made for tests.
    """
    number = digits(match)
    if (
        weighted(number, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
        or weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    ):
        return False
    day, month, year = pairs(number)
    century = _fodselsnummer_century(int(number[6:9]), year)
    return century is not None and is_date(century + year, month % 40, day % 40)


def _fodselsnummer_century(serial: int, year: int) -> int | None:
    """The century that gives such serial numbers to such years."""
    if serial < 500 or (serial >= 900 and year >= 40):
        return 1900
    if year < 40:
        return 2000
    return 1800 if serial < 750 and year >= 54 else None


def no_orgnr(match: bytes) -> bool:
    """https://www.brreg.no (organisasjonsnummer): mod 11, weights 3 2 7 6 5 4 3 2."""
    return weighted(digits(match), (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def dk_cpr(match: bytes) -> bool:
    """https://cpr.dk (personnummeret i CPR): a date of birth; the check digit is not reliable since October 2007."""
    day, month, year = pairs(digits(match))
    return is_short_date(year, month, day - 60 if day > 60 else day)


def dk_cvr(match: bytes) -> bool:
    """https://datacvr.virk.dk: mod 11, weights 2 7 6 5 4 3 2."""
    number = digits(match)
    return number[:1] != b"0" and weighted(number, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


_HETU_LETTERS = b"0123456789ABCDEFHJKLMNPRSTUVWXY"
_HETU_CENTURIES = {b"+": 1800, **dict.fromkeys((b"-", *(bytes((c,)) for c in b"UVWXY")), 1900)}


def fi_hetu(match: bytes) -> bool:
    """https://dvv.fi/en/reform-of-personal-identity-code: the sign after the date tells the century; mod 31.

    Since 2023 there are more signs for each century. Serial numbers from 900 are given for a time only.
    """
    match = match.upper()
    day, month, year = pairs(match)
    serial = match[7:10]
    return (
        is_date(_HETU_CENTURIES.get(match[6:7], 2000) + year, month, day)
        and serial >= b"002"
        and _HETU_LETTERS[int(match[:6] + serial) % 31] == match[10]
    )


def fi_ytunnus(match: bytes) -> bool:
    """https://www.vero.fi (Y-tunnus): mod 11, weights 7 9 10 5 8 4 2."""
    return weighted(digits(match), (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0


_CENTURIES = {b"1": 1800, b"2": 1800, b"3": 1900, b"4": 1900, b"5": 2000, b"6": 2000, b"7": 2100, b"8": 2100}


def baltic_id(match: bytes) -> bool:
    """Estonia's isikukood (EVS 585), Lithuania's asmens kodas: sex, date of birth, mod 11 in two rounds."""
    number = digits(match)
    check = weighted(number, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(number, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    century = _CENTURIES.get(number[:1])
    if century is None or check != number[10] - 48:
        return False
    year, month, day = pairs(number[1:])
    return is_date(century + year, month, day)


def lv_personas_kods(match: bytes) -> bool:
    """https://www.pmlp.gov.lv (personas kods): date of birth, check digit; since 2017 no date and 32 in front."""
    number = digits(match)
    if number.startswith(b"32"):
        return True
    day, month, year = pairs(number)
    check = (1101 - weighted(number, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10
    century = {b"0": 1800, b"1": 1900, b"2": 2000}.get(number[6:7])
    return century is not None and is_date(century + year, month, day) and check == number[10] - 48


def lv_pvn(match: bytes) -> bool:
    """https://www.vid.gov.lv (PVN): numbers of companies begin with 4 to 9; mod 11, the sum is 3."""
    return weighted(digits(match), (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3


def lt_pvm(match: bytes) -> bool:
    """https://www.vmi.lt (PVM): a 1 before the check digit; mod 11 in two rounds, weights from 1, then from 3."""
    number = digits(match)
    check = weighted(number[:-1], (1 + place % 9 for place in range(11))) % 11
    if check == 10:
        check = weighted(number[:-1], (1 + (place + 2) % 9 for place in range(11))) % 11 % 10
    return number[-2:-1] == b"1" and check == number[-1] - 48


def ee_vat(match: bytes) -> bool:
    """https://www.emta.ee (KMKR): weights 3 7 1, mod 10."""
    return weighted(alphanumerics(match)[2:], (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0


def ee_registrikood(match: bytes) -> bool:
    """https://ariregister.rik.ee (registrikood): mod 11 in two rounds, weights 1 to 7, then 3 to 9."""
    number = digits(match)
    check = weighted(number[:7], range(1, 8)) % 11
    if check == 10:
        check = weighted(number[:7], range(3, 10)) % 11 % 10
    return check == number[7] - 48


VALIDATORS = (
    *(se_personnummer, se_orgnr, se_vat, no_fodselsnummer, no_orgnr, dk_cpr, dk_cvr, fi_hetu, fi_ytunnus),
    *(baltic_id, lv_personas_kods, lv_pvn, lt_pvm, ee_vat, ee_registrikood),
)

"""Identifiers of Poland, Czechia, Slovakia, Hungary, Romania, Bulgaria, Croatia, Slovenia and Ukraine."""

from .checksums import LETTERS, alphanumerics, digits, mod11_10, value, weighted
from .dates import is_date, pairs

_PESEL_CENTURIES = (1900, 2000, 2100, 2200, 1800)


def pl_pesel(match: bytes) -> bool:
    """https://www.gov.pl (PESEL): date of birth, the month tells the century; weights 1 3 7 9, mod 10."""
    number = digits(match)
    if weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10:
        return False
    year, month, day = pairs(number)
    return is_date(_PESEL_CENTURIES[month // 20] + year, month % 20, day)


def pl_nip(match: bytes) -> bool:
    """https://www.podatki.gov.pl (NIP): weights 6 5 7 2 3 4 5 6 7, mod 11."""
    return weighted(digits(match), (6, 5, 7, 2, 3, 4, 5, 6, 7, -1)) % 11 == 0


def pl_regon(match: bytes) -> bool:
    """https://bip.stat.gov.pl/en/regon: mod 11, ten counts as zero; local units have five digits more."""
    number = digits(match)
    local = weighted(number[:13], (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)) % 11 % 10
    if len(number) == 14 and local != number[13] - 48:
        return False
    return weighted(number[:8], (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10 == number[8] - 48


# What `weighted` reads as the value of a letter.
_AS_DIGITS = bytes.maketrans(LETTERS, bytes(48 + value(letter) for letter in LETTERS))


def _document_sum(match: bytes, weights: tuple[int, ...]) -> int:
    return weighted(alphanumerics(match).translate(_AS_DIGITS), weights) % 10


def pl_id_card(match: bytes) -> bool:
    """https://www.gov.pl (dowód osobisty): letters count from 10; weights 7 3 1, 9 for the check digit."""
    return _document_sum(match, (7, 3, 1, 9, 7, 3, 1, 7, 3)) == 0


def pl_passport(match: bytes) -> bool:
    """https://www.gov.pl (paszport): letters count from 10; weights 7 3, then 9 for the check digit, 1 7 3."""
    return _document_sum(match, (7, 3, 9, 1, 7, 3, 1, 7, 3)) == 0


def cz_rodne_cislo(match: bytes) -> bool:
    """Zákon č. 133/2000 Sb., https://www.mvcr.cz: date of birth (a woman's month 50 more, 20 more if full), mod 11.

    Numbers of nine digits, given for births from 1880 to 1953, have no check digit.
    """
    number = digits(match)
    year, month, day = pairs(number)
    if len(number) == 9:
        return (year < 54 or year >= 80) and is_date((1900 if year < 54 else 1800) + year, month % 50 % 20, day)
    check = int(number[:9]) % 11 % 10
    return is_date((2000 if year < 54 else 1900) + year, month % 50 % 20, day) and check == number[9] - 48


def cz_ico(match: bytes) -> bool:
    """https://www.czso.cz (IČO): mod 11, weights 8 to 2."""
    number = digits(match)
    return int(number) > 0 and (11 - weighted(number[:7], range(8, 1, -1)) % 11) % 10 == number[7] - 48


def cz_dic(match: bytes) -> bool:
    """https://www.financnisprava.cz (DIČ): the number of a company (8 digits) or of a person (9, 10) behind CZ.

    Persons without one have nine digits that begin with 6.
    """
    number = digits(match)
    if len(number) == 8:
        return number[:1] != b"9" and cz_ico(number)
    if len(number) == 9 and number[:1] == b"6":
        return (8 - (10 - weighted(number[1:8], range(8, 1, -1)) % 11) % 11) % 10 == number[8] - 48
    return cz_rodne_cislo(number)


def sk_ic_dph(match: bytes) -> bool:
    """https://www.financnasprava.sk (IČ DPH): a multiple of 11; the third digit is 2, 3, 4, 7, 8 or 9.

    Some persons have their rodné číslo in its place.
    """
    number = digits(match)
    if number[:1] != b"0" and number[2:3] in {b"2", b"3", b"4", b"7", b"8", b"9"} and int(number) % 11 == 0:
        return True
    return cz_rodne_cislo(number)


def hu_adoazonosito(match: bytes) -> bool:
    """1996. évi XX. törvény, https://net.jogtar.hu: 8, days since 1867, serial, mod 11 with weights 1 to 9."""
    number = digits(match)
    return weighted(number[:9], range(1, 10)) % 11 == number[9] - 48


def hu_taj(match: bytes) -> bool:
    """1996. évi XX. törvény, https://net.jogtar.hu: weights 3 and 7 in turn, mod 10."""
    number = digits(match)
    return weighted(number[:8], (3, 7) * 4) % 10 == number[8] - 48


def hu_personal_id(match: bytes) -> bool:
    """1996. évi XX. törvény, https://net.jogtar.hu: sex, date of birth, mod 11; weights turned since 1997."""
    number = digits(match)
    if number[:1] not in b"1234":
        return False
    year, month, day = pairs(number[1:])
    century = 1900 if number[:1] in b"12" else 2000
    if not is_date(century + year, month, day):
        return False
    turned = century == 2000 or year >= 97
    weights = range(10, 0, -1) if turned else range(1, 11)
    return weighted(number[:10], weights) % 11 == number[10] - 48


def hu_adoszam(match: bytes) -> bool:
    """https://nav.gov.hu (adószám): weights 9 7 3 1, mod 10."""
    return weighted(digits(match)[:8], (9, 7, 3, 1, 9, 7, 3, 1)) % 10 == 0


def ro_cnp(match: bytes) -> bool:
    """https://legislatie.just.ro (CNP): sex and century, date of birth, county, mod 11; ten counts as one."""
    number = digits(match)
    year, month, day = pairs(number[1:])
    century = {b"3": 1800, b"4": 1800, b"5": 2000, b"6": 2000}.get(number[:1], 1900)
    check = weighted(number, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    county = int(number[7:9])
    placed = 1 <= county <= 48 or county in {51, 52, 70, *range(80, 84)}
    return placed and is_date(century + year, month, day) and (1 if check == 10 else check) == number[12] - 48


def ro_cui(match: bytes) -> bool:
    """https://www.anaf.ro (CUI): weights 7 5 3 2 1 7 5 3 2, times ten, mod 11, mod 10."""
    number = digits(match).rjust(10, b"0")
    return weighted(number[:9], (7, 5, 3, 2, 1, 7, 5, 3, 2)) * 10 % 11 % 10 == number[9] - 48


def bg_egn(match: bytes) -> bool:
    """https://www.grao.bg (ЕГН): date of birth, the month tells the century; weights 2 4 8 5 10 9 7 3 6, mod 11."""
    number = digits(match)
    year, month, day = pairs(number)
    century = {0: 1900, 1: 1800, 2: 2000}.get(month // 20, 0)
    check = weighted(number, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    return century > 0 and is_date(century + year, month % 20, day) and check == number[9] - 48


def bg_lnch(match: bytes) -> bool:
    """https://www.grao.bg (ЛНЧ, for foreigners): weights 21 19 17 13 11 9 7 3 1, mod 10."""
    number = digits(match)
    return weighted(number, (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10 == number[9] - 48


def bg_eik(match: bytes) -> bool:
    """https://www.registryagency.bg (ЕИК): mod 11 in two rounds, weights 1 to 8, then 3 to 10."""
    number = digits(match)
    check = weighted(number[:8], range(1, 9)) % 11
    if check == 10:
        check = weighted(number[:8], range(3, 11)) % 11 % 10
    return check == number[8] - 48


def hr_oib(match: bytes) -> bool:
    """https://www.porezna-uprava.hr (OIB): mod 11,10."""
    return mod11_10(digits(match))


def si_emso(match: bytes) -> bool:
    """https://www.stat.si (EMŠO, JMBG): date of birth with three digits of the year, region, serial, mod 11."""
    number = digits(match)
    day, month, _ = pairs(number)
    year = int(number[4:7])
    dated = is_date(1000 + year if year >= 800 else 2000 + year, month, day)
    check = -weighted(number, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 % 10
    return dated and check == number[12] - 48


def si_davcna(match: bytes) -> bool:
    """https://www.fu.gov.si (davčna številka): mod 11, weights 8 to 2; ten counts as zero."""
    number = digits(match)
    check = 11 - weighted(number[:7], range(8, 1, -1)) % 11
    return number[:1] != b"0" and check < 11 and check % 10 == number[7] - 48


def ua_rntrc(match: bytes) -> bool:
    """https://tax.gov.ua (РНОКПП): weights -1 5 7 9 4 6 10 5 7, mod 11, mod 10."""
    number = digits(match)
    return weighted(number, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == number[9] - 48


def ua_edrpou(match: bytes) -> bool:
    """https://www.ukrstat.gov.ua (ЄДРПОУ): mod 11 in two rounds; numbers from 30 to 60 million turn the weights."""
    number = digits(match)
    weights = (7, 1, 2, 3, 4, 5, 6) if b"3" <= number[:1] < b"6" else (1, 2, 3, 4, 5, 6, 7)
    check = weighted(number, weights) % 11
    if check == 10:
        check = weighted(number, tuple(weight + 2 for weight in weights)) % 11 % 10
    return check == number[7] - 48


VALIDATORS = (
    *(pl_pesel, pl_nip, pl_regon, pl_id_card, pl_passport, cz_rodne_cislo, cz_ico, cz_dic, sk_ic_dph),
    *(hu_adoazonosito, hu_taj, hu_personal_id, hu_adoszam, ro_cnp, ro_cui, bg_egn, bg_lnch, bg_eik),
    *(hr_oib, si_emso, si_davcna, ua_rntrc, ua_edrpou),
)

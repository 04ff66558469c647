"""Identifiers of the United Kingdom, Ireland, France, Belgium and the Netherlands."""

from .checksums import alphanumerics, digits, luhn, mod97, weighted
from .dates import is_date, is_short_date, pairs

_NINO_UNUSED = frozenset((b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"))


def uk_nino(match: bytes) -> bool:
    """https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110: prefixes that are not used."""
    return match[:2].upper() not in _NINO_UNUSED


def uk_nhs(match: bytes) -> bool:
    """https://www.datadictionary.nhs.uk/attributes/nhs_number.html: mod 11, weights 10 to 2."""
    return weighted(digits(match), range(10, 0, -1)) % 11 == 0


def uk_chi(match: bytes) -> bool:
    """https://www.ndc.scot.nhs.uk/Data-Dictionary: date of birth, then a check digit as in the NHS number."""
    day, month, year = pairs(digits(match))
    return is_short_date(year, month, day) and uk_nhs(match)


def uk_utr(match: bytes) -> bool:
    """https://www.oecd.org/tax/automatic-exchange/crs-implementation-and-assistance/tax-identification-numbers/."""
    number = digits(match)
    return b"21987654321"[weighted(number[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == number[0]


def uk_vat(match: bytes) -> bool:
    """https://www.gov.uk/guidance/uk-vat-number-formats: mod 97, of numbers since 2009 with an offset (9755)."""
    number = alphanumerics(match).removeprefix(b"GB").removeprefix(b"XI")
    if number[:2] in {b"GD", b"HA"}:
        return (int(number[2:]) < 500) == (number[:2] == b"GD")
    total = weighted(number, (8, 7, 6, 5, 4, 3, 2, 10, 1)) % 97
    return total == 0 or (total in {42, 55} and number >= b"100")


def uk_driving_licence(match: bytes) -> bool:
    """https://www.gov.uk/government/publications/inf45: surname, date of birth (a woman's month + 50), initials."""
    number = alphanumerics(match)
    surname, year, month, day = number[:5].rstrip(b"9"), number[5:6] + number[10:11], number[6:8], number[8:10]
    return surname.isalpha() and is_short_date(int(year), int(month) % 50, int(day))


_PPS_LETTERS = b"WABCDEFGHIJKLMNOPQRSTUV"


def ie_pps(match: bytes) -> bool:
    """https://www.revenue.ie/en/tax-professionals/: mod 23 of seven digits and, since 2013, a second letter.

    Older numbers may have a W, T or X there, which does not count.
    """
    number = alphanumerics(match)
    second = number[8:9] if number[8:9] in b"ABCDEFGHI" else b"W"
    total = weighted(number[:7], range(8, 1, -1)) + 9 * _PPS_LETTERS.index(second or b"W")
    return _PPS_LETTERS[total % 23] == number[7]


def ie_vat(match: bytes) -> bool:
    """https://www.revenue.ie/en/vat/: the check letter of a PPS number; old numbers have a sign in the second place."""
    number = match.translate(None, b" -.").upper().removeprefix(b"IE")
    if number[1:2].isdigit():
        return ie_pps(number)
    return ie_pps(b"0" + number[2:7] + number[:1] + number[7:])


def fr_nir(match: bytes) -> bool:
    """https://www.insee.fr/fr/metadonnees/definition/c1409: key 97 - n mod 97; 2A counts as 19, 2B as 18."""
    number = alphanumerics(match).replace(b"2A", b"19").replace(b"2B", b"18")
    return len(number) < 15 or int(number[13:]) == 97 - int(number[:13]) % 97


_LA_POSTE = b"356000000"


def fr_siren(match: bytes) -> bool:
    """https://www.sirene.fr/sirene/public/variable/siren: Luhn."""
    return luhn(digits(match))


def fr_siret(match: bytes) -> bool:
    """https://www.sirene.fr/sirene/public/variable/siret: Luhn; at La Poste the sum of the digits may do (mod 5)."""
    number = digits(match)
    if number.startswith(_LA_POSTE) and sum(number) - 48 * 14 and (sum(number) - 48 * 14) % 5 == 0:
        return True
    return luhn(number[:9]) and luhn(number)


_TVA_LETTERS = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def fr_tva(match: bytes) -> bool:
    """https://www.service-public.fr/professionnels-entreprises/vosdroits/F23570: a key of two characters, a SIREN."""
    number = alphanumerics(match).removeprefix(b"FR")
    first, second, siren = number[0], number[1], number[2:]
    # Companies of Monaco begin with 000 and are no SIREN.
    if not siren.startswith(b"000") and not luhn(siren):
        return False
    if number[:2].isdigit():
        return int(siren + b"12") % 97 == int(number[:2])
    try:
        one, two = _TVA_LETTERS.index(first), _TVA_LETTERS.index(second)
    except ValueError:
        return False
    key = one * 24 + two - 10 if one < 10 else one * 34 + two - 100
    return (int(siren) + 1 + key // 11) % 11 == key % 11


def fr_nif(match: bytes) -> bool:
    """https://www.impots.gouv.fr (numéro fiscal): the last three digits are the first ten mod 511."""
    number = digits(match)
    return int(number[:10]) % 511 == int(number[10:])


def be_nn(match: bytes) -> bool:
    """https://www.ibz.rrn.fgov.be (rijksregisternummer): date of birth, 97 - n mod 97, with a 2 before it after 1999.

    Months are 20 or 40 more in BIS numbers; month and day are zero when they are not known.
    """
    number = digits(match)
    check, serial = 97 - int(number[9:]), int(number[:9])
    centuries = [c for c, n in ((1900, serial), (2000, 2_000_000_000 + serial)) if n % 97 == check]
    if not centuries:
        return False
    year, month, day = pairs(number)
    month = month % 20 if month < 60 else 99
    return any(is_date(century + year, month or 1, day or 1) for century in centuries)


def be_enterprise(match: bytes) -> bool:
    """https://economie.fgov.be (Crossroads Bank for Enterprises): 97 - n mod 97."""
    number = digits(match).rjust(10, b"0")
    return int(number[:8]) > 0 and (int(number[:8]) + int(number[8:])) % 97 == 0


def be_eid(match: bytes) -> bool:
    """https://www.ibz.rrn.fgov.be (identity documents): the last two digits are n mod 97, 97 for 0."""
    number = digits(match)
    return int(number) > 0 and int(number[10:]) == (int(number[:10]) % 97 or 97)


def nl_bsn(match: bytes) -> bool:
    """https://www.rvig.nl/bsn: the eleven test, weights 9 to 2, the last digit counts -1."""
    number = digits(match).rjust(9, b"0")
    return int(number) > 0 and weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def nl_btw(match: bytes) -> bool:
    """https://www.belastingdienst.nl (btw-id): the eleven test, or since 2020 mod 97 of the whole."""
    number = alphanumerics(match)
    return nl_bsn(number[2:11]) or mod97(number) == 1


VALIDATORS = (
    *(uk_nino, uk_nhs, uk_chi, uk_utr, uk_vat, uk_driving_licence, ie_pps, ie_vat),
    *(fr_nir, fr_siren, fr_siret, fr_tva, fr_nif, be_nn, be_enterprise, be_eid, nl_bsn, nl_btw),
)

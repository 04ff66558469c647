"""Identifiers of Spain, Italy, Portugal and Greece."""

from .checksums import LETTERS, alphanumerics, digits, luhn, value, weighted
from .dates import is_short_date, pairs

_DNI_LETTERS = b"TRWAGMYFPDXBNJZSQVHLCKE"


def es_dni(match: bytes) -> bool:
    """https://www.interior.gob.es (cálculo del dígito de control del NIF/NIE): the letter is the number mod 23."""
    number = alphanumerics(match)
    return _DNI_LETTERS[int(number[:-1]) % 23] == number[-1]


def es_nie(match: bytes) -> bool:
    """The same, with 0, 1 or 2 for the leading X, Y or Z."""
    number = alphanumerics(match)
    return es_dni(b"%d" % (number[0] - 88) + number[1:])


def es_cif(match: bytes) -> bool:
    """https://www.boe.es (Orden EHA/451/2008): every second digit doubled, digits summed.

    A digit or a letter checks; sources do not agree which kinds of organisations have which.
    """
    number = alphanumerics(match)
    total = sum(sum(divmod((d - 48) * (2 - place % 2), 10)) for place, d in enumerate(number[1:8]))
    check = -total % 10
    return number[8] in {b"JABCDEFGHI"[check], 48 + check}


def es_vat(match: bytes) -> bool:
    """A CIF behind the country's two letters."""
    return es_cif(alphanumerics(match)[2:])


def es_nss(match: bytes) -> bool:
    """https://www.seg-social.es: province and number mod 97; small numbers are filled up to seven digits only."""
    number = digits(match)
    province, serial, check = int(number[:2]), int(number[2:10]), int(number[10:])
    whole = int(number[:10]) if serial >= 10_000_000 else province * 10_000_000 + serial
    return (1 <= province <= 53 or province == 66) and whole % 97 == check


_CF_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CF_MONTHS = b"ABCDEHLMPRST"
# Where two people would have the same code, digits are replaced by these letters, from the last one on.
_OMOCODIA = bytes.maketrans(b"LMNPQRSTUV", b"0123456789")


def it_codice_fiscale(match: bytes) -> bool:
    """https://www.gazzettaufficiale.it (D.M. 23 dicembre 1976): names, date (a woman's day + 40), place, mod 26."""
    code = alphanumerics(match)
    year, day = (int(figures.translate(_OMOCODIA)) for figures in (code[6:8], code[9:11]))
    dated = is_short_date(year, 1 + _CF_MONTHS.index(code[8]), day - 40 if day > 40 else day)
    values = [character - 48 if character < 58 else character - 65 for character in code]
    total = sum(_CF_ODD[v] if place % 2 == 0 else v for place, v in enumerate(values[:15]))
    return dated and total % 26 == values[15]


def it_partita_iva(match: bytes) -> bool:
    """https://www.agenziaentrate.gov.it (partita IVA): seven digits, an office, Luhn."""
    number = digits(match)
    office = number[7:10]
    issued = b"001" <= office <= b"100" or office in {b"120", b"121", b"888", b"999"}
    return int(number[:7]) > 0 and issued and luhn(number)


def pt_nif(match: bytes) -> bool:
    """https://info.portaldasfinancas.gov.pt (NIF): mod 11, weights 9 to 2; ten counts as zero."""
    number = digits(match)
    check = -weighted(number[:8], range(9, 1, -1)) % 11
    return number[:1] != b"0" and check % 10 == number[8] - 48


_ALPHANUMERICS = b"0123456789" + LETTERS
_ONCE = bytes.maketrans(_ALPHANUMERICS, bytes(map(value, _ALPHANUMERICS)))
_TWICE = bytes.maketrans(_ALPHANUMERICS, bytes(2 * n - 9 if n > 4 else 2 * n for n in map(value, _ALPHANUMERICS)))


def pt_cc(match: bytes) -> bool:
    """https://www.autenticacao.gov.pt (Validação de Número de Documento do Cartão de Cidadão): Luhn with letters."""
    number = alphanumerics(match)
    return (sum(number[::2].translate(_TWICE)) + sum(number[1::2].translate(_ONCE))) % 10 == 0


def pt_niss(match: bytes) -> bool:
    """https://www.seg-social.pt: weights are prime numbers; the check digit is 9 less the sum mod 10."""
    number = digits(match)
    return 9 - weighted(number, (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)) % 10 == number[10] - 48


def gr_afm(match: bytes) -> bool:
    """https://www.aade.gr (ΑΦΜ): powers of two, mod 11, mod 10."""
    number = digits(match)
    return int(number) > 0 and weighted(number, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == number[8] - 48


def gr_amka(match: bytes) -> bool:
    """https://www.amka.gr: date of birth, serial, Luhn."""
    number = digits(match)
    day, month, year = pairs(number)
    return is_short_date(year, month, day) and luhn(number)


VALIDATORS = (
    *(es_dni, es_nie, es_cif, es_vat, es_nss, it_codice_fiscale, it_partita_iva),
    *(pt_nif, pt_cc, pt_niss, gr_afm, gr_amka),
)

"""Numbers of people and businesses in Mexico, Argentina, Chile, Colombia and Peru; Brazil has a module of its own."""

from .checksums import alphanumerics, digits, luhn, weighted
from .dates import is_short_date, pairs

_CURP_VALUES = {letter: place for place, letter in enumerate(b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ")}
_MX_STATES = frozenset(
    b"AS BC BS CC CH CL CM CS DF DG GR GT HG JC MC MN MS NE NL NT OC PL QR QT SL SP SR TC TL TS VZ YN ZS".split()
)


def mx_curp(match: bytes) -> bool:
    """Date, sex, state and check digit (Instructivo Normativo para la asignación de la CURP, RENAPO)."""
    number = match.upper()
    if not is_short_date(*pairs(number[4:10])) or number[10] not in b"HMX" or number[11:13] not in _MX_STATES:
        return False
    total = sum(_CURP_VALUES[letter] * (18 - place) for place, letter in enumerate(number[:17]))
    return number[17] - 48 == -total % 10


def mx_rfc(match: bytes) -> bool:
    """A date behind the letters. The check digit is not asked for: some that are in use do not satisfy it, and in a
    shadow the Ñ, which counts differently, is an N (Servicio de Administración Tributaria).
    """
    number = match.translate(None, b" -").upper()
    start = 3 if len(number) == 12 else 4
    # Two that stand for any Mexican and any foreigner.
    anybody = number.startswith((b"XAXX010101", b"XEXX010101"))
    return not anybody and is_short_date(*pairs(number[start:]))


def mx_nss(match: bytes) -> bool:
    """Eleven digits, the last by Luhn (Instituto Mexicano del Seguro Social)."""
    number = digits(match)
    return len(set(number)) > 1 and luhn(number)


def mx_clabe(match: bytes) -> bool:
    """Weights 3, 7, 1, each product without its tens (Asociación de Bancos de México)."""
    number = digits(match)
    total = sum((digit - 48) * weight % 10 for digit, weight in zip(number, (3, 7, 1) * 6, strict=False))
    total -= number[17] - 48  # its weight was 1
    return number[:3] != b"000" and number[17] - 48 == -total % 10


def mx_elector_key(match: bytes) -> bool:
    """Consonants, date of birth, state of birth: 01 to 32, 87 and 88 for abroad (Instituto Nacional Electoral)."""
    number = alphanumerics(match)
    state = int(number[12:14])
    return is_short_date(*pairs(number[6:12])) and (1 <= state <= 33 or state in {87, 88})


_CUIT_KINDS = frozenset((b"20", b"23", b"24", b"27", b"30", b"33", b"34", b"50", b"51", b"55"))


def ar_cuit(match: bytes) -> bool:
    """Kind, number, check digit modulo 11 (AFIP/ARCA)."""
    number = digits(match)
    remainder = weighted(number[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    check = {0: 0, 1: 9}.get(remainder, 11 - remainder)
    return number[:2] in _CUIT_KINDS and number[10] - 48 == check


def _cbu_check(number: bytes) -> bool:
    return weighted(bytes(reversed(number)), (1, 3, 1, 7, 9) + (3, 1, 7, 9) * 3) % 10 == 0


def ar_cbu(match: bytes) -> bool:
    """Two blocks, 8 and 14 digits, each with a check digit (Banco Central, Comunicación A 2559)."""
    number = digits(match)
    return len(set(number)) > 1 and _cbu_check(number[:8]) and _cbu_check(number[8:])


def cl_rut(match: bytes) -> bool:
    """Modulo 11, K for ten (Servicio de Impuestos Internos)."""
    number = alphanumerics(match)
    check = -weighted(bytes(reversed(number[:-1])), (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return number[-1] == b"0123456789K"[check]


def co_nit(match: bytes) -> bool:
    """Modulo 11 with prime weights (Decreto 2460 de 2013; DIAN, Orden Administrativa 4 de 1989)."""
    number = digits(match)
    remainder = weighted(bytes(reversed(number[:-1])), (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71)) % 11
    return number[-1] == b"01987654321"[remainder]


_RUC_KINDS = frozenset((b"10", b"15", b"17", b"20"))


def pe_ruc(match: bytes) -> bool:
    """Kind, number, check digit modulo 11 (SUNAT)."""
    number = digits(match)
    check = (11 - weighted(number[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 10
    return number[:2] in _RUC_KINDS and number[10] - 48 == check


def pe_dni(match: bytes) -> bool:
    """Eight digits; when a check character follows, it is a digit or a letter by modulo 11 (RENIEC)."""
    number = alphanumerics(match)
    if len(number) == 8:
        return len(set(number)) > 1
    remainder = weighted(number[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return number[8] in (b"65432110987"[remainder], b"KJIHGFEDCBA"[remainder])


VALIDATORS = (
    *(ar_cbu, ar_cuit, cl_rut, co_nit),
    *(mx_clabe, mx_curp, mx_elector_key, mx_nss, mx_rfc),
    *(pe_dni, pe_ruc),
)

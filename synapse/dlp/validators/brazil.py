"""Numbers of people and businesses in Brazil."""

from .checksums import alphanumerics, digits, weighted


def _check_digit(total: int) -> int:
    return -total % 11 if total % 11 > 1 else 0


def br_cpf(match: bytes) -> bool:
    """Two check digits modulo 11 (Receita Federal, Instrução Normativa 1548/2015)."""
    number = digits(match)
    if number[9] - 48 != _check_digit(weighted(number, range(10, 1, -1))):
        return False
    return number[10] - 48 == _check_digit(weighted(number, range(11, 1, -1))) and len(set(number)) > 1


def br_cnpj(match: bytes) -> bool:
    """The same over digits and, since July 2026, letters: a letter counts as its ASCII code less 48.

    Receita Federal, Instrução Normativa 2229/2024.
    """
    number = alphanumerics(match)
    first = _check_digit(weighted(number[:12], (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
    second = _check_digit(weighted(number[:13], (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)))
    return len(set(number[:12])) > 1 and (number[12] - 48, number[13] - 48) == (first, second)


def br_pis(match: bytes) -> bool:
    """PIS, PASEP, NIS, NIT: one check digit modulo 11 (Caixa Econômica Federal)."""
    number = digits(match)
    return len(set(number)) > 1 and number[10] - 48 == _check_digit(
        weighted(number[:10], (3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    )


def br_voter(match: bytes) -> bool:
    """Serial number, state 01 to 28, two check digits (Tribunal Superior Eleitoral, Resolução 21.538/2003, art. 12)."""
    number = digits(match)
    serial, state = number[:-4], number[-4:-2]
    first = _voter_digit(weighted(bytes(reversed(serial)), range(9, 0, -1)), state)
    second = _voter_digit(weighted(state, (7, 8)) + 9 * first, state)
    return 1 <= int(state) <= 28 and (number[-2] - 48, number[-1] - 48) == (first, second)


def _voter_digit(total: int, state: bytes) -> int:
    remainder = total % 11
    if remainder == 0 and state in {b"01", b"02"}:  # São Paulo and Minas Gerais
        return 1
    return remainder % 10


def br_cnh(match: bytes) -> bool:
    """A driving licence's two check digits (Conselho Nacional de Trânsito, Resolução 886/2021)."""
    number = digits(match)
    first = weighted(number[:9], range(9, 0, -1)) % 11
    second = weighted(number[:9], range(1, 10)) % 11
    # Ten becomes zero; the first one's ten then costs the second two.
    lowered = second - 2 if first == 10 else second
    seconds = {0 if second == 10 else lowered, lowered % 11 % 10}
    return len(set(number)) > 1 and number[9] - 48 == first % 10 and number[10] - 48 in seconds


def br_cns(match: bytes) -> bool:
    """The national health card: the weighted sum of its 15 digits is divisible by 11 (DATASUS)."""
    number = digits(match)
    return len(set(number)) > 2 and weighted(number, range(15, 0, -1)) % 11 == 0


VALIDATORS = (br_cnh, br_cnpj, br_cns, br_cpf, br_pis, br_voter)

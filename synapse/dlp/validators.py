"""Checks that a regular expression cannot make: checksums, number ranges, decoding. Pure functions of the match.

A match is shadow text: bytes, ASCII wherever a rule's core asked for ASCII.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Mapping

import orjson

from .._dlp import luhn, mod97

Validator = Callable[[bytes], bool]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def key_checksum(random_part: str) -> str:
    """The last six characters of a Synapse key: the CRC-32 of its 32 random characters in base 62."""
    value = zlib.crc32(random_part.encode("ascii"))
    digits = []
    for _ in range(6):  # 62**6 is more than 2**32
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def synapse_key(match: bytes) -> bool:
    random_part = match.removeprefix(b"syn_").decode("ascii")
    return key_checksum(random_part[:32]) == random_part[32:]


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


def email(match: bytes) -> bool:
    local, _, domain = match.rpartition(b"@")
    labels = domain.split(b".")
    return (
        len(match) <= 254  # RFC 5321, §4.5.3.1.3, less the angle brackets
        and not local.endswith(b".")
        and not any(label.startswith(b"-") or label.endswith(b"-") for label in labels)
    )


# Printed in wallets and advertisements, or typed by everybody who needs a number.
_SSN_SAMPLES = frozenset((b"078051120", b"219099999", b"123456789"))


def us_ssn(match: bytes) -> bool:
    digits = _NOT_DIGITS.sub(b"", match)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return (
        area not in {b"000", b"666"}
        and area < b"900"
        and group != b"00"
        and serial != b"0000"
        and digits not in _SSN_SAMPLES
    )


_NINO_UNUSED = frozenset((b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"))


def uk_nino(match: bytes) -> bool:
    return match[:2].upper() not in _NINO_UNUSED


def phone(match: bytes) -> bool:
    digits = _NOT_DIGITS.sub(b"", match)
    if len(digits) > 15 or len(set(digits[3:])) == 1:  # E.164, §6.1
        return False
    # The North American plan: neither an area nor an exchange begins with 0 or 1.
    return not digits.startswith(b"1") or (digits[1:2] > b"1" and digits[4:5] > b"1")


def ipv4(match: bytes) -> bool:
    octets = match.split(b".")
    return len(octets) == 4 and all(int(octet) < 256 and (octet == b"0" or octet[:1] != b"0") for octet in octets)


def varied(match: bytes) -> bool:
    """No placeholder such as `xxxx…`: sixteen random characters have fewer than six different ones in no lifetime."""
    return len(set(match[-16:])) >= 6


def jwt(match: bytes) -> bool:
    """The header is JSON and names an algorithm."""
    header = match.split(b".", 1)[0]
    try:
        decoded = orjson.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (binascii.Error, orjson.JSONDecodeError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


VALIDATORS: Mapping[str, Validator] = {
    validator.__name__: validator
    for validator in (credit_card, email, iban, ipv4, jwt, phone, synapse_key, uk_nino, us_ssn, varied)
}

"""What names or reaches a person."""

from .checksums import digits


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
    number = digits(match)
    area, group, serial = number[:3], number[3:5], number[5:]
    return (
        area not in {b"000", b"666"}
        and area < b"900"
        and group != b"00"
        and serial != b"0000"
        and number not in _SSN_SAMPLES
    )


def phone(match: bytes) -> bool:
    number = digits(match)
    if len(number) > 15 or len(set(number[3:])) == 1:  # E.164, §6.1
        return False
    # The North American plan: neither an area nor an exchange begins with 0 or 1.
    return not number.startswith(b"1") or (number[1:2] > b"1" and number[4:5] > b"1")


VALIDATORS = (email, phone, us_ssn)

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


def phone(match: bytes) -> bool:
    number = digits(match)
    if len(number) > 15 or len(set(number[3:])) == 1:  # E.164, §6.1
        return False
    # The North American plan: neither an area nor an exchange begins with 0 or 1.
    return not number.startswith(b"1") or (number[1:2] > b"1" and number[4:5] > b"1")


VALIDATORS = (email, phone)

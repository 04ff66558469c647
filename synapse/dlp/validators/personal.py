"""What names, reaches or describes a person."""

import re

from .checksums import digits


def email(match: bytes) -> bool:
    """At most 254 characters, no full stop before the @, no hyphen at the edges of a domain's parts."""
    local, _, domain = match.rpartition(b"@")
    labels = domain.split(b".")
    return (
        len(match) <= 254  # RFC 5321, §4.5.3.1.3, less the angle brackets
        and not local.endswith(b".")
        and not any(label.startswith(b"-") or label.endswith(b"-") for label in labels)
    )


_EXTENSION = re.compile(rb"[A-Za-z]")
# What is written with the signs of a date is one, and no telephone number.
_DATE = re.compile(
    rb"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}.*|[0-9]{1,2}([-/.])[0-9]{1,2}\1(?:19|20)?[0-9]{2}"
)


def phone(match: bytes) -> bool:
    """7 to 15 digits with a country's code, 7 to 12 without; neither a date nor one digit repeated."""
    written = _EXTENSION.split(match, maxsplit=1)[0]
    number = digits(written)
    if len(set(number[3:])) == 1:
        return False
    if match[:1] == b"+":
        return _international(number, written)
    if number[:2] == b"00":
        return _international(number[2:], written)
    if _DATE.fullmatch(written):
        return False
    # Areas of three digits in brackets are North American; Brazilian ones have two.
    american = match[:1] == b"(" and match[4:5] == b")" and number[:1] != b"0"
    return 7 <= len(number) <= 12 and (not american or _north_american(number[-10:]))


def _international(number: bytes, written: bytes) -> bool:
    if not 7 <= len(number) <= 15 + written.count(b"(0)"):  # E.164, §6.1
        return False
    return number[:1] != b"1" or (len(number) == 11 and _north_american(number[1:]))


def _north_american(number: bytes) -> bool:
    """Neither an area nor an exchange of the North American plan begins with 0 or 1."""
    return len(number) == 10 and number[:1] > b"1" and number[3:4] > b"1"


_DIGITS = re.compile(rb"[0-9]+")


def date_of_birth(match: bytes) -> bool:
    """A day in the life of somebody: day and month in any order, the month perhaps in letters, the year of 4 or 2."""
    numbers = _DIGITS.findall(match)
    if len(numbers) == 1:
        numbers = _without_separators(match)
    year = next((number for number in numbers if len(number) == 4), numbers[-1])
    if len(year) == 4 and not b"1900" <= year <= b"2029":
        return False
    numbers.remove(year)
    return all(1 <= int(number) <= 31 for number in numbers) and (len(numbers) == 1 or min(map(int, numbers)) <= 12)


def _without_separators(match: bytes) -> list[bytes]:
    """YYYYMMDD, or DDMMYYYY."""
    if match[:2] in {b"19", b"20"} and match[4:6] <= b"12":
        return [match[:4], match[4:6], match[6:]]
    return [match[:2], match[2:4], match[4:]]


def age(match: bytes) -> bool:
    """At most 120 years."""
    return int(digits(match)) <= 120


# What stands behind such a name in programs and forms that are not filled in.
_NO_USERNAMES = frozenset(
    b"str string text varchar char null none nil undefined true false self this request user username name required "
    b"optional field input login admin root example test value password email and the not was for with has are "
    b"fields taken available unknown missing invalid valid wrong correct incorrect already case must can cannot will "
    b"should does did or is".split()
)
_CODE = re.compile(
    rb"^(?:self|this|request|req|settings|config|os|env|process|ctx|args|params|data|form|user|session)\."
)


def username(match: bytes) -> bool:
    """No placeholder, no type of a field, no piece of code."""
    return match.lower() not in _NO_USERNAMES and _CODE.match(match) is None and match[:4].lower() != b"your"


VALIDATORS = (age, date_of_birth, email, phone, username)

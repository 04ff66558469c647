"""Addresses of machines and numbers of devices."""

import re

from ..._dlp import is_ipv6
from .checksums import digits, luhn, value

# Addresses of one-digit numbers that are on everybody's tongue; any other of them is a version or a section.
_SHORT_ADDRESSES = frozenset(b"0.0.0.0 1.1.1.1 1.0.0.1 8.8.8.8 8.8.4.4 9.9.9.9 4.2.2.1 4.2.2.2".split())
# Networks that are written with three zeros; others of that form are versions, such as a browser's 120.0.0.0.
_ZERO_NETWORKS = frozenset((b"0", b"10", b"127"))


def ipv4(match: bytes) -> bool:
    """Four numbers up to 255; what is too short is the number of a version, unless it is well known."""
    octets = match.split(b".")
    if len(octets) != 4 or not all(map(_is_octet, octets)):
        return False
    if octets[1:] == [b"0"] * 3:
        return octets[0] in _ZERO_NETWORKS
    return len(match) > 7 or match in _SHORT_ADDRESSES


def _is_octet(octet: bytes) -> bool:
    return int(octet) < 256 and (octet == b"0" or octet[:1] != b"0")


def ipv6(match: bytes) -> bool:
    """RFC 4291. A time, a hardware address and a name with two colons are of the same characters."""
    address = match.partition(b"%")[0]
    groups = [group for group in address.split(b":") if group]
    if len(groups) < 2 or {len(group) for group in groups} == {2} or len(max(groups[:2], key=len)) < 3:
        return False
    return is_ipv6(address)


def cidr(match: bytes) -> bool:
    """RFC 4632, §3.1: a prefix is an address and the number of bits of it that count."""
    address, _, bits = match.rpartition(b"/")
    if b":" in address:
        return int(bits) <= 128 and (ipv6(address) or address == b"::")
    octets = address.split(b".")
    return len(octets) == 4 and all(map(_is_octet, octets)) and int(bits) <= 32


def mac_address(match: bytes) -> bool:
    """IEEE 802: six octets, no more; groups of digits alone with hyphens are dates and draws of a lottery."""
    octets = match.translate(None, b":-. ")
    if len(octets) != 12 or len(set(octets)) == 1:
        return False
    return not octets.isdigit() or b":" in match or octets.startswith(b"00")


def imei(match: bytes) -> bool:
    """3GPP TS 23.003, annex B: fifteen digits with a Luhn sum. Zeros are no type of device."""
    number = digits(match)
    return len(number) == 15 and luhn(number) and len(set(number)) > 1


def imsi(match: bytes) -> bool:
    """3GPP TS 23.003, §2.2: it begins with a mobile country code (ITU-T E.212), 2 to 7 for the world's regions."""
    number = digits(match)
    return number[:1] in b"234567" and len(set(number)) > 2


def iccid(match: bytes) -> bool:
    """ITU-T E.118: 89 for telecommunications, a country, an issuer, an account and a Luhn digit."""
    number = digits(match)
    return number[:2] == b"89" and (luhn(number) or len(number) == 19)


_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# 49 CFR 565.15, table III: letters count as the digits 1 to 9 of their row.
_VIN_VALUES = dict(zip(b"ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))


def vin(match: bytes) -> bool:
    """ISO 3779 with the check digit of 49 CFR 565.15, or a European one, which has fillers in its place."""
    number = match.upper()
    if not number[-4:].isdigit() or number.isdigit():
        return False
    if number[3:6] == b"ZZZ":
        return True
    total = sum(_VIN_VALUES.get(c, value(c)) * weight for c, weight in zip(number, _VIN_WEIGHTS, strict=True))
    return number[8:9] == (b"X" if total % 11 == 10 else b"%d" % (total % 11))


_NUMBER = re.compile(rb"-?[0-9]+(?:[.][0-9]+)?")


def geo_coordinates(match: bytes) -> bool:
    """Latitude, then longitude, in degrees of WGS 84 (ISO 6709); or degrees, minutes, seconds and a quarter."""
    numbers = [abs(float(number)) for number in _NUMBER.findall(match)]
    if match[-1:].isalpha():
        return max(numbers) <= 180
    return numbers[0] <= (90 if len(numbers) == 2 else 180) and numbers[-1] <= 180


_PLACEHOLDERS = frozenset(b"pass password passwd pwd secret token key xxx user username changeme example".split())


def url_with_credentials(match: bytes) -> bool:
    """RFC 3986, §3.2.1: a password in an address, that is not a sample or a variable to be filled in."""
    _, _, rest = match.partition(b"://")
    password = rest.partition(b":")[2].rpartition(b"@")[0]
    if password[:1] in b"$<{[%*" or password.lower() in _PLACEHOLDERS:
        return False
    return len(set(password)) > 1


VALIDATORS = (cidr, geo_coordinates, iccid, imei, imsi, ipv4, ipv6, mac_address, url_with_credentials, vin)

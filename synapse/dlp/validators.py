"""Checks that a regular expression cannot make: checksums, number ranges, decoding. Pure functions of the match."""

import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def key_checksum(random_part: str) -> str:
    """The last six characters of a Synapse key: the CRC-32 of its 32 random characters in base 62."""
    value = zlib.crc32(random_part.encode("ascii"))
    digits = []
    for _ in range(6):  # 62**6 is more than 2**32
        value, digit = divmod(value, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))

"""Credentials: checksums of tokens, headers of encoded ones."""

import base64
import binascii
import zlib

import orjson

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


VALIDATORS = (jwt, synapse_key, varied)

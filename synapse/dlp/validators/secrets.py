"""Tokens and keys: their checksums, what they decode to, and what only fills a place in an example."""

import base64
import binascii
import re
import zlib

import orjson

from ..._dlp import CAPITAL, DIGIT, SMALL, kinds, repeats, varied
from ..programs import automaton

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# What a token never contains, unless someone wrote it by hand: words of documentation, one character again and again.
_FILLER = automaton(
    rb"(?i:example|placeholder|change_?me|redacted|dummy|insert|replace|your[_-]?(?:own|api|key|token|secret|pass))",
    anywhere=True,
)
_REPEATS = 6
_ALL_KINDS = DIGIT | SMALL | CAPITAL

# Humps of words with a figure or two behind them, joined by separators: a name in code, a path, a host. A repeat inside
# a repeat gives nothing back: a run of letters can be parted in more ways than there is time to try.
_HUMP = rb"(?:[A-Z]{2,}+|[A-Z]?[a-z]{2,}+|(?<=[._/~+-])[A-Za-z](?=[0-9]{1,3}(?:[._/~+-]|\Z)))"
_FIGURE = rb"(?<=[._/~+-])[0-9]{1,4}(?=[._/~+-]|\Z)"
_NAMES = re.compile(rb"[._/~+-]*+(?:(?:%b[0-9]{0,3}+|%b)[._/~+-]*+)+[0-9]{0,3}" % (_HUMP, _FIGURE))
_DATE = re.compile(rb"[12][0-9]{3}-[0-9]{2}-[0-9]{2}(?:[T_]|\Z)")


def key_checksum(random_part: str) -> str:
    """The last six characters of a Synapse key: the CRC-32 of its 32 random characters in base 62."""
    value = zlib.crc32(random_part.encode("ascii"))
    digits = []
    for _ in range(6):  # 62**6 is more than 2**32
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def synapse_key(match: bytes) -> bool:
    """The last characters are a checksum of the others."""
    random_part = match.removeprefix(b"syn_").decode("ascii")
    return key_checksum(random_part[:32]) == random_part[32:]


def checksummed(match: bytes) -> bool:
    """GitHub's and npm's tokens end in a checksum of our own kind; without it they only have to look random.

    https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    token = match[-36:].decode("ascii")
    return key_checksum(token[:30]) == token[30:] or varied(match)


def not_placeholder(match: bytes) -> bool:
    """Nothing that stands for a token in an example."""
    return varied(match) and not repeats(match, _REPEATS) and not _FILLER.finds(match)


def random_token(match: bytes) -> bool:
    """Figures and letters, and no placeholder."""
    return kinds(match) > DIGIT and bool(kinds(match) & DIGIT) and not_placeholder(match)


def mixed_token(match: bytes) -> bool:
    """Figures and letters of both cases, and no placeholder."""
    return kinds(match) == _ALL_KINDS and not_placeholder(match)


def aws_secret(match: bytes) -> bool:
    """Forty characters of base64; the one of AWS's own documentation counts, as the access key beside it does."""
    return kinds(match) == _ALL_KINDS and varied(match)


def secret_value(match: bytes) -> bool:
    """The value of something called a secret: random, and neither code nor a path, a host, a date."""
    return random_token(match) and _NAMES.fullmatch(match.rstrip(b"=")) is None and _DATE.match(match) is None


def jwt(match: bytes) -> bool:
    """The header is JSON and names an algorithm."""
    header = match.split(b".", 1)[0]
    try:
        decoded = orjson.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (binascii.Error, orjson.JSONDecodeError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def jwt_in_base64(match: bytes) -> bool:
    """Decoded twice it begins as a JSON object."""
    inner = _decoded(match)
    return re.match(rb"\{\s*\"[a-zA-Z0-9_]+\"\s*:", _decoded(inner[: inner.find(b".")])) is not None


def base64_private_key(match: bytes) -> bool:
    """Decoded it begins as the PEM of a private key."""
    return b"PRIVATE KEY" in _decoded(match)


def discord_token(match: bytes) -> bool:
    """The first part is the id of the bot in base64. https://discord.com/developers/docs/reference#snowflakes"""
    return _decoded(match.split(b".", 1)[0]).isdigit()


def _decoded(encoded: bytes) -> bytes:
    """As much as whole groups of four characters say; empty when they say nothing."""
    try:
        return base64.urlsafe_b64decode(encoded[: len(encoded) // 4 * 4].translate(_URL_SAFE))
    except binascii.Error:
        return b""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


VALIDATORS = (
    aws_secret,
    base64_private_key,
    checksummed,
    discord_token,
    jwt,
    jwt_in_base64,
    mixed_token,
    not_placeholder,
    random_token,
    secret_value,
    synapse_key,
    varied,
)

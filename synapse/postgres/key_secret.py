"""The secret of an API key: how it is made, and what may be kept of it."""

import hashlib
import secrets
import string
from dataclasses import dataclass

from ..dlp.validators import key_checksum

SECRET_PREFIX = "syn_"  # noqa: S105  the part that is the same in every key
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 32 characters of base 62 are 190 random bits.
RANDOM_CHARS = 32
VISIBLE_CHARS = 12


@dataclass(frozen=True, slots=True)
class KeySecret:
    """A new secret. `text` is shown once and never stored; it stays out of every repr."""

    text: str

    def __repr__(self) -> str:
        return f"KeySecret({self.prefix}…)"

    @property
    def prefix(self) -> str:
        return self.text[:VISIBLE_CHARS]

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


def new_secret() -> KeySecret:
    """`syn_`, random characters, and a checksum by which DLP rules recognise a leaked key without false alarms."""
    random_part = "".join(secrets.choice(BASE62) for _ in range(RANDOM_CHARS))
    return KeySecret(SECRET_PREFIX + random_part + key_checksum(random_part))

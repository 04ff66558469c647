"""Console passwords: argon2id, off the event loop, one at a time in each worker."""

import asyncio
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's minimum for argon2id is 19 MiB with two passes; we take three: 30 ms of one core and 19 MiB for a moment.
_HASHER = PasswordHasher(time_cost=3, memory_cost=19_456, parallelism=1, type=Type.ID)
# The hash of a random value with the same parameters: an unknown login costs the same time as a wrong password.
DUMMY_HASH = "$argon2id$v=19$m=19456,t=3,p=1$GOfLqhZs/cbIKToGB6kiwQ$Qf0v+TfrdWAPEU4ZZFZOct6dHhzY6KzhZij6/BRD2tc"
# Longer ones are no better, and argon2 would read all of it.
PASSWORD_CHARS_MAX = 1024

# Without the letters and digits that are read for each other: 31^20 is more than 2^99.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 5


def generate_password() -> str:
    """A password to be shown once, such as "k7fm2-…": 99 bits, easy to read out and to type."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """Takes 30 ms: not for an event loop that serves."""
    return _HASHER.hash(password)


class PasswordChecker:
    """Checks passwords in a thread. One at a time, so that a flood of them leaves the other cores to requests."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; None, an unknown user, takes as long and is never true."""
        async with self._turn:
            matches = await asyncio.to_thread(_verify, password_hash or DUMMY_HASH, password)
        return matches and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    if len(password) > PASSWORD_CHARS_MAX:
        return False
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False

"""What stands between a guesser and the passwords: a growing wait for each pair of account and source address.

A pair is locked, never an account or an address alone, so nobody can lock somebody else out by guessing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from typing import Any

from ..accounts import TooBusy, TooManyAttempts
from .named_queries import named_queries

# Typing errors cost nothing; from here on the wait doubles: 1, 2, 4 … seconds.
ATTEMPTS_FREE = 5
WAIT_S_MAX = 900
# A pair that was left alone for so long starts anew. It must be longer than the longest wait.
FORGET_AFTER_S = 3600
# Beyond it the pairs that rested longest are forgotten. Pushing one pair out takes as many attempts as there are rows,
# which at the speed of one worker's passwords (30 a second) is five minutes.
ATTEMPTS_ROWS_MAX = 10_000

# Passwords are checked one after the other; these are the ones that wait their turn.
SIGN_INS_AT_ONCE_MAX = 16
# One address can take only this share of them.
SIGN_INS_PER_SOURCE_MAX = 2


class SignInAttempts:
    """The attempts in the database, common to all workers."""

    def __init__(self, *, rows_max: int = ATTEMPTS_ROWS_MAX) -> None:
        self._queries = named_queries("users.sql")
        self._rows_max = rows_max

    async def begin(self, connection: Any, login: str, address: str) -> None:
        """Count an attempt. Raises TooManyAttempts when it comes before its time."""
        pair = _pair(login, address)
        attempts = await connection.fetchval(
            self._queries["begin_attempt"], *pair, FORGET_AFTER_S, ATTEMPTS_FREE, WAIT_S_MAX
        )
        if attempts is None:
            raise TooManyAttempts(max(1, await connection.fetchval(self._queries["attempt_wait"], *pair) or 1))
        if attempts == 1:
            await connection.execute(self._queries["prune_attempts"], FORGET_AFTER_S, self._rows_max)

    async def forget(self, connection: Any, login: str, address: str) -> None:
        """The password was right: start anew."""
        await connection.execute(self._queries["forget_attempts"], *_pair(login, address))


class SignInGate:
    """Bounds how many sign-ins one worker attends to, in all and for one source."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """Raises TooBusy."""
        source = source_of(address)
        if self._inside.total() >= SIGN_INS_AT_ONCE_MAX or self._inside[source] >= SIGN_INS_PER_SOURCE_MAX:
            raise TooBusy
        self._inside[source] += 1
        try:
            yield
        finally:
            self._inside[source] -= 1
            self._inside += Counter()  # drops the zeros


def source_of(address: str) -> str:
    """An address as far as one customer has it: an IPv6 host owns its whole /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return f"{IPv6Address(int(ip) >> 64 << 64)}/64"
    return str(ip)


def _pair(login: str, address: str) -> tuple[bytes, str]:
    return hashlib.sha256(login.encode(errors="replace")).digest(), source_of(address)

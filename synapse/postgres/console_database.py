"""The console's way to the workers' pool: one connection at a time, so that the audit writer never waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ..accounts import DatabaseAway
from .connect import UNREACHABLE

# Requests of one worker that may wait for that connection; queries take milliseconds.
WAITING_MAX = 64
ACQUIRE_TIMEOUT_S = 5.0

# Shutting down, starting up and out of connections are as good as away.
_AWAY = (
    *UNREACHABLE,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # What asyncpg may say of a connection that the server ended at this moment (MagicStack/asyncpg#1069).
    asyncpg.InternalClientError,
)

PoolSource = Callable[[], "asyncpg.Pool[Any]"]


class ConsoleDatabase:
    """Lends a connection of the runtime role. The pool is made when the worker starts, hence the callable."""

    def __init__(self, pool: PoolSource) -> None:
        self._pool = pool
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Raises DatabaseAway when the database does not answer, or when too many wait for it already."""
        if self._waiting >= WAITING_MAX:
            raise DatabaseAway("too many console requests wait for the database")
        self._waiting += 1
        try:
            async with self._turn, self._pool().acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                yield connection
        except _AWAY as error:
            raise DatabaseAway(type(error).__name__) from error
        finally:
            self._waiting -= 1

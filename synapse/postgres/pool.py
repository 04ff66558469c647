"""The workers' connections: as the runtime role, few, and none that can hang for ever."""

from typing import Any

import asyncpg

from .connect import CONNECT_TIMEOUT_S, RUNTIME_ROLE, SCHEMA, UNREACHABLE, unreachable

# One for the audit writer, one for the console, one to spare: 8 workers stay far below max_connections.
POOL_SIZE_MAX = 3
STATEMENT_TIMEOUT_S = 10
IDLE_TRANSACTION_TIMEOUT_S = 15

# The role is part of the connection, so RESET ROLE comes back to it and no query can run before it is in force.
RUNTIME_SETTINGS = {
    "role": RUNTIME_ROLE,
    "search_path": SCHEMA,
    "application_name": "synapse worker",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_TIMEOUT_S}s",
}


async def runtime_pool(dsn: str, *, size_max: int = POOL_SIZE_MAX) -> "asyncpg.Pool[Any]":
    """A pool as the runtime role. Connections that broke are replaced when they are next asked for."""
    try:
        pool = await asyncpg.create_pool(
            dsn,
            # With a minimum asyncpg keeps trying while the database is away, and logs a traceback each time.
            min_size=0,
            max_size=size_max,
            timeout=CONNECT_TIMEOUT_S,
            # The server ends a statement first; this is for a server that does not answer at all.
            command_timeout=STATEMENT_TIMEOUT_S + 2,
            server_settings=RUNTIME_SETTINGS,
        )
        await _require_connection(pool)
    except (*UNREACHABLE, asyncpg.PostgresError, asyncpg.ClientConfigurationError, ValueError) as error:
        raise unreachable(error) from error
    return pool


async def runtime_connection(dsn: str) -> "asyncpg.Connection[Any]":
    """One connection outside the pool, for a listener that keeps it. Raises what asyncpg raises."""
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S + 2, server_settings=RUNTIME_SETTINGS
    )


async def _require_connection(pool: "asyncpg.Pool[Any]") -> None:
    try:
        await pool.release(await pool.acquire())
    except BaseException:
        pool.terminate()
        raise

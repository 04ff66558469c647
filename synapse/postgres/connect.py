"""How a connection is made, and what is said when it cannot be. A DSN may hold a password, so it is never repeated."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ..startup import StartupError

RUNTIME_ROLE = "synapse_runtime"
SCHEMA = "synapse"
CONNECT_TIMEOUT_S = 5.0

# What can happen when a database is away, at connecting or later. asyncpg calls it an internal error of its own when
# the server ends a connection just as a query begins (MagicStack/asyncpg issue 1069).
UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ssl.SSLError,
)


@asynccontextmanager
async def connect(dsn: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """One connection as the user of the DSN, for commands. Raises StartupError when there is none to be had."""
    try:
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT_S, server_settings={"search_path": SCHEMA, "application_name": "synapse"}
        )
    except (*UNREACHABLE, asyncpg.PostgresError, asyncpg.ClientConfigurationError, ValueError) as error:
        raise unreachable(error) from error
    try:
        yield connection
    finally:
        await connection.close()


def unreachable(error: Exception) -> StartupError:
    """The sentence for a database that cannot be reached, or does not let us in."""
    return StartupError(f"The database cannot be used: {_reason(error)}")


def _reason(error: Exception) -> str:  # noqa: PLR0911  one line for each thing an operator can do
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT_S:.0f} s."
    if isinstance(error, asyncpg.InvalidPasswordError):
        return "the password was refused."
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "there is no such database on that server."
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return "the server does not let that user in."
    if isinstance(error, asyncpg.PostgresError):
        return f"{error}."
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})."
    if isinstance(error, OSError):
        return f"{error.strerror or 'no connection'}; is the server running at that address?"
    # What asyncpg says of a DSN it cannot read may quote the DSN.
    return "it is not a valid URL of the form postgresql://user:password@host:5432/database."

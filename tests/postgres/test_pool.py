"""The workers' pool: the runtime role from the first query on, bounded statements, and whole again after a cut."""

from typing import Any

import asyncpg
import pytest

from synapse.postgres import pool
from synapse.postgres.connect import UNREACHABLE
from synapse.startup import StartupError


async def test_connections_have_the_runtime_role_and_a_statement_timeout(runtime_pool: "asyncpg.Pool[Any]") -> None:
    for _ in range(3):  # an acquired connection is reset when it is given back
        async with runtime_pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_user") == "synapse_runtime"
            assert await connection.fetchval("SHOW statement_timeout") == f"{pool.STATEMENT_TIMEOUT_S}s"
            assert await connection.fetchval("SHOW search_path") == "synapse"


async def test_a_pool_outlives_the_end_of_its_connections(
    runtime_pool: "asyncpg.Pool[Any]", superuser_dsn: str
) -> None:
    pid = await runtime_pool.fetchval("SELECT pg_backend_pid()")
    superuser = await asyncpg.connect(superuser_dsn)
    await superuser.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    await superuser.close()

    assert await runtime_pool.fetchval("SELECT pg_backend_pid()") != pid


async def test_a_pool_does_not_try_by_itself_while_the_database_is_away(
    runtime_pool: "asyncpg.Pool[Any]", superuser_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = await runtime_pool.fetchval("SELECT current_database()")
    superuser = await asyncpg.connect(superuser_dsn)
    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await superuser.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises((*UNREACHABLE, asyncpg.PostgresError)):
        await runtime_pool.fetchval("SELECT 1")
    assert runtime_pool.get_size() == 0
    assert runtime_pool.get_min_size() == 0

    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    await superuser.close()
    assert await runtime_pool.fetchval("SELECT 1") == 1
    assert caplog.records == []


async def test_a_pool_has_a_maximum(postgres_dsn: str) -> None:
    small = await pool.runtime_pool(postgres_dsn, size_max=2)
    held = [await small.acquire(), await small.acquire()]

    with pytest.raises(TimeoutError):
        await small.acquire(timeout=0.05)
    for connection in held:
        await small.release(connection)
    await small.close()


async def test_a_database_that_is_away_is_one_sentence() -> None:
    with pytest.raises(StartupError, match="is the server running at that address") as refusal:
        await pool.runtime_pool("postgresql://user:hunter2@127.0.0.1:1/synapse")

    assert "hunter2" not in str(refusal.value)

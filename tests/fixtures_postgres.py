"""A real PostgreSQL for every test that wants one: one embedded server for the session, one database for each test.

Loaded as a plugin by tests/conftest.py, so every test directory can ask for `postgres_dsn` or `runtime_pool`.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from synapse.postgres import migrations, pool
from synapse.postgres.embedded import OWNER, SUPERUSER, EmbeddedPostgres

TEMPLATE = "synapse_template"


@pytest.fixture
def public_tmp_path() -> Iterator[Path]:
    """A temporary directory that every account can reach. Pytest's own `tmp_path` is below a private one."""
    path = Path(tempfile.mkdtemp(prefix="synapse-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The session's server, with a migrated template database."""
    state_dir = Path(tempfile.mkdtemp(prefix="synapse-test-"))
    state_dir.chmod(0o711)
    server = EmbeddedPostgres(state_dir)
    server.start()
    try:
        asyncio.run(_make_fast(server))
        asyncio.run(_make_template(server))
        yield server
    finally:
        server.stop()
        shutil.rmtree(state_dir)


@pytest.fixture
def superuser_dsn(postgres_server: EmbeddedPostgres, postgres_dsn: str) -> str:
    """The database of `postgres_dsn` as the superuser, for tests that break things from outside."""
    return postgres_server.dsn(user=SUPERUSER, database=postgres_dsn.partition("?")[0].rpartition("/")[2])


@pytest.fixture
async def postgres_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's DSN of a fresh, migrated database."""
    async with _database(postgres_server, template=TEMPLATE) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def shared_postgres_dsn(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """One migrated database for the tests of a module that leave nothing behind, such as those of what is refused."""
    with asyncio.Runner() as runner:
        database = _database(postgres_server, template=TEMPLATE)
        yield runner.run(database.__aenter__())
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def empty_database_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's DSN of a fresh database without any migration."""
    async with _database(postgres_server, template="template1") as dsn:
        yield dsn


@pytest.fixture
async def runtime_pool(postgres_dsn: str) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """The pool of a worker on the database of `postgres_dsn`."""
    opened = await pool.runtime_pool(postgres_dsn)
    yield opened
    await opened.close()


async def _make_fast(server: EmbeddedPostgres) -> None:
    """Nothing here has to survive a power cut, and dropping a database forces a checkpoint."""
    for setting in ("fsync", "full_page_writes"):
        await _as_superuser(server, f"ALTER SYSTEM SET {setting} = off")
    await _as_superuser(server, "SELECT pg_reload_conf()")


async def _make_template(server: EmbeddedPostgres) -> None:
    await _as_superuser(server, f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    await migrations.upgrade(server.dsn(database=TEMPLATE))


@asynccontextmanager
async def _database(server: EmbeddedPostgres, *, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    await _as_superuser(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy OWNER {OWNER}")
    try:
        yield server.dsn(database=name)
    finally:
        await _as_superuser(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _as_superuser(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn(user=SUPERUSER, database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

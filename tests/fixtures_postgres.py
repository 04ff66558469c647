"""A real PostgreSQL for every test that wants one: one embedded server for the session, one database for each test.

Loaded as a plugin by tests/conftest.py, so every test directory can ask for `postgres_dsn` or `runtime_pool`.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
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
    name = f"test_{uuid4().hex}"
    await _as_superuser(postgres_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {OWNER}")
    yield postgres_server.dsn(database=name)
    await _as_superuser(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's DSN of a fresh database without any migration."""
    name = f"test_{uuid4().hex}"
    await _as_superuser(postgres_server, f"CREATE DATABASE {name} OWNER {OWNER}")
    yield postgres_server.dsn(database=name)
    await _as_superuser(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def runtime_pool(postgres_dsn: str) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """The pool of a worker on the database of `postgres_dsn`."""
    opened = await pool.runtime_pool(postgres_dsn)
    yield opened
    await opened.close()


async def _make_template(server: EmbeddedPostgres) -> None:
    await _as_superuser(server, f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    await migrations.upgrade(server.dsn(database=TEMPLATE))


async def _as_superuser(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn(user=SUPERUSER, database="postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

"""Numbered plain-SQL migrations: applied once, in order, one transaction each, under an advisory lock.

What was applied is recorded with its checksum; a file that changed afterwards is refused.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from ..startup import StartupError
from .connect import RUNTIME_ROLE, connect

MIGRATIONS_DIRECTORY = Path(__file__).parent / "migrations"
# Any number will do as long as nobody else takes the same one in this database ("synapse" in ASCII).
_LOCK = 0x73796E61707365
# Another upgrader may be busy with a long migration.
LOCK_TIMEOUT_S = 60

_HISTORY = """
CREATE SCHEMA IF NOT EXISTS synapse;
GRANT USAGE ON SCHEMA synapse TO synapse_runtime;
CREATE TABLE IF NOT EXISTS synapse.schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str
    sha256: str


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """`applied_at` is None for a migration that still has to be applied."""

    number: int
    name: str
    applied_at: datetime | None


async def upgrade(dsn: str, *, directory: Path = MIGRATIONS_DIRECTORY) -> list[str]:
    """Bring the database up to date and return the names of what was applied. Raises StartupError."""
    migrations = read_migrations(directory)
    applied: list[str] = []
    async with connect(dsn) as connection, _explained():
        await _ensure_runtime_role(connection)
        while (name := await _apply_next(connection, migrations)) is not None:
            applied.append(name)
    return applied


async def status(dsn: str, *, directory: Path = MIGRATIONS_DIRECTORY) -> list[MigrationStatus]:
    """Every migration with the time it was applied. Raises StartupError, also when the history does not fit."""
    migrations = read_migrations(directory)
    async with connect(dsn) as connection, _explained():
        history: Sequence[Any] = ()
        if await connection.fetchval("SELECT to_regclass('synapse.schema_migrations') IS NOT NULL"):
            history = await _history(connection)
    _check_history(migrations, history)
    times = {row["number"]: row["applied_at"] for row in history}
    return [MigrationStatus(one.number, one.name, times.get(one.number)) for one in migrations]


async def missing_role(dsn: str) -> str | None:
    """What an administrator has to run before the gateway can, or None. Raises StartupError."""
    async with connect(dsn) as connection, _explained():
        statements = await _role_statements(connection)
    return "; ".join(statements) + ";" if statements else None


def read_migrations(directory: Path) -> list[Migration]:
    """The files of a directory in order. Numbers start at 1 and have no gaps, so that none is forgotten."""
    migrations = []
    for number, path in enumerate(sorted(directory.glob("*.sql")), start=1):
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+", path.stem)
        if match is None or int(match[1]) != number:
            raise StartupError(
                f"The migration {path.name} should be numbered {number:04d}: the installation is broken."
            )
        sql = path.read_text(encoding="utf-8")
        migrations.append(Migration(number, path.stem, sql, hashlib.sha256(sql.encode()).hexdigest()))
    return migrations


async def _apply_next(connection: "asyncpg.Connection[Any]", migrations: Sequence[Migration]) -> str | None:
    """Apply the first migration that is missing. The lock ends with the transaction, also behind a pooler."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_HISTORY)
        history = await _history(connection)
        _check_history(migrations, history)
        if len(history) == len(migrations):
            return None
        migration = migrations[len(history)]
        try:
            await connection.execute(migration.sql)
        except asyncpg.PostgresError as error:
            raise StartupError(f"The migration {migration.name} failed and was undone: {error}.") from error
        await connection.execute(
            "INSERT INTO synapse.schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.sha256,
        )
        return migration.name


async def _history(connection: "asyncpg.Connection[Any]") -> Sequence[Any]:
    rows: Sequence[Any] = await connection.fetch("SELECT * FROM synapse.schema_migrations ORDER BY number")
    return rows


def _check_history(migrations: Sequence[Migration], history: Sequence[Any]) -> None:
    if len(history) > len(migrations):
        newest = history[-1]["name"]
        raise StartupError(
            f"The database was upgraded by a newer Synapse (to {newest}): install that version, or restore a backup."
        )
    for migration, row in zip(migrations, history, strict=False):
        if row["number"] != migration.number or row["sha256"] != migration.sha256:
            raise StartupError(
                f"The migration {migration.name} is not what was applied to this database as {row['name']}: "
                "install the version of Synapse it was upgraded with. Applied migrations must never be edited."
            )


async def _ensure_runtime_role(connection: "asyncpg.Connection[Any]") -> None:
    """Roles belong to the whole server, so an external one may not let us make any: then say what to run there."""
    statements = await _role_statements(connection)
    try:
        async with connection.transaction():
            for statement in statements:
                await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        user = await connection.fetchval("SELECT quote_ident(current_user)")
        raise StartupError(
            f"The database user {user} may not make the role that the gateway runs as. "
            f"Run this once as an administrator: {'; '.join(statements)};"
        ) from error


async def _role_statements(connection: "asyncpg.Connection[Any]") -> list[str]:
    """What is missing until this user may become the runtime role."""
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", RUNTIME_ROLE)
    # Before PostgreSQL 16 membership was all there was.
    privilege = "SET" if connection.get_server_version().major >= 16 else "MEMBER"
    if exists and await connection.fetchval(f"SELECT pg_has_role('{RUNTIME_ROLE}', '{privilege}')"):
        return []
    statements = [] if exists else [f"CREATE ROLE {RUNTIME_ROLE} NOLOGIN"]
    return [*statements, f"GRANT {RUNTIME_ROLE} TO {user}"]


@asynccontextmanager
async def _explained() -> AsyncIterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise StartupError("Another process has been upgrading this database for a minute: try again later.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(
            f"The user of DATABASE_URL may not upgrade the database ({error}): it should own the database."
        ) from error

"""Migrations: applied once, in order, by one process at a time, and never edited afterwards."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from synapse.postgres import migrations
from synapse.postgres.embedded import SUPERUSER, EmbeddedPostgres
from synapse.postgres.pool import runtime_connection
from synapse.startup import StartupError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE synapse.first ();")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE synapse.second (); CREATE TABLE synapse.third ();")
    return tmp_path


async def fetchval(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_an_upgraded_database_needs_no_second_upgrade(empty_database_dsn: str) -> None:
    first = await migrations.upgrade(empty_database_dsn)

    assert first[0] == "0001_control"
    assert await migrations.upgrade(empty_database_dsn) == []
    assert all(one.applied_at is not None for one in await migrations.status(empty_database_dsn))


async def test_status_of_an_empty_database_changes_nothing(empty_database_dsn: str, directory: Path) -> None:
    found = await migrations.status(empty_database_dsn, directory=directory)

    assert [(one.name, one.applied_at) for one in found] == [("0001_first", None), ("0002_second", None)]
    assert await fetchval(empty_database_dsn, "SELECT to_regnamespace('synapse') IS NULL")


async def test_a_later_version_applies_only_what_is_new(empty_database_dsn: str, directory: Path) -> None:
    assert await migrations.upgrade(empty_database_dsn, directory=directory) == ["0001_first", "0002_second"]
    (directory / "0003_next.sql").write_text("ALTER TABLE synapse.first ADD COLUMN number int;")

    assert await migrations.upgrade(empty_database_dsn, directory=directory) == ["0003_next"]


async def test_two_upgraders_at_once_apply_each_migration_once(empty_database_dsn: str) -> None:
    every = [one.name for one in migrations.read_migrations(migrations.MIGRATIONS_DIRECTORY)]

    applied = await asyncio.gather(*(migrations.upgrade(empty_database_dsn) for _ in range(4)))

    assert sorted(name for names in applied for name in names) == every


async def test_an_upgrader_waits_for_the_lock_of_another(empty_database_dsn: str, directory: Path) -> None:
    holder = await asyncpg.connect(empty_database_dsn)
    await holder.execute("SELECT pg_advisory_lock($1)", migrations._LOCK)
    waiting = asyncio.create_task(migrations.upgrade(empty_database_dsn, directory=directory))
    while not await holder.fetchval("SELECT true FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        await asyncio.sleep(0.01)
    assert await holder.fetchval("SELECT to_regnamespace('synapse') IS NULL")

    await holder.close()

    assert await waiting == ["0001_first", "0002_second"]


async def test_an_edited_migration_is_refused(empty_database_dsn: str, directory: Path) -> None:
    await migrations.upgrade(empty_database_dsn, directory=directory)
    (directory / "0001_first.sql").write_text("CREATE TABLE synapse.first (); -- improved")

    for attempt in (migrations.upgrade, migrations.status):
        with pytest.raises(StartupError, match="0001_first is not what was applied to this database"):
            await attempt(empty_database_dsn, directory=directory)


async def test_a_database_of_a_newer_version_is_refused(empty_database_dsn: str, directory: Path) -> None:
    await migrations.upgrade(empty_database_dsn, directory=directory)
    (directory / "0002_second.sql").unlink()

    with pytest.raises(StartupError, match="upgraded by a newer Synapse \\(to 0002_second\\)"):
        await migrations.upgrade(empty_database_dsn, directory=directory)


async def test_a_failing_migration_is_undone_and_named(empty_database_dsn: str, directory: Path) -> None:
    (directory / "0002_second.sql").write_text("CREATE TABLE synapse.second (); SELECT 1 / 0;")

    with pytest.raises(StartupError, match="0002_second failed and was undone: division by zero"):
        await migrations.upgrade(empty_database_dsn, directory=directory)

    assert await fetchval(empty_database_dsn, "SELECT to_regclass('synapse.second') IS NULL")
    found = await migrations.status(empty_database_dsn, directory=directory)
    assert [one.applied_at is not None for one in found] == [True, False]


def test_a_gap_in_the_numbers_is_refused(directory: Path) -> None:
    (directory / "0004_after_a_gap.sql").touch()

    with pytest.raises(StartupError, match=r"0004_after_a_gap\.sql should be numbered 0003"):
        migrations.read_migrations(directory)


def as_somebody(dsn: str) -> str:
    return "postgresql://somebody:something@" + dsn.partition("@")[2]


@pytest.fixture
async def external_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database whose owner may not make roles, on a server without the runtime role of that database."""
    superuser = await asyncpg.connect(postgres_server.dsn(user=SUPERUSER, database="postgres"))
    await superuser.execute("CREATE ROLE somebody LOGIN PASSWORD 'something'")
    await superuser.execute("CREATE DATABASE external OWNER somebody")
    yield as_somebody(postgres_server.dsn(database="external"))
    await superuser.execute("DROP DATABASE external WITH (FORCE)")
    await superuser.execute("DROP ROLE somebody")
    await superuser.close()


async def test_an_owner_without_the_runtime_role_is_told_what_to_run(
    external_dsn: str, postgres_server: EmbeddedPostgres
) -> None:
    with pytest.raises(StartupError, match="Run this once as an administrator: GRANT synapse_runtime TO somebody;"):
        await migrations.upgrade(external_dsn)

    superuser = await asyncpg.connect(postgres_server.dsn(user=SUPERUSER, database="postgres"))
    await superuser.execute("GRANT synapse_runtime TO somebody;")
    await superuser.close()
    assert await migrations.upgrade(external_dsn)


async def test_a_user_who_may_not_create_anything_is_told_to_own_the_database(
    empty_database_dsn: str, external_dsn: str, postgres_server: EmbeddedPostgres
) -> None:
    superuser = await asyncpg.connect(postgres_server.dsn(user=SUPERUSER, database="postgres"))
    await superuser.execute("GRANT synapse_runtime TO somebody")
    await superuser.close()

    with pytest.raises(StartupError, match="should own the database"):
        await migrations.upgrade(as_somebody(empty_database_dsn))


@pytest.mark.parametrize(
    ("dsn", "sentence"),
    [
        ("postgresql://user:hunter2@127.0.0.1:1/synapse", "is the server running at that address"),
        ("postgresql://user:hunter2@localhost:1/synapse", "is the server running at that address"),
        ("postgresql://user:hunter2@host.invalid/synapse", "is the server running at that address"),
        ("postgresql://user:hunter2@127.0.0.1:notaport/synapse", "not a valid URL"),
        ("mysql://user:hunter2@127.0.0.1/synapse", "not a valid URL"),
        ("postgresql://user:hunter2@127.0.0.1:1/synapse?sslmode=hunter2", "not a valid URL"),
        ("user=hunter2 password=hunter2", "not a valid URL"),
    ],
)
async def test_an_unusable_database_url_is_one_sentence_without_its_password(dsn: str, sentence: str) -> None:
    with pytest.raises(StartupError, match=sentence) as refusal:
        await migrations.upgrade(dsn)

    assert "hunter2" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_a_database_that_does_not_exist_is_named_as_such(postgres_server: EmbeddedPostgres) -> None:
    with pytest.raises(StartupError, match="no such database"):
        await migrations.upgrade(postgres_server.dsn(database="elsewhere"))


async def test_a_server_that_does_not_answer_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse.postgres.connect.CONNECT_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(StartupError, match="no answer within"):
            await migrations.upgrade(f"postgresql://user@127.0.0.1:{port}/synapse?sslmode=disable")


@pytest.fixture
def foreign_server(public_tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server where nobody has prepared anything for us, for tests that must not touch the session's roles."""
    server = EmbeddedPostgres(public_tmp_path)
    server.start()
    yield server
    server.stop()


async def test_an_owner_who_may_make_roles_needs_no_administrator(foreign_server: EmbeddedPostgres) -> None:
    superuser = await asyncpg.connect(foreign_server.dsn(user=SUPERUSER, database="postgres"))
    await superuser.execute("DROP ROLE synapse_runtime")
    await superuser.execute("CREATE ROLE somebody LOGIN PASSWORD 'something'")
    await superuser.execute("CREATE DATABASE external OWNER somebody")
    dsn = as_somebody(foreign_server.dsn(database="external"))
    with pytest.raises(StartupError, match="CREATE ROLE synapse_runtime NOLOGIN; GRANT synapse_runtime TO somebody;"):
        await migrations.upgrade(dsn)

    await superuser.execute("ALTER ROLE somebody CREATEROLE")
    await superuser.close()

    assert await migrations.upgrade(dsn)
    connection = await runtime_connection(dsn)
    assert await connection.fetchval("SELECT current_user") == "synapse_runtime"
    await connection.close()

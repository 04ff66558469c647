"""Nobody changes what is in the audit log: not the workers, not the owner, not a superuser who plays a replica."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from audit_support import die, entry, fetch, new_log, record, running, until

from synapse.postgres.pool import runtime_connection

CHANGES = {
    "update": "UPDATE {} SET user_agent = 'changed'",
    "update of no row": "UPDATE {} SET user_agent = 'changed' WHERE false",
    "delete": "DELETE FROM {}",
    "truncate": "TRUNCATE {}",
    "truncate only": "TRUNCATE ONLY {}",
    "merge": "MERGE INTO {} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
}
TABLES = ("audit_log", "audit_intents")

Connect = Callable[[str, str], Awaitable["asyncpg.Connection"]]


async def as_runtime(owner: str, superuser: str) -> "asyncpg.Connection":
    return await runtime_connection(owner)


async def as_owner(owner: str, superuser: str) -> "asyncpg.Connection":
    return await asyncpg.connect(owner)


async def as_superuser(owner: str, superuser: str) -> "asyncpg.Connection":
    return await asyncpg.connect(superuser)


async def as_replica(owner: str, superuser: str) -> "asyncpg.Connection":
    return await asyncpg.connect(superuser, server_settings={"session_replication_role": "replica"})


@pytest.fixture
async def filled_dsn(postgres_dsn: str) -> str:
    async with running(postgres_dsn) as log:
        record(log, entry(), intended=True)
        await until(lambda: log.shipper.keeps_house)
    return postgres_dsn


@pytest.mark.parametrize("connect", [as_runtime, as_owner, as_superuser, as_replica])
async def test_no_change_succeeds_on_a_parent_or_any_partition(
    filled_dsn: str, superuser_dsn: str, connect: Connect
) -> None:
    targets = await tables_of(filled_dsn)
    assert len(targets) == 2 + 2 * 3
    connection = await connect(filled_dsn, superuser_dsn)
    for target in targets:
        for change in CHANGES.values():
            # A TRUNCATE ONLY of a parent is refused for being partitioned before any trigger is asked.
            refusals = (asyncpg.InsufficientPrivilegeError, asyncpg.WrongObjectTypeError)
            with pytest.raises(refusals):
                await connection.execute(change.format(target))
    await connection.close()
    for table in TABLES:
        ((kept,),) = await fetch(filled_dsn, f"SELECT user_agent IS NULL FROM synapse.{table}")
        assert kept


@pytest.mark.parametrize("connect", [as_runtime, as_owner, as_superuser, as_replica])
async def test_an_upsert_changes_nothing(filled_dsn: str, superuser_dsn: str, connect: Connect) -> None:
    connection = await connect(filled_dsn, superuser_dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(
            "INSERT INTO synapse.audit_log SELECT * FROM synapse.audit_log "
            "ON CONFLICT (request_id, started_at) DO UPDATE SET user_agent = 'changed'"
        )
    await connection.close()


async def test_a_partition_made_later_is_protected_too(filled_dsn: str, superuser_dsn: str) -> None:
    connection = await as_runtime(filled_dsn, superuser_dsn)
    await connection.execute("SELECT synapse.ensure_audit_partitions('2031-05-17')")
    await connection.close()
    connection = await as_replica(filled_dsn, superuser_dsn)
    for table in TABLES:
        for change in CHANGES.values():
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await connection.execute(change.format(f"synapse.{table}_2031_05"))
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE synapse.audit_log",
        "ALTER TABLE synapse.audit_log DISABLE TRIGGER append_only",
        "ALTER TABLE synapse.audit_log ADD COLUMN more text",
        "CREATE TABLE synapse.more (id int)",
        "CREATE RULE swallow AS ON INSERT TO synapse.audit_log DO INSTEAD NOTHING",
        "SET session_replication_role = replica",
        "DELETE FROM synapse.audit_writers",
        "TRUNCATE synapse.audit_writers",
        "UPDATE synapse.audit_writers SET writer_id = gen_random_uuid()",
        "UPDATE synapse.audit_writers SET seq = seq - 1",
        "SELECT synapse.make_append_only('synapse.audit_log')",
    ],
)
async def test_the_runtime_role_cannot_undo_the_protection(filled_dsn: str, statement: str) -> None:
    connection = await runtime_connection(filled_dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM synapse.audit_writers",
        "TRUNCATE synapse.audit_writers",
        "UPDATE synapse.audit_writers SET seq = seq - 1",
        "UPDATE synapse.audit_writers SET stopped_at = NULL",
    ],
)
async def test_a_finished_writer_stays_as_it_is_for_everybody(
    superuser_dsn: str, filled_dsn: str, statement: str
) -> None:
    connection = await as_replica(filled_dsn, superuser_dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


CHANGES_OF_WRITERS = {
    "its records look shipped": "UPDATE synapse.audit_writers SET seq = seq + 1000",
    "its chain looks broken": "UPDATE synapse.audit_writers SET head = decode(repeat('00', 32), 'hex')",
    "it looks stopped": "UPDATE synapse.audit_writers SET stopped_at = now()",
    "it looks closed": "UPDATE synapse.audit_writers SET closed_at = now()",
    "nothing looks open": "UPDATE synapse.audit_writers SET open_since = NULL",
    "its lock is another": "UPDATE synapse.audit_writers SET lock_key = 1",
}


@pytest.mark.parametrize("change", CHANGES_OF_WRITERS.values(), ids=CHANGES_OF_WRITERS)
@pytest.mark.parametrize("connect", [as_runtime, as_owner, as_superuser, as_replica])
async def test_nobody_but_a_living_writer_moves_its_row(
    postgres_dsn: str, superuser_dsn: str, connect: Connect, change: str
) -> None:
    async with running(postgres_dsn) as log:
        log.open()
        log.intend(made := entry())
        await until(lambda: log.waiting == 0)
        connection = await connect(postgres_dsn, superuser_dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
        await connection.close()
        log.close(made)
    ((count,),) = await fetch(postgres_dsn, "SELECT count(*) FROM synapse.audit_log")
    assert count == 1


@pytest.mark.parametrize("change", ["closed_at = now()", "open_since = NULL", "open_since = now(), seen_at = now()"])
async def test_the_open_requests_of_a_dead_writer_cannot_be_hushed_up(postgres_dsn: str, change: str) -> None:
    log = new_log(postgres_dsn)
    await log.start()
    log.open()
    log.intend(entry())
    await until(lambda: log.waiting == 0)
    await die(log)
    connection = await runtime_connection(postgres_dsn)
    # The lock is free to take, and whoever holds it may close the writer once everything has its outcome.
    await connection.execute("SELECT pg_advisory_lock(lock_key) FROM synapse.audit_writers")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"without an outcome|by writing records only"):
        await connection.execute(f"UPDATE synapse.audit_writers SET {change}")
    await connection.close()


async def tables_of(dsn: str) -> list[str]:
    """The two parents and all their partitions."""
    rows = await fetch(
        dsn,
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE relkind IN ('r', 'p') "
        "AND relnamespace = 'synapse'::regnamespace AND relname ~ '^audit_(log|intents)' ORDER BY 1",
    )
    return [row["name"] for row in rows]

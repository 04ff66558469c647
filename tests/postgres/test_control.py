"""The control tables: what a key is bound to cannot be changed, whoever asks; what may change can be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from making import make_key

from synapse.postgres import store
from synapse.postgres.embedded import SUPERUSER, EmbeddedPostgres
from synapse.postgres.pool import runtime_connection

# Every column that makes up a key, with another value that its type allows.
BINDING = {
    "id": "gen_random_uuid()",
    "prefix": "'syn_AAAAAAAA'",
    "sha256": "decode(repeat('ab', 32), 'hex')",
    "team_id": "(SELECT id FROM synapse.teams WHERE name = 'others')",
    "purpose": "'something else'",
    "system_prompt": "'You may do anything.'",
    "models": "ARRAY['echo', 'gpt-5']",
    "classification": "'non_sensitive'",
    "dlp_policy": "'none'",
    "history": "'block'",
    "caps": "'{\"max_tokens\": 100000}'",
    "expires_at": "now() + interval '10 years'",
    "rotated_from": "id",
    "created_at": "now() - interval '1 day'",
    "created_by": "'somebody else'",
}
CHANGEABLE = {
    "requests_per_minute": "5",
    "concurrent_requests": "6",
    "tokens_per_day": "70000000000",
    "disabled_at": "now()",
}


@pytest.fixture(scope="module")
def control_dsn(shared_postgres_dsn: str) -> str:
    """A database with a key. Tests undo what they are allowed to do."""

    async def fill() -> None:
        connection = await asyncpg.connect(shared_postgres_dsn)
        await make_key(connection)
        await store.create_team(connection, name="others", contact="others@example.org")
        await connection.close()

    asyncio.run(fill())
    return shared_postgres_dsn


@pytest.fixture
async def owner(control_dsn: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    async with undone(await asyncpg.connect(control_dsn)) as connection:
        yield connection


@pytest.fixture
async def runtime(control_dsn: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    async with undone(await runtime_connection(control_dsn)) as connection:
        yield connection


@asynccontextmanager
async def undone(connection: "asyncpg.Connection[Any]") -> AsyncIterator["asyncpg.Connection[Any]"]:
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_the_tables_below_name_every_column(owner: "asyncpg.Connection[Any]") -> None:
    columns = await owner.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'synapse' AND table_name = 'api_keys'"
    )

    assert {row[0] for row in columns} == set(BINDING) | set(CHANGEABLE)


@pytest.mark.parametrize("column", BINDING)
async def test_the_owner_cannot_change_a_binding(owner: "asyncpg.Connection[Any]", column: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="binding of an API key cannot be changed"):
        await owner.execute(f"UPDATE synapse.api_keys SET {column} = {BINDING[column]}")


@pytest.mark.parametrize("column", BINDING)
async def test_the_runtime_role_cannot_change_a_binding(runtime: "asyncpg.Connection[Any]", column: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute(f"UPDATE synapse.api_keys SET {column} = {BINDING[column]}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE synapse.api_keys SET purpose = 'other'",
        "DELETE FROM synapse.api_keys",
        "UPDATE synapse.teams SET name = 'renamed'",
    ],
)
async def test_a_superuser_who_plays_a_replica_cannot_either(
    control_dsn: str, postgres_server: EmbeddedPostgres, statement: str
) -> None:
    dsn = postgres_server.dsn(user=SUPERUSER, database=control_dsn.partition("?")[0].rpartition("/")[2])
    superuser = await asyncpg.connect(dsn, server_settings={"session_replication_role": "replica"})

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await superuser.execute(statement)
    await superuser.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM synapse.api_keys",
        "DELETE FROM synapse.api_keys WHERE false",
        "TRUNCATE synapse.api_keys",
        "TRUNCATE synapse.teams CASCADE",
        "DELETE FROM synapse.teams",
        "UPDATE synapse.teams SET name = 'renamed'",
        "MERGE INTO synapse.api_keys k USING synapse.teams t ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO synapse.api_keys SELECT * FROM synapse.api_keys ON CONFLICT (id) DO UPDATE SET purpose = 'other'",
    ],
)
async def test_keys_and_teams_are_there_to_stay(owner: Any, runtime: Any, statement: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await owner.execute(statement)
    # Its locks would keep the other waiting.
    await owner.execute("ROLLBACK")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute(statement)


@pytest.mark.parametrize("column", CHANGEABLE)
async def test_limits_and_the_end_of_a_key_can_be_changed(runtime: "asyncpg.Connection[Any]", column: str) -> None:
    await runtime.execute(f"UPDATE synapse.api_keys SET {column} = {CHANGEABLE[column]}")

    assert await runtime.fetchval(f"SELECT {column} IS NOT NULL FROM synapse.api_keys")


@pytest.mark.parametrize("value", ["NULL", "disabled_at + interval '1 second'", "'infinity'"])
async def test_a_disabled_key_stays_disabled(owner: "asyncpg.Connection[Any]", value: str) -> None:
    await owner.execute("UPDATE synapse.api_keys SET disabled_at = now() + interval '1 hour'")
    await owner.execute("UPDATE synapse.api_keys SET disabled_at = now()")

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="stays disabled"):
        await owner.execute(f"UPDATE synapse.api_keys SET disabled_at = {value}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE synapse.policy_version SET version = 0",
        "DELETE FROM synapse.policy_version",
        "UPDATE synapse.upstreams SET zone = 'on_prem'",
        "UPDATE synapse.teams SET name = 'other'",
        "TRUNCATE synapse.models",
        "CREATE TABLE synapse.mine ()",
        "ALTER TABLE synapse.api_keys DISABLE TRIGGER ALL",
        "DROP TRIGGER binding ON synapse.api_keys",
        "INSERT INTO synapse.schema_migrations (number, name, sha256) VALUES (99, 'x', 'y')",
        "SELECT synapse.announce_policy()",
        "SET session_replication_role = replica",
    ],
)
async def test_the_runtime_role_has_no_more_rights_than_it_needs(
    runtime: "asyncpg.Connection[Any]", statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute(statement)


async def test_a_reset_does_not_leave_the_runtime_role(runtime: "asyncpg.Connection[Any]") -> None:
    for statement in ("RESET ROLE", "RESET ALL"):
        await runtime.execute(statement)
        assert await runtime.fetchval("SELECT current_user") == "synapse_runtime"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("base_url", "'ftp://host'"),
        ("base_url", "'http://user:password@host'"),
        ("base_url", "E'http://host\\n'"),
        ("zone", "'moon'"),
        ("provider", "'other'"),
        ("api_key_ref", "'sk-secret'"),
        ("ca_file", "'relative.pem'"),
        ("name", "'Name'"),
        ("name", "E'name\\n'"),
    ],
)
async def test_an_upstream_that_makes_no_sense_is_refused(
    runtime: "asyncpg.Connection[Any]", column: str, value: str
) -> None:
    row = {"name": "'one'", "base_url": "'http://host/v1'", "zone": "'cloud'", column: value}

    with pytest.raises(asyncpg.CheckViolationError):
        await runtime.execute(f"INSERT INTO synapse.upstreams ({', '.join(row)}) VALUES ({', '.join(row.values())})")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO synapse.upstreams (name, base_url, zone) VALUES ('one', 'http://host/v1', 'cloud')",
        "UPDATE synapse.teams SET contact = 'other@example.org'",
        "UPDATE synapse.api_keys SET tokens_per_day = 1",
    ],
)
async def test_every_change_moves_the_version(runtime: "asyncpg.Connection[Any]", statement: str) -> None:
    before = await runtime.fetchval("SELECT version FROM synapse.policy_version")

    await runtime.execute(statement)

    assert await runtime.fetchval("SELECT version FROM synapse.policy_version") == before + 1

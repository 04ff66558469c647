"""Versions of the DLP policies: append-only for everybody, the newest in force, never twice for the same thing."""

from typing import Any

import asyncpg
import pytest
from making import make_key

from synapse.dlp.policy_resolution import shipped_policy_names
from synapse.postgres.control_errors import ControlError
from synapse.postgres.dlp_versions import (
    NewDlpVersion,
    append_dlp_version,
    dlp_policy_names,
    dlp_version,
    dlp_versions,
    keys_by_policy,
    newest_dlp_version,
    record_dlp_version,
)
from synapse.postgres.store import disable_key

REFUSED = (asyncpg.InsufficientPrivilegeError,)


def version(document: str = "", **changes: Any) -> NewDlpVersion:
    fields: dict[str, Any] = {"author": "root", "source": "command", "engine": "e1", "names": ("default", "strict")}
    return NewDlpVersion(**{**fields, "document": document, **changes})


async def test_the_newest_version_is_in_force_and_the_others_stay(runtime_pool: Any) -> None:
    async with runtime_pool.acquire() as connection:
        assert await newest_dlp_version(connection) is None
        assert await dlp_policy_names(connection) == shipped_policy_names()

        first = await append_dlp_version(connection, version("# one", policies={"default": "abc"}, note="why"))
        second = await append_dlp_version(connection, version("# two", names=("default",)))

        newest = await newest_dlp_version(connection)
        assert newest is not None
        assert (newest.number, newest.document, newest.names) == (second, "# two", ("default",))
        assert await dlp_policy_names(connection) == ("default",)
        assert [one.number for one in await dlp_versions(connection, limit=10)] == [second, first]
        kept = await dlp_version(connection, first)
        assert (kept.policies, kept.note, kept.source, kept.author) == ({"default": "abc"}, "why", "command", "root")
        with pytest.raises(ControlError, match="no version 99"):
            await dlp_version(connection, 99)


@pytest.mark.parametrize("statement", ["UPDATE {} SET note = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nobody_changes_a_version(
    runtime_pool: Any, postgres_dsn: str, superuser_dsn: str, statement: str
) -> None:
    async with runtime_pool.acquire() as connection:
        await append_dlp_version(connection, version("# one"))
    for dsn in (postgres_dsn, superuser_dsn):
        connection = await asyncpg.connect(dsn)
        try:
            if dsn == superuser_dsn:
                await connection.execute("SET session_replication_role = replica")
            with pytest.raises(REFUSED, match="append-only"):
                await connection.execute(statement.format("synapse.dlp_policy_versions"))
        finally:
            await connection.close()
    async with runtime_pool.acquire() as connection:
        with pytest.raises(REFUSED):
            await connection.execute(statement.format("synapse.dlp_policy_versions"))


@pytest.mark.parametrize("column", ["number", "applied_at"])
async def test_a_worker_chooses_neither_number_nor_time(runtime_pool: Any, column: str) -> None:
    async with runtime_pool.acquire() as connection:
        with pytest.raises(REFUSED, match="permission denied"):
            await connection.execute(
                f"INSERT INTO synapse.dlp_policy_versions ({column}, author, source, sha256, engine, names, document) "
                f"OVERRIDING SYSTEM VALUE VALUES (DEFAULT, 'a', 'file', repeat('0', 64), 'e', '{{default}}', '')"
            )


async def test_a_version_moves_the_policy_version_and_is_announced(runtime_pool: Any) -> None:
    async with runtime_pool.acquire() as connection:
        before = await connection.fetchval("SELECT version FROM synapse.policy_version")
        await append_dlp_version(connection, version("# one"))
        assert await connection.fetchval("SELECT version FROM synapse.policy_version") > before


async def test_the_same_is_put_on_record_once(runtime_pool: Any) -> None:
    async with runtime_pool.acquire() as connection:
        first = await record_dlp_version(connection, version("# one", policies={"default": "a"}))
        assert await record_dlp_version(connection, version("# one", policies={"default": "a"})) == first

        # A policy that came into use later is on record too, beside the others.
        second = await record_dlp_version(connection, version("# one", policies={"strict": "b"}))
        newest = await newest_dlp_version(connection)
        assert newest is not None
        assert (newest.number, newest.policies) == (second, {"default": "a", "strict": "b"})
        assert newest.note == "came into use: strict"

        assert await record_dlp_version(connection, version("# one", engine="e2")) > second
        assert len(await dlp_versions(connection, limit=10)) == 3


async def test_keys_are_counted_by_policy_without_the_disabled(runtime_pool: Any) -> None:
    await make_key(runtime_pool)
    second = await make_key(runtime_pool, dlp_policy="strict")
    await make_key(runtime_pool, dlp_policy="strict")
    async with runtime_pool.acquire() as connection:
        assert await keys_by_policy(connection) == {"default": 1, "strict": 2}
        await disable_key(connection, second.record.id)
        assert await keys_by_policy(connection) == {"default": 1, "strict": 1}

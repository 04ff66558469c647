"""Short ways to put teams and keys into a database."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from synapse.postgres import store


async def make_key(connection: "asyncpg.Connection[Any] | asyncpg.Pool[Any]", **request: Any) -> store.NewKey:
    """A key of the team `payments`, which is made when it is missing."""
    if not await connection.fetchval("SELECT true FROM synapse.teams WHERE name = 'payments'"):
        await store.create_team(connection, name="payments", contact="payments@example.org")
    asked = {"team": "payments", "purpose": "tests", "models": ("echo",), "created_by": "test", **request}
    return await store.create_key(
        connection, store.KeyRequest(**asked), dlp_policies={"default", "strict"}, now=datetime.now(UTC)
    )

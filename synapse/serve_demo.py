"""What `--demo` adds to a gateway besides its model server: a team, and a key that is the same at every start."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from .postgres.connect import connect
from .postgres.state_directory import read_secret, write_secret
from .postgres.store import DEFAULT_DLP_POLICY, KeyRequest, create_key, create_team, list_keys, list_teams

DEMO_MODELS = ("echo", "story", "tools")
DEMO_TEAM = "demo"


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """What the greeting shows."""

    key: str


async def demo_access(dsn: str, state_dir: Path) -> DemoAccess:
    """The demo key. It is kept beside the demo's data, so that a pasted command works after a restart too."""
    path = state_dir / "demo.key"
    async with connect(dsn) as connection:
        if all(team.name != DEMO_TEAM for team in await list_teams(connection)):
            await create_team(connection, name=DEMO_TEAM, contact="demo@example.org")
        kept = read_secret(path)
        if kept is not None and await _works(connection, kept):
            return DemoAccess(kept)
        new = await create_key(
            connection,
            KeyRequest(
                team=DEMO_TEAM, purpose="Trying Synapse out", models=DEMO_MODELS, created_by="synapse serve --demo"
            ),
            dlp_policies=(DEFAULT_DLP_POLICY,),
            now=datetime.now(UTC),
        )
    write_secret(path, new.secret.text)
    return DemoAccess(new.secret.text)


async def _works(connection: "asyncpg.Connection[Any]", secret: str) -> bool:
    now = datetime.now(UTC)
    keys = await list_keys(connection, team=DEMO_TEAM)
    return any(secret.startswith(key.prefix) and key.state(now) == "active" for key in keys)

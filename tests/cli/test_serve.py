"""`synapse serve` as the first start sees it: what it leaves in the state directory, and when."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from synapse.postgres import migrations, store
from synapse.postgres.embedded import borrowed_server

OWN_DEMO = '[[upstreams]]\nname = "demo"\nbase_url = "http://127.0.0.1:1/v1"\nzone = "on_prem"\n'


def serve(state_dir: Path, *arguments: str | Path, **options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "synapse", "serve", "--port", "0", "--workers", "1", *map(str, arguments)]
    environ = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SYNAPSE_CONFIG"}}
    environ |= {"SYNAPSE_STATE_DIR": str(state_dir), **options}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def greeting(process: "subprocess.Popen[str]") -> str:
    """Up to the line about the state directory, which is after the password."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("  state "):
            return text
    raise AssertionError(process.stderr and process.stderr.read())


def on_database(state_dir: Path, work: Callable[["asyncpg.Connection[Any]"], Awaitable[Any]]) -> Any:
    async def run(dsn: str) -> Any:
        await migrations.upgrade(dsn)
        owner = await asyncpg.connect(dsn)
        try:
            return await work(owner)
        finally:
            await owner.close()

    with borrowed_server(state_dir) as dsn:
        return asyncio.run(run(dsn))


async def make_key_of_unknown_policy(owner: "asyncpg.Connection[Any]") -> str:
    await store.create_team(owner, name="payments", contact="payments@example.org")
    asked = store.KeyRequest(
        team="payments", purpose="tests", models=("echo",), created_by="test", dlp_policy="unheard-of"
    )
    new = await store.create_key(owner, asked, dlp_policies={"unheard-of"}, now=datetime.now(UTC))
    return str(new.record.id)


def test_a_start_that_must_fail_makes_nothing(public_tmp_path: Path) -> None:
    config = public_tmp_path / "synapse.toml"
    config.write_text(OWN_DEMO)

    process = serve(public_tmp_path / "state", "--demo", "--config", config)
    _, complaint = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "give yours another name" in complaint
    assert not (public_tmp_path / "state").exists()


def test_the_first_password_outlives_a_start_that_failed_and_is_shown_once(public_tmp_path: Path) -> None:
    state_dir = public_tmp_path / "state"
    # A key of an unknown policy cannot come into force, so no worker starts.
    key_id = on_database(state_dir, make_key_of_unknown_policy)
    failed = serve(state_dir)
    output, complaint = failed.communicate(timeout=60)
    assert failed.returncode == 1, complaint
    assert "sign in" not in output
    kept = (state_dir / "first-password").read_text().strip()

    on_database(state_dir, lambda owner: store.disable_key(owner, key_id))
    for expected in (kept, None):
        process = serve(state_dir)
        said = greeting(process)
        shown = re.search(r"sign in    admin(?: / (\S+))?", said)
        process.terminate()
        process.communicate(timeout=30)
        assert shown is not None
        assert shown[1] == expected
        assert ("`synapse users reset-password admin` makes a new password" in said) == (expected is None)
    assert not (state_dir / "first-password").exists()
    assert (state_dir / "postgres" / "data").is_dir()
    assert not (state_dir / "postgres").is_symlink()

"""Which database a command works on, and what is said when there is none."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from typer.testing import Result

from synapse.cli.database import Place, change
from synapse.postgres import migrations, store
from synapse.postgres.embedded import SUPERUSER, EmbeddedPostgres, borrowed_server

Command = Callable[..., Result]

OWNER_PROCESS = Path(__file__).parents[1] / "postgres" / "owner_process.py"


def test_without_a_database_url_the_server_of_the_state_directory_is_started_for_the_command(
    run: Command, public_tmp_path: Path
) -> None:
    state_dir = public_tmp_path / "state"

    created = run("teams", "create", "payments", "--contact", "p@example.org", "--state-dir", state_dir)
    listed = run("teams", "list", "--json", SYNAPSE_STATE_DIR=str(state_dir))

    assert created.exit_code == 0, created.stderr
    assert [team["name"] for team in json.loads(listed.stdout)] == ["payments"]
    assert not (state_dir / "postgres" / "data" / "postmaster.pid").exists()


def test_a_running_gateways_server_is_used_and_left_running(run: Command, public_tmp_path: Path) -> None:
    # A process of its own, since the lock of the state directory tells processes apart.
    with subprocess.Popen(
        [sys.executable, OWNER_PROCESS, public_tmp_path, "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as gateway:
        assert gateway.stdin is not None
        assert gateway.stdout is not None
        dsn, pid = gateway.stdout.readline().strip(), int(gateway.stdout.readline())
        try:
            created = run("teams", "create", "x", "--contact", "y", "--state-dir", public_tmp_path)

            assert created.exit_code == 0, created.stderr
            assert asyncio.run(team_names(dsn)) == ["x"]
            assert Path(f"/proc/{pid}").exists()
        finally:
            gateway.stdin.close()


async def team_names(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return [team.name for team in await store.list_teams(connection)]
    finally:
        await connection.close()


def test_status_and_upgrade_of_an_external_database(run: Command, empty_database_dsn: str) -> None:
    names = [one.name for one in migrations.read_migrations(migrations.MIGRATIONS_DIRECTORY)]

    before = run("db", "status", "--json", DATABASE_URL=empty_database_dsn)
    refused = run("teams", "list", DATABASE_URL=empty_database_dsn)
    upgraded = run("db", "upgrade", "--json", DATABASE_URL=empty_database_dsn)
    again = run("db", "upgrade", DATABASE_URL=empty_database_dsn)
    after = run("db", "status", DATABASE_URL=empty_database_dsn)

    assert {one["applied_at"] for one in json.loads(before.stdout)} == {None}
    assert refused.exit_code == 1
    assert "run `synapse db upgrade`" in refused.stderr
    assert json.loads(upgraded.stdout) == {"applied": names}
    assert again.stdout == "The database is up to date.\n"
    assert all(name in after.stdout for name in names)


def test_status_names_the_role_that_is_missing(run: Command, public_tmp_path: Path) -> None:
    # A server of its own, since roles belong to the whole server.
    server = EmbeddedPostgres(public_tmp_path / "state")
    server.start()
    superuser = server.dsn(user=SUPERUSER, database="postgres")
    try:
        before = run("db", "status", DATABASE_URL=server.dsn())
        asyncio.run(execute(superuser, "REVOKE synapse_runtime FROM synapse_owner"))
        after = run("db", "status", "--json", DATABASE_URL=server.dsn())
        asyncio.run(execute(superuser, "DROP ROLE synapse_runtime"))
        gone = run("db", "status", DATABASE_URL=server.dsn())
    finally:
        server.stop()

    assert (before.exit_code, before.stderr) == (0, "")
    assert after.stderr.endswith("as an administrator: GRANT synapse_runtime TO synapse_owner;\n")
    assert json.loads(after.stdout)
    assert "CREATE ROLE synapse_runtime NOLOGIN; GRANT synapse_runtime TO synapse_owner;" in gone.stderr


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("command", [("teams", "list"), ("db", "status"), ("db", "upgrade"), ("keys", "disable", "x")])
def test_an_unreachable_database_is_one_sentence(run: Command, command: tuple[str, ...]) -> None:
    result = run(*command, DATABASE_URL="postgresql://user:hunter2@127.0.0.1:1/synapse")

    assert result.exit_code == 1
    assert result.stderr.startswith("synapse: The database cannot be used: ")
    assert len(result.stderr.splitlines()) == 1
    assert "hunter2" not in result.output


def test_settings_that_cannot_be_used_are_listed_with_exit_2(run: Command, tmp_path: Path) -> None:
    config = tmp_path / "synapse.toml"
    config.write_text('log_level = "loud"\nunknown = 1\n')

    result = run("teams", "list", "--config", config)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2


def test_a_broken_data_directory_is_one_sentence(run: Command, public_tmp_path: Path) -> None:
    with borrowed_server(public_tmp_path):
        pass
    (public_tmp_path / "postgres" / "data" / "PG_VERSION").unlink()

    result = run("teams", "list", "--state-dir", public_tmp_path)

    assert result.exit_code == 1
    assert "PG_VERSION is missing" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_command_has_the_workers_rights_and_no_way_to_more(clean_environment: None, public_tmp_path: Path) -> None:
    async def session_user(connection: "asyncpg.Connection") -> str:
        return str(await connection.fetchval("SELECT session_user"))

    assert change(Place(public_tmp_path / "state", None), session_user) == "synapse_runtime"

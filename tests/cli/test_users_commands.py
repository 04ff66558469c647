"""`synapse users`: a password that was lost is replaced, and is never on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from synapse.cli import main
from synapse.passwords import PasswordChecker
from synapse.postgres.first_owner import ensure_first_owner

Command = Callable[..., Result]


@pytest.fixture
async def user(postgres_dsn: str, tmp_path: Path) -> None:
    await ensure_first_owner(postgres_dsn, "the first password", state_dir=tmp_path)


async def opens(dsn: str, password: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        kept = await connection.fetchval("SELECT password_hash FROM synapse.users")
    finally:
        await connection.close()
    return await PasswordChecker().matches(kept, password)


def in_thread(command: Callable[[], Any]) -> Any:
    """Commands have an event loop of their own, which cannot run inside that of a test."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as one:
        return one.submit(command).result()


async def test_a_random_password_is_printed_alone(user: None, synapse: Command, postgres_dsn: str) -> None:
    result = in_thread(lambda: synapse("users", "reset-password", "admin"))

    assert result.exit_code == 0, result.stderr
    assert "shown this once" in result.stderr
    assert await opens(postgres_dsn, result.stdout.strip())


async def test_a_password_is_read_from_standard_input_and_not_printed(
    user: None, clean_environment: None, postgres_dsn: str
) -> None:
    arguments = ["users", "reset-password", "admin", "-", "--json"]
    result = in_thread(
        lambda: CliRunner().invoke(main, arguments, input="from a safe\n", env={"DATABASE_URL": postgres_dsn})
    )

    assert json.loads(result.stdout) == {"login": "admin", "password": None}
    assert "from a safe" not in result.output
    assert await opens(postgres_dsn, "from a safe")


async def test_an_unknown_user_is_one_sentence(user: None, synapse: Command, postgres_dsn: str) -> None:
    result = in_thread(lambda: synapse("users", "reset-password", "somebody"))

    assert result.exit_code == 1
    assert result.stderr == "synapse: There is no user with the login 'somebody'.\n"
    assert result.stdout == ""
    assert await opens(postgres_dsn, "the first password")


def test_a_password_on_the_command_line_is_refused_and_not_repeated(run: Command) -> None:
    result = run("users", "reset-password", "admin", "hunter2")

    assert result.exit_code == 2
    assert "stays in its history" in " ".join(result.stderr.replace("│", " ").split())
    assert "hunter2" not in result.output


def test_an_empty_password_is_refused(clean_environment: None) -> None:
    result = CliRunner().invoke(main, ["users", "reset-password", "admin", "-"], input="\n")

    assert result.exit_code == 2
    assert "a password has 1 to" in result.stderr

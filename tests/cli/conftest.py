"""Commands run in this process, each test on a database of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from synapse.cli import main

Command = Callable[..., Result]


@pytest.fixture(scope="session")
def compiled_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands keep compiled rules: compiled once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiled_rules: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(compiled_rules))
    for name in ("DATABASE_URL", "SYNAPSE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    # A command that should not have come so far fails here, and not on this machine's own state.
    (tmp_path / "file").touch()
    monkeypatch.setenv("SYNAPSE_STATE_DIR", str(tmp_path / "file" / "state"))


@pytest.fixture
def run(clean_environment: None) -> Command:
    def command(*arguments: str | Path, **environment: str) -> Result:
        return CliRunner().invoke(main, [str(one) for one in arguments], env=environment)

    return command


@pytest.fixture
def synapse(run: Command, postgres_dsn: str) -> Command:
    """The command on a fresh database."""

    def command(*arguments: str | Path) -> Result:
        return run(*arguments, DATABASE_URL=postgres_dsn)

    return command


@pytest.fixture
def json_of(synapse: Command) -> Callable[..., Any]:
    """What a command that succeeds prints with --json."""

    def command(*arguments: str | Path) -> Any:
        result = synapse(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return command

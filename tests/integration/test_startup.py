"""What cannot be started ends with one sentence and leaves nothing running."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def serve(state_dir: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "synapse", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "SYNAPSE_STATE_DIR": str(state_dir), **environ},
        check=False,
    )


def one_sentence(result: "subprocess.CompletedProcess[str]") -> str:
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert result.returncode == 1, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("synapse: ")
    return lines[0]


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_five_mistakes_are_five_lines(public_tmp_path: Path) -> None:
    config = public_tmp_path / "synapse.toml"
    config.write_text(
        '[server]\nport = 99999\nbody_timeout = 3\nworkers = "many"\n'
        '[audit]\nqueue_records_max = 0\n[[upstreams]]\nname = "a"\nbase_url = "ftp://x"\nzone = "on_prem"\n'
    )
    result = subprocess.run(
        [sys.executable, "-m", "synapse", "serve", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "SYNAPSE_STATE_DIR": str(public_tmp_path / "state")},
        check=False,
    )
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 5, result.stderr
    for line, key, value in zip(
        sorted(lines, key=keys_order),
        ("server.port", "server.body_timeout", "server.workers", "audit.queue_records_max", "base_url"),
        ("99999", "3", "many", "0", "ftp://x"),
        strict=True,
    ):
        assert str(config) in line
        assert key in line
        assert value in line
    assert not (public_tmp_path / "state").exists()


def keys_order(line: str) -> int:
    names = ("server.port", "body_timeout", "server.workers", "queue_records_max", "base_url")
    return next(index for index, name in enumerate(names) if name in line)


def test_a_port_in_use(public_tmp_path: Path, used_port: int) -> None:
    sentence = one_sentence(serve(public_tmp_path / "state", "--port", str(used_port)))
    assert str(used_port) in sentence
    assert "--port" in sentence
    assert not (public_tmp_path / "state").exists()


def test_a_state_directory_that_is_a_file(public_tmp_path: Path) -> None:
    (public_tmp_path / "state").write_text("")
    assert str(public_tmp_path / "state") in one_sentence(serve(public_tmp_path / "state"))


def test_a_broken_data_directory(public_tmp_path: Path) -> None:
    from synapse.postgres.embedded import EmbeddedPostgres

    state_dir = public_tmp_path / "state"
    server = EmbeddedPostgres(state_dir)
    server.start()
    server.stop()
    (control,) = state_dir.rglob("global/pg_control")
    control.write_bytes(b"\0" * 8192)
    assert str(state_dir) in one_sentence(serve(state_dir))


def test_an_unreachable_database(public_tmp_path: Path) -> None:
    url = "postgresql://someone:se-cret-word@127.0.0.1:1/synapse"
    sentence = one_sentence(serve(public_tmp_path / "state", DATABASE_URL=url))
    assert "se-cret-word" not in sentence

"""Start, reload and stop of the gateway under bad conditions: each with real processes."""

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fixtures_gateway import Gateway, KeyMaker, free_port, running_gateway, wait_until

from synapse.policy_build import Order, prepare
from synapse.policy_keeper import COMPILER_NAME
from synapse.postgres.embedded import EmbeddedPostgres, borrowed_server

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}


@contextmanager
def starting_gateway(directory: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`synapse serve` without waiting for it to be ready. What it says is in `out` and `log`."""
    with (directory / "out").open("w") as out, (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "synapse", "serve", "--port", "0", "--workers", "1", *arguments],
            stdout=out,
            stderr=log,
            text=True,
            env={**os.environ, "SYNAPSE_STATE_DIR": str(directory / "state")},
        )
    try:
        yield process
    finally:
        kill_and_wait(process)


def kill_and_wait(process: "subprocess.Popen[str]") -> None:
    """The end of a gateway, and of every process that it has started."""
    family = list(children(process.pid))
    process.kill()
    process.wait()
    for member in family:
        wait_until(lambda member=member: not alive(member), timeout_s=20, what=f"the end of process {member}")


def children(pid: int) -> dict[int, bytes]:
    """The child processes with their command lines."""
    found = {}
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
    return found


def forked_children(pid: int) -> list[int]:
    """The children that run our own program: workers, and the process that compiles the rules."""
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{pid}/cmdline").read_bytes()
        return [child for child, command in children(pid).items() if command == own]
    return []


def serving(pid: int) -> list[int]:
    """The workers of a gateway that has started: what compiles the rules has a name."""
    return [child for child in forked_children(pid) if name(child) != COMPILER_NAME]


def name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def first_workers(pid: int) -> list[int]:
    """The workers of a gateway. PostgreSQL looks like one too, before it is PostgreSQL, and what compiles the policies.

    They are forked when PostgreSQL runs; what compiles is forked before.
    """
    database = [child for child, command in children(pid).items() if b"unix_socket_directories" in command]
    return [child for child in forked_children(pid) if child > min(database)] if database else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def new_key(gateway: Gateway, *models: str) -> str:
    gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
    return KeyMaker(gateway)(models=models)


def open_stream(gateway: Gateway, key: str) -> socket.socket:
    """A connection on which a long answer has begun."""
    body = json.dumps({"model": "story-slow", "stream": True, "messages": [{"role": "user", "content": "hello"}]})
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((gateway.host, gateway.port), timeout=20)
    connection.sendall((head + body).encode())
    received_until(connection, b"data: ")
    return connection


def received_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What arrives until `wanted` is among it, or the connection ends."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while wanted not in received and (data := connection.recv(65536)):
            received += data
    return received


def rows_after_the_end(gateway: Gateway, query: str) -> list[Any]:
    """Rows of the embedded database of a gateway that has ended."""

    async def rows(dsn: str) -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    with borrowed_server(gateway.state_dir) as dsn:
        return asyncio.run(rows(dsn))


def test_a_stop_at_the_very_moment_of_readiness_is_heard(public_tmp_path: Path) -> None:
    out = public_tmp_path / "out"
    for _ in range(3):
        with starting_gateway(public_tmp_path) as process:
            wait_until(lambda: "is ready on" in out.read_text(), timeout_s=30, what="the greeting")
            process.terminate()
            # Unheard, the worker would have been killed after forty seconds.
            assert process.wait(20) == 0


def test_a_stop_while_the_rules_compile_leaves_nothing_behind(public_tmp_path: Path) -> None:
    with starting_gateway(public_tmp_path) as process:
        # PostgreSQL may be among them, on its way to become PostgreSQL: it must end as well.
        forked = wait_until(lambda: forked_children(process.pid), timeout_s=20, what="the compiling process")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        for child in forked:
            wait_until(lambda child=child: not alive(child), timeout_s=20, what="the end of what was started")


def test_a_stream_that_is_open_when_the_time_is_over_ends_with_an_error_and_is_on_record(
    public_tmp_path: Path, demo_url: str
) -> None:
    with running_gateway(public_tmp_path, demo_url, server={"workers": 2, "stop_timeout_s": 2.0}) as gateway:
        with open_stream(gateway, new_key(gateway, "story-slow")) as connection:
            started = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            rest = received_until(connection, b"[DONE]")
        assert gateway.process.wait(20) == 0
        assert 1 < time.monotonic() - started < 6
    assert b'"code":"gateway_stopping"' in rest
    assert b"[DONE]" not in rest
    assert not rest.endswith(b"\r\n0\r\n\r\n"), "this end could be taken for the answer's"
    rows = rows_after_the_end(gateway, "SELECT outcome FROM synapse.audit_log WHERE model_requested = 'story-slow'")
    assert [row["outcome"] for row in rows] == ["aborted"]


class Load:
    """New connections without a pause, each with one request; what goes wrong is kept."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(8)]
        self.answers = 0
        self.refused: list[str] = []
        self.closed: list[str] = []  # accepted, and closed before the request was read

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.answers > 50, what="the first answers")
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            connection = http.client.HTTPConnection(self._gateway.host, self._gateway.port, timeout=20)
            try:
                connection.connect()
            except OSError as error:
                self.refused.append(repr(error))
                continue
            try:
                connection.request("GET", "/health/ready")
                if (status := connection.getresponse().status) != 200:
                    self.refused.append(f"status {status}")
            except (OSError, http.client.HTTPException) as error:
                self.closed.append(repr(error))
            finally:
                connection.close()
            self.answers += 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_replaces_all_workers_and_refuses_no_connection(
    public_tmp_path: Path, demo_url: str, workers: int
) -> None:
    with running_gateway(public_tmp_path, demo_url, server={"workers": workers}) as gateway, Load(gateway) as load:
        for _ in range(3):
            old = set(serving(gateway.process.pid))
            gateway.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda old=old: (now := set(serving(gateway.process.pid))) and not now & old and len(now),
                timeout_s=30,
                what="the new workers",
            )
            wait_until(lambda: len(serving(gateway.process.pid)) == workers, what="the end of the reload")
        answers = load.answers
        wait_until(lambda: load.answers > answers + 50, what="answers of the new workers")
    assert load.refused == []
    # A stopping server closes connections on which nothing has arrived yet: a matter of microseconds here, which hits
    # one in tens of thousands. Nothing has been read of such a request, so that it may be sent again.
    assert len(load.closed) <= 3
    assert "CRITICAL" not in (public_tmp_path / "gateway.log").read_text()


@pytest.fixture
def outside_database(public_tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A database that does not belong to the gateway, to be taken away from it."""
    server = EmbeddedPostgres(public_tmp_path / "database")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_workers_outlive_a_reload_that_fails_and_dead_ones_come_back_with_the_database(
    public_tmp_path: Path, demo_url: str, outside_database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, log = outside_database, public_tmp_path / "gateway.log"
    monkeypatch.setenv("DATABASE_URL", database.dsn())  # for the commands too
    with running_gateway(
        public_tmp_path, demo_url, environ={"DATABASE_URL": database.dsn()}, server={"workers": 2}
    ) as gateway:
        key = new_key(gateway, "echo")
        before = set(serving(gateway.process.pid))
        database.stop()
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the reload is given up" in log.read_text(), timeout_s=30, what="the failure")
        assert set(serving(gateway.process.pid)) == before
        assert gateway.post(CHAT, key=key)[0] == 200

        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: log.read_text().count("trying again") >= 2, timeout_s=30, what="the second attempt")
        # The other one gets all connections meanwhile.
        assert [gateway.post(CHAT, key=key)[0] for _ in range(8)] == [200] * 8
        assert "Traceback" not in log.read_text()

        database.start()

        def replaced() -> bool:
            return len(now := set(serving(gateway.process.pid))) == 2 and before - {victim} < now

        wait_until(replaced, timeout_s=30, what="the replacement")
        settled = set(serving(gateway.process.pid))
        KeyMaker(gateway).wait_known(key)
        assert set(serving(gateway.process.pid)) == settled


@pytest.mark.parametrize("pause_s", [0.0, 0.02, 0.05, 0.1])
def test_a_gateway_killed_just_after_it_forked_leaves_no_worker(
    public_tmp_path: Path, kept_rules: Path, pause_s: float
) -> None:
    shutil.copytree(kept_rules, public_tmp_path / "state" / "dlp")
    with starting_gateway(public_tmp_path) as process:
        workers = wait_until(lambda: first_workers(process.pid), timeout_s=20, what="the first worker")
        time.sleep(pause_s)  # the moment that is tried, not a wait for something
        kill_and_wait(process)
        assert not any(alive(worker) for worker in workers)


@pytest.mark.parametrize("pause_s", [0.0, 0.05, 0.1])
def test_a_stop_just_after_the_fork_is_quick(public_tmp_path: Path, kept_rules: Path, pause_s: float) -> None:
    shutil.copytree(kept_rules, public_tmp_path / "state" / "dlp")
    with starting_gateway(public_tmp_path) as process:
        workers = wait_until(lambda: first_workers(process.pid), timeout_s=20, what="the first worker")
        time.sleep(pause_s)  # the moment that is tried, not a wait for something
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not any(alive(worker) for worker in workers)


@pytest.fixture(scope="module")
def kept_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the compiled rules, so that workers are the first processes to be forked."""
    directory = tmp_path_factory.mktemp("rules")
    prepare(Order(directory, None, first=True))
    return directory / "dlp"


def test_of_two_gateways_started_together_on_one_port_one_is_refused(public_tmp_path: Path, kept_rules: Path) -> None:
    port = free_port()
    directories = [public_tmp_path / name for name in ("one", "two")]
    for directory in directories:
        directory.mkdir(mode=0o711)
        shutil.copytree(kept_rules, directory / "state" / "dlp")
    with (
        starting_gateway(directories[0], "--port", str(port)) as one,
        starting_gateway(directories[1], "--port", str(port)) as two,
    ):
        wait_until(lambda: one.poll() is not None or two.poll() is not None, timeout_s=30, what="a refusal")
        refused = 0 if one.poll() is not None else 1
        assert (one, two)[refused].wait() == 1
        (line,) = (directories[refused] / "log").read_text().splitlines()
        assert str(port) in line
        assert "--port" in line
        kept = directories[1 - refused] / "out"
        wait_until(lambda: " is ready on " in kept.read_text(), timeout_s=30, what="the other one")
        assert (one, two)[1 - refused].poll() is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "no-such-host.invalid"), ("no-such-host.invalid", "--host")),
        (("--host", "192.0.2.1"), ("192.0.2.1", "--host")),
    ],
    ids=["unknown-name", "foreign-address"],
)
def test_a_host_that_cannot_be_listened_on_is_one_sentence_with_its_remedy(
    public_tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with starting_gateway(public_tmp_path, *arguments) as process:
        assert process.wait(30) == 1
    (line,) = (public_tmp_path / "log").read_text().splitlines()
    assert all(word in line for word in words)
    assert "stop what uses it" not in line


def test_a_name_can_be_listened_on(public_tmp_path: Path, demo_url: str) -> None:
    with (
        running_gateway(public_tmp_path, demo_url, arguments=("--host", "localhost"), server={"workers": 1}) as gateway,
        Load(gateway) as load,
    ):
        pass
    assert load.refused == load.closed == []

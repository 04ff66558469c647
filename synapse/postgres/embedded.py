"""The embedded PostgreSQL: a real server from a wheel, on a unix socket in the state directory, supervised by us.

One process at a time owns a state directory (a lock says so); its server ends with it. Whatever a crashed owner left
behind is ended before a new server starts, so there is never a second postmaster on the data.
"""

import asyncio
import fcntl
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from ..startup import StartupError
from . import server_process
from .connect import connect
from .server_home import SOCKET_PORT, SYSTEM_HOME, ServerHome, prepare_home, wheel_version
from .server_passwords import FILE_NAME as PASSWORDS_FILE
from .server_passwords import ServerPasswords, make_passwords, read_passwords

SUPERUSER = "postgres"
OWNER = "synapse_owner"
RUNTIME = "synapse_runtime"
DATABASE = "synapse"

# How long one command waits for another that holds the state directory for a moment.
BORROW_TIMEOUT_S = 15.0
# Backends of a killed postmaster notice within moments; until then they hold its shared memory.
ORPHANS_TIMEOUT_S = 10.0

# At most this often a server that has ended is started again.
RESTART_INTERVAL_S = 5.0

Use = Literal["serve", "command"]

logger = logging.getLogger("synapse.postgres")


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """Two ways into one database. They hold passwords."""

    owner: str
    runtime: str


class EmbeddedPostgres:
    """The server of one state directory, for as long as the calling process runs."""

    def __init__(self, state_dir: Path, *, use: Use = "serve", system_home: Path = SYSTEM_HOME) -> None:
        self._state_dir = state_dir
        self._system_home = system_home
        self._use: Use = use
        self._home: ServerHome | None = None
        self._passwords: ServerPasswords | None = None
        self._lock: _StateLock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_due_s = 0.0

    @property
    def pid(self) -> int | None:
        """The postmaster, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def dsn(self, *, user: str = OWNER, database: str = DATABASE) -> str:
        """The DSN of one of our three roles, with its password."""
        assert self._home is not None, "the server has not been started"
        assert self._passwords is not None, "the server has not been started"
        return _dsn(self._home, self._passwords, user=user, database=database)

    def runtime_dsn(self) -> str:
        """For the workers: a role of its own, from which no way leads to the owner's rights."""
        return self.dsn(user=RUNTIME)

    def start(self) -> str:
        """Start the server, taking over what an earlier owner left, and return the owner's DSN.

        Call it from the main thread, and not inside an event loop. Raises StartupError.
        """
        home = prepare_home(self._state_dir, system_home=self._system_home)
        self._lock, self._home = _take_lock(self._state_dir, self._use), home
        try:
            _end_left_over(home)
            self._passwords = passwords = _check_data(home, self._state_dir)
            self._process = _start(home)
            asyncio.run(_prepare_cluster(self.dsn(user=SUPERUSER, database="postgres"), passwords))
        except BaseException:
            self.stop()
            raise
        return self.dsn()

    def check(self) -> None:
        """Start the server again when it has ended by itself: same data, same DSN. For the main thread, every second.

        It waits until the server is ready. What goes wrong is logged and tried again at a later call.
        """
        process, home = self._process, self._home
        if process is None or home is None or process.poll() is None or time.monotonic() < self._restart_due_s:
            return
        logger.critical("the embedded PostgreSQL has ended (%s); starting it again", _manner(process.returncode))
        try:
            _end_left_over(home)
            self._process = _start(home)
        except StartupError as error:
            logger.critical("%s", error)
        else:
            logger.warning("the embedded PostgreSQL runs again")
        self._restart_due_s = time.monotonic() + RESTART_INTERVAL_S

    def stop(self) -> None:
        """Stop the server and release the state directory. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            # Another command may have borrowed a command's server.
            brief = self._use == "command"
            server_process.end_postmaster(process.pid, lambda: process.poll() is not None, clients_may_finish=brief)
            process.wait()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


@contextmanager
def borrowed_server(state_dir: Path) -> Iterator[str]:
    """The owner's DSN of the running gateway's server, or of one that is started for as long as the block runs."""
    with borrowed_access(state_dir) as access:
        yield access.owner


@contextmanager
def borrowed_access(state_dir: Path) -> Iterator[Access]:
    """The same, also for the runtime role."""
    own = EmbeddedPostgres(state_dir, use="command")
    access: Access | None = None

    def available() -> bool:
        nonlocal access
        try:
            access = Access(own.start(), own.runtime_dsn())
        except StateDirectoryInUseError:
            access = _access_of_running(state_dir)
        return access is not None

    if not server_process.wait_for(available, timeout_s=BORROW_TIMEOUT_S) or access is None:
        raise StartupError(f"The PostgreSQL of {state_dir} is in use but does not become ready; look at its log.")
    try:
        yield access
    finally:
        own.stop()


def _access_of_running(state_dir: Path) -> Access | None:
    home = prepare_home(state_dir)
    postmaster = server_process.read_postmaster(home.data)
    if postmaster is None or postmaster.status != "ready" or not server_process.is_running(postmaster, home.data):
        return None
    passwords = read_passwords(state_dir)
    if passwords is None:
        return None
    owner, runtime = (_dsn(home, passwords, user=user, database=DATABASE) for user in (OWNER, RUNTIME))
    return Access(owner, runtime)


def _dsn(home: ServerHome, passwords: ServerPasswords, *, user: str, database: str) -> str:
    password = {SUPERUSER: passwords.superuser, OWNER: passwords.owner, RUNTIME: passwords.runtime}[user]
    place = f"host={quote(str(home.sockets), safe='')}&port={SOCKET_PORT}"
    # Said outright, because PGSSLMODE and its like in the environment are meant for other servers.
    options = "sslmode=disable&sslnegotiation=postgres&target_session_attrs=any"
    return f"postgresql://{user}:{password}@/{database}?{place}&{options}"


class StateDirectoryInUseError(StartupError):
    """Another process owns the state directory; `use` says what for."""

    def __init__(self, message: str, use: str) -> None:
        super().__init__(message)
        self.use = use


class _StateLock:
    """An fcntl lock: it ends with its process, and forked workers do not inherit it."""

    def __init__(self, path: Path, use: Use) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 100, 0).decode(errors="replace")
            self.release()
            raise StateDirectoryInUseError(
                f"The state directory {path.parent} is in use by another synapse process ({holder}): "
                "stop it, or choose another one with SYNAPSE_STATE_DIR.",
                holder.partition(",")[0],
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{use}, pid {os.getpid()}".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


def _take_lock(state_dir: Path, use: Use) -> _StateLock:
    """The gateway waits for a command to finish; a command does not wait, since it can use the gateway's server."""
    lock: _StateLock | None = None

    def taken() -> bool:
        nonlocal lock
        try:
            lock = _StateLock(state_dir / "postgres.lock", use)
        except StateDirectoryInUseError as error:
            if use == "serve" and error.use == "command":
                return False
            raise
        return True

    if not server_process.wait_for(taken, timeout_s=BORROW_TIMEOUT_S) or lock is None:
        raise StartupError(f"Another synapse command does not let go of the state directory {state_dir}.")
    return lock


def _end_left_over(home: ServerHome) -> None:
    """End a server that outlived its owner. It may be shutting down already, or never have been told to."""
    postmaster = server_process.read_postmaster(home.data)
    if postmaster is None:
        return
    if not server_process.is_running(postmaster, home.data):
        if Path(f"/proc/{postmaster.pid}").exists():
            # The pid belongs to another program by now, which PostgreSQL would take for a live server.
            (home.data / "postmaster.pid").unlink()
        return
    if not server_process.end_postmaster(postmaster.pid, lambda: not server_process.is_running(postmaster, home.data)):
        raise StartupError(
            f"An earlier PostgreSQL (pid {postmaster.pid}) still uses {home.data} and does not end: end it by hand."
        )


def _check_data(home: ServerHome, state_dir: Path) -> ServerPasswords:
    """Make the data directory when there is none; say what is wrong with one that cannot be served."""
    passwords = read_passwords(state_dir)
    if not home.data.exists():
        passwords = passwords or make_passwords(state_dir)
        _initialise(home, passwords)
        return passwords
    try:
        version = (home.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError as error:
        raise StartupError(
            f"{home.data} is not a PostgreSQL data directory, PG_VERSION is missing: restore it from a backup, "
            "or move it away to start with an empty database."
        ) from error
    major = wheel_version().partition(".")[0]
    if version != major:
        raise StartupError(
            f"{home.data} was written by PostgreSQL {version} and this is PostgreSQL {major}: "
            "move the data with pg_dump and pg_restore, or install the earlier version of Synapse."
        )
    if passwords is None:
        raise StartupError(
            f"The passwords of the database in {home.data} are missing: restore {state_dir / PASSWORDS_FILE} from a "
            "backup, or move the data away to start with an empty database."
        )
    return passwords


def _initialise(home: ServerHome, passwords: ServerPasswords) -> None:
    """initdb beside the final place, then rename: a half-made data directory is never taken for a whole one."""
    fresh = home.base / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    command: list[str | Path] = [home.binaries / "initdb", "-D", fresh]
    command += [f"--username={SUPERUSER}", "--encoding=UTF8", "--no-locale"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"]
    command += ["--auth=scram-sha-256", "--no-instructions"]
    with _password_file(home, passwords.superuser) as password_file:
        command.append(f"--pwfile={password_file}")
        result = server_process.run_as(home.account, command, cwd=home.base)
    if result.returncode != 0:
        reason = " ".join(line for line in result.stderr.splitlines() if "error" in line or "FATAL" in line)
        raise StartupError(f"The embedded PostgreSQL could not be created in {home.base}: {reason or result.stderr}")
    fresh.rename(home.data)


@contextmanager
def _password_file(home: ServerHome, password: str) -> Iterator[Path]:
    """The superuser's password for initdb, which runs as the server's account and takes it from a file only."""
    path = home.base / "password.new"
    path.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            if home.account is not None:
                os.fchown(file.fileno(), home.account.uid, home.account.gid)
            file.write(password + "\n")
        yield path
    finally:
        path.unlink(missing_ok=True)


def _start(home: ServerHome) -> subprocess.Popen[bytes]:
    process: subprocess.Popen[bytes] | None = None
    reason = ""

    def decided() -> bool:
        nonlocal process, reason
        process, reason = _try_to_start(home)
        # Everything else does not get better by trying again.
        return process is not None or "shared memory block" not in reason

    server_process.wait_for(decided, timeout_s=ORPHANS_TIMEOUT_S)
    if process is None:
        raise StartupError(f"The embedded PostgreSQL in {home.data} did not start: {reason} (log: {home.log})")
    return process


def _try_to_start(home: ServerHome) -> tuple[subprocess.Popen[bytes] | None, str]:
    """The running server, or the reason why there is none."""
    offset = home.log.stat().st_size if home.log.exists() else 0
    process = server_process.spawn_postmaster(home)
    try:
        if server_process.wait_until_ready(process, home.data):
            return process, ""
    except BaseException:
        server_process.end_postmaster(process.pid, lambda: process.poll() is not None)
        raise
    return None, _last_failure(home.log, offset)


def _last_failure(log: Path, offset: int) -> str:
    """The server's own reason: the first FATAL or PANIC message it wrote since `offset`, else its last line."""
    with log.open("rb") as file:
        file.seek(offset)
        lines = file.read(64 * 1024).decode(errors="replace").splitlines()
    for line in lines:
        for level in ("FATAL:", "PANIC:"):
            if level in line:
                return line.partition(level)[2].strip()
    return " ".join(lines[-3:]) if lines else "it said nothing"


def _manner(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"


async def _prepare_cluster(dsn: str, passwords: ServerPasswords) -> None:
    """The roles and the database. Checked at each start, so that a crash half-way is made good."""
    async with connect(dsn) as connection:
        roles = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        async with connection.transaction():
            if OWNER not in roles:
                await connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{passwords.owner}'")
            if RUNTIME not in roles:
                await connection.execute(f"CREATE ROLE {RUNTIME} LOGIN PASSWORD '{passwords.runtime}'")
                await connection.execute(f"GRANT {RUNTIME} TO {OWNER} WITH INHERIT FALSE, SET TRUE")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

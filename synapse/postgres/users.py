"""Console users and their sessions in PostgreSQL. Every request of the console asks here, so revoking works at once."""

import hashlib
import secrets
from typing import Any

from ..accounts import Session, SignedIn, Visitor, WrongCredentials
from ..passwords import PasswordChecker, hash_password
from .connect import connect
from .console_database import ConsoleDatabase
from .named_queries import named_queries
from .sign_in_attempts import SignInAttempts, SignInGate

TOKEN_BYTES = 32
# A working day. Then, or after an hour in which nobody did anything, the password is asked for again.
SESSION_S = 12 * 3600
IDLE_S = 3600
# How exactly the last activity is known: at most one write a minute.
SEEN_S = 60
SESSIONS_PER_USER_MAX = 20
USER_AGENT_CHARS_MAX = 300


async def reset_password(dsn: str, login: str, password: str) -> bool:
    """Give a user another password and end all sessions of that user. False when there is no such user.

    The DSN is the database owner's: the gateway itself can change no password. Raises StartupError.
    """
    queries = named_queries("users.sql")
    login = login.strip().lower()
    async with connect(dsn) as connection, connection.transaction():
        user_id = await connection.fetchval(queries["set_password"], _storable(login), hash_password(password))
        if user_id is None:
            return False
        await connection.execute(queries["revoke_sessions_of_user"], user_id)
    return True


class PostgresAccounts:
    """Implements `accounts.Accounts` as the runtime role."""

    def __init__(self, database: ConsoleDatabase, *, attempts: SignInAttempts | None = None) -> None:
        self._database = database
        self._queries = named_queries("users.sql")
        self._attempts = attempts or SignInAttempts()
        self._gate = SignInGate()
        self._passwords = PasswordChecker()

    async def sign_in(self, login: str, password: str, *, visitor: Visitor) -> SignedIn:
        login = login.strip().lower()
        with self._gate.enter(visitor.address):
            async with self._database.connection() as connection:
                await self._attempts.begin(connection, login, visitor.address)
                user = await connection.fetchrow(self._queries["user_by_login"], _storable(login))
            # The connection is given back: a password takes longer than all the queries.
            matches = await self._passwords.matches(user["password_hash"] if user else None, password)
            if not matches or user is None or user["disabled"]:
                raise WrongCredentials
            async with self._database.connection() as connection:
                await self._attempts.forget(connection, login, visitor.address)
                return await self._open_session(connection, login, user, visitor)

    async def session(self, token: str, *, active: bool) -> Session | None:
        digest = _digest(token)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(self._queries["session_by_token"], digest, IDLE_S, SEEN_S)
            if row is None:
                return None
            if active and row["stale"]:
                await connection.execute(self._queries["touch_session"], digest)
        return Session(str(row["id"]), row["login"], row["role"], row["created_at"], row["expires_at"])

    async def sign_out(self, token: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(self._queries["revoke_session"], _digest(token))

    async def _open_session(self, connection: Any, login: str, user: Any, visitor: Visitor) -> SignedIn:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = await connection.fetchrow(
            self._queries["add_session"],
            _digest(token),
            user["id"],
            visitor.address,
            _storable(visitor.user_agent or "")[:USER_AGENT_CHARS_MAX],
            SESSION_S,
            SESSIONS_PER_USER_MAX - 1,
        )
        return SignedIn(token, Session(str(row["id"]), login, user["role"], row["created_at"], row["expires_at"]))


def _digest(token: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode()).digest()


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL in text; a name with one is nobody's name either way."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")

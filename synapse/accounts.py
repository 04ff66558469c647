"""Who may use the console: roles, sessions, and what signing in can end with. The API asks, Postgres knows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

Role = Literal["owner", "admin", "analyst", "auditor"]
ROLES: frozenset[Role] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where somebody signs in from, for the lockout and for the list of sessions."""

    address: str
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A user who is signed in. The token itself is known to the browser alone."""

    id: str
    login: str
    role: Role
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, and the token that proves it: the only time it is seen."""

    token: str
    session: Session


class WrongCredentials(Exception):
    """Unknown login, wrong password or disabled user: the same answer, after the same time."""


class TooManyAttempts(Exception):
    """This account was tried too often from this place; others can sign in to it, and this place to others."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"wait {wait_s} s")
        self.wait_s = wait_s


class TooBusy(Exception):
    """More people sign in at this moment than passwords can be checked."""


class DatabaseAway(Exception):
    """The database does not answer, so nothing can be said about anybody."""


class Accounts(Protocol):
    """Every method may raise DatabaseAway."""

    async def sign_in(self, login: str, password: str, *, visitor: Visitor) -> SignedIn:
        """Raises WrongCredentials, TooManyAttempts or TooBusy."""

    async def session(self, token: str, *, active: bool) -> Session | None:
        """The session of a token, unless it ended. `active` says that somebody is there: it does not idle out."""

    async def sign_out(self, token: str) -> None:
        """Revoke a session, in all workers at once."""

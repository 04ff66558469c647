"""The console's routes, each with a rule of who may call it. Without a rule nothing is registered, and nothing starts.

The rule is checked on the handler that was matched, never on the path: the router takes `/ADMIN/API/x/` for
`/admin/api/x`.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import blacksheep

from ...accounts import ROLES, Accounts, DatabaseAway, Role, Session
from ..client_address import AddressResolver
from .body import json_object
from .cookies import SecureCookies, session_token
from .problems import AdminRefusal, database_away, not_signed_in, refusal_response

PREFIX = "/admin/api"

# Who may call a route: everybody, or users with one of these roles.
Access = Literal["public"] | frozenset[Role]
ANY_ROLE: Access = ROLES

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_READS = frozenset(("GET", "HEAD", "OPTIONS"))
# What browsers say of a request that a page of ours, or the person at the address bar, made.
_OWN_SITE = (None, b"same-origin", b"none")


@dataclass(frozen=True, slots=True)
class Call:
    """One console request whose rule was kept. `session` is there on every route that is not public."""

    request: blacksheep.Request
    address: str
    session: Session | None
    token: str | None

    async def json(self) -> Mapping[str, Any]:
        return await json_object(self.request)


Handler = Callable[[Call], Awaitable[blacksheep.Response]]


def csrf_token(session_token: str) -> str:
    """What every write must carry in `x-csrf-token`. It follows from the session's token, which no script can read."""
    return hmac.new(session_token.encode(), b"synapse console csrf", hashlib.sha256).hexdigest()


class AdminRoutes:
    """Registers handlers on the application, each behind its rule."""

    def __init__(
        self,
        app: blacksheep.Application,
        *,
        accounts: Accounts,
        addresses: AddressResolver,
        secure_cookies: SecureCookies,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._addresses = addresses
        self._secure_cookies = secure_cookies
        self._methods: dict[str, list[str]] = {}

    def add(self, method: str, path: str, handler: Handler, *, access: Access) -> None:
        self._methods.setdefault(path, []).append(method)

        async def guarded(request: blacksheep.Request) -> blacksheep.Response:
            try:
                return await handler(await self._admit(request, access))
            except AdminRefusal as refusal:
                return refusal_response(refusal)
            except DatabaseAway:
                return refusal_response(database_away())

        guarded.access = access  # type: ignore[attr-defined]  # read by routes_without_a_rule
        self._app.router.add(method, PREFIX + path, guarded)

    def close(self) -> None:
        """Answer everything else below the prefix, and refuse to start with a route that came past `add`."""
        for path, methods in list(self._methods.items()):
            refuse = _wrong_method(sorted(methods))
            for method in set(_METHODS) - set(methods):
                self.add(method, path, refuse, access="public")
        for method in _METHODS:
            self.add(method, "", _unknown, access="public")
            # Not "/*", which the router takes for "/?.*": the page's own api.js is no part of the API.
            self.add(method, "/{path:rest}", _unknown, access="public")
        self._app.on_start += _require_rules

    async def _admit(self, request: blacksheep.Request, access: Access) -> Call:
        """Raises AdminRefusal. The order matters: who does not know the session learns nothing about roles."""
        _require_own_site(request)
        address = self._addresses.resolve(request.scope) or "unknown"
        if access == "public":
            return Call(request, address, None, None)
        token = session_token(request, self._secure_cookies)
        # A page that refreshes itself says so: somebody has to be there for a session to go on.
        active = request.get_first_header(b"x-synapse-refresh") is None
        session = await self._accounts.session(token, active=active) if token is not None else None
        if session is None or token is None:
            raise not_signed_in()
        if session.role not in access:
            raise AdminRefusal(403, "role_not_allowed", f"The role {session.role} may not do this.")
        if request.method not in _READS:
            _require_csrf(request, token)
        return Call(request, address, session, token)


def routes_without_a_rule(app: blacksheep.Application) -> list[str]:
    """The routes below the prefix that nobody guards. There must be none."""
    applied = app.router.iter_with_methods()  # type: ignore[no-untyped-call]  # BlackSheep leaves it untyped
    return [
        f"{method} {route.pattern.decode()}"
        for method, route in [*applied, *app.router.registered_routes]
        if route.pattern.lower().startswith(PREFIX.encode()) and not hasattr(route.handler, "access")
    ]


async def _require_rules(app: blacksheep.Application) -> None:
    if unguarded := routes_without_a_rule(app):
        raise RuntimeError(f"console routes without a rule of who may call them: {', '.join(unguarded)}")


def _require_own_site(request: blacksheep.Request) -> None:
    if request.method not in _READS and request.get_first_header(b"sec-fetch-site") not in _OWN_SITE:
        raise AdminRefusal(403, "cross_site", "This request came from a page of another site.")


def _require_csrf(request: blacksheep.Request, token: str) -> None:
    given = request.get_first_header(b"x-csrf-token") or b""
    if not hmac.compare_digest(given, csrf_token(token).encode()):
        raise AdminRefusal(403, "csrf_token_invalid", "The x-csrf-token header is missing or is not this session's.")


def _wrong_method(allowed: list[str]) -> Handler:
    async def refuse(_: Call) -> blacksheep.Response:
        raise AdminRefusal(
            405,
            "method_not_allowed",
            f"This address only answers {', '.join(allowed)}.",
            headers={"allow": ", ".join(allowed)},
        )

    return refuse


async def _unknown(_: Call) -> blacksheep.Response:
    raise AdminRefusal(404, "not_found", "There is no such address in the console's API.")

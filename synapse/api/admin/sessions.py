"""Signing in, out, and asking who one is."""

import logging
from datetime import UTC, datetime

import blacksheep

from ...accounts import Accounts, Session, TooBusy, TooManyAttempts, Visitor, WrongCredentials
from .answers import empty_response, json_response
from .body import text_field
from .cookies import SecureCookies, set_cookie
from .problems import AdminRefusal, not_signed_in
from .routing import ANY_ROLE, AdminRoutes, Call, csrf_token

logger = logging.getLogger("synapse.console")

LOGIN_CHARS_MAX = 254
PASSWORD_CHARS_MAX = 1024


class Sessions:
    """`/admin/api/session`: the caller's own session is the one resource here."""

    def __init__(self, accounts: Accounts, secure_cookies: SecureCookies) -> None:
        self._accounts = accounts
        self._secure_cookies = secure_cookies

    def register(self, routes: AdminRoutes) -> None:
        routes.add("POST", "/session", self.sign_in, access="public")
        routes.add("GET", "/session", self.show, access=ANY_ROLE)
        routes.add("DELETE", "/session", self.sign_out, access=ANY_ROLE)

    async def sign_in(self, call: Call) -> blacksheep.Response:
        body = await call.json()
        login = text_field(body, "login", length_max=LOGIN_CHARS_MAX)
        password = text_field(body, "password", length_max=PASSWORD_CHARS_MAX)
        agent = call.request.get_first_header(b"user-agent")
        visitor = Visitor(call.address, agent.decode("latin-1") if agent else None)
        try:
            signed_in = await self._accounts.sign_in(login, password, visitor=visitor)
        except (WrongCredentials, TooManyAttempts, TooBusy) as error:
            # Not the login: people type their password there.
            logger.warning("console sign-in from %s refused: %s", call.address, type(error).__name__)
            raise _refusal(error) from error
        session = signed_in.session
        logger.info("console sign-in of %s from %s", session.login, call.address)
        response = json_response(_view(session, signed_in.token), status=201)
        age_s = int((session.expires_at - datetime.now(UTC)).total_seconds())
        response.add_header(
            b"set-cookie", set_cookie(call.request, self._secure_cookies, signed_in.token, max_age_s=age_s)
        )
        return response

    async def show(self, call: Call) -> blacksheep.Response:
        if call.session is None or call.token is None:
            raise not_signed_in()
        return json_response(_view(call.session, call.token))

    async def sign_out(self, call: Call) -> blacksheep.Response:
        if call.token is not None:
            await self._accounts.sign_out(call.token)
        response = empty_response()
        response.add_header(b"set-cookie", set_cookie(call.request, self._secure_cookies, "", max_age_s=0))
        return response


def _view(session: Session, token: str) -> dict[str, object]:
    return {
        "user": {"login": session.login, "role": session.role},
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "csrf_token": csrf_token(token),
    }


def _refusal(error: Exception) -> AdminRefusal:
    if isinstance(error, TooManyAttempts):
        return AdminRefusal(
            429,
            "too_many_attempts",
            f"Too many attempts for this login from here. Try again in {error.wait_s} seconds.",
            headers={"retry-after": str(error.wait_s)},
        )
    if isinstance(error, TooBusy):
        return AdminRefusal(
            503, "busy", "Too many people are signing in right now. Try again.", headers={"retry-after": "1"}
        )
    return AdminRefusal(401, "wrong_credentials", "The login or the password is wrong.")

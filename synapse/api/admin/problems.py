"""How the console's API refuses: `{"error": {"message", "code"}}` with its status. What was sent is never repeated."""

from collections.abc import Mapping

import blacksheep

from .answers import json_response


class AdminRefusal(Exception):
    """A console request that ends here. The message is for the person at the browser."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def refusal_response(refusal: AdminRefusal) -> blacksheep.Response:
    response = json_response(
        {"error": {"message": refusal.message, "code": refusal.code}},
        status=refusal.status,
    )
    for name, value in refusal.headers.items():
        response.add_header(name.encode("latin-1"), value.encode("latin-1"))
    return response


def not_signed_in() -> AdminRefusal:
    return AdminRefusal(401, "not_signed_in", "Sign in first: there is no session, or it has ended.")


def database_away() -> AdminRefusal:
    return AdminRefusal(
        503,
        "database_unavailable",
        "The gateway cannot reach its database. Requests to models are still decided by the last policy it had.",
        headers={"retry-after": "2"},
    )

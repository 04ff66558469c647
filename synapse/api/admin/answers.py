"""JSON answers of the console's API, and the headers that every one of them has."""

from typing import Any

import blacksheep
import orjson

# Not cached, not sniffed, not framed and not read by another origin.
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


def json_response(body: Any, *, status: int = 200) -> blacksheep.Response:
    """Dataclasses, times and the rest of what orjson knows; times in UTC with a Z."""
    content = blacksheep.Content(b"application/json", orjson.dumps(body, option=orjson.OPT_UTC_Z))
    return blacksheep.Response(status, list(_HEADERS), content)


def empty_response() -> blacksheep.Response:
    return blacksheep.Response(204, list(_HEADERS))

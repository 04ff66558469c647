"""Reads a JSON body: small, in time, and an object. The framework's own binding would repeat what it does not like."""

import asyncio
from collections.abc import Mapping
from typing import Any

import blacksheep
import orjson
from blacksheep.exceptions import MessageAborted

from .problems import AdminRefusal

# The largest thing the console sends is a form.
BODY_BYTES_MAX = 64 * 1024
BODY_TIMEOUT_S = 10.0


async def json_object(request: blacksheep.Request) -> Mapping[str, Any]:
    """Raises AdminRefusal. The content type is demanded, because no form of another site can send it unasked."""
    content_type = (request.get_first_header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if content_type != b"application/json" or request.get_first_header(b"content-encoding") is not None:
        raise AdminRefusal(415, "unsupported_media_type", "Send the body as plain application/json.")
    try:
        body = orjson.loads(await _body(request))
    except orjson.JSONDecodeError as error:
        raise AdminRefusal(400, "invalid_json", "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise AdminRefusal(400, "invalid_json", "The body must be a JSON object.")
    return body


def text_field(body: Mapping[str, Any], name: str, *, length_max: int) -> str:
    """A string that must be there. Raises AdminRefusal, which names the field and not its value."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= length_max:
        raise AdminRefusal(
            400, "invalid_parameter", f"The field {name!r} must be a text of 1 to {length_max} characters."
        )
    return value


async def _body(request: blacksheep.Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():  # type: ignore[attr-defined]  # its stub forgets that it is async
                size += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise AdminRefusal(413, "request_too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
                chunks.append(chunk)
    except TimeoutError as error:
        raise AdminRefusal(408, "request_timeout", "The body did not arrive in time.") from error
    except MessageAborted as error:
        raise AdminRefusal(400, "client_gone", "The connection ended before the body did.") from error
    return b"".join(chunks)

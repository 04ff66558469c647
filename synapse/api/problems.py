"""How a refusal looks on the wire: OpenAI's error shape. The only place that makes responses of errors."""

import orjson

from ..errors import GatewayError, PromptBlocked
from ..interfaces import Headers


def error_body(error: GatewayError) -> dict[str, object]:
    """`{"error": {"message", "type", "param", "code"}}`, with what a DLP block adds."""
    problem: dict[str, object] = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    if isinstance(error, PromptBlocked):
        problem["incident_id"] = error.incident_id
        problem["findings"] = list(error.findings)
    return {"error": problem}


def error_json(error: GatewayError) -> bytes:
    return orjson.dumps(error_body(error))


def error_event(error: GatewayError) -> bytes:
    """The error as the last event of a stream that has begun."""
    return b"data: " + error_json(error) + b"\n\n"


def error_headers(error: GatewayError, headers: Headers) -> list[tuple[bytes, bytes]]:
    """The answer's headers: those of every answer, and whether sending again can help."""
    result = [(b"content-type", b"application/json"), *headers]
    result.extend((name.encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items())
    if not error.retryable:
        result.append((b"x-should-retry", b"false"))
    return result

"""Whether this worker lives, and whether it should get requests."""

from collections.abc import Callable, Sequence

import orjson

from .asgi_client import Send

LIVE_PATHS = frozenset((b"/health/live", b"/livez"))
READY_PATHS = frozenset((b"/health/ready", b"/readyz"))

# The name of a condition, and whether it holds.
Check = tuple[str, Callable[[], bool]]


class Health:
    """Answers the probes. Ready means: every check holds; which one does not is in the body."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks

    async def live(self, send: Send) -> None:
        await _answer(send, 200, {"status": "live"})

    async def ready(self, send: Send) -> None:
        results = {name: check() for name, check in self._checks}
        ready = all(results.values())
        await _answer(send, 200 if ready else 503, {"status": "ready" if ready else "not_ready", "checks": results})

    async def refuse(self, send: Send) -> None:
        """To what is no request for a path."""
        await _answer(send, 400, {"error": {"message": "Ask for a path.", "code": "invalid_request"}})


async def _answer(send: Send, status: int, body: dict[str, object]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body), "more_body": False})

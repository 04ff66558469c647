"""The caller of one request, over ASGI as Granian speaks it.

Granian neither fails a send to a client that has left nor cancels its handler, limits no body and no time to send one.
All three are seen to here. A handler that returns before its response is whole breaks the connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..errors import GatewayError, InvalidRequest
from ..interfaces import Headers
from .client_address import AddressResolver
from .problems import error_event, error_headers, error_json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Awaitable[None]]


class AsgiClient:
    """Implements `interfaces.Client` for one HTTP request."""

    __slots__ = (
        "_body_bytes_max",
        "_body_timeout_s",
        "_ended",
        "_receive",
        "_scope",
        "_send",
        "_started",
        "_task",
        "gone",
        "ip",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        addresses: AddressResolver,
        body_bytes_max: int,
        body_timeout_s: float,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s
        self._task = asyncio.current_task()
        self._started = self._ended = False
        self.gone = False
        self.ip = addresses.resolve(scope)

    def header(self, name: bytes) -> bytes | None:
        """The value of a header; None when it is missing or, being ambiguous, came more than once."""
        found: bytes | None = None
        for key, value in self._scope["headers"]:
            if key == name:
                if found is not None:
                    return None
                found = value
        return found

    async def body(self) -> bytes:
        self._check_body_headers()
        loop = asyncio.get_running_loop()
        late = _Late(self._task)
        timer = loop.call_later(self._body_timeout_s, late)
        try:
            raw = await self._read()
        except asyncio.CancelledError:
            if not late.fired or self._task is None:
                raise
            self._task.uncancel()
            raise InvalidRequest(
                f"The body did not arrive within {self._body_timeout_s:g} seconds.", code="request_timeout", status=408
            ) from None
        finally:
            timer.cancel()
        self._watch()
        return raw

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self._started = self._ended = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def start(self, status: int, headers: Headers) -> None:
        self._started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, chunk: bytes) -> None:
        assert chunk, "an empty chunk would end the response"
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self, last: bytes) -> None:
        self._ended = True
        await self._send({"type": "http.response.body", "body": last, "more_body": False})

    async def refuse(self, error: GatewayError, headers: Headers) -> None:
        if self._ended or self.gone:
            return
        if self._started:
            # The connection breaks when the handler returns: this end cannot be taken for the answer's.
            await self.send(error_event(error))
            return
        await self.answer(error.status, error_headers(error, headers), error_json(error))

    def _check_body_headers(self) -> None:
        encoding = self.header(b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            raise InvalidRequest(
                "Compressed bodies are not accepted. Send the JSON as it is.", code="unsupported_encoding", status=415
            )
        length = self.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._body_bytes_max:
            raise self._too_large()

    async def _read(self) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        chunks = [body]
        size = len(body)
        while message.get("more_body"):
            if size > self._body_bytes_max:
                raise self._too_large()
            message = await self._receive()
            body = message.get("body", b"")
            size += len(body)
            chunks.append(body)
        if message["type"] == "http.disconnect":
            self.gone = True
            raise asyncio.CancelledError
        if size > self._body_bytes_max:
            raise self._too_large()
        return b"".join(chunks)

    def _too_large(self) -> InvalidRequest:
        return InvalidRequest(
            f"The body is larger than {self._body_bytes_max} bytes.", code="request_too_large", status=413
        )

    def _watch(self) -> None:
        """Cancel the handler when the client goes away, at any time until its answer has ended."""
        self._receive().add_done_callback(self._received)

    def _received(self, future: Any) -> None:
        if self._ended or future.cancelled():
            return
        self.gone = True
        if self._task is not None:
            self._task.cancel()


class _Late:
    """Cancels a task once, and remembers that it did."""

    __slots__ = ("_task", "fired")

    def __init__(self, task: "asyncio.Task[Any] | None") -> None:
        self._task = task
        self.fired = False

    def __call__(self) -> None:
        self.fired = True
        if self._task is not None:
            self._task.cancel()

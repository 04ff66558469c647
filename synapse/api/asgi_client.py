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

# Most requests are answered sooner, and need not be watched: each wait for a message costs a hand-over between threads.
# A client that leaves must be noticed within 100 ms.
WATCH_AFTER_S = 0.02


class AsgiClient:
    """Implements `interfaces.Client` for one HTTP request."""

    __slots__ = (
        "_body_bytes_max",
        "_body_late",
        "_body_read",
        "_body_timeout_s",
        "_ended",
        "_looked",
        "_receive",
        "_scope",
        "_send",
        "_started",
        "_task",
        "_timer",
        "gone",
        "ip",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        task: "asyncio.Task[None] | None",
        addresses: AddressResolver,
        body_bytes_max: int,
        body_timeout_s: float,
    ) -> None:
        """`task` is the handler's, which is cancelled when the client leaves."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s
        self._task = task
        self._timer: asyncio.TimerHandle | None = None
        self._body_read = self._body_late = self._looked = False
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
        length = self._checked_length()
        # One timer for both deadlines, since almost always it is cancelled before it fires.
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._look)
        try:
            raw = await self._read(length)
        except asyncio.CancelledError:
            if not self._body_late or self._task is None:
                raise
            self._task.uncancel()
            raise InvalidRequest(
                f"The body did not arrive within {self._body_timeout_s:g} seconds.", code="request_timeout", status=408
            ) from None
        self._body_read = True
        if self._looked:
            self._timer.cancel()
            self._watch()
        return raw

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self._started = True
        self._end()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def start(self, status: int, headers: Headers) -> None:
        self._started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send(self, chunk: bytes) -> None:
        assert chunk, "an empty chunk would end the response"
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self, last: bytes) -> None:
        self._end()
        await self._send({"type": "http.response.body", "body": last, "more_body": False})

    async def refuse(self, error: GatewayError, headers: Headers) -> None:
        if self._ended or self.gone:
            return
        if self._started:
            # The connection breaks when the handler returns: this end cannot be taken for the answer's.
            await self.send(error_event(error))
            return
        await self.answer(error.status, error_headers(error, headers), error_json(error))

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()

    def _checked_length(self) -> int | None:
        """What the headers say of the body. Raises InvalidRequest for what they say is not acceptable."""
        headers = self._scope["headers"]
        encodings = [value.strip().lower() for name, value in headers if name == b"content-encoding"]
        if any(encoding not in (b"", b"identity") for encoding in encodings):
            raise InvalidRequest(
                "Compressed bodies are not accepted. Send the JSON as it is.", code="unsupported_encoding", status=415
            )
        text = self.header(b"content-length")
        if text is not None and any(name == b"transfer-encoding" for name, _ in headers):
            # RFC 9112 §6.3: whoever is in front of us may have taken the other one.
            raise InvalidRequest("A body has a length or is chunked, not both.", code="ambiguous_framing")
        length = int(text) if text is not None and text.isdigit() else None
        if length is not None and length > self._body_bytes_max:
            raise self._too_large()
        return length

    async def _read(self, length: int | None) -> bytes:
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if len(body) == length:
            return body  # without waiting for the message that there is no more
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

    def _look(self) -> None:
        """The request takes longer than most: watch whether the client stays, or give its body the deadline."""
        self._looked = True
        if self._body_read:
            self._watch()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._body_timeout_s - WATCH_AFTER_S), self._give_up_body)

    def _give_up_body(self) -> None:
        self._body_late = True
        if self._task is not None:
            self._task.cancel()

    def _watch(self) -> None:
        """Cancel the handler when the client goes away, at any time until its answer has ended."""
        self._receive().add_done_callback(self._received)

    def _received(self, future: Any) -> None:
        if self._ended or future.cancelled():
            return
        if future.result()["type"] == "http.request":
            self._watch()  # the end of a body that was whole already
            return
        self.gone = True
        if self._task is not None:
            self._task.cancel()

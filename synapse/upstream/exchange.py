"""One request and its answer, between the connection that receives and the task that reads."""

import asyncio
from typing import Final, Protocol

from ..errors import GatewayError, UpstreamCut, UpstreamError
from ..interfaces import Headers

# What a piece costs beside its bytes, so that many tiny reads count as the memory they take.
_PIECE_OVERHEAD_BYTES: Final = 64


class NoAnswer(UpstreamError):
    """The connection ended after the request was sent and before any byte of an answer.

    Nobody knows whether the upstream acted on it. It is a plain 502 for callers: not a UpstreamConnectError, since
    something was sent, and not a UpstreamCut, since there was no answer that could be cut.
    """


class Line(Protocol):
    """What an exchange needs of its connection."""

    def drop(self) -> None:
        """Close at once and forget the exchange."""

    def resume(self) -> None:
        """Read on, if reading was paused."""


class Exchange:
    """The state both sides share. It is done when `complete` or `error` is set, and then has no line any more."""

    __slots__ = (
        "_loop",
        "_pieces",
        "_waiter",
        "bodiless",
        "buffered_bytes",
        "complete",
        "error",
        "headers",
        "line",
        "status",
        "total_at",
        "upstream",
    )

    def __init__(
        self,
        upstream: str,
        *,
        loop: asyncio.AbstractEventLoop,
        total_at: float,
        bodiless: bool,
    ) -> None:
        self.upstream = upstream
        self.total_at = total_at
        self.bodiless = bodiless
        self.line: Line | None = None
        self.status = 0  # until the head is there
        self.headers: Headers = ()
        self.buffered_bytes = 0
        self.complete = False
        self.error: GatewayError | None = None
        self._loop = loop
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    def push(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.buffered_bytes += len(piece) + _PIECE_OVERHEAD_BYTES

    def take(self) -> bytes:
        """Everything that arrived since the last call, b"" when nothing did."""
        pieces = self._pieces
        if not pieces:
            return b""
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered_bytes = 0
        if self.line is not None:
            self.line.resume()
        return taken

    async def changed(self) -> None:
        """Wait until the connection has something to say. A cancelled wait closes the connection at once."""
        assert self._waiter is None, "two tasks read the same answer"
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def finish(self) -> None:
        """The answer is whole; the connection has been taken off it."""
        self.complete = True
        self.line = None

    def fail(self, error: GatewayError) -> None:
        """End without a whole answer. What arrived before can still be taken, then readers get `error`."""
        if self.complete or self.error is not None:
            return
        self.error = error
        line, self.line = self.line, None
        if line is not None:
            line.drop()
        self.wake()

    def abort(self) -> None:
        self.fail(UpstreamCut(f'The call to upstream "{self.upstream}" was given up by the gateway.'))

"""One connection: an asyncio protocol that sends a request, feeds the parser and keeps the deadlines.

It carries one exchange at a time and belongs to a pool, which it tells when it is idle again and when it is gone.
Everything happens in callbacks: no task, no stream object and no timer per request.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol, cast

from ..errors import GatewayError, UpstreamCut, UpstreamProtocolError, UpstreamTimeout
from .exchange import Exchange, NoAnswer
from .limits import ClientLimits
from .parser import AnswerParser, ProtocolViolation

# Up to here head and body go out in one write, one system call, one segment or a few; copying is cheaper than a call.
_SEND_WHOLE_BYTES_MAX: Final = 64 * 1024
# Larger bodies are handed to the transport in slices of this size, as long as it takes them.
_SLICE_BYTES: Final = 64 * 1024
# A timer that fires a little early would be set again for the rest, many times over at the clock's resolution.
_TIMER_SLACK_S: Final = 0.001


class Owner(Protocol):
    """The pool, as its connections see it."""

    def opened(self, connection: "Connection") -> None:
        """The socket is open; `lost` will follow."""

    def released(self, connection: "Connection") -> None:
        """The exchange is over and the connection can carry another."""

    def gone(self, connection: "Connection") -> None:
        """It will carry nothing any more; its place in the pool is free."""

    def lost(self, connection: "Connection") -> None:
        """The socket is closed."""


class Connection(asyncio.Protocol):
    """`served` counts the exchanges it has carried; `idle_since` is set while it lies in the pool."""

    def __init__(
        self, owner: Owner, limits: ClientLimits, *, clock: Callable[[], float], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.closed = False
        self.holds_place = False
        self.idle_since: float | None = None
        self.served = 0
        self._owner = owner
        self._limits = limits
        self._clock = clock
        self._loop = loop
        self._parser = AnswerParser(limits)
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport
        self._connected = False
        self._unsent: memoryview | None = None  # of a large body
        self._write_paused = False
        self._read_paused = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # What the pool and the client call.

    def send(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Start an exchange. Its outcome, also a failure to send, is told to the exchange."""
        now = self._clock()
        self._exchange = exchange
        exchange.line = self
        self._parser.expect(bodiless=exchange.bodiless)
        self._set_deadline(now, min(now + self._limits.first_byte_timeout_s, exchange.total_at))
        if len(body) <= _SEND_WHOLE_BYTES_MAX:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_more()

    def abort(self) -> None:
        """Close at once, without flushing; safe more than once, and before there is a socket."""
        if self.closed:
            return
        self._mark_closed()
        if self._connected:
            with contextlib.suppress(RuntimeError):  # the loop is closed already, which closed the socket too
                self._transport.abort()

    def shut(self) -> None:
        """Close because the gateway ends; an exchange in progress fails."""
        if self._exchange is not None:
            self._exchange.abort()
        self.abort()

    # What an exchange calls.

    def drop(self) -> None:
        self._exchange = None
        self.abort()

    def resume(self) -> None:
        exchange = self._exchange
        if not self._read_paused or exchange is None:
            return
        self._read_paused = False
        self._await_more(exchange)
        self._transport.resume_reading()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = transport = cast("asyncio.Transport", transport)
        self._connected = True
        self._owner.opened(self)
        if self.closed:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            # Nobody asked: an upstream that talks on an idle connection is out of step, or about to close it.
            self.abort()
            return
        parser = self._parser
        try:
            parser.feed(data)
        except ProtocolViolation as violation:
            exchange.fail(
                UpstreamProtocolError(f'Upstream "{exchange.upstream}" did not answer in proper HTTP/1.1: {violation}.')
            )
            return
        if parser.head_complete:
            self._deliver(exchange, parser)

    def eof_received(self) -> None:
        exchange = self._exchange
        if exchange is None:
            self.abort()
        elif self._parser.finish():
            self._release(exchange)
            exchange.wake()
        else:
            exchange.fail(self._cut(exchange))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - which error it was changes nothing
        exchange = self._exchange
        if exchange is not None:
            exchange.fail(self._cut(exchange))
        if not self.closed:
            self._mark_closed()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self._send_more()

    # The request body.

    def _send_more(self) -> None:
        """Give a large body to the transport until it says stop; it calls resume_writing for the rest."""
        while self._unsent is not None and not self._write_paused and not self.closed:
            piece = self._unsent[:_SLICE_BYTES]
            rest = self._unsent[_SLICE_BYTES:]
            self._unsent = rest if len(rest) else None
            self._transport.write(piece)

    def _sent_whole(self) -> bool:
        return self._unsent is None and (not self._write_paused or self._transport.get_write_buffer_size() == 0)

    # The answer.

    def _deliver(self, exchange: Exchange, parser: AnswerParser) -> None:
        """Hand what the parser knows to the exchange, and let go of the connection when the answer is whole."""
        if not exchange.status:
            exchange.status = parser.status
            exchange.headers = parser.headers
            if parser.status >= 400 and self._unsent is not None:
                # Refused before it was sent whole: the rest of the body would only delay the answer's end.
                self._unsent = None
                parser.reusable = False
        pieces = parser.pieces
        if pieces:
            exchange.push(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            pieces.clear()
        if parser.complete:
            self._release(exchange)
        elif exchange.buffered_bytes > self._limits.buffer_high_bytes:
            self._pause(exchange)
        else:
            self._await_more(exchange)
        exchange.wake()

    def _release(self, exchange: Exchange) -> None:
        self._exchange = None
        exchange.finish()
        if not self._parser.reusable or not self._sent_whole():
            self.abort()
            return
        if self._read_paused:  # a TLS layer may have handed over the end out of what it held already
            self._read_paused = False
            self._transport.resume_reading()
        self.served += 1
        self._owner.released(self)

    def _cut(self, exchange: Exchange) -> GatewayError:
        if not self._parser.started:
            return NoAnswer(f'Upstream "{exchange.upstream}" closed the connection without an answer.')
        return UpstreamCut(f'Upstream "{exchange.upstream}" closed the connection before its answer was whole.')

    # Time. One timer per connection, which looks at the deadline when it fires: moving a deadline later costs nothing.

    def _await_more(self, exchange: Exchange) -> None:
        now = self._clock()
        self._set_deadline(now, min(now + self._limits.idle_timeout_s, exchange.total_at))

    def _pause(self, exchange: Exchange) -> None:
        """Stop reading until the reader has caught up. The upstream is not to blame, so only the total runs on."""
        self._set_deadline(self._clock(), exchange.total_at)
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _set_deadline(self, now: float, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is not None:
            if deadline >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - now), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        exchange = self._exchange
        if exchange is None:
            return
        now = self._clock()
        if now + _TIMER_SLACK_S < self._deadline:
            self._set_deadline(now, self._deadline)
        else:
            exchange.fail(self._timed_out(exchange, now))

    def _timed_out(self, exchange: Exchange, now: float) -> UpstreamTimeout:
        who = f'Upstream "{exchange.upstream}"'
        if now + _TIMER_SLACK_S >= exchange.total_at:
            total_s = self._limits.total_timeout_s
            return UpstreamTimeout(f"{who} did not finish within {total_s:g} seconds.", phase="total")
        if not exchange.status:
            first_s = self._limits.first_byte_timeout_s
            return UpstreamTimeout(f"{who} did not start to answer within {first_s:g} seconds.", phase="first_byte")
        idle_s = self._limits.idle_timeout_s
        return UpstreamTimeout(f"{who} fell silent for {idle_s:g} seconds inside its answer.", phase="idle")

    def _mark_closed(self) -> None:
        self.closed = True
        self._unsent = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._owner.gone(self)

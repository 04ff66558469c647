"""The connections to one origin: last in, first out, a maximum, and a fair queue for those who find none free."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from ..errors import UpstreamConnectError, UpstreamTimeout
from .connection import Connection
from .limits import ClientLimits
from .origin import Origin

_SHUTTING_DOWN: Final = "The gateway is shutting down."


class Pool:
    """Every connection that is open or being opened holds one of `connections_max` places.

    While someone waits there is neither an idle connection nor a free place: both are handed to the first in the
    queue the moment they come up, so nobody overtakes.
    """

    def __init__(self, origin: Origin, limits: ClientLimits, *, clock: Callable[[], float]) -> None:
        self._origin = origin
        self._limits = limits
        self._clock = clock
        self.loop = asyncio.get_running_loop()
        self._places_taken = 0
        self._idle: list[Connection] = []  # by idle_since, the most recent at the end
        # A future's result is a connection, or None for a place to open one.
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._sockets: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None

    # What the client calls.

    def take(self) -> Connection | None:
        """The most recently used idle connection, if there is one that is still fresh enough."""
        while self._idle:
            connection = self._idle.pop()
            assert connection.idle_since is not None
            fresh = self._clock() - connection.idle_since < self._limits.idle_s
            connection.idle_since = None
            if fresh:
                return connection
            connection.abort()
        return None

    async def acquire(self, upstream: str) -> Connection:
        """A connection: an idle one, else a new one, else the first that comes free."""
        while True:
            connection = self.take()
            if connection is None:
                connection = await self._place(upstream)
            if connection is None:
                return await self._open(upstream)
            if not connection.closed:  # it may have died between being handed over and our turn
                return connection

    async def acquire_new(self, upstream: str) -> Connection:
        """A new connection where there is room for one: idle ones may have died together. Else as `acquire`."""
        if self._places_taken < self._limits.connections_max:
            self._places_taken += 1
            return await self._open(upstream)
        return await self.acquire(upstream)

    async def aclose(self) -> None:
        """Close every connection, and wait until their sockets are closed. Waiting requests are refused."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(UpstreamConnectError(_SHUTTING_DOWN))
        for connection in list(self._sockets):
            connection.shut()
        if self._sockets:
            self._emptied = self.loop.create_future()
            await self._emptied

    # What connections call.

    def opened(self, connection: Connection) -> None:
        self._sockets.add(connection)

    def released(self, connection: Connection) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(connection)
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self.loop.call_later(self._limits.idle_s, self._close_expired)

    def gone(self, connection: Connection) -> None:
        if connection.idle_since is not None:
            self._idle.remove(connection)
            connection.idle_since = None
        if connection.holds_place:
            connection.holds_place = False
            self._give_place_back()

    def lost(self, connection: Connection) -> None:
        self._sockets.discard(connection)
        if self._emptied is not None and not self._sockets and not self._emptied.done():
            self._emptied.set_result(None)

    # Places and the queue.

    async def _place(self, upstream: str) -> Connection | None:
        """Take a place to open a connection (None), or wait for a place or a connection."""
        if self._closed:
            raise UpstreamConnectError(_SHUTTING_DOWN)
        if self._places_taken < self._limits.connections_max:
            self._places_taken += 1
            return None
        if len(self._waiters) >= self._limits.pool_waiters_max:
            raise UpstreamTimeout(
                f'All connections to upstream "{upstream}" are in use and {len(self._waiters)} requests wait for one.',
                phase="pool",
            )
        waiter: asyncio.Future[Connection | None] = self.loop.create_future()
        self._waiters.append(waiter)
        deadline = self.loop.call_later(self._limits.pool_wait_s, self._expire, waiter, upstream)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._return_unused(waiter)
            raise
        finally:
            deadline.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _expire(self, waiter: asyncio.Future[Connection | None], upstream: str) -> None:
        if not waiter.done():
            waiter.set_exception(
                UpstreamTimeout(
                    f'No connection to upstream "{upstream}" came free within {self._limits.pool_wait_s:g} seconds; '
                    f"all {self._limits.connections_max} are in use.",
                    phase="pool",
                )
            )

    def _return_unused(self, waiter: asyncio.Future[Connection | None]) -> None:
        """The task was cancelled just after it had been served: pass on what it got."""
        if not waiter.done() or waiter.cancelled() or waiter.exception() is not None:
            return
        connection = waiter.result()
        if connection is None:
            self._give_place_back()
        elif not connection.closed:
            self.released(connection)

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _give_place_back(self) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._places_taken -= 1
        else:
            waiter.set_result(None)

    # Opening and expiring.

    async def _open(self, upstream: str) -> Connection:
        """Connect, in a place already taken; a failure gives it back."""
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                connection = await self._connect(upstream)
        except BaseException as error:
            self._give_place_back()
            if isinstance(error, OSError):
                raise _translated(error, upstream, self._limits) from error
            raise
        if connection.closed or self._closed:
            connection.abort()
            self._give_place_back()
            raise UpstreamConnectError(f'Upstream "{upstream}" closed the connection as soon as it was made.')
        connection.holds_place = True
        return connection

    async def _connect(self, upstream: str) -> Connection:
        origin = self._origin
        if origin.scheme == "https" and self._tls is None:
            self._tls = await self._load_tls(upstream)
        connection = Connection(self, self._limits, clock=self._clock, loop=self.loop)
        try:
            await self.loop.create_connection(
                lambda: connection,
                origin.host,
                origin.port,
                ssl=self._tls,
                server_hostname=None if self._tls is None else origin.host,
            )
        except BaseException:
            # Cancelled after connection_made, uvloop closes the socket without ever calling connection_lost.
            connection.abort()
            self.lost(connection)
            raise
        return connection

    async def _load_tls(self, upstream: str) -> ssl.SSLContext | None:
        try:
            # Reading some hundred certificates takes tens of milliseconds, which is too long for the loop.
            return await asyncio.to_thread(self._origin.tls_context)
        except OSError as error:
            raise UpstreamConnectError(
                f'Upstream "{upstream}" has a ca_file without usable certificates ({_reason(error)}).'
            ) from error

    def _close_expired(self) -> None:
        """Close what nobody has used for `idle_s`; `take` never hands those out, this gives their sockets back."""
        self._sweep = None
        expired_before = self._clock() - self._limits.idle_s
        while self._idle and (since := self._idle[0].idle_since) is not None and since <= expired_before:
            self._idle[0].abort()
        if self._idle and (since := self._idle[0].idle_since) is not None:
            self._sweep = self.loop.call_later(max(0.001, since - expired_before), self._close_expired)


def _translated(error: OSError, upstream: str, limits: ClientLimits) -> UpstreamConnectError | UpstreamTimeout:
    """In the operator's words. TimeoutError and ssl.SSLError are OSErrors, too."""
    who = f'Upstream "{upstream}"'
    if isinstance(error, TimeoutError):
        return UpstreamTimeout(
            f"{who} could not be reached within {limits.connect_timeout_s:g} seconds.", phase="connect"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamConnectError(
            f"{who} has a certificate that is not trusted ({error.verify_message}); check its host name and ca_file."
        )
    if isinstance(error, ssl.SSLError):
        return UpstreamConnectError(f"{who} did not complete the TLS handshake ({_reason(error)}).")
    return UpstreamConnectError(f"{who} could not be reached ({_reason(error)}).")


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "reason", None) or "no reason given")  # only set by the ssl module itself
    return error.strerror or "none of its addresses accepted a connection"

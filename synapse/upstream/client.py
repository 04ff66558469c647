"""The upstream client: HTTP/1.1 over pooled connections, a pool for each origin. It decides nothing about answers.

No redirect is followed, no body decoded, and a request is sent twice in one case only: a connection that had been
used before died before the first byte of an answer, which is what a keep-alive timeout of the upstream looks like.
"""

import time
from collections.abc import Callable
from typing import Final

from ..errors import UpstreamConnectError
from ..interfaces import Headers
from ..policy import Upstream
from .connection import Connection
from .exchange import Exchange, NoAnswer
from .limits import ClientLimits
from .origin import BadBaseUrl, Origin, parse_base_url
from .pool import Pool
from .request import BadRequest, RequestWriter
from .response import HttpResponse

DEFAULT_LIMITS: Final = ClientLimits()


class HttpClient:
    """Implements interfaces.UpstreamClient. One per worker; it belongs to the loop that makes the first request."""

    def __init__(self, limits: ClientLimits = DEFAULT_LIMITS, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._pools: dict[Origin, Pool] = {}
        # By what identifies an endpoint and not by the Upstream, which a new snapshot replaces by an equal one.
        self._endpoints: dict[tuple[str, str | None], tuple[Pool, RequestWriter]] = {}
        self._closed = False

    async def post(self, upstream: Upstream, path: str, *, headers: Headers, body: bytes) -> HttpResponse:
        """Send one request and wait for the head of its answer. `path` is appended to the base URL's."""
        return await self._exchange("POST", upstream, path, headers=headers, body=body)

    async def get(self, upstream: Upstream, path: str, *, headers: Headers = ()) -> HttpResponse:
        return await self._exchange("GET", upstream, path, headers=headers, body=None)

    async def head(self, upstream: Upstream, path: str, *, headers: Headers = ()) -> HttpResponse:
        return await self._exchange("HEAD", upstream, path, headers=headers, body=None)

    async def aclose(self) -> None:
        """Close all connections. Requests in flight fail, and so does every later one."""
        self._closed = True
        for pool in self._pools.values():
            await pool.aclose()

    async def _exchange(
        self, method: str, upstream: Upstream, path: str, *, headers: Headers, body: bytes | None
    ) -> HttpResponse:
        pool, writer = self._endpoints.get((upstream.base_url, upstream.ca_file)) or self._endpoint(upstream)
        try:
            head = writer.head(method, path, headers=headers, body_size=None if body is None else len(body))
        except BadRequest as error:
            raise UpstreamConnectError(f'Upstream "{upstream.name}" was not called: {error}.') from error
        total_at = self._clock() + self._limits.total_timeout_s

        def started_on(connection: Connection) -> Exchange:
            exchange = Exchange(upstream.name, loop=pool.loop, total_at=total_at, bodiless=method == "HEAD")
            connection.send(exchange, head, body or b"")
            return exchange

        connection = pool.take() or await pool.acquire(upstream.name)
        reused = connection.served > 0
        try:
            return await _answer(started_on(connection))
        except NoAnswer:
            if not reused:
                raise
        return await _answer(started_on(await pool.acquire_new(upstream.name)))

    def _endpoint(self, upstream: Upstream) -> tuple[Pool, RequestWriter]:
        if self._closed:
            raise UpstreamConnectError("The gateway is shutting down.")
        try:
            origin, prefix = parse_base_url(upstream.base_url, ca_file=upstream.ca_file)
        except BadBaseUrl as error:
            raise UpstreamConnectError(f'Upstream "{upstream.name}" has a bad base_url: {error}.') from error
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(origin, self._limits, clock=self._clock)
        endpoint = self._endpoints[upstream.base_url, upstream.ca_file] = (pool, RequestWriter(origin, prefix))
        return endpoint


async def _answer(exchange: Exchange) -> HttpResponse:
    """Wait for the head."""
    while not exchange.status:
        if exchange.error is not None:
            raise exchange.error
        await exchange.changed()
    return HttpResponse(exchange)

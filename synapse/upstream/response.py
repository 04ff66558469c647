"""What the caller of the client holds of one answer."""

import contextlib
import warnings

from ..errors import UpstreamProtocolError
from .exchange import Exchange


class HttpResponse:
    """An answer whose head has arrived. Read it to its end or abort it; one that is dropped instead is aborted
    with a ResourceWarning, so that it can never keep a connection."""

    __slots__ = ("_exchange", "headers", "status")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.status = exchange.status
        self.headers = exchange.headers

    def header(self, name: bytes) -> bytes | None:
        for candidate, value in reversed(self.headers):
            if candidate == name:
                return value
        return None

    async def chunk(self) -> bytes:
        """Everything that has arrived since the last call, at least one byte; b"" at the end.

        Bytes that arrived before a failure are given out first. Cancelling the wait closes the connection at once.
        """
        exchange = self._exchange
        while True:
            piece = exchange.take()
            if piece:
                return piece
            if exchange.complete:
                return b""
            if exchange.error is not None:
                raise exchange.error
            await exchange.changed()

    async def read(self, size_bytes_max: int) -> bytes:
        exchange = self._exchange
        if exchange.complete:  # the usual case: the whole answer came with its head
            body = exchange.take()
            if len(body) > size_bytes_max:
                raise self._too_large(size_bytes_max)
            return body
        self._refuse_announced(size_bytes_max)
        pieces: list[bytes] = []
        size = 0
        while piece := await self.chunk():
            size += len(piece)
            if size > size_bytes_max:
                raise self._too_large(size_bytes_max)
            pieces.append(piece)
        return b"".join(pieces)

    def abort(self) -> None:
        self._exchange.abort()

    def _refuse_announced(self, size_bytes_max: int) -> None:
        """A body that says it is too large need not be received first."""
        announced = self.header(b"content-length")
        if announced is not None and not self._exchange.bodiless and int(announced) > size_bytes_max:
            raise self._too_large(size_bytes_max)

    def _too_large(self, size_bytes_max: int) -> UpstreamProtocolError:
        self.abort()
        return UpstreamProtocolError(
            f'Upstream "{self._exchange.upstream}" sent an answer larger than {size_bytes_max} bytes.'
        )

    def __del__(self) -> None:
        exchange = self._exchange
        if exchange.line is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop may be closed already, and its sockets with it
            exchange.abort()
        warnings.warn(
            f'an answer of upstream "{exchange.upstream}" was neither read to its end nor aborted',
            ResourceWarning,
            stacklevel=2,
            source=self,
        )

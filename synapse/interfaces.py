"""What the pipeline needs from the edges. Each Protocol has one real implementation and one fake in the tests."""

from collections.abc import Sequence
from typing import Protocol

from .errors import GatewayError
from .model import AuditEntry
from .policy import Key, Snapshot, Upstream

Headers = Sequence[tuple[bytes, bytes]]


class AuditLog(Protocol):
    """Where entries go. `open` may refuse; after it, neither `intend` nor `close` can fail for lack of room."""

    def open(self) -> None:
        """Reserve room for the intent and the outcome of one request. Raises AuditUnavailable when there is none."""

    def intend(self, entry: AuditEntry) -> None:
        """Record that the upstream is about to be called."""

    def close(self, entry: AuditEntry) -> None:
        """Record the outcome, once."""

    def digest(self, text: bytes) -> bytes:
        """32 bytes: SHA-256, or HMAC-SHA-256 when a hash key is set."""


class PolicySource(Protocol):
    """Where the snapshot in force comes from; it never blocks and never fails."""

    @property
    def snapshot(self) -> Snapshot: ...


class UpstreamResponse(Protocol):
    """One answer of an upstream, head received. It must be read to its end, or aborted."""

    status: int
    headers: Headers

    def header(self, name: bytes) -> bytes | None:
        """The last value of a header; `name` in lower case."""

    async def chunk(self) -> bytes:
        """The next piece of the body as it arrived, b"" at its end.

        Raises UpstreamCut when the connection ended too early, UpstreamTimeout when a deadline passed.
        """

    async def read(self, size_bytes_max: int) -> bytes:
        """The whole body. Raises UpstreamProtocolError when it is larger than `size_bytes_max`."""

    def abort(self) -> None:
        """Close the connection at once. Synchronous, safe at any time and more than once."""


class UpstreamClient(Protocol):
    """The connections to all upstreams, a pool for each."""

    async def post(self, upstream: Upstream, path: str, *, headers: Headers, body: bytes) -> UpstreamResponse:
        """Send one request and wait for the response head. Cancelling it closes the connection at once."""


class Ticket(Protocol):
    """What one admitted request holds of its key's limits."""

    headers: Headers  # x-ratelimit-*

    def settle(self, tokens: int | None) -> None:
        """Give the concurrency back and replace the reserved tokens by the used ones. Safe to call twice."""


class Limiter(Protocol):
    """Exact across the workers of one node."""

    def admit(self, key: Key, *, tokens_estimate: int) -> Ticket:
        """Raises LimitExceeded, with retry-after and x-ratelimit-* headers, when a limit is reached."""


class Client(Protocol):
    """The caller of one request, as the edge sees it.

    A stream that is started and never ended breaks the connection, so that it cannot be taken for a whole answer.
    """

    ip: str | None
    gone: bool  # it went away before its answer was whole

    def header(self, name: bytes) -> bytes | None:
        """The value of a request header that may come only once; `name` in lower case."""

    async def body(self) -> bytes:
        """The request body. Raises InvalidRequest when it is too large, too slow, cut or compressed."""

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of a streamed answer."""

    async def send(self, chunk: bytes) -> None:
        """Send a piece of a streamed answer; it must not be empty."""

    async def end(self, last: bytes) -> None:
        """Send the last piece of a streamed answer."""

    async def refuse(self, error: GatewayError, headers: Headers) -> None:
        """Answer with an error; in a stream that has begun, send it as an event and cut the connection."""


__all__ = [
    "AuditLog",
    "Client",
    "Headers",
    "Limiter",
    "PolicySource",
    "Ticket",
    "UpstreamClient",
    "UpstreamResponse",
]

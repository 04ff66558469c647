"""Requests to upstreams with the gateway's own credentials; the client's never leave."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..errors import UpstreamConnectError
from ..interfaces import Headers, UpstreamClient, UpstreamResponse
from ..policy import Upstream

_EVERY: Headers = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    (b"user-agent", f"synapse/{__version__}".encode()),
)


@dataclass(frozen=True, slots=True)
class AuthorisedClient:
    """Adds what every upstream needs to a request. A secret is read once a call, so that it can be replaced in place
    when it is a file, and costs nothing but a look-up when it is in the environment.
    """

    client: UpstreamClient
    environ: Mapping[str, str]
    read_file: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8")

    @classmethod
    def over(cls, client: UpstreamClient) -> "AuthorisedClient":
        return cls(client, os.environ)

    async def post(self, upstream: Upstream, path: str, *, headers: Headers, body: bytes) -> UpstreamResponse:
        sent = [*_EVERY, *headers]
        if upstream.api_key_ref is not None:
            sent.append((b"authorization", b"Bearer " + self._secret(upstream).encode()))
        return await self.client.post(upstream, path, headers=sent, body=body)

    def _secret(self, upstream: Upstream) -> str:
        """Raises UpstreamConnectError: without its credentials the upstream was not called."""
        assert upstream.api_key_ref is not None
        kind, _, name = upstream.api_key_ref.partition(":")
        try:
            secret = self.environ[name] if kind == "env" else self.read_file(name)
        except (KeyError, OSError, UnicodeDecodeError):
            raise UpstreamConnectError(
                f"The credentials of the upstream '{upstream.name}' cannot be read from {upstream.api_key_ref}."
            ) from None
        return secret.strip()

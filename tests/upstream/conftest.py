"""A scripted server and a client with limits of one's choice. Every test here runs on asyncio's loop and on uvloop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import trustme
import uvloop
from scripted_server import Script, ScriptedServer

from synapse.policy import Upstream
from synapse.upstream.client import HttpClient
from synapse.upstream.limits import ClientLimits

Serve = Callable[..., Awaitable[ScriptedServer]]
NewClient = Callable[..., HttpClient]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server: `await serve(script, ..., tls=context)`."""
    servers: list[ScriptedServer] = []

    async def start(*scripts: Script, tls: Any = None) -> ScriptedServer:
        server = ScriptedServer(*scripts)
        await server.start(tls)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def new_client(serve: Serve) -> AsyncIterator[NewClient]:
    """Make a client: `new_client(connections_max=1)`. An error nobody handles in a callback fails the test."""
    clients: list[HttpClient] = []
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))

    def make(*, clock: Callable[[], float] | None = None, **limits: Any) -> HttpClient:
        client = HttpClient(ClientLimits(**limits), **({} if clock is None else {"clock": clock}))
        clients.append(client)
        return client

    yield make
    for client in clients:
        await asyncio.wait_for(client.aclose(), 5)
    assert unhandled == []


@pytest.fixture
def full_backlog() -> Iterator[Upstream]:
    """An upstream whose listener accepts nothing and whose backlog is full, so that connecting hangs."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield Upstream("hanging", f"http://127.0.0.1:{address[1]}/v1", "on_prem")


@dataclass(frozen=True)
class CertificateAuthority:
    file: str
    authority: trustme.CA

    def server_context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return CertificateAuthority(str(file), authority)

"""A server that does what a script says, byte by byte, right or wrong. One script runs for each connection."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from synapse.policy import Upstream

WAIT_S = 5.0


class ClientGone(Exception):
    """The client closed while the script wanted something of it."""


@dataclass(frozen=True)
class Request:
    line: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Call(asyncio.Protocol):
    """One accepted connection, as its script sees it."""

    def __init__(self, server: "ScriptedServer") -> None:
        self.gone = asyncio.Event()
        self.gone_at = 0.0
        self.received_bytes = 0
        self._server = server
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    async def head(self) -> bytes:
        """The head of the next request; its body may never come."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            await self._more()
        return self._take(end + 4)

    async def request(self) -> Request:
        """The next whole request."""
        line, *lines = (await self.head())[:-4].split(b"\r\n")
        headers = dict(cast("tuple[bytes, bytes]", tuple(entry.split(b": ", 1))) for entry in lines)
        size = int(headers.get(b"content-length", b"0"))
        while len(self._buffer) < size:
            await self._more()
        return Request(line, headers, self._take(size))

    async def send(self, data: bytes) -> None:
        """Write, and wait while the socket takes no more."""
        if self.gone.is_set():
            raise ClientGone
        self.transport.write(data)
        await self._writable.wait()
        if self.gone.is_set():
            raise ClientGone

    async def send_apart(self, *pieces: bytes) -> None:
        """Write pieces so that each is its own segment; whether they are read apart is up to the client's loop."""
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)

    async def until_gone(self) -> None:
        await asyncio.wait_for(self.gone.wait(), WAIT_S)

    def cut(self) -> None:
        """Close, as a server does that has said all it will say."""
        self.transport.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        if self.gone.is_set():
            return
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    async def _more(self) -> None:
        if self.gone.is_set():
            raise ClientGone
        self._arrived.clear()
        await self._arrived.wait()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    # Of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.accept(self)

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self._buffer += data
        self._arrived.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> None:
        self._note_gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._note_gone()
        self._writable.set()
        self._arrived.set()

    def _note_gone(self) -> None:
        if not self.gone.is_set():
            self.gone_at = time.monotonic()
            self.gone.set()


Script = Callable[[Call], Awaitable[None]]


class ScriptedServer:
    """`scripts` run in turn, one for each connection; the last one again for all that follow."""

    def __init__(self, *scripts: Script) -> None:
        self.calls: list[Call] = []
        self.requests: list[Request] = []
        self._scripts = scripts
        self._tasks: list[asyncio.Task[None]] = []
        self._port = 0
        self._scheme = "http"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Call(self), "127.0.0.1", 0, ssl=tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self._scheme = "http" if tls is None else "https"

    def upstream(self, *, host: str = "127.0.0.1", ca_file: str | None = None) -> Upstream:
        return Upstream("model-host", f"{self._scheme}://{host}:{self._port}/v1", "on_prem", ca_file=ca_file)

    def accept(self, call: Call) -> None:
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(call)
        self._tasks.append(asyncio.ensure_future(self._run(script, call)))

    async def connections(self, count: int) -> None:
        """Wait until so many connections have been accepted."""
        await until(lambda: len(self.calls) >= count)

    async def stop(self) -> None:
        """Fails when a script failed."""
        self._server.close()
        for task in self._tasks:
            if not task.done():
                task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls:
            call.transport.abort()
        await until(lambda: all(call.gone.is_set() for call in self.calls))
        await asyncio.sleep(0)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _run(self, script: Script, call: Call) -> None:
        with contextlib.suppress(ClientGone):
            await script(call)


def plays(*answers: bytes, then: Callable[[Call], None] | None = None) -> Script:
    """A script: one of the answers, in turn, for each request; `then` after the last one."""

    async def script(call: Call) -> None:
        for answer in answers:
            await call.request()
            await call.send(answer)
        if then is not None:
            then(call)

    return script


def repeats(answer: bytes) -> Script:
    """A script: the same answer to every request."""

    async def script(call: Call) -> None:
        while True:
            await call.request()
            await call.send(answer)

    return script


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another task or callback brings about."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.001)


def whole(body: bytes, *, status: str = "200 OK", headers: bytes = b"") -> bytes:
    """An answer with a content-length."""
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status.encode(), headers, len(body), body)


def chunked(*pieces: bytes, headers: bytes = b"", trailers: bytes = b"") -> bytes:
    """An answer in chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\n%btransfer-encoding: chunked\r\n\r\n%b0\r\n%b\r\n" % (headers, framed, trailers)

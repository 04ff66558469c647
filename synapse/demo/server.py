"""The listening side: routes requests to the model and keeps track of connections."""

import asyncio
import dataclasses
import socket
import time
from typing import Self

from .behaviour import DemoOptions
from .connection import Connection, Handler, Request
from .recording import Recorder
from .replies import Model, Reply, document, models, refusal


class DemoServer(Handler):
    """An OpenAI-compatible server on a loopback port.

    `async with DemoServer(DemoOptions(record=True)) as demo:` and then `demo.base_url`.
    """

    def __init__(self, options: DemoOptions | None = None) -> None:
        options = options or DemoOptions()
        self.recorder = Recorder() if options.record else None
        self.connections: set[Connection] = set()
        self._model = Model(options, time.time)
        self._server: asyncio.Server | None = None

    async def start(self, *, host: str = "127.0.0.1", port: int = 0, sock: socket.socket | None = None) -> None:
        """Listen on an address, or on a socket that listens already."""
        loop = asyncio.get_running_loop()
        if sock is not None:
            self._server = await loop.create_server(lambda: Connection(self), sock=sock, backlog=1024)
        else:
            self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=1024)

    async def stop(self) -> None:
        """Stop listening and break what is open."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """What clients take as their base URL, version path included."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"

    def reply(self, request: Request) -> Reply:
        if request.path == "/v1/chat/completions" and request.method == "POST":
            if self.recorder is not None:
                request.record = self.recorder.received(request.method, request.path, request.headers, request.body)
            return self._model.chat(request.body)
        match request.method, request.path:
            case "GET", "/v1/models":
                return models()
            case "GET", "/health":
                return document(200, {"status": "ok"})
            case "GET" | "DELETE", "/demo/requests" if self.recorder is not None:
                return self._records(self.recorder, clear=request.method == "DELETE")
        return refusal(404, "There is nothing here.", code="not_found")

    def _records(self, recorder: Recorder, *, clear: bool) -> Reply:
        if clear:
            recorder.records.clear()
        # The connection that asks does not count.
        open_connections = len(self.connections) - 1
        records = [dataclasses.asdict(record) for record in recorder.records]
        return document(200, {"open_connections": open_connections, "requests": records})

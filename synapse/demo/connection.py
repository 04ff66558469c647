"""One HTTP/1.1 connection of the demo server: parse requests, play replies one after the other."""

import asyncio
import os
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol, cast

import httptools

from .recording import Record, Recorder
from .replies import Ending, Reply

# Larger than any gateway in front of us should let through.
BODY_BYTES_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    keep_alive: bool
    headers: list[tuple[bytes, bytes]]
    body: bytes
    record: Record | None = None


class Handler(Protocol):
    """What a connection asks for replies. The server implements it."""

    recorder: Recorder | None
    connections: set["Connection"]

    def reply(self, request: Request) -> Reply: ...


@dataclass(slots=True)
class _Playing:
    """The reply that is being written, and where in it we are."""

    request: Request
    reply: Reply
    position: int = 0
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Incoming:
    """The request that is being read."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


class Connection(asyncio.Protocol):
    """Requests that arrive while a reply is played wait for their turn."""

    _transport: asyncio.Transport

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._incoming = _Incoming()
        self._waiting: deque[Request] = deque()
        self._playing: _Playing | None = None
        self.writable = True

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not its subclasses
        self._handler.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._handler.connections.discard(self)
        playing, self._playing = self._playing, None
        if playing is None:
            return
        if playing.timer is not None:
            playing.timer.cancel()
        if self._handler.recorder is not None and playing.request.record is not None:
            self._handler.recorder.left(playing.request.record)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self._playing is not None and self._playing.timer is None and self._playing.position:
            self._wake(self._playing)

    # httptools

    def on_url(self, url: bytes) -> None:
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._incoming.headers.append((name, value))
        if name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._incoming.size_bytes += len(body)
        if self._incoming.size_bytes > BODY_BYTES_MAX:
            self._transport.close()
        else:
            self._incoming.body.append(body)

    def on_message_complete(self) -> None:
        incoming, self._incoming = self._incoming, _Incoming()
        self._waiting.append(
            Request(
                method=self._parser.get_method().decode(),
                path=incoming.url.decode("latin-1"),
                keep_alive=self._parser.should_keep_alive(),
                headers=incoming.headers,
                body=b"".join(incoming.body),
            )
        )
        if self._playing is None:
            self._next()

    # Playing replies

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _next(self) -> None:
        while self._waiting and self._playing is None and not self._transport.is_closing():
            request = self._waiting.popleft()
            playing = self._playing = _Playing(request, self._handler.reply(request))
            if playing.reply.first_byte_s:
                self._wait(playing, playing.reply.first_byte_s)
            else:
                self._play_on(playing)

    def _wait(self, playing: _Playing, seconds: float) -> None:
        playing.timer = self._loop.call_later(seconds, self._wake, playing)

    def _wake(self, playing: _Playing) -> None:
        playing.timer = None
        self._play_on(playing)
        self._next()

    def _play_on(self, playing: _Playing) -> None:
        """Write what is due. Without delays that is everything; each event is a chunk of its own all the same."""
        pieces, delay_s = playing.reply.pieces, playing.reply.delay_s
        if not delay_s:
            self._transport.write(b"".join(pieces))
            self._finish(playing)
        elif not self.writable:
            return  # resume_writing goes on from here.
        elif playing.position < len(pieces):
            self._transport.write(pieces[playing.position])
            playing.position += 1
            if playing.position < len(pieces):
                self._wait(playing, delay_s)
            else:
                self._finish(playing)
        else:
            self._finish(playing)

    def _finish(self, playing: _Playing) -> None:
        ending = playing.reply.ending
        if ending is Ending.HANG:
            return  # Still playing, so that a client which leaves is seen.
        self._playing = None
        if self._handler.recorder is not None and playing.request.record is not None:
            self._handler.recorder.answered(playing.request.record)
        if ending is Ending.RESET:
            self._reset()
        elif ending is Ending.CLOSE or not playing.request.keep_alive:
            self._transport.close()

    def _reset(self) -> None:
        """Close with RST: a linger time of zero makes the system drop what is unsent."""
        # The transport's own socket object allows no options under uvloop, a duplicate of it does.
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

"""aiohttp as the oracle: for well-formed answers of every shape, both clients read the same."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_server import Call, ScriptedServer

from synapse.upstream.client import HttpClient

NAMES = st.sampled_from(["Content-Type", "x-request-id", "X-RateLimit-Remaining", "openai-version", "Set-Cookie"])
# Visible ASCII with inner blanks, and nothing at its ends that a reader strips.
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(lambda v: v.replace("=", " = "))
FIELDS = st.lists(st.tuples(NAMES, VALUES.map(str.strip)), max_size=5)
PIECES = st.lists(st.binary(min_size=1, max_size=200), max_size=5)


@dataclass(frozen=True)
class Answer:
    """The writes of one answer, and whether the server closes after it."""

    writes: tuple[bytes, ...]
    closes: bool


def fields(pairs: list[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in pairs)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    status = draw(st.sampled_from([200, 201, 202, 204, 206, 304, 400, 401, 404, 429, 500, 503]))
    head = fields(draw(FIELDS))
    pieces = draw(PIECES)
    closes = draw(st.booleans())
    if closes:
        head += b"connection: close\r\n"
    early = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"])
    )
    if status in {204, 304}:
        framing, body = b"", b""
    else:
        framing, body, closes = draw(framed(pieces, closes))
    reason = draw(st.sampled_from(["OK", "", "Some Reason"]))
    data = early + f"HTTP/1.1 {status} {reason}\r\n".encode() + head + framing + b"\r\n" + body
    cuts = sorted(draw(st.lists(st.integers(1, len(data) - 1), max_size=4)))
    ends = zip([0, *cuts], [*cuts, len(data)], strict=True)
    return Answer(tuple(data[a:b] for a, b in ends if a < b), closes)


@st.composite
def framed(draw: st.DrawFn, pieces: list[bytes], closes: bool) -> tuple[bytes, bytes, bool]:
    """The framing header, the body as sent, and whether the connection is closed after it."""
    kind = draw(st.sampled_from(["content-length", "chunked", "until close"]))
    body = b"".join(pieces)
    if kind == "content-length":
        return b"Content-Length: %d\r\n" % len(body), body, closes
    if kind == "until close":
        return b"", body, True
    size = draw(st.sampled_from([b"%x\r\n", b"%X\r\n", b"00%x\r\n", b"%x;name=value\r\n"]))
    chunks = b"".join(size % len(piece) + piece + b"\r\n" for piece in pieces)
    trailers = draw(st.sampled_from([b"", b"Digest: abc\r\n", b"X-A: 1\r\nX-B: 2\r\n"]))
    return b"Transfer-Encoding: chunked\r\n", chunks + b"0\r\n" + trailers + b"\r\n", closes


Read = tuple[int, list[tuple[bytes, bytes]], bytes]


async def read_ours(client: HttpClient, server: ScriptedServer) -> Read:
    response = await client.get(server.upstream(), "/x")
    return response.status, list(response.headers), await response.read(1 << 20)


async def read_theirs(session: aiohttp.ClientSession, server: ScriptedServer) -> Read:
    async with session.get(server.upstream().base_url + "/x") as response:
        headers = [(name.lower(), value) for name, value in response.raw_headers]
        return response.status, headers, await response.read()


@contextlib.asynccontextmanager
async def playing(answer: Answer) -> AsyncIterator[ScriptedServer]:
    async def script(call: Call) -> None:
        while True:
            await call.request()
            await call.send_apart(*answer.writes)
            if answer.closes:
                call.cut()

    server = ScriptedServer(script)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def compare(answer: Answer) -> None:
    client = HttpClient()
    async with (
        playing(answer) as server,
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        try:
            expected = await read_theirs(session, server)
            for _ in range(2):  # the second time over a used connection, where there is one
                assert await read_ours(client, server) == expected
        finally:
            await client.aclose()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answer=answers())
def test_both_clients_read_the_same(new_loop, answer):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(compare(answer))

"""Scripted faults and recordings, seen on the wire: other tests build on them, so they must be what they say."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from synapse.demo import DemoOptions, DemoServer

CLIENT_ERRORS = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.fixture
async def demo() -> AsyncIterator[DemoServer]:
    async with DemoServer(DemoOptions(record=True)) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


def chat(model: str, *, stream: bool = False, text: str = "abcdefghijkl") -> dict[str, object]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}


async def read(session: aiohttp.ClientSession, demo: DemoServer, body: dict[str, object]) -> tuple[int, bytes]:
    """The status and what arrived of the body, with b"CUT" at its end when the connection broke."""
    async with session.post(f"{demo.base_url}/chat/completions", json=body) as response:
        received = bytearray()
        try:
            async for piece in response.content.iter_any():
                received += piece
        except CLIENT_ERRORS:
            received += b"CUT"
        return response.status, bytes(received)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_is_told_as_openai_does(
    session: aiohttp.ClientSession, demo: DemoServer, status: int, stream: bool
) -> None:
    request = chat(f"fault:status={status}", stream=stream)
    async with session.post(f"{demo.base_url}/chat/completions", json=request) as response:
        error = (await response.json())["error"]
    assert response.status == status
    assert (error["code"], set(error)) == (f"scripted_{status}", {"message", "type", "param", "code"})
    assert response.headers.get("retry-after") == ("1" if status == 429 else None)


@pytest.mark.parametrize("deltas", [0, 1, 3])
async def test_a_cut_stream_ends_after_so_many_deltas(
    session: aiohttp.ClientSession, demo: DemoServer, deltas: int
) -> None:
    status, body = await read(session, demo, chat(f"fault:cut={deltas},size=1", stream=True))
    assert status == 200
    assert body.count(b'"delta":{"content"') == deltas
    assert body.endswith(b"CUT")
    assert b"[DONE]" not in body


async def test_a_cut_document_is_shorter_than_promised(session: aiohttp.ClientSession, demo: DemoServer) -> None:
    assert (await read(session, demo, chat("fault:cut=1")))[1].endswith(b"CUT")


async def test_an_error_event_ends_a_stream_properly_but_without_done(
    session: aiohttp.ClientSession, demo: DemoServer
) -> None:
    _, body = await read(session, demo, chat("fault:error_event", stream=True))
    last = body.rstrip(b"\n").split(b"\n\n")[-1]
    assert last.startswith(b'data: {"error":{"message":"The model is overloaded."')
    assert b"[DONE]" not in body


@pytest.mark.parametrize("model", ["fault:reset", "fault:garbage"])
async def test_a_reset_and_garbage_are_no_response(
    session: aiohttp.ClientSession, demo: DemoServer, model: str
) -> None:
    with pytest.raises(aiohttp.ClientError):
        await read(session, demo, chat(model))


async def test_a_reset_is_a_real_one(demo: DemoServer) -> None:
    """The system says ECONNRESET, not end of file."""
    reader, writer = await open_raw(demo, "fault:reset")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def open_raw(demo: DemoServer, model: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = demo.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw(model))
    return reader, writer


def raw(model: str) -> bytes:
    body = b'{"model":"%s","stream":true,"messages":[{"role":"user","content":"abcdefgh"}]}' % model.encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: demo\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(("model", "deltas"), [("fault:hang", 0), ("fault:stall=2,size=1", 2)])
async def test_a_hanging_answer_goes_no_further_and_the_leaving_client_is_recorded(
    demo: DemoServer, model: str, deltas: int
) -> None:
    assert demo.recorder is not None
    reader, writer = await open_raw(demo, model)
    await until(lambda: demo.recorder.records)
    received = b""
    while received.count(b'{"content"') < deltas:
        received += await reader.read(65_536)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.05)
    left_ns = time.monotonic_ns()
    writer.close()
    [record] = demo.recorder.records
    await until(lambda: record.closed_early_ns)
    assert record.answered_ns is None
    assert 0 <= record.closed_early_ns - left_ns < 2_000_000_000


async def test_delays_hold_back_the_first_byte_and_each_delta(demo: DemoServer) -> None:
    reader, writer = await open_raw(demo, "echo:ttfb=40,delay=20,size=4")
    began = time.monotonic()
    await reader.readuntil(b"\r\n\r\n")
    first = time.monotonic() - began
    await reader.readuntil(b"[DONE]")
    whole = time.monotonic() - began
    writer.close()
    assert first >= 0.04
    # Four more events: two deltas, the end, [DONE].
    assert whole >= 0.04 + 4 * 0.02


async def test_what_was_received_is_served_and_cleared(session: aiohttp.ClientSession, demo: DemoServer) -> None:
    headers = {"X-Test": "1"}
    async with session.post(f"{demo.base_url}/chat/completions", json=chat("echo"), headers=headers) as response:
        await response.read()
    address = demo.base_url.replace("/v1", "/demo/requests")
    async with session.get(address) as response:
        shown = await response.json()
    [record] = shown["requests"]
    assert (record["method"], record["path"]) == ("POST", "/v1/chat/completions")
    assert '"abcdefghijkl"' in record["body"]
    assert ["x-test", "1"] in record["headers"]
    assert record["closed_early_ns"] is None
    assert record["answered_ns"] >= record["received_ns"]
    async with session.delete(address) as response:
        assert (await response.json())["requests"] == []


async def test_open_connections_are_counted_without_the_one_that_asks(
    session: aiohttp.ClientSession, demo: DemoServer
) -> None:
    _, writer = await open_raw(demo, "fault:hang")
    await until(lambda: len(demo.connections) == 1)
    async with session.get(demo.base_url.replace("/v1", "/demo/requests")) as response:
        assert (await response.json())["open_connections"] == 1
    writer.close()


async def test_nothing_is_recorded_unless_asked_for(session: aiohttp.ClientSession) -> None:
    async with (
        DemoServer() as server,
        session.get(server.base_url.replace("/v1", "/demo/requests")) as response,
    ):
        assert response.status == 404


async def test_pipelined_requests_are_answered_in_order(demo: DemoServer) -> None:
    """The second one waits although it would be quicker."""
    reader, writer = await open_raw(demo, "echo:ttfb=30")
    writer.write(raw("echo:size=8"))
    first, second = await reader.readuntil(b"[DONE]"), await reader.readuntil(b"[DONE]")
    writer.close()
    assert b"echo:ttfb=30" in first
    assert b"echo:size=8" in second


async def test_a_slow_reader_gets_everything() -> None:
    """Writing pauses when the client does not read, and goes on when it does."""
    megabyte = 1_000_000
    options = DemoOptions(story_chars=12 * megabyte, delta_chars=megabyte, delay_s=0.001)
    async with DemoServer(options) as server:
        reader, writer = await open_raw(server, "gpt")
        writer.transport.pause_reading()
        await until(lambda: any(not connection.writable for connection in server.connections))
        writer.transport.resume_reading()
        received = bytearray()
        while b"[DONE]" not in received[-100:]:
            received += await reader.read(megabyte)
        writer.close()
    assert received.count(b'{"content"') == 12

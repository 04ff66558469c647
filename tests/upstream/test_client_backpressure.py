"""Slow readers and slow receivers: somebody waits, and the memory stays bounded."""

import asyncio
from collections.abc import Callable

import pytest
from scripted_server import Call, plays, repeats, until, whole

from synapse.errors import UpstreamTimeout
from synapse.upstream.client import HttpClient
from synapse.upstream.connection import Connection

BODY_BYTES = 32 << 20
PIECE = b"x" * (64 << 10)


def only_connection(client: HttpClient) -> Connection:
    (pool,) = client._pools.values()
    (connection,) = pool._sockets
    return connection


class Flood:
    """A script that sends a large body as fast as it can, counting what the socket has taken."""

    def __init__(self) -> None:
        self.sent_bytes = 0

    async def __call__(self, call: Call) -> None:
        await call.request()
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BODY_BYTES)
        while self.sent_bytes < BODY_BYTES:
            await call.send(PIECE)
            self.sent_bytes += len(PIECE)


async def stalled(count: Callable[[], int]) -> int:
    """The count when it has begun and then stopped growing: several times the same, as one moment may be a busy one."""
    seen: list[int] = []
    while len(seen) < 6 or not seen[-1] or len(set(seen[-6:])) > 1:
        seen.append(count())
        await asyncio.sleep(0.02)
    return seen[-1]


async def test_a_slow_reader_makes_the_upstream_wait(serve, new_client):
    flood = Flood()
    server = await serve(flood)
    client = new_client(buffer_high_bytes=128 << 10)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    # What the kernel's socket buffers take is not ours to bound; what we hold is.
    assert await stalled(lambda: flood.sent_bytes) < BODY_BYTES
    exchange = only_connection(client)._exchange
    assert exchange is not None
    assert 128 << 10 < exchange.buffered_bytes < (128 << 10) + (300 << 10)
    received = largest = len(await response.chunk())
    assert exchange.buffered_bytes == 0
    while piece := await response.chunk():
        received += len(piece)
        largest = max(largest, len(piece))
    assert received == BODY_BYTES
    assert largest < (128 << 10) + (300 << 10)


async def test_the_connection_can_be_used_again_after_backpressure(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(whole(b"x" * (4 << 20)))
        await call.request()
        await call.send(whole(b"next"))

    server = await serve(script)
    client = new_client(buffer_high_bytes=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    await until(lambda: only_connection(client)._read_paused)
    assert len(await response.read(4 << 20)) == 4 << 20
    following = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await following.read(10) == b"next"
    assert len(server.calls) == 1


async def test_an_answer_that_ends_while_reading_is_paused_leaves_a_usable_connection(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(whole(b"first half, last half")[:-9])
        await call.request()
        await call.send(whole(b"next"))

    server = await serve(script)
    client = new_client(buffer_high_bytes=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    await until(lambda: only_connection(client)._read_paused)
    only_connection(client).data_received(b"last half")
    assert await response.read(100) == b"first half, last half"
    following = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await asyncio.wait_for(following.read(10), 10) == b"next"


async def test_the_idle_deadline_does_not_run_while_the_reader_is_the_slow_one(serve, new_client):
    flood = Flood()
    server = await serve(flood)
    client = new_client(buffer_high_bytes=128 << 10, idle_timeout_s=0.5)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    await stalled(lambda: flood.sent_bytes)
    await asyncio.sleep(0.6)
    assert len(await response.read(BODY_BYTES)) == BODY_BYTES


async def test_the_total_deadline_runs_on_while_the_reader_is_slow(serve, new_client):
    flood = Flood()
    server = await serve(flood)
    client = new_client(buffer_high_bytes=128 << 10, total_timeout_s=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    await server.calls[0].until_gone()
    assert await response.chunk()
    with pytest.raises(UpstreamTimeout) as caught:
        await response.chunk()
    assert caught.value.phase == "total"


async def test_a_reader_that_leaves_a_paused_connection_closes_it(serve, new_client):
    flood = Flood()
    server = await serve(flood, repeats(whole(b"good")))
    client = new_client(connections_max=1, buffer_high_bytes=128 << 10)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    await stalled(lambda: flood.sent_bytes)
    response.abort()
    following = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await following.read(10) == b"good"
    await server.calls[0].until_gone()


# Sending.


async def test_a_large_body_arrives_whole(serve, new_client):
    body = bytes(range(256)) * (BODY_BYTES // 1024)
    received = []

    async def script(call: Call) -> None:
        received.append((await call.request()).body)
        await call.send(whole(b"ok"))

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=body)
    assert await response.read(2) == b"ok"
    assert received == [body]


async def test_a_large_body_waits_for_an_upstream_that_does_not_read(serve, new_client):
    async def script(call: Call) -> None:
        await call.head()
        call.transport.pause_reading()
        await go_on.wait()
        call.transport.resume_reading()
        await until(lambda: call.received_bytes > BODY_BYTES)
        await call.send(whole(b"ok"))

    go_on = asyncio.Event()
    server = await serve(script)
    client = new_client()
    task = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=bytes(BODY_BYTES)))
    await until(lambda: bool(client._pools) and bool(next(iter(client._pools.values()))._sockets))
    connection = only_connection(client)
    await until(lambda: connection._write_paused)
    assert connection._transport.get_write_buffer_size() < 1 << 20
    go_on.set()
    assert await (await task).read(2) == b"ok"


async def test_a_refusal_before_the_body_was_sent_ends_the_sending(serve, new_client):
    async def script(call: Call) -> None:
        await call.head()
        call.transport.pause_reading()
        await call.send(refusal[:-1])
        await head_read.wait()
        call.transport.resume_reading()
        await stalled(lambda: call.received_bytes)
        await call.send(refusal[-1:])
        await call.until_gone()

    refusal = whole(b"too large", status="413 Content Too Large")
    head_read = asyncio.Event()
    server = await serve(script, repeats(whole(b"good")))
    client = new_client(connections_max=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=bytes(BODY_BYTES))
    head_read.set()
    assert (response.status, await response.read(100)) == (413, b"too large")
    await server.calls[0].until_gone()
    assert server.calls[0].received_bytes < BODY_BYTES
    following = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await following.read(10) == b"good"


async def test_a_refusal_with_the_connection_closed_on_it_is_still_read(serve, new_client):
    async def script(call: Call) -> None:
        await call.head()
        call.transport.pause_reading()
        await call.send(whole(b"too large", status="413 Content Too Large", headers=b"connection: close\r\n"))
        call.cut()

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=bytes(BODY_BYTES))
    assert (response.status, await response.read(100)) == (413, b"too large")


async def test_an_answer_that_begins_before_the_body_was_sent_does_not_stop_it(serve, new_client):
    """An upstream may answer while it reads; what it says last may depend on the last byte."""

    async def script(call: Call) -> None:
        await call.head()
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await until(lambda: call.received_bytes > BODY_BYTES)
        await call.send(b"ok")

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=bytes(BODY_BYTES))
    assert await response.read(2) == b"ok"


async def test_a_whole_answer_before_the_body_was_sent_spends_the_connection(serve, new_client):
    async def script(call: Call) -> None:
        await call.head()
        call.transport.pause_reading()
        await call.send(whole(b"early"))
        await done.wait()
        call.transport.resume_reading()
        await call.until_gone()

    done = asyncio.Event()
    server = await serve(script, plays(whole(b"good")))
    client = new_client()
    response = await client.post(server.upstream(), "/x", headers=(), body=bytes(BODY_BYTES))
    assert await response.read(5) == b"early"
    done.set()
    following = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await following.read(10) == b"good"
    assert len(server.calls) == 2

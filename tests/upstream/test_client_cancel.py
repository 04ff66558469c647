"""A caller that goes away closes the connection at once, whatever the request was waiting for."""

import asyncio
import time

import pytest
from scripted_server import Call, chunked, repeats, until, whole

from synapse.errors import UpstreamCut
from synapse.upstream.client import HttpClient
from synapse.upstream.connection import Connection

# The promise to clients that leave. It holds with room to spare: a few milliseconds is what it takes.
PROMISED_S = 0.1
# Once, a loaded machine may be away for longer. All deadlines are longer than this.
SEEN_WITHIN_S = 2.0


async def cancelled_at(task: asyncio.Task) -> float:
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return started


async def assert_closed_at_once(call: Call, since: float) -> None:
    await call.until_gone()
    assert call.gone_at - since < SEEN_WITHIN_S


def only_connection(client: HttpClient) -> Connection:
    (pool,) = client._pools.values()
    (connection,) = pool._sockets
    return connection


async def silent(call: Call) -> None:
    await call.request()
    await call.until_gone()


async def half_a_head(call: Call) -> None:
    await call.request()
    await call.send(b"HTTP/1.1 200 OK\r\ncontent-")
    await call.until_gone()


async def streaming(call: Call) -> None:
    await call.request()
    await call.send(chunked(b"one")[:-5])
    await call.until_gone()


@pytest.mark.parametrize("script", [silent, half_a_head])
async def test_while_waiting_for_the_head(serve, new_client, script):
    server = await serve(script, repeats(whole(b"good")))
    client = new_client(connections_max=1)
    task = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b"{}"))
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    await assert_closed_at_once(server.calls[0], await cancelled_at(task))
    response = await client.post(server.upstream(), "/x", headers=(), body=b"{}")
    assert await response.read(10) == b"good"


@pytest.mark.parametrize("how", ["chunk", "read"])
async def test_while_waiting_for_the_body(serve, new_client, how):
    server = await serve(streaming, repeats(whole(b"good")))
    client = new_client(connections_max=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"{}")

    async def read() -> None:
        if how == "read":
            await response.read(100)
        while True:
            await response.chunk()

    task = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await assert_closed_at_once(server.calls[0], await cancelled_at(task))
    with pytest.raises(UpstreamCut):
        await response.chunk()
    following = await client.post(server.upstream(), "/x", headers=(), body=b"{}")
    assert await following.read(10) == b"good"


async def test_while_sending_a_large_body(serve, new_client):
    async def not_reading(call: Call) -> None:
        await call.head()
        call.transport.pause_reading()
        stopped.set()
        await released.wait()
        call.transport.resume_reading()
        await call.until_gone()

    stopped, released = asyncio.Event(), asyncio.Event()
    server = await serve(not_reading)
    task = asyncio.ensure_future(new_client().post(server.upstream(), "/x", headers=(), body=bytes(32 << 20)))
    await stopped.wait()
    await cancelled_at(task)
    released.set()
    await server.calls[0].until_gone()
    assert server.calls[0].received_bytes < 32 << 20


async def test_while_connecting(new_client, full_backlog):
    client = new_client(connections_max=1)
    for _ in range(2):  # the place comes back
        task = asyncio.ensure_future(client.post(full_backlog, "/x", headers=(), body=b"{}"))
        await asyncio.sleep(0.01)
        started = await cancelled_at(task)
        assert time.monotonic() - started < SEEN_WITHIN_S


@pytest.mark.parametrize("turns", range(1, 12))
async def test_in_the_moment_it_connects(serve, new_client, turns):
    """Whatever turn of the loop the cancellation falls into, no socket stays behind."""
    server = await serve(silent)
    client = new_client()
    task = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b"{}"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (pool,) = client._pools.values()
    await until(lambda: not pool._sockets)
    assert pool._places_taken == 0
    await until(lambda: all(call.gone.is_set() for call in server.calls))


async def test_while_shaking_hands(serve, new_client, ca):
    """A server that accepts and then says nothing, so that the TLS handshake hangs."""
    server = await serve(lambda call: call.until_gone())
    plain = server.upstream(ca_file=ca.file)
    upstream = type(plain)("shy", plain.base_url.replace("http:", "https:"), "on_prem", ca_file=ca.file)
    task = asyncio.ensure_future(new_client().post(upstream, "/x", headers=(), body=b"{}"))
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    await assert_closed_at_once(server.calls[0], await cancelled_at(task))


async def test_in_the_moment_the_head_arrives(serve, new_client):
    """The head is there, the task has not run yet and is cancelled: the connection must not stay behind."""
    server = await serve(silent)
    client = new_client()
    task = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b"{}"))
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    only_connection(client).data_received(chunked(b"one")[:-5])
    await assert_closed_at_once(server.calls[0], await cancelled_at(task))


async def test_in_the_moment_the_whole_answer_arrives(serve, new_client):
    """The connection is in the pool already, and perhaps with another request: it is not the task's to close."""
    server = await serve(silent)
    client = new_client()
    task = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b"{}"))
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    connection = only_connection(client)
    connection.data_received(whole(b"{}"))
    await cancelled_at(task)
    assert not connection.closed


async def test_abort_closes_at_once_and_may_be_repeated(serve, new_client):
    server = await serve(streaming)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"{}")
    started = time.monotonic()
    for _ in range(3):
        response.abort()
    await assert_closed_at_once(server.calls[0], started)


async def test_the_promise_holds(serve, new_client):
    """Of twenty that leave, half meet a machine that was not away just then."""
    server = await serve(*[streaming] * 20)
    client = new_client()
    waits = []
    for number in range(20):
        response = await client.post(server.upstream(), "/x", headers=(), body=b"{}")
        reading = asyncio.ensure_future(response.read(10))
        await asyncio.sleep(0)
        started = await cancelled_at(reading)
        await server.calls[number].until_gone()
        waits.append(server.calls[number].gone_at - started)
    assert sorted(waits)[10] < PROMISED_S


async def test_abort_wakes_the_task_that_reads(serve, new_client):
    server = await serve(streaming)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"{}")
    assert await response.chunk() == b"one"
    reading = asyncio.ensure_future(response.chunk())
    await asyncio.sleep(0)
    response.abort()
    with pytest.raises(UpstreamCut, match="given up by the gateway"):
        await reading


async def test_abort_after_the_end_harms_nobody(serve, new_client):
    """The connection may carry another request by then."""
    server = await serve(repeats(whole(b"x")))
    client = new_client()
    first = await client.post(server.upstream(), "/x", headers=(), body=b"{}")
    second = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b"{}"))
    await asyncio.sleep(0)
    first.abort()
    assert await (await second).read(1) == b"x"
    assert await first.read(1) == b"x"
    assert len(server.calls) == 1

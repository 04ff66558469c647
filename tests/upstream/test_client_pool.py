"""Which connection a request gets, how many there are, and who waits for whom."""

import asyncio

import pytest
from scripted_server import Call, chunked, plays, repeats, until, whole

from synapse.errors import UpstreamConnectError, UpstreamTimeout
from synapse.policy import Upstream
from synapse.upstream.client import HttpClient


async def post(client: HttpClient, upstream: Upstream) -> bytes:
    response = await client.post(upstream, "/x", headers=(), body=b"")
    return await response.read(1 << 20)


class Gate:
    """A script that answers a request when told to, with the number of its connection."""

    def __init__(self) -> None:
        self.arrived = 0
        self._open = asyncio.Semaphore(0)
        self._connections = 0

    def release(self, count: int = 1) -> None:
        for _ in range(count):
            self._open.release()

    async def __call__(self, call: Call) -> None:
        self._connections += 1
        number = self._connections
        while True:
            await call.request()
            self.arrived += 1
            await self._open.acquire()
            await call.send(whole(b"%d" % number))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_the_connection_used_last_is_used_first(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client()
    upstream = server.upstream()
    requests = []
    for count in (1, 2, 3):
        requests.append(asyncio.ensure_future(post(client, upstream)))
        await until(lambda count=count: gate.arrived == count)
    for request in requests:  # the gate lets them through in the order they came
        gate.release()
        last = await request
    gate.release(3)
    assert {await post(client, upstream) for _ in range(3)} == {last}
    assert len(server.calls) == 3


async def test_there_are_never_more_connections_than_the_maximum(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=2)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(20)]
    await until(lambda: gate.arrived == 2)
    gate.release(20)
    await asyncio.gather(*requests)
    assert len(server.calls) == 2


async def test_those_who_wait_are_served_in_the_order_they_came(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1)
    order = []

    async def request(number: int) -> None:
        await post(client, server.upstream())
        order.append(number)

    requests = [asyncio.ensure_future(request(number)) for number in range(8)]
    await until(lambda: gate.arrived == 1)
    gate.release(8)
    await asyncio.gather(*requests)
    assert order == list(range(8))


async def test_waiting_for_a_connection_ends_at_its_deadline(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1, pool_wait_s=0.05)
    first = asyncio.ensure_future(post(client, server.upstream()))
    await until(lambda: gate.arrived == 1)
    with pytest.raises(
        UpstreamTimeout, match=r'"model-host" came free within 0.05 seconds; all 1 are in use'
    ) as caught:
        await post(client, server.upstream())
    assert caught.value.phase == "pool"
    gate.release(2)
    await first
    assert await post(client, server.upstream()) == b"1"


async def test_one_more_than_the_queue_takes_is_refused_at_once(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1, pool_waiters_max=2)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(3)]
    await until(lambda: gate.arrived == 1)
    with pytest.raises(UpstreamTimeout, match="2 requests wait for one") as caught:
        await post(client, server.upstream())
    assert caught.value.phase == "pool"
    gate.release(3)
    await asyncio.gather(*requests)


async def test_those_who_gave_up_do_not_count_as_waiting(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1, pool_waiters_max=1, pool_wait_s=0.02)
    first = asyncio.ensure_future(post(client, server.upstream()))
    await until(lambda: gate.arrived == 1)
    for _ in range(3):
        with pytest.raises(UpstreamTimeout, match="came free within"):
            await post(client, server.upstream())
    gate.release()
    await first


async def test_a_failed_connection_passes_its_place_on(serve, new_client):
    """Two wait behind a request that dies: the first of them gets its place and opens a connection of its own."""

    async def dies(call: Call) -> None:
        await call.request()
        await waiting.wait()
        call.reset()

    waiting = asyncio.Event()
    server = await serve(dies, repeats(whole(b"good")))
    client = new_client(connections_max=1)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(3)]
    await server.connections(1)
    waiting.set()
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert outcomes[1:] == [b"good", b"good"]
    assert len(server.calls) == 2


async def test_places_come_back_when_connecting_fails(serve, new_client):
    server = await serve(repeats(whole(b"good")))
    upstream = server.upstream()
    await server.stop()
    client = new_client(connections_max=1)
    outcomes = await asyncio.gather(*(post(client, upstream) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UpstreamConnectError] * 5


async def test_a_cancelled_waiter_leaves_the_queue(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(3)]
    await until(lambda: gate.arrived == 1)
    requests[1].cancel()
    gate.release(3)
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert outcomes[0] == outcomes[2] == b"1"
    assert isinstance(outcomes[1], asyncio.CancelledError)


@pytest.mark.parametrize("end", ["answered", "closed"])
async def test_a_waiter_cancelled_in_the_moment_it_is_served_passes_on_what_it_got(serve, new_client, end):
    async def script(call: Call) -> None:
        await call.request()
        await call.request()
        await call.send(whole(b"third"))

    server = await serve(script, plays(whole(b"third")))
    client = new_client(connections_max=1)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(3)]
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    (pool,) = client._pools.values()
    (connection,) = pool._sockets
    if end == "answered":
        connection.data_received(whole(b"first"))
    else:
        connection.shut()
    requests[1].cancel()
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert outcomes[2] == b"third"


async def test_a_connection_that_dies_on_the_way_to_a_waiter_is_replaced(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.until_gone()

    server = await serve(script, plays(whole(b"second")))
    client = new_client(connections_max=1)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(2)]
    await until(lambda: bool(server.calls) and server.calls[0].received_bytes > 0)
    (pool,) = client._pools.values()
    (connection,) = pool._sockets
    connection.data_received(whole(b"first"))
    connection.eof_received()
    assert await asyncio.gather(*requests) == [b"first", b"second"]


async def test_an_idle_connection_is_not_used_after_its_time(serve, new_client):
    server = await serve(repeats(whole(b"x")))
    clock = Clock()
    client = new_client(clock=clock, idle_s=4)
    await post(client, server.upstream())
    clock.now += 3.9
    await post(client, server.upstream())
    assert len(server.calls) == 1
    clock.now += 4
    await post(client, server.upstream())
    assert len(server.calls) == 2
    await server.calls[0].until_gone()


async def test_idle_connections_are_closed_without_any_further_request(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(idle_s=0.05)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(3)]
    await until(lambda: gate.arrived == 3)
    gate.release(3)
    await asyncio.gather(*requests)
    for call in server.calls:
        await call.until_gone()


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n", b"\r\n"])
async def test_an_idle_connection_that_ends_or_talks_is_dropped(serve, new_client, unasked):
    async def ends(call: Call) -> None:
        await call.request()
        await call.send(whole(b"1"))
        await go_on.wait()
        if unasked:
            await call.send(unasked)
            await call.until_gone()
        else:
            call.cut()

    go_on = asyncio.Event()
    server = await serve(ends, repeats(whole(b"2")))
    client = new_client(connections_max=1, idle_s=60)
    assert await post(client, server.upstream()) == b"1"
    go_on.set()
    await server.calls[0].until_gone()
    assert await post(client, server.upstream()) == b"2"


async def test_an_answer_that_arrived_whole_frees_its_connection_before_it_is_read(serve, new_client):
    server = await serve(repeats(whole(b"x")))
    client = new_client(connections_max=1)
    unread = [await client.post(server.upstream(), "/x", headers=(), body=b"") for _ in range(3)]
    assert [await response.read(1) for response in unread] == [b"x"] * 3
    assert len(server.calls) == 1


async def test_an_unread_answer_that_is_dropped_warns_and_gives_its_place_back(serve, new_client):
    server = await serve(plays(chunked(b"one")[:-5]), repeats(whole(b"good")))
    client = new_client(connections_max=1)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    with pytest.warns(ResourceWarning, match='"model-host" was neither read to its end nor aborted'):
        del response
    assert await post(client, server.upstream()) == b"good"
    await server.calls[0].until_gone()


async def test_upstreams_do_not_share_a_pool(serve, new_client):
    """One hanging upstream that takes all its connections leaves the others theirs."""
    gate = Gate()
    hanging = await serve(gate)
    healthy = await serve(repeats(whole(b"good")))
    client = new_client(connections_max=1)
    stuck = [asyncio.ensure_future(post(client, hanging.upstream())) for _ in range(5)]
    await until(lambda: gate.arrived == 1)
    assert await asyncio.wait_for(post(client, healthy.upstream()), 10) == b"good"
    gate.release(5)
    await asyncio.gather(*stuck)


async def test_waiting_requests_are_refused_when_the_client_closes(serve, new_client):
    gate = Gate()
    server = await serve(gate)
    client = new_client(connections_max=1)
    requests = [asyncio.ensure_future(post(client, server.upstream())) for _ in range(2)]
    await until(lambda: gate.arrived == 1)
    await client.aclose()
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(outcomes[1], UpstreamConnectError)

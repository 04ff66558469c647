"""Many requests, flaky servers and callers that leave at random moments: no place in the pool is lost or doubled."""

import asyncio
import random

import pytest
from scripted_server import Call, chunked, until, whole

from synapse.errors import GatewayError

CONNECTIONS_MAX = 5
BEHAVIOURS = [
    ((whole(b"{}"),), None),
    ((whole(b"{}"),), None),
    ((whole(b"{}"),), Call.cut),
    ((whole(b"{}", headers=b"connection: close\r\n"),), None),
    ((chunked(b"one")[:-5], b"3\r\ntwo\r\n", b"0\r\n\r\n"), None),
    ((whole(b"half an answer")[:-5],), Call.cut),
    ((b"nonsense\r\n\r\n",), None),
    ((), Call.cut),
    ((), Call.reset),
]


@pytest.mark.parametrize("seed", range(4))
async def test_places_are_conserved(serve, new_client, seed):
    dice = random.Random(seed)

    async def flaky(call: Call) -> None:
        while not call.gone.is_set():
            await call.request()
            await asyncio.sleep(dice.random() * 0.004)
            pieces, then = dice.choice(BEHAVIOURS)
            await call.send_apart(*pieces)
            if then is not None:
                then(call)

    async def request() -> bytes:
        response = await client.post(upstream, "/x", headers=(), body=b"{}")
        try:
            return await response.read(1000)
        finally:
            response.abort()

    server = await serve(flaky)
    client = new_client(connections_max=CONNECTIONS_MAX, pool_wait_s=0.1)
    upstream = server.upstream()
    tasks: list[asyncio.Task[bytes]] = []
    for _ in range(200):
        tasks.append(asyncio.ensure_future(request()))
        if dice.random() < 0.3:
            dice.choice(tasks).cancel()
        if dice.random() < 0.5:
            await asyncio.sleep(dice.random() * 0.004)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert {outcome for outcome in outcomes if isinstance(outcome, bytes)} == {b"{}", b"onetwo"}
    assert all(isinstance(outcome, bytes | GatewayError | asyncio.CancelledError) for outcome in outcomes)
    (pool,) = client._pools.values()
    await until(lambda: len(pool._sockets) == len(pool._idle))
    assert pool._places_taken == len(pool._idle) <= CONNECTIONS_MAX
    assert not pool._waiters

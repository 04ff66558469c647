"""CPU of the upstream client per request, against aiohttp's in the same run. The server is another process.

Two shapes: a small JSON answer, read whole, and a stream of small SSE events, read piece by piece. Each is the user
and system time of this process divided by requests (by pieces for streams), the best of several alternating rounds,
so that a busy machine blurs it less; compare the ratios, not the microseconds of different machines.

    python -m benchmarks.upstream_client [--requests N] [--rounds N] [--concurrency N]
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import aiohttp
import uvloop

from synapse.policy import Upstream
from synapse.upstream.client import HttpClient

EVENTS_PER_STREAM = 100
REQUEST_BODY = json.dumps(
    {"model": "echo", "messages": [{"role": "user", "content": "What is the weather? " * 40}]}
).encode()
ANSWER_BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "echo",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine. " * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }
).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    b"server: bench\r\nx-request-id: 0198a1b2c3d4\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER_BODY), ANSWER_BODY)
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
EVENT = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)


class Answerer(asyncio.Protocol):
    """Answers `/json` at once and anything else with a stream whose events are separate writes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.received.endswith(REQUEST_BODY):
            return
        is_json = self.received.startswith(b"POST /v1/json")
        self.received = b""
        if is_json:
            self.transport.write(ANSWER)
        else:
            self.transport.write(STREAM_HEAD)
            self.stream(EVENTS_PER_STREAM)

    def stream(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(EVENT if left else b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(0.002, self.stream, left - 1)


def serve(port_to: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
        port_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


async def load(one: Callable[[], Awaitable[int]], *, requests: int, concurrency: int) -> float:
    """Run `one` over and over; CPU microseconds for each unit of work it reports."""
    units = 0
    left = requests

    async def worker() -> None:
        nonlocal units, left
        while left > 0:
            left -= 1
            done = await one()  # apart from the sum: other workers add to it meanwhile
            units += done

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return (time.process_time() - started) / units * 1e6


def ours(client: HttpClient, upstream: Upstream, path: str) -> Callable[[], Awaitable[int]]:
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer key"))

    async def json_once() -> int:
        response = await client.post(upstream, path, headers=headers, body=REQUEST_BODY)
        assert len(await response.read(1 << 20)) == len(ANSWER_BODY)
        return 1

    async def stream_once() -> int:
        response = await client.post(upstream, path, headers=headers, body=REQUEST_BODY)
        while await response.chunk():
            pass
        return EVENTS_PER_STREAM

    return json_once if path == "/json" else stream_once


def theirs(session: aiohttp.ClientSession, upstream: Upstream, path: str) -> Callable[[], Awaitable[int]]:
    headers = {"content-type": "application/json", "authorization": "Bearer key"}
    url = upstream.base_url + path

    async def json_once() -> int:
        async with session.post(url, data=REQUEST_BODY, headers=headers) as response:
            assert len(await response.read()) == len(ANSWER_BODY)
        return 1

    async def stream_once() -> int:
        async with session.post(url, data=REQUEST_BODY, headers=headers) as response:
            async for _ in response.content.iter_any():
                pass
        return EVENTS_PER_STREAM

    return json_once if path == "/json" else stream_once


async def measure(port: int, *, requests: int, rounds: int, concurrency: int) -> None:
    upstream = Upstream("bench", f"http://127.0.0.1:{port}/v1", "on_prem")
    client = HttpClient()
    session = aiohttp.ClientSession(auto_decompress=False)
    try:
        for path, count in (("/json", requests), ("/stream", max(concurrency, requests // EVENTS_PER_STREAM))):
            best = {"synapse": float("inf"), "aiohttp": float("inf")}
            contenders = {"synapse": ours(client, upstream, path), "aiohttp": theirs(session, upstream, path)}
            for _ in range(rounds):
                for name, one in contenders.items():
                    best[name] = min(best[name], await load(one, requests=count, concurrency=concurrency))
            unit = "request" if path == "/json" else "event"
            print(
                f"upstream client, {path[1:]:6}  synapse {best['synapse']:6.1f} µs/{unit}  "
                f"aiohttp {best['aiohttp']:6.1f} µs/{unit}  ratio {best['aiohttp'] / best['synapse']:.1f}"
            )
    finally:
        await client.aclose()
        await session.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU of the upstream client per request, against aiohttp's.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args(arguments)
    port_from, port_to = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(port_to,), daemon=True)
    server.start()
    try:
        port = port_from.recv()
        uvloop.run(measure(port, requests=options.requests, rounds=options.rounds, concurrency=options.concurrency))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()

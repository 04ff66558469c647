"""CPU of the whole gateway per request, beside a process that only passes the bytes on, in the same run.

One worker with every layer on, in front of the demo model server; 32 connections that each send the next of many
different 1 kB chat requests as soon as the last one is answered. The CPU is that of the gateway's parent and worker,
without PostgreSQL's, which is shown apart. The relay is what any proxy costs in this language: it parses nothing.
"""

import asyncio
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

CONNECTIONS = 32
SECONDS = 5.0
WARM_UP_S = 2.0
WORDS = "the quick brown fox jumps over a lazy dog while its patient owner writes long letters home about it".split()
CONFIG = """
[server]
workers = 1
[[upstreams]]
name = "up"
base_url = "{url}"
zone = "on_prem"
[[models]]
name = "story"
upstream = "up"
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="synapse-bench-") as directory:
        Path(directory).chmod(0o711)
        demo = subprocess.Popen(
            [sys.executable, "-m", "synapse.demo", "--parent-pid", str(os.getpid())], stdout=subprocess.PIPE, text=True
        )
        assert demo.stdout is not None
        url = demo.stdout.readline().strip()
        try:
            relay_us = measure_relay(url)
            gateway_us, postgres_us = measure_gateway(Path(directory), url)
        finally:
            demo.terminate()
            demo.wait()
    print(f"relay       {relay_us:7.1f} µs CPU per request")
    print(f"gateway     {gateway_us:7.1f} µs CPU per request, {gateway_us / relay_us:.1f} times the relay")
    print(f"PostgreSQL  {postgres_us:7.1f} µs CPU per request")


def measure_relay(url: str) -> float:
    port_from, port_to = multiprocessing.Pipe(duplex=False)
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    relay = multiprocessing.Process(target=serve_relay, args=(port_to, host, int(port)), daemon=True)
    relay.start()
    assert relay.pid is not None
    listening = port_from.recv()
    try:
        return measure(listening, "none", {"relay": [relay.pid]})["relay"]
    finally:
        relay.terminate()


def measure_gateway(directory: Path, url: str) -> tuple[float, float]:
    config = directory / "synapse.toml"
    config.write_text(CONFIG.format(url=url))
    environ = {**os.environ, "SYNAPSE_STATE_DIR": str(directory / "state")}
    synapse = [sys.executable, "-m", "synapse"]
    serve = [*synapse, "serve", "--port", "0", "--config", str(config)]
    gateway = subprocess.Popen(serve, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        port = ready_port(gateway)
        command([*synapse, "teams", "create", "bench", "--contact", "bench@example.org"], environ)
        create = [*synapse, "keys", "create", "--team", "bench", "--purpose", "benchmark", "--model", "story", "--json"]
        key = json.loads(command(create, environ))["key"]
        own, postgres = family(gateway.pid)
        used = measure(port, key, {"gateway": own, "postgres": postgres})
        return used["gateway"], used["postgres"]
    finally:
        gateway.terminate()
        gateway.wait()


def command(arguments: list[str], environ: dict[str, str]) -> str:
    return subprocess.run(arguments, env=environ, check=True, capture_output=True, text=True).stdout


def ready_port(gateway: "subprocess.Popen[str]") -> int:
    assert gateway.stdout is not None
    for line in gateway.stdout:
        if match := re.search(r"is ready on http://[^:]+:(\d+)", line):
            return int(match[1])
    raise RuntimeError("the gateway did not start")


def family(root: int) -> tuple[list[int], list[int]]:
    """The processes below `root` with it, and apart from them those of PostgreSQL."""
    own, postgres, todo = [], [], [root]
    while todo:
        pid = todo.pop()
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        (postgres if name.startswith("postgres") else own).append(pid)
        todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return own, postgres


def measure(port: int, key: str, groups: dict[str, list[int]]) -> dict[str, float]:
    """µs of CPU per request of each group of processes, after a warm-up."""
    asyncio.run(load(port, key, WARM_UP_S))
    before = {name: cpu_s(pids) for name, pids in groups.items()}
    requests = asyncio.run(load(port, key, SECONDS))
    return {name: (cpu_s(pids) - before[name]) / requests * 1e6 for name, pids in groups.items()}


def cpu_s(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


async def load(port: int, key: str, seconds: float) -> int:
    """How many requests were answered. A refused one ends the benchmark."""
    stop = time.monotonic() + seconds
    answered = await asyncio.gather(*(connection(port, key, stop, number) for number in range(CONNECTIONS)))
    return sum(answered)


async def connection(port: int, key: str, stop: float, seed: int) -> int:
    chance = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.monotonic() < stop:
        writer.write(chat_request(chance, key))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode("latin-1"))
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        answered += 1
    writer.close()
    return answered


def chat_request(chance: random.Random, key: str) -> bytes:
    text = " ".join(chance.choices(WORDS, k=180))
    body = json.dumps({"model": "story", "messages": [{"role": "user", "content": text}], "temperature": 0.7}).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b" % (key.encode(), len(body), body)
    )


def serve_relay(port_to: Connection, host: str, port: int) -> None:
    """Passes bytes both ways and looks at none of them."""

    class Side(asyncio.Protocol):
        other: asyncio.Transport | None = None

        def __init__(self) -> None:
            self.waiting: list[bytes] = []

        def data_received(self, data: bytes) -> None:
            if self.other is None:
                self.waiting.append(data)
            else:
                self.other.write(data)

        def connection_lost(self, _: Exception | None) -> None:
            if self.other is not None:
                self.other.close()

    class Front(Side):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.task = asyncio.ensure_future(self.connect(transport))

        async def connect(self, transport: asyncio.BaseTransport) -> None:
            upstream, back = await asyncio.get_running_loop().create_connection(Side, host, port)
            back.other = transport  # type: ignore[assignment]
            self.other = upstream
            for data in self.waiting:
                upstream.write(data)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", 0)
        port_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


if __name__ == "__main__":
    main()

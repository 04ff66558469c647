"""A real gateway for tests: `synapse serve` with its workers and PostgreSQL, in front of a recording demo server."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

START_TIMEOUT_S = 30
MODELS = {
    # The name that clients use, and what the demo server is asked for.
    "echo": "echo",
    "echo-slow": "echo:delay=30,size=1",
    "echo-thinks": "echo:reasoning",
    "story": "story",
    "story-slow": "story:delay=50,length=4000",
    "story-waits": "story:ttfb=3000",
    "tools": "tools",
    "fault-400": "fault:status=400",
    "fault-401": "fault:status=401",
    "fault-404": "fault:status=404",
    "fault-429": "fault:status=429",
    "fault-500": "fault:status=500",
    "fault-cut": "fault:cut=3,delay=5",
    "fault-hang": "fault:hang",
    "fault-stall": "fault:stall=3",
    "fault-reset": "fault:reset",
    "fault-garbage": "fault:garbage",
    "fault-event": "fault:error_event=3",
}


def wait_until(condition: Callable[[], Any], *, timeout_s: float = 10, what: str = "the condition") -> Any:
    """The first true value of a condition; AssertionError when it does not come."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {timeout_s} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def demo_server() -> Iterator[str]:
    """The base URL of a demo model server that records what it receives."""
    command = [sys.executable, "-m", "synapse.demo", "--record", "--parent-pid", str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def config_text(demo_url: str, **sections: dict[str, object]) -> str:
    """A synapse.toml with the demo server on the premises, once more as a cloud, and an upstream nobody answers at."""
    lines = []
    for section, fields in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    for name, url, zone in (
        ("local", demo_url, "on_prem"),
        ("cloud", demo_url, "cloud"),
        ("dead", f"http://127.0.0.1:{free_port()}/v1", "on_prem"),
    ):
        lines += ["[[upstreams]]", f'name = "{name}"', f'base_url = "{url}"', f'zone = "{zone}"']
    targets = [(name, "local", model) for name, model in MODELS.items()]
    targets += [("in-cloud", "cloud", "echo"), ("both", "cloud", "echo"), ("both", "local", "echo")]
    targets += [("unreachable", "dead", "echo"), ("failover", "dead", "echo"), ("failover", "local", "echo")]
    for name, upstream, model in targets:
        lines += ["[[models]]", f'name = "{name}"', f'upstream = "{upstream}"', f'upstream_model = "{model}"']
    return "\n".join(lines) + "\n"


class Gateway:
    """A running `synapse serve`."""

    def __init__(self, process: "subprocess.Popen[str]", state_dir: Path, base_url: str, demo_url: str) -> None:
        self.process = process
        self.state_dir = state_dir
        self.base_url = base_url
        self.demo_url = demo_url
        self.host, _, port = base_url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.dsn = ""

    @property
    def api(self) -> str:
        return self.base_url + "/v1"

    def synapse(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command of the CLI against this gateway's database."""
        result = subprocess.run(
            [sys.executable, "-m", "synapse", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "SYNAPSE_STATE_DIR": str(self.state_dir)},
            timeout=30,
            check=False,
        )
        assert not check or result.returncode == 0, result.stderr
        return result

    def post(
        self, body: object, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One chat request, as any HTTP client would send it: status, headers, body."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request("POST", "/v1/chat/completions", raw, sent)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def demo_requests(self) -> list[dict[str, Any]]:
        """What the demo server has received."""
        connection = http.client.HTTPConnection(self.demo_url.removeprefix("http://").removesuffix("/v1"), timeout=5)
        try:
            connection.request("GET", "/demo/requests")
            requests: list[dict[str, Any]] = json.loads(connection.getresponse().read())["requests"]
            return requests
        finally:
            connection.close()

    async def sql(self, query: str, *values: object) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running_gateway(
    directory: Path,
    demo_url: str,
    *,
    arguments: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    **sections: dict[str, object],
) -> Iterator[Gateway]:
    """`synapse serve` on a free port, ready. `sections` go into its synapse.toml; its state stays in `directory`."""
    state_dir = directory / "state"
    # PostgreSQL does not run as root: the account it runs as then has to reach its data.
    directory.chmod(0o755)
    config = directory / "synapse.toml"
    config.write_text(config_text(demo_url, **sections))
    command = [sys.executable, "-m", "synapse", "serve", "--port", "0", "--config", str(config), *arguments]
    # Files, not pipes: nobody reads on while the tests run, and a full pipe would stop the gateway.
    with (directory / "gateway.out").open("w") as out, (directory / "gateway.log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=log,
            text=True,
            env={**os.environ, "SYNAPSE_STATE_DIR": str(state_dir), **(environ or {})},
        )
    try:
        gateway = Gateway(process, state_dir, _ready_address(process, directory), demo_url)
        if "DATABASE_URL" in (environ or {}):
            gateway.dsn = (environ or {})["DATABASE_URL"]
        else:
            gateway.dsn = _dsn(state_dir)
        yield gateway
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


def _dsn(state_dir: Path) -> str:
    from synapse.postgres.embedded import borrowed_server

    with borrowed_server(state_dir) as dsn:
        return dsn


def _ready_address(process: "subprocess.Popen[str]", directory: Path) -> str:
    def address() -> str | None:
        for line in (directory / "gateway.out").read_text().splitlines():
            if " is ready on " in line:
                return line.split(" is ready on ")[1].strip()
        if process.poll() is not None:
            raise AssertionError(f"the gateway did not start: {(directory / 'gateway.log').read_text()}")
        return None

    return str(wait_until(address, timeout_s=START_TIMEOUT_S, what="the gateway's readiness"))


@pytest.fixture(scope="session")
def demo_url() -> Iterator[str]:
    with demo_server() as url:
        yield url


@pytest.fixture(scope="session")
def gateway(demo_url: str) -> Iterator[Gateway]:
    """Two workers with short deadlines, shared by all tests that leave it as they found it."""
    with (
        tempfile.TemporaryDirectory(prefix="synapse-test-") as directory,
        running_gateway(
            Path(directory),
            demo_url,
            server={"workers": 2, "body_timeout_s": 1.0, "body_bytes_max": 200_000},
            upstream={"connect_timeout_s": 1.0, "first_byte_timeout_s": 1.5, "idle_timeout_s": 1.0},
        ) as gateway,
    ):
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        yield gateway


class KeyMaker:
    """Makes keys of the team `quality`, known to every worker before they are returned."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __call__(self, *options: str, models: tuple[str, ...] = tuple(MODELS)) -> str:
        arguments = ["keys", "create", "--team", "quality", "--purpose", "a test", "--json", *options]
        for model in models:
            arguments += ["--model", model]
        created = json.loads(self._gateway.synapse(*arguments).stdout)
        secret: str = created["key"]
        self.wait_known(secret)
        return secret

    def wait_known(self, secret: str) -> None:
        # Two workers take turns at random; this many answers in a row have come from both.
        seen = 0
        while seen < 12:
            connection = http.client.HTTPConnection(self._gateway.host, self._gateway.port, timeout=5)
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {secret}"})
            response = connection.getresponse()
            unknown = b"invalid_api_key" in response.read()
            connection.close()
            seen = 0 if unknown else seen + 1


@pytest.fixture(scope="session")
def make_key(gateway: Gateway) -> KeyMaker:
    return KeyMaker(gateway)


@pytest.fixture(scope="session")
def key(make_key: KeyMaker) -> str:
    """A key that may use every model of the tests."""
    return make_key(models=(*MODELS, "in-cloud", "both", "unreachable", "failover"))

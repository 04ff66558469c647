"""What the platform does not do for us: each trap against real Granian workers."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from fixtures_gateway import Gateway, KeyMaker, running_gateway, wait_until

MESSAGES = [{"role": "user", "content": "hello"}]
# RELIABILITY: a client that leaves closes the upstream call within 100 ms.
GONE_TO_CLOSED_MAX_S = 0.1


def request_bytes(body: bytes, key: str, *, length: int | None = None, extra: str = "") -> bytes:
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def open_socket(gateway: Gateway) -> socket.socket:
    return socket.create_connection((gateway.host, gateway.port), timeout=20)


def workers_of(gateway: Gateway) -> list[int]:
    """The worker processes: the children of the gateway that listen on its port."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    # Forked workers share the parent's command line; PostgreSQL and the demo server have their own.
    own = Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()
    found = []
    for pid in children:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes() == own:
                found.append(int(pid))
    return found


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize(
    ("body", "after_first_byte"),
    [
        ({"model": "fault-hang", "messages": MESSAGES}, False),
        ({"model": "story-waits", "messages": MESSAGES, "stream": True}, False),
        ({"model": "story-slow", "messages": MESSAGES, "stream": True}, True),
    ],
    ids=["whole", "stream-before-first-byte", "stream-after-first-byte"],
)
async def test_a_client_that_leaves_closes_the_upstream_call(
    gateway: Gateway, key: str, body: dict[str, object], after_first_byte: bool
) -> None:
    marker = f"leaves {time.monotonic_ns()}"
    body = {**body, "messages": [{"role": "user", "content": marker}]}
    with open_socket(gateway) as connection:
        connection.sendall(request_bytes(json.dumps(body).encode(), key))
        record = wait_until(lambda: next((r for r in gateway.demo_requests() if marker in r["body"]), None))
        if after_first_byte:
            received = b""
            while b"data: " not in received:
                received += connection.recv(4096)
        left_ns = time.monotonic_ns()

    def closed() -> dict[str, object] | None:
        found = next(r for r in gateway.demo_requests() if marker in r["body"])
        return found if found["closed_early_ns"] is not None else None

    record = wait_until(closed, what="the end of the upstream call")
    assert (record["closed_early_ns"] - left_ns) / 1e9 < GONE_TO_CLOSED_MAX_S
    row = await one_row(gateway, "prompt_sha256 = sha256($1::text::bytea)", marker)
    assert row["outcome"] == "client_gone"


async def one_row(gateway: Gateway, where: str, *values: object) -> dict[str, object]:
    for _ in range(200):
        rows = await gateway.sql(f"SELECT * FROM synapse.audit_log WHERE {where}", *values)
        if rows:
            assert len(rows) == 1
            return dict(rows[0])
        await asyncio.sleep(0.02)
    raise AssertionError("no audit entry")


def test_a_slow_body_is_refused_at_its_deadline(gateway: Gateway, key: str) -> None:
    with open_socket(gateway) as connection:
        started = time.monotonic()
        connection.sendall(request_bytes(b'{"model":', key, length=1000))
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in answer
        assert 0.9 < time.monotonic() - started < 5


def test_many_slow_bodies_leave_the_gateway_answering(gateway: Gateway, key: str) -> None:
    connections = [open_socket(gateway) for _ in range(200)]
    try:
        for connection in connections:
            connection.sendall(request_bytes(b"{", key, length=1000))
        status, _, _ = gateway.post({"model": "echo", "messages": MESSAGES}, key=key)
        assert status == 200
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_over_the_limit_is_refused_however_it_is_framed(gateway: Gateway, key: str, framing: str) -> None:
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=10)
    body = b"x" * 300_000
    with contextlib.suppress(ConnectionError):  # the refusal may come before all is sent
        connection.request(
            "POST",
            "/v1/chat/completions",
            iter([body[:1000]] * 300) if framing == "chunked" else body,
            {"Authorization": f"Bearer {key}"},
            encode_chunked=framing == "chunked",
        )
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"echo","messages":[{"role":"user","content":"SENT"}],"messages":[{"role":"user","content":"kept"}]}',
        b'{"model":"echo","messages":[{"role":"user","content":"SENT","content":"kept"}]}',
        b'{"model":"echo","messages":[{"role":"user","conte\\u006et":"SENT","content":"kept"}]}',
        b'{"model":"echo","messages":[{"role":"user","content":"SENT","conte\\u006et":"kept"}]}',
    ],
)
def test_the_upstream_gets_what_was_scanned_not_what_was_received(gateway: Gateway, key: str, body: bytes) -> None:
    status, _, raw = gateway.post(body.replace(b"SENT", b"4111 1111 1111 1111"), key=key)
    assert (status, json.loads(raw)["choices"][0]["message"]["content"]) == (200, "kept")
    assert "4111" not in gateway.demo_requests()[-1]["body"]


async def test_a_forwarded_address_is_not_believed_without_a_trusted_proxy(gateway: Gateway, key: str) -> None:
    _, headers, _ = gateway.post(
        {"model": "echo", "messages": MESSAGES}, key=key, headers={"X-Forwarded-For": "203.0.113.9"}
    )
    row = await one_row(gateway, "request_id = $1::uuid", headers["x-request-id"])
    assert str(row["client_ip"]) == "127.0.0.1"


def test_websockets_and_http2_are_off(gateway: Gateway) -> None:
    with open_socket(gateway) as connection:
        connection.sendall(
            b"GET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
    with open_socket(gateway) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        answer = connection.recv(4096)
        assert not answer or answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/livez", "/readyz"])
def test_health(gateway: Gateway, path: str) -> None:
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    assert json.loads(response.read())["status"] in {"live", "ready"}
    connection.close()


@pytest.fixture
def own_gateway(public_tmp_path: Path, demo_url: str):
    """A gateway of one's own, to be hurt."""
    with running_gateway(public_tmp_path, demo_url, server={"workers": 2, "stop_timeout_s": 2.0}) as gateway:
        gateway.synapse("teams", "create", "quality", "--contact", "quality@example.org")
        yield gateway


def test_a_killed_worker_is_replaced_again_and_again(own_gateway: Gateway) -> None:
    key = KeyMaker(own_gateway)(models=("echo",))
    for _ in range(3):
        victim = workers_of(own_gateway)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda victim=victim: victim not in workers_of(own_gateway), what="the worker's end")
        wait_until(lambda: len(workers_of(own_gateway)) == 2, what="its replacement")
    assert own_gateway.process.poll() is None

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return own_gateway.post({"model": "echo", "messages": MESSAGES}, key=key)[0] == 200
        return False

    wait_until(answers, what="an answer")


def test_the_embedded_database_is_started_again_and_nothing_answered_is_lost(own_gateway: Gateway) -> None:
    key = KeyMaker(own_gateway)(models=("echo",))
    children = Path(f"/proc/{own_gateway.process.pid}/task/{own_gateway.process.pid}/children").read_text().split()
    (postmaster,) = [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().startswith("postgres")]
    os.kill(postmaster, signal.SIGKILL)
    body = {"model": "echo", "messages": MESSAGES}
    answered = [own_gateway.post(body, key=key) for _ in range(5)]
    assert [status for status, _, _ in answered] == [200] * 5
    listed = ""

    def on_record() -> bool:
        nonlocal listed
        listed = own_gateway.synapse("audit", "list", "--json", check=False).stdout
        return all(headers["x-request-id"] in listed for _, headers, _ in answered)

    wait_until(on_record, timeout_s=40, what="the record of what was answered meanwhile")


@pytest.mark.parametrize("target", [b"CONNECT a:1", b"OPTIONS *"])
def test_what_asks_for_no_path_is_a_400(gateway: Gateway, target: bytes) -> None:
    with open_socket(gateway) as connection:
        connection.sendall(target + b" HTTP/1.1\r\nHost: g\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_long_stream_does_not_keep_the_gateway_from_stopping(own_gateway: Gateway) -> None:
    key = KeyMaker(own_gateway)(models=("story-slow",))
    body = json.dumps({"model": "story-slow", "messages": MESSAGES, "stream": True}).encode()
    with open_socket(own_gateway) as connection:
        connection.sendall(request_bytes(body, key))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        started = time.monotonic()
        code = own_gateway.stop()
        assert code == 0
        assert time.monotonic() - started < 10


def test_nothing_outlives_a_killed_gateway_and_the_next_one_starts(public_tmp_path: Path, demo_url: str) -> None:
    with running_gateway(public_tmp_path, demo_url, arguments=("--demo",), server={"workers": 2}) as gateway:
        pid = gateway.process.pid
        family = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        assert len(family) >= 4  # two workers, PostgreSQL, the demo server
        gateway.process.kill()
        gateway.process.wait()
        for member in family:
            wait_until(lambda member=member: not alive(member), what=f"the end of process {member}")
    with running_gateway(public_tmp_path, demo_url, server={"workers": 1}) as gateway:
        assert gateway.process.poll() is None

"""Users of a gateway with the demo models: documents and streams, some of them with a secret that must not pass.

Run by `python -m loadtests`; by hand: LOAD_API_KEY=… locust -f loadtests/locustfile.py --host http://127.0.0.1:8080
"""

import os
import time
from collections.abc import Iterator
from typing import Any

import orjson
from locust import FastHttpUser, constant_throughput, events, task

from loadtests.guard import Bounds, Measured, broken_bounds, overhead_ms, percentile

PROMPT = "Please summarise the minutes of our last meeting in three short sentences. " * 12
CARD = "My card is 4111 1111 1111 1111."
CARD_REDACTED = "My card is [REDACTED:credit_card]."
STREAM_TOKENS = 20

measured = Measured()


class GatewayUser(FastHttpUser):
    """What both kinds of users share."""

    abstract = True
    wait_time = constant_throughput(10)
    network_timeout = 30.0
    connection_timeout = 10.0

    def chat(self, name: str, body: dict[str, Any], *, stream: bool = False) -> Any:
        return self.client.post(
            "/v1/chat/completions",
            name=name,
            data=orjson.dumps(body).decode(),
            headers={"authorization": f"Bearer {os.environ['LOAD_API_KEY']}", "content-type": "application/json"},
            stream=stream,
            catch_response=True,
        )


class DocumentUser(GatewayUser):
    """Waits for whole answers."""

    weight = 3

    @task(9)
    def ask(self) -> None:
        self.expect_echo("document", PROMPT, PROMPT)

    @task(1)
    def ask_with_secret(self) -> None:
        self.expect_echo("document, redacted", CARD, CARD_REDACTED)

    def expect_echo(self, name: str, text: str, expected: str) -> None:
        with self.chat(name, request(text)) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            if orjson.loads(response.content)["choices"][0]["message"]["content"] != expected:
                response.failure("the answer is not the expected one")
            took_ms = overhead_ms(response.headers.get("server-timing", ""))
            if took_ms is not None:
                measured.overheads_ms.append(took_ms)


class StreamUser(GatewayUser):
    """Reads answers as they come."""

    weight = 1

    @task
    def listen(self) -> None:
        began = time.perf_counter()
        body = {**request(PROMPT), "stream": True, "max_tokens": STREAM_TOKENS}
        with self.chat("stream", body, stream=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            text, done = "", False
            for data in events_of(response):
                done = data == b"[DONE]"
                delta = "" if done else delta_of(data)
                if delta and not text:
                    measured.first_deltas_ms.append((time.perf_counter() - began) * 1000)
                text += delta
            if not done:
                response.failure("the stream ended without [DONE]")
            elif not PROMPT.startswith(text) or not text:
                response.failure("the stream says something else")


def request(text: str) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}]}


def events_of(response: Any) -> Iterator[bytes]:
    """The data of each server-sent event, as soon as it is there: locust's own iterators wait for a full buffer."""
    while event := response.stream.readline(b"\n\n"):
        yield event.removeprefix(b"data: ").rstrip()


def delta_of(data: bytes) -> str:
    choices = orjson.loads(data).get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # locust's is not typed
def judge(environment: Any, **_: Any) -> None:
    """Fail the run with a line for each bound that was exceeded."""
    # A user that raised has not counted its request as failed.
    raised = sum(int(found["count"]) for found in environment.runner.exceptions.values())
    measured.requests = environment.stats.total.num_requests
    measured.failures = environment.stats.total.num_failures + raised
    bounds = Bounds(
        failed_ratio_max=float(os.environ.get("LOAD_FAILED_RATIO_MAX", Bounds().failed_ratio_max)),
        overhead_p95_ms_max=float(os.environ.get("LOAD_OVERHEAD_P95_MS_MAX", Bounds().overhead_p95_ms_max)),
        first_delta_p95_ms_max=float(os.environ.get("LOAD_FIRST_DELTA_P95_MS_MAX", Bounds().first_delta_p95_ms_max)),
    )
    for name, values in (("overhead", measured.overheads_ms), ("first delta", measured.first_deltas_ms)):
        if values:
            print(f"{name}: p50 {percentile(values, 0.5):.2f} ms, p95 {percentile(values, 0.95):.2f} ms")
    problems = broken_bounds(measured, bounds)
    for problem in problems:
        print(f"load guard: {problem}")
    environment.process_exit_code = 1 if problems else 0

"""Limits hold to the request and to the token when real processes share them, and when these are killed."""

import multiprocessing
import os
import random
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from limiter_workers import (
    WAIT_S,
    admit_for_ever,
    admit_until_refused,
    hold_a_ticket,
    hold_the_lock,
    opened,
    run_within_limit,
    spend,
)

from synapse.errors import LimitExceeded
from synapse.policy import Binding, Key, Limits

BINDING = Binding("t", "Team", "tests", None, frozenset({"echo"}), "sensitive", "default")

# Forks from a server that has imported us, so that eight workers cost milliseconds, not seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["synapse.limits", "synapse.policy"])


def a_key(**limits: int) -> Key:
    return Key(str(uuid.uuid4()), "syn_test", b"", BINDING, Limits(**limits))


@contextmanager
def worker(target: Callable[..., None], *arguments: object) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """A process and our end of a pipe to it; it is gone at the end, whatever happens."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join(WAIT_S)
        ours.close()


def received(connection: Connection) -> object:
    assert connection.poll(WAIT_S), "the worker says nothing"
    return connection.recv()


def all_of(count: int, target: Callable[..., None], *arguments: object) -> list[object]:
    """What `count` processes answer that start together, each staying until all have answered."""
    barrier = PROCESSES.Barrier(count)
    workers = [worker(target, barrier, *arguments) for _ in range(count)]
    connections = [entered.__enter__()[1] for entered in workers]
    try:
        return [received(connection) for connection in connections]
    finally:
        for entered in workers:
            entered.__exit__(None, None, None)


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
@pytest.mark.parametrize("limit", ["requests_per_minute", "concurrent_requests", "tokens_per_day"])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_exactly_as_many_pass_as_are_allowed(tmp_path: Path, processes: int, limit: str, size: int) -> None:
    key = a_key(**{limit: size})
    assert sum(all_of(processes, admit_until_refused, tmp_path, key, 20)) == size


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_the_tokens_charged_are_the_tokens_used(tmp_path: Path, processes: int) -> None:
    daily = 20_000
    key = a_key(tokens_per_day=daily)
    spent = sum(all_of(processes, spend, tmp_path, key, processes))
    assert spent <= daily
    limiter = opened(tmp_path)
    if spent < daily:
        limiter.admit(key, tokens_estimate=daily - spent).settle(None)
    with pytest.raises(LimitExceeded):
        limiter.admit(key, tokens_estimate=daily - spent + 1)
    limiter.close()


def test_never_more_run_at_once_than_are_allowed(tmp_path: Path) -> None:
    running = PROCESSES.Value("i", 0)
    most = all_of(4, run_within_limit, tmp_path, a_key(concurrent_requests=2), running, 300)
    assert max(most) <= 2


@pytest.mark.parametrize(("limits", "estimate"), [({"concurrent_requests": 1}, 1), ({"tokens_per_day": 100}, 100)])
def test_what_a_killed_worker_held_comes_back_within_five_seconds(
    tmp_path: Path, limits: dict[str, int], estimate: int
) -> None:
    key, passed_s = a_key(**limits), [0.0]
    limiter = opened(tmp_path, lambda: passed_s[0])
    with worker(hold_a_ticket, tmp_path, key, estimate) as (process, connection):
        assert received(connection) == "held"
        passed_s[0] += 5
        with pytest.raises(LimitExceeded):
            limiter.admit(key, tokens_estimate=1)  # It lives, however long it takes.
        process.kill()
        process.join(WAIT_S)
    passed_s[0] += 5
    limiter.admit(key, tokens_estimate=estimate)
    limiter.close()


def test_a_new_worker_takes_nothing_over_from_the_dead_one_in_its_place(tmp_path: Path) -> None:
    key = a_key(concurrent_requests=1)
    with worker(hold_a_ticket, tmp_path, key, 1) as (process, connection):
        assert received(connection) == "held"
        process.kill()
        process.join(WAIT_S)
    limiter = opened(tmp_path)
    limiter.admit(key, tokens_estimate=1)
    limiter.close()


def test_a_worker_killed_with_the_lock_held_blocks_nobody(tmp_path: Path) -> None:
    key = a_key(requests_per_minute=2)
    with worker(hold_the_lock, tmp_path, key) as (process, connection):
        assert received(connection) == "locked"
        process.kill()
        process.join(WAIT_S)
        limiter = opened(tmp_path)
        limiter.admit(key, tokens_estimate=1)
        with pytest.raises(LimitExceeded):
            limiter.admit(key, tokens_estimate=1)
        limiter.close()


def test_a_worker_killed_at_any_moment_leaves_exact_counts(tmp_path: Path) -> None:
    """It may have counted one request or its tokens without having told us; that is all that can be off."""
    chance, kills, much = random.Random(7), 25, 10_000_000
    key = a_key(requests_per_minute=much, tokens_per_day=much, concurrent_requests=2)
    admitted, settled = PROCESSES.RawValue("q", 0), PROCESSES.RawValue("q", 0)
    for _ in range(kills):
        target = admitted.value + chance.randint(1, 400)
        with worker(admit_for_ever, tmp_path, key, admitted, settled) as (process, _):
            while admitted.value < target:
                assert process.is_alive()
            os.kill(process.pid, signal.SIGKILL)
            process.join(WAIT_S)
    limiter = opened(tmp_path)
    first, second = (limiter.admit(key, tokens_estimate=1) for _ in range(2))
    left = {name.decode(): int(value) for name, value in first.headers if b"remaining" in name}
    counted = much - left["x-ratelimit-remaining-requests"] - 1
    charged = much - left["x-ratelimit-remaining-tokens"] - 1
    assert admitted.value <= counted <= admitted.value + kills
    assert settled.value * 3 <= charged <= settled.value * 3 + 3 * kills
    # Nothing is left running: two may run, and these are ours.
    with pytest.raises(LimitExceeded):
        limiter.admit(key, tokens_estimate=1)
    second.settle(0)
    limiter.close()

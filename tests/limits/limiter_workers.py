"""What the worker processes of the limiter tests do. It imports little, so that starting one is quick."""

import os
import random
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from synapse.errors import LimitExceeded
from synapse.limits import SharedLimiter
from synapse.policy import Key

# Noon of some day: nothing rolls over while processes run.
NOON_S = 20_000 * 86_400.0 + 43_200
WAIT_S = 30


def opened(path: Path, monotonic_s: Callable[[], float] = lambda: 0.0) -> SharedLimiter:
    return SharedLimiter.open(path, clock_s=lambda: NOON_S, monotonic_s=monotonic_s)


def admit_until_refused(connection: Connection, barrier: object, path: Path, key: Key, refusals: int) -> None:
    limiter = opened(path)
    barrier.wait(WAIT_S)
    admitted = 0
    while refusals:
        try:
            limiter.admit(key, tokens_estimate=1)
            admitted += 1
        except LimitExceeded:
            refusals -= 1
    connection.send(admitted)
    connection.recv()  # What is running stays running until everyone is done.


def spend(connection: Connection, barrier: object, path: Path, key: Key, seed: int) -> None:
    """Reserve much, use some of it, until not even one token is left."""
    limiter, chance = opened(path), random.Random(f"{seed} {os.getpid()}")
    barrier.wait(WAIT_S)
    spent, estimate = 0, 64
    while estimate:
        try:
            ticket = limiter.admit(key, tokens_estimate=estimate)
        except LimitExceeded:
            estimate //= 2
            continue
        used = chance.randint(0, estimate)
        ticket.settle(used)
        spent += used
    connection.send(spent)
    connection.recv()


def run_within_limit(
    connection: Connection, barrier: object, path: Path, key: Key, running: object, rounds: int
) -> None:
    """Count how many run at once, in a counter of our own."""
    limiter = opened(path)
    barrier.wait(WAIT_S)
    most = 0
    while rounds:
        try:
            ticket = limiter.admit(key, tokens_estimate=1)
        except LimitExceeded:
            continue
        with running.get_lock():
            running.value += 1
            most = max(most, running.value)
        with running.get_lock():
            running.value -= 1
        ticket.settle(1)
        rounds -= 1
    connection.send(most)
    connection.recv()


def hold_a_ticket(connection: Connection, path: Path, key: Key, tokens: int) -> None:
    limiter = opened(path)
    ticket = limiter.admit(key, tokens_estimate=tokens)
    connection.send("held")
    connection.recv()
    ticket.settle(0)


def hold_the_lock(connection: Connection, path: Path, key: Key) -> None:
    limiter = opened(path)
    limiter.admit(key, tokens_estimate=1).settle(1)
    limiter._locked(key.id)
    connection.send("locked")
    connection.recv()


def admit_for_ever(_connection: Connection, path: Path, key: Key, admitted: object, settled: object) -> None:
    limiter = opened(path)
    while True:
        ticket = limiter.admit(key, tokens_estimate=10)
        admitted.value += 1
        ticket.settle(3)
        settled.value += 1

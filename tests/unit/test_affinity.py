"""A busy worker's threads stay on one CPU, until it has to wait for it."""

import os
import threading

from synapse.affinity import BUSY_MIN, WAITING_MAX, Affinity, Usage, main_thread_usage, place_threads

ALL = frozenset({0, 1})


class Machine:
    """Says what the test sets, and remembers where threads were placed."""

    def __init__(self) -> None:
        self.ran_s = self.waited_s = 0.0
        self.cpu = 0
        self.placed: list[frozenset[int]] = []

    def usage(self) -> Usage:
        return Usage(round(self.ran_s * 1e9), round(self.waited_s * 1e9), self.cpu)

    def second(self, affinity: Affinity, *, busy: float, waiting: float, cpu: int) -> None:
        self.ran_s += busy
        self.waited_s += waiting
        self.cpu = cpu
        affinity.look(1.0)


def test_a_worker_is_kept_where_it_is_while_it_is_busy_and_let_go_when_it_waits_or_idles() -> None:
    machine = Machine()
    affinity = Affinity(ALL, machine.usage, machine.placed.append)
    machine.second(affinity, busy=BUSY_MIN - 0.1, waiting=0, cpu=0)
    assert machine.placed == []
    machine.second(affinity, busy=0.9, waiting=0.1, cpu=1)
    assert machine.placed == [frozenset({1})]
    machine.second(affinity, busy=0.9, waiting=WAITING_MAX, cpu=1)
    assert len(machine.placed) == 1
    machine.second(affinity, busy=0.5, waiting=WAITING_MAX + 0.1, cpu=1)
    assert machine.placed[-1] == ALL
    machine.second(affinity, busy=0.9, waiting=0, cpu=0)
    assert machine.placed[-1] == frozenset({0})
    machine.second(affinity, busy=0.0, waiting=0, cpu=0)
    assert machine.placed[-1] == ALL


def test_the_kernel_tells_what_the_main_thread_used() -> None:
    before = main_thread_usage()
    deadline = before.ran_ns + 20_000_000
    while main_thread_usage().ran_ns < deadline:
        pass
    after = main_thread_usage()
    assert after.ran_ns >= deadline
    assert after.waited_ns >= before.waited_ns
    assert after.cpu in os.sched_getaffinity(0)


def test_every_thread_is_placed() -> None:
    before = os.sched_getaffinity(0)
    one = frozenset({min(before)})
    done = threading.Event()
    seen: list[set[int]] = []
    placed = threading.Event()

    def other() -> None:
        placed.wait(10)
        seen.append(os.sched_getaffinity(0))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        place_threads(one)
        placed.set()
        assert done.wait(10)
        assert seen == [one]
        assert os.sched_getaffinity(0) == one
    finally:
        place_threads(frozenset(before))
        thread.join()

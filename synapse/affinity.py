"""Keeps the threads of a busy worker on one CPU.

A worker is one Python thread, which the interpreter lock makes the only one that computes, and a few threads of the
server that hand it requests. When the kernel spreads them, each hand-over wakes another CPU, which on virtual machines
costs more than the work that is handed over: 214 instead of 301 µs of CPU per request (benchmarks/README.md).

A fixed CPU would be wrong as soon as something else wants it too, so the choice is looked at each second: a worker that
is busy and gets its CPU stays where the kernel has put it; one that is idle or has to wait is the kernel's to place.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOOK_INTERVAL_S = 1.0
# Shares of the time between two looks. Below the first a worker is idle enough for any CPU to do.
BUSY_MIN = 0.3
# A worker that waits longer shares its CPU with somebody else; its own threads take turns for about a tenth.
WAITING_MAX = 0.3


@dataclass(frozen=True, slots=True)
class Usage:
    """What the main thread has used and waited for so far, in nanoseconds, and the CPU it last ran on."""

    ran_ns: int
    waited_ns: int
    cpu: int


class Affinity:
    """Decides once an interval. `usage` and `place` are the machine's; tests have their own."""

    def __init__(
        self, cpus: frozenset[int], usage: Callable[[], Usage], place: Callable[[frozenset[int]], None]
    ) -> None:
        self._cpus = cpus
        self._usage = usage
        self._place = place
        self._last = usage()
        self._placed = cpus

    def look(self, interval_s: float) -> None:
        usage, last = self._usage(), self._last
        self._last = usage
        busy = (usage.ran_ns - last.ran_ns) / 1e9 / interval_s
        waiting = (usage.waited_ns - last.waited_ns) / 1e9 / interval_s
        stays = busy >= BUSY_MIN and waiting <= WAITING_MAX
        wanted = frozenset((usage.cpu,)) if stays else self._cpus
        if wanted != self._placed:
            self._place(wanted)
            self._placed = wanted


async def keep_together() -> None:
    """Look until cancelled. Where the kernel does not tell or does not allow it, nothing happens."""
    cpus = frozenset(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return
    try:
        affinity = Affinity(cpus, main_thread_usage, place_threads)
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            affinity.look(LOOK_INTERVAL_S)
    except OSError:
        return


def main_thread_usage() -> Usage:
    """From /proc/self/schedstat (time run, time waited) and field 39 of /proc/self/stat, see proc_pid_stat(5)."""
    ran, waited, _ = Path("/proc/self/schedstat").read_text(encoding="ascii").split()
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return Usage(int(ran), int(waited), int(fields[36]))


def place_threads(cpus: frozenset[int]) -> None:
    """All threads of this process on these CPUs; those started later inherit it."""
    for thread in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), cpus)
        except ProcessLookupError:
            continue  # it ended meanwhile

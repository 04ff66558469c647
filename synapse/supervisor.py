"""Keeps the workers: replaces one that dies, and on a reload each by a new one, which must be ready first.

It is one loop without threads, since workers are forked from it. Nothing that fails here ends the gateway once it runs:
a worker that cannot start, because the database is away, is tried again, and those that work go on.
"""

import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from .listening import BACKLOG

logger = logging.getLogger("synapse.server")

# From its start until a worker says that it is ready.
READY_TIMEOUT_S = 30.0
# A worker that dies again this soon is in a crash loop; the next start waits, so that the loop costs next to nothing.
CRASH_LOOP_S = 5.0
RETRY_PAUSE_S = 1.0


@dataclass(slots=True)
class Worker:
    """A worker process. It sends a message when it is ready; without one, its end of `ready` closes when it dies."""

    process: BaseProcess
    ready: Connection
    born_s: float
    end_by_s: float = math.inf  # it is killed when it is still there


@dataclass(slots=True)
class Place:
    """Room for one worker. Its socket is open as long as it has a worker or a successor to accept from it.

    A successor shares the socket, so that nothing is lost that waits in it. Without either the socket must not stay:
    the kernel would go on giving it its share of the connections.
    """

    index: int
    listener: socket.socket | None = None
    worker: Worker | None = None
    successor: Worker | None = None
    due_s: float = 0.0  # when to start a successor for a worker that has died

    def close(self) -> None:
        if self.listener is not None:
            self.listener.close()
            self.listener = None


class Supervisor:
    """`spawn` starts a worker for a place, `listen` makes its socket; both may raise OSError."""

    def __init__(
        self,
        count: int,
        *,
        listen: Callable[[], socket.socket],
        spawn: Callable[[Place], Worker],
        stop_timeout_s: float,
    ) -> None:
        self.places = [Place(index) for index in range(count)]
        self._listen = listen
        self._spawn = spawn
        self._stop_timeout_s = stop_timeout_s
        self._to_reload: list[Place] = []
        self._leaving: list[Worker] = []
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Workers that did not become ready.
        self.failures = 0

    @property
    def complete(self) -> bool:
        """Whether each place has a worker that is ready."""
        return all(place.worker is not None for place in self.places)

    def wake(self) -> None:
        """End a wait. For signal handlers."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def reload(self) -> None:
        """Replace every worker, one after the other."""
        self._to_reload = list(self.places)
        self._look_around()

    def pids(self) -> list[int]:
        """The workers that serve."""
        workers = [place.worker for place in self.places if place.worker is not None]
        return [worker.process.pid for worker in workers if worker.process.pid is not None]

    def forget(self, own: Place | None) -> None:
        """In a child, after the fork: let go of what belongs to the parent and to other workers."""
        for place in self.places:
            if place is not own:
                place.close()
            elif place.listener is not None:
                place.listener.detach()  # the server's now
        os.close(self._woken)
        os.close(self._wake)

    def attend(self, *, wait_s: float = math.inf, also: Iterable[Connection] = ()) -> None:
        """Wait until something has happened or is due, at most `wait_s`, and do what is to be done.

        What is heard from `also` ends the wait, and is the caller's.
        """
        timeout_s = min(wait_s, max(0.0, self._next_due_s() - time.monotonic()))
        starting = [place.successor.ready for place in self.places if place.successor is not None]
        ends = [worker.process.sentinel for worker in self._workers()]
        connection.wait([self._woken, *starting, *ends, *also], None if timeout_s == math.inf else timeout_s)
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        self._look_around()

    def stop(self) -> None:
        """End all workers: those that are ready may finish what they do."""
        for place in self.places:
            place.close()
            if place.successor is not None:
                self._kill(place.successor)
            if place.worker is not None:
                self._dismiss(place.worker)
            place.worker = place.successor = None
        while self._leaving:
            first_s = min(worker.end_by_s for worker in self._leaving)
            sentinels = [worker.process.sentinel for worker in self._leaving]
            connection.wait(sentinels, max(0.0, first_s - time.monotonic()))
            self._see_off()

    def _workers(self) -> list[Worker]:
        placed = [worker for place in self.places for worker in (place.worker, place.successor)]
        return [*self._leaving, *(worker for worker in placed if worker is not None)]

    def _next_due_s(self) -> float:
        starts = [place.due_s for place in self.places if place.worker is None and place.successor is None]
        return min([*starts, *(worker.end_by_s for worker in self._workers())], default=math.inf)

    def _look_around(self) -> None:
        self._see_off()
        for place in self.places:
            if place.worker is not None and not place.worker.process.is_alive():
                self._lost(place, place.worker)
            if place.successor is not None:
                self._look_at_successor(place, place.successor)
            elif place.worker is None and time.monotonic() >= place.due_s:
                self._begin(place)
        if self._to_reload and not any(place.successor for place in self.places):
            self._begin(self._to_reload.pop(0))

    def _begin(self, place: Place) -> None:
        try:
            place.listener = place.listener or self._listen()
            place.successor = self._spawn(place)
            place.successor.end_by_s = time.monotonic() + READY_TIMEOUT_S
        except OSError as error:
            logger.error("a worker cannot be started: %s", error.strerror)  # noqa: TRY400
            self._not_started(place)

    def _look_at_successor(self, place: Place, successor: Worker) -> None:
        if not successor.ready.poll():
            if time.monotonic() >= successor.end_by_s:
                logger.error("a new worker was not ready within %.0f s", READY_TIMEOUT_S)
                self._kill(successor)
                self._not_started(place)
            return
        try:
            successor.ready.recv_bytes()
        except EOFError:
            self._kill(successor)
            self._not_started(place)
            return
        successor.ready.close()
        successor.end_by_s = math.inf
        assert place.listener is not None, "a place with a successor has a socket"
        # The worker is about to, but now it is said that it is ready.
        place.listener.listen(BACKLOG)
        if place.worker is not None:
            self._dismiss(place.worker)
        place.worker, place.successor = successor, None

    def _not_started(self, place: Place) -> None:
        self.failures += 1
        place.successor = None
        if place.worker is not None:
            logger.error("the reload is given up, since a new worker did not start; the running ones go on")
            self._to_reload.clear()
            return
        logger.error("a worker did not start; trying again in %.0f s", RETRY_PAUSE_S)
        place.close()
        place.due_s = time.monotonic() + RETRY_PAUSE_S

    def _lost(self, place: Place, worker: Worker) -> None:
        now_s = time.monotonic()
        worker.process.join()
        place.worker = None
        logger.critical("a worker died (exit code %s); it is replaced", worker.process.exitcode)
        if place.successor is not None:
            return
        place.close()
        place.due_s = now_s
        if now_s - worker.born_s < CRASH_LOOP_S:
            logger.critical("it lived less than %.0f s; the next one waits %.0f s", CRASH_LOOP_S, RETRY_PAUSE_S)
            place.due_s += RETRY_PAUSE_S

    def _dismiss(self, worker: Worker) -> None:
        worker.process.terminate()
        worker.end_by_s = time.monotonic() + self._stop_timeout_s
        self._leaving.append(worker)

    def _see_off(self) -> None:
        """Let those go that have ended, and make those that are late."""
        for worker in tuple(self._leaving):
            if worker.process.is_alive() and time.monotonic() >= worker.end_by_s:
                logger.warning("a worker did not stop within %.0f s and is killed", self._stop_timeout_s)
                self._kill(worker)
            if not worker.process.is_alive():
                worker.process.join()
                self._leaving.remove(worker)

    def _kill(self, worker: Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.ready.close()

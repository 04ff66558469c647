"""Remembers what was received, so that tests can see what a gateway really sent, and when it hung up."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Enough for any test; a server that records for days must not grow.
RECORDS_MAX = 1_000


@dataclass(slots=True)
class Record:
    """One request. Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: str
    received_ns: int
    answered_ns: int | None = None  # the last byte was handed to the system
    closed_early_ns: int | None = None  # the client left before that


class Recorder:
    """The last requests, oldest first."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.records: deque[Record] = deque(maxlen=RECORDS_MAX)
        self._clock_ns = clock_ns

    def received(self, method: str, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Record:
        names = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
        record = Record(method, path, names, body.decode(errors="replace"), self._clock_ns())
        self.records.append(record)
        return record

    def answered(self, record: Record) -> None:
        record.answered_ns = self._clock_ns()

    def left(self, record: Record) -> None:
        record.closed_early_ns = self._clock_ns()

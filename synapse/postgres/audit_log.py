"""The audit log of one worker: a bounded queue of encoded records, and one task that ships them in batches.

It refuses rather than drops: `open` raises when there is no room for the records of another request, and what was let
in is kept until Postgres has it. With Postgres away requests go on being served until the queue is full.
"""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from ..errors import AuditUnavailable
from ..model import AuditEntry
from .audit_rows import RowEncoder
from .audit_shipper import AuditShipper
from .connect import UNREACHABLE
from .named_queries import named_queries

# Records that wait: some 10 MB, and a restart of Postgres of 5 s at 2,000 requests/s.
QUEUE_RECORDS_MAX = 20_000
# A batch goes out when this many wait, or this long after the first of them. From 256 on larger ones gain little.
FLUSH_RECORDS = 256
FLUSH_INTERVAL_S = 0.05
# How often a worker looks for dead ones, and how long a live one has to come back (audit_recovery.py). It is longer
# than RETRY_MAX_S, so that a writer without a connection has tried to get one in between.
LOOK_INTERVAL_S = 5.0
# Pauses between attempts while Postgres is away.
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 2.0
# One attempt: connecting, shipping what waits. Postgres ends single statements earlier.
ATTEMPT_TIMEOUT_S = 30.0

_log = logging.getLogger("synapse.audit")


def now_us() -> int:
    return time.time_ns() // 1000


class PostgresAuditLog:
    """`open`, `intend` and `close` are called from the event loop that `start` was called from, and do no I/O."""

    def __init__(
        self,
        connect: Callable[[], Awaitable["asyncpg.Connection[Any]"]],
        *,
        hash_key: bytes | None = None,
        queue_records_max: int = QUEUE_RECORDS_MAX,
        flush_records: int = FLUSH_RECORDS,
        flush_interval_s: float = FLUSH_INTERVAL_S,
        look_interval_s: float = LOOK_INTERVAL_S,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._hash_key = hash_key
        self._queue_records_max = queue_records_max
        self._flush_records = flush_records
        self._flush_interval_s = flush_interval_s
        self._look_interval_s = look_interval_s
        self._encoder = RowEncoder()
        self._queue: list[bytes] = []
        self._open_requests = 0
        self._accepting = False
        self._stopping = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._shipper = AuditShipper(
            connect,
            queue=self._queue,
            encoder=self._encoder,
            queries=named_queries("audit.sql"),
            on_connection_lost=self._wake.set,
            clock_us=clock_us,
        )
        # Attempts that failed, in all and since the last that succeeded.
        self.failures = 0
        self.failures_in_a_row = 0

    def open(self) -> None:
        """Reserve room for the intent and the outcome of one request. Raises AuditUnavailable when there is none."""
        # Both records stay reserved until the outcome is queued, although the intent is among `waiting` by then: at
        # worst this refuses a little early, and it is cheaper than knowing which requests have recorded theirs.
        if not self.has_room:
            raise AuditUnavailable(self._why_unavailable())
        self._open_requests += 1

    def intend(self, entry: AuditEntry) -> None:
        """Record the entry as it is now: the upstream is about to be called."""
        self._add(self._encoder.intent(entry))

    def close(self, entry: AuditEntry) -> None:
        """Record the entry as it is now: the outcome. Once for each `open`."""
        self._open_requests -= 1
        self._add(self._encoder.outcome(entry))

    def digest(self, text: bytes) -> bytes:
        """32 bytes: SHA-256, or HMAC-SHA-256 when a hash key is set."""
        return digest(text, self._hash_key)

    @property
    def accepting(self) -> bool:
        """Whether it runs. It may be full all the same."""
        return self._accepting

    @property
    def waiting(self) -> int:
        """Records that Postgres does not have yet."""
        return len(self._queue) + self._shipper.sending

    @property
    def has_room(self) -> bool:
        """Whether `open` would let a request in."""
        return self._accepting and self.waiting + 2 * self._open_requests + 2 <= self._queue_records_max

    @property
    def open_requests(self) -> int:
        return self._open_requests

    @property
    def shipper(self) -> AuditShipper:
        """What counts the records that were shipped."""
        return self._shipper

    async def start(self) -> None:
        """Begin to accept entries. Postgres may be away: they wait until it is back."""
        self._loop = asyncio.get_running_loop()
        self._accepting = True
        self._task = self._loop.create_task(self._run(), name="audit log")
        self._task.add_done_callback(self._ended)

    async def stop(self, drain_s: float) -> int:
        """Write what waits, for at most `drain_s`, and end. Returns how many records could not be written."""
        self._accepting = False
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=drain_s)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.waiting:
            _log.error("%d audit records could not be written within %.1f s and are lost.", self.waiting, drain_s)
        return self.waiting

    def _add(self, record: bytes) -> None:
        self._queue.append(record)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self._flush_interval_s, self._wake.set)
        elif len(self._queue) == self._flush_records:
            self._wake.set()

    async def _run(self) -> None:
        pause_s = RETRY_FIRST_S
        try:
            while not (self._stopping and not self.waiting):
                try:
                    await self._attempt()
                    pause_s = RETRY_FIRST_S
                # Whatever went wrong, the records must be kept and tried again: this task may not die.
                except Exception as error:  # noqa: BLE001
                    self._failed(error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, RETRY_MAX_S)
            await self._shipper.finish(all_closed=self._open_requests == 0)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            # Everything is written; that this writer stopped is found out without its word.
            _log.warning("The audit writer could not sign off (%s).", _reason(error))
        finally:
            self._shipper.disconnect()

    async def _attempt(self) -> None:
        """Ship what waits, look after the house, then wait until there is more to do."""
        # Cleared before the queue is read: what comes later wakes this task again.
        self._wake.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
            await self._shipper.ship()
            if not self._stopping:
                await self._shipper.keep_house(every_s=self._look_interval_s)
        if self.failures_in_a_row:
            _log.warning("The audit log is written again; %d records wait.", self.waiting)
            self.failures_in_a_row = 0
        if not self._stopping:
            await self._more_to_do()

    async def _more_to_do(self) -> None:
        """Wait for records, a lost connection, the next look or the end."""
        try:
            async with asyncio.timeout(self._look_interval_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _failed(self, error: Exception) -> None:
        self._shipper.disconnect()
        self.failures += 1
        self.failures_in_a_row += 1
        if self.failures_in_a_row == 1:
            _log.warning(
                "The audit log cannot be written (%s); %d records wait, room for %d. Trying again until it can.",
                *(_reason(error), self.waiting, self._queue_records_max),
            )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._accepting = False
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("The audit log ended (%s): no more requests are let in. Restart the worker.", _reason(error))

    def _why_unavailable(self) -> str:
        if not self._accepting:
            return "The audit log is not running, so no request can be recorded. Try again in a moment."
        return (
            f"The audit log is full: {self.waiting} records wait for PostgreSQL. Requests are refused until they are "
            "written; check the database."
        )


def digest(text: bytes, hash_key: bytes | None) -> bytes:
    """What the log keeps of a text."""
    return hashlib.sha256(text).digest() if hash_key is None else hmac.digest(hash_key, text, "sha256")


def _reason(error: BaseException) -> str:
    """Without the detail that Postgres adds: it may quote values of a record."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{error.sqlstate}: {error.args[0] if error.args else type(error).__name__}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

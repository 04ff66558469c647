"""Ships the records of a worker's queue over its one connection, and keeps what it took until the log has it.

Every method may fail with whatever the connection fails with. Then `disconnect`, and call again: nothing is lost by it
and nothing is written twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from .audit_chain import seal
from .audit_partitions import AuditPartitions
from .audit_recovery import LostWriters
from .audit_rows import RowEncoder, is_intent, request_id_of, started_at_of
from .audit_writer import AuditWriter, LogDisagrees, WriterFinished
from .instants import instant

# The most of one batch, when many wait: 2 ms of work for the event loop.
BATCH_RECORDS_MAX = 2_048

_log = logging.getLogger("synapse.audit")


class AuditShipper:
    """Takes records from the front of `queue`, which others append to."""

    def __init__(
        self,
        connect: Callable[[], Awaitable["asyncpg.Connection[Any]"]],
        *,
        queue: list[bytes],
        encoder: RowEncoder,
        queries: Mapping[str, str],
        on_connection_lost: Callable[[], object],
        clock_us: Callable[[], int],
    ) -> None:
        self._connect = connect
        self._queue = queue
        self._queries = queries
        self._on_connection_lost = on_connection_lost
        self._clock_us = clock_us
        self._connection: asyncpg.Connection[Any] | None = None
        self._writer = AuditWriter(queries, now_us=clock_us())
        self._partitions = AuditPartitions(queries)
        self._lost_writers = LostWriters(queries, encoder)
        self._sending: Sequence[bytes] = ()
        self._open: dict[bytes, int] = {}  # when the requests started whose intents are shipped, their outcomes not
        self._house_due_s = 0.0
        # Counted.
        self.shipped = 0
        self.batches = 0
        self.recovered = 0
        self.duplicates = 0

    @property
    def writer_id(self) -> UUID:
        return self._writer.id

    @property
    def connected(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    @property
    def keeps_house(self) -> bool:
        """Whether it has looked after partitions and dead writers at least once."""
        return self._house_due_s > 0

    @property
    def sending(self) -> int:
        """Records taken from the queue that are not known to be in the log."""
        return len(self._sending)

    async def ship(self) -> None:
        """Ship until nothing waits that waited at the call."""
        connection = await self._connected()
        rounds = 1 + len(self._queue) // BATCH_RECORDS_MAX
        for _ in range(rounds + bool(self._sending)):
            if not self._sending:
                self._sending = self._queue[:BATCH_RECORDS_MAX]
                del self._queue[:BATCH_RECORDS_MAX]
            if self._sending:
                await self._send(connection)

    async def keep_house(self, *, every_s: float) -> None:
        """When it is time: the partitions to come, the intents of writers that died."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._house_due_s:
            return
        connection = await self._connected()
        if self._partitions.is_due(self._clock_us()):
            await self._partitions.upkeep(connection, now_us=self._clock_us())
        for lost in await self._lost_writers.look(connection, self._writer, now_s=now_s, patience_s=every_s):
            self.recovered += await self._lost_writers.close(
                *(connection, lost),
                writer=self._writer,
                now_us=self._clock_us(),
                open_since_us=self._open_since_us(),
            )
        self._house_due_s = now_s + every_s

    async def finish(self, *, all_closed: bool) -> None:
        """The end of this writer. With requests still open it is left to be found, as if it had died."""
        if all_closed and self._connection is not None and not self._connection.is_closed():
            await self._writer.stop(self._connection, now_us=self._clock_us())

    def disconnect(self) -> None:
        """Give the connection up, also in the middle of something."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.remove_termination_listener(self._lost_connection)
            connection.terminate()

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._connection = connection = await self._connect()
        connection.add_termination_listener(self._lost_connection)
        await self._attach(connection)
        return connection

    async def _attach(self, connection: "asyncpg.Connection[Any]") -> None:
        try:
            await self._writer.attach(connection)
            if self._sending:
                return  # The watermark is compared when they are sent again.
            async with connection.transaction():
                # Entries for a dead writer may have been written by a commit whose end was not seen.
                self._writer.head = await self._writer.watermark(connection)
        except (WriterFinished, asyncpg.LockNotAvailableError) as reason:
            await self._begin_again(connection, reason)

    async def _send(self, connection: "asyncpg.Connection[Any]") -> None:
        await self._partitions.cover(connection, self._sending)
        try:
            await self._ship(connection, self._sending)
        except (WriterFinished, LogDisagrees) as reason:
            await self._begin_again(connection, reason)
            await self._ship(connection, self._sending)
        except asyncpg.UniqueViolationError:
            await self._drop_present(connection)
            if self._sending:
                await self._ship(connection, self._sending)
        self.shipped += len(self._sending)
        self.batches += 1
        self._sending = ()

    async def _ship(self, connection: "asyncpg.Connection[Any]", records: Sequence[bytes]) -> None:
        self._follow(records)
        batch = seal(records, writer=self._writer.id.bytes, base=self._writer.head)
        await self._writer.ship(connection, batch, now_us=self._clock_us(), open_since_us=self._open_since_us())

    def _follow(self, records: Sequence[bytes]) -> None:
        """Keep track of which requests are open. Following the same records again changes nothing."""
        for record in records:
            if is_intent(record):
                self._open[request_id_of(record)] = started_at_of(record)
            else:
                self._open.pop(request_id_of(record), None)

    def _open_since_us(self) -> int | None:
        return min(self._open.values(), default=None)

    async def _begin_again(self, connection: "asyncpg.Connection[Any]", reason: Exception) -> None:
        """This writer cannot go on: ship what waits as a new one. Nothing is lost by it.

        After LogDisagrees the lock of the old one is kept, so that its open requests are ours as long as we live.
        """
        if isinstance(reason, LogDisagrees):
            _log.critical("The audit writer %s goes on as a new one: %s.", self._writer.id, reason)
        else:
            why = "others took it for dead" if isinstance(reason, WriterFinished) else "an earlier session holds it"
            _log.warning("The audit writer %s goes on as a new one: %s.", self._writer.id, why)
        self._open.clear()
        self._writer = AuditWriter(self._queries, now_us=self._clock_us())
        await self._writer.attach(connection)

    async def _drop_present(self, connection: "asyncpg.Connection[Any]") -> None:
        """Leave out outcomes of requests that have one: those that others closed for us when they took us for dead."""
        outcomes = [record for record in self._sending if not is_intent(record)]
        started = [started_at_of(record) for record in outcomes]
        rows = await connection.fetch(
            self._queries["present"],
            *([UUID(bytes=request_id_of(record)) for record in outcomes], instant(min(started)), instant(max(started))),
        )
        present = {row["request_id"].bytes for row in rows}
        kept: list[bytes] = []
        for record in self._sending:
            request_id = request_id_of(record)
            if is_intent(record):
                kept.append(record)
            elif request_id not in present:
                present.add(request_id)
                kept.append(record)
        self._open = {key: value for key, value in self._open.items() if key not in present}
        self.duplicates += len(self._sending) - len(kept)
        _log.error("%d audit records were in the log already; left out.", len(self._sending) - len(kept))
        self._sending = kept

    def _lost_connection(self, _: object) -> None:
        self._on_connection_lost()

"""One writer's place in the database: its row with the watermark, its lock, and the transaction that ships a batch.

A batch is there or it is not: rows and watermark change in one transaction. When the connection breaks at the commit,
the next look at the watermark tells which of the two it is.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from ..model import uuid7
from .audit_chain import Batch, Head
from .audit_rows import INTENT_COLUMNS, LOG_COLUMNS
from .instants import instant


class WriterFinished(Exception):
    """Other workers took this writer for dead and gave its open intents an outcome. It must write no more."""


class LogDisagrees(Exception):
    """The log is not what this writer left: it cannot go on, but a new writer can."""


class RecordsRefused(Exception):
    """The log did not take what it was given, and said nothing."""


class AuditWriter:
    """The identity under which one worker writes. A new one is made at each start, and when this one cannot go on."""

    def __init__(self, queries: Mapping[str, str], *, now_us: int) -> None:
        self.id = UUID(uuid7())
        self.head = Head()
        self._queries = queries
        self._started_at = instant(now_us)
        # The random half of the UUID, as the signed integer an advisory lock takes.
        self._lock_key = int.from_bytes(self.id.bytes[8:], "big", signed=True)

    async def attach(self, connection: "asyncpg.Connection[Any]") -> None:
        """Go on over a new connection. The lock comes before the row, so that nobody finds the row unlocked.

        Raises asyncpg.LockNotAvailableError when an earlier session of this writer is not over after some seconds.
        """
        await connection.execute(self._queries["settings"])
        await connection.execute(self._queries["hold_lock"], self._lock_key)
        await connection.execute(
            self._queries["register"],
            *(self.id, self._lock_key, socket.gethostname(), os.getpid(), self._started_at, self.head.hash),
        )

    async def watermark(self, connection: "asyncpg.Connection[Any]") -> Head:
        """The end of the chain that the database has. Raises WriterFinished."""
        row = await connection.fetchrow(self._queries["watermark"], self.id)
        if row is None:
            raise LogDisagrees("this writer's row in audit_writers is gone")
        if row["finished"]:
            raise WriterFinished
        return Head(row["seq"], row["head"])

    async def ship(
        self, connection: "asyncpg.Connection[Any]", batch: Batch, *, now_us: int, open_since_us: int | None
    ) -> None:
        """Make sure that the batch is in the log, once. Raises WriterFinished, LogDisagrees, and what append raises."""
        async with connection.transaction():
            there = await self.watermark(connection)
            if there == batch.base:
                await self.append(connection, batch, now_us=now_us, open_since_us=open_since_us)
            elif there != batch.head:
                raise LogDisagrees(
                    f"the log ends at record {there.seq} of this writer, expected {batch.base.seq}: find out whether "
                    "the database was restored or failed over"
                )
        self.head = batch.head

    async def append(
        self, connection: "asyncpg.Connection[Any]", batch: Batch, *, now_us: int, open_since_us: int | None
    ) -> None:
        """Copy a batch and advance the watermark, inside a transaction of the caller. Raises RecordsRefused."""
        await _copy(connection, "audit_intents", columns=INTENT_COLUMNS, rows=batch.intents, source=batch.intents_copy)
        await _copy(connection, "audit_log", columns=LOG_COLUMNS, rows=batch.outcomes, source=batch.outcomes_copy)
        open_since = None if open_since_us is None else instant(open_since_us)
        await connection.execute(
            self._queries["advance"], self.id, batch.head.seq, batch.head.hash, open_since, instant(now_us)
        )

    async def stop(self, connection: "asyncpg.Connection[Any]", *, now_us: int) -> None:
        """Say that nothing of this writer is missing or open."""
        await connection.execute(self._queries["stop"], self.id, instant(now_us))


async def _copy(
    connection: "asyncpg.Connection[Any]", table: str, *, columns: tuple[str, ...], rows: int, source: bytearray
) -> None:
    if rows == 0:
        return
    status = await connection.copy_to_table(
        table, schema_name="synapse", columns=columns, source=source, format="binary"
    )
    # A trigger or a rule that somebody added could swallow rows without an error.
    if status != f"COPY {rows}":
        raise RecordsRefused(f"{table} took {status!r} of {rows} records")

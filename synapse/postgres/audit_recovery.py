"""Gives the open intents of dead writers their outcome: a worker that was killed leaves its gap on the record.

A writer is taken for dead when its lock was free at two looks some seconds apart, so that a live one whose connection
broke has this time to come back. A writer that was closed can never write again, whoever was right.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from ..model import AuditEntry
from .audit_chain import seal
from .audit_fields import unescaped
from .audit_rows import RowEncoder
from .audit_writer import AuditWriter
from .instants import epoch_us, instant

# What stands in `error_code` of an entry that its own worker could not close.
WRITER_LOST = "writer_lost"

_TEXTS = (
    *("endpoint", "team_name", "key_prefix", "client_ip", "user_agent", "model_requested", "upstream", "zone"),
    *("classification", "route_reason", "dlp_action", "incident_id", "policy_version"),
)
_IDS = ("team_id", "key_id")
_AS_THEY_ARE = ("request_bytes", "stream", "prompt_sha256", "request_sha256")


class LostWriters:
    """Watches for writers that died, over a worker's own connection."""

    def __init__(self, queries: Mapping[str, str], encoder: RowEncoder) -> None:
        self._queries = queries
        self._encoder = encoder
        self._missed_since_s: dict[UUID, float] = {}

    async def look(
        self, connection: "asyncpg.Connection[Any]", writer: AuditWriter, *, now_s: float, patience_s: float
    ) -> list["asyncpg.Record"]:
        """The writers that were dead at every look for `patience_s`."""
        rows = await connection.fetch(self._queries["lost_writers"], writer.id)
        before = self._missed_since_s
        self._missed_since_s = {row["writer_id"]: before.get(row["writer_id"], now_s) for row in rows}
        return [row for row in rows if now_s - self._missed_since_s[row["writer_id"]] >= patience_s]

    async def close(
        self,
        connection: "asyncpg.Connection[Any]",
        lost: "asyncpg.Record",
        *,
        writer: AuditWriter,
        now_us: int,
        open_since_us: int | None,
    ) -> int:
        """Write `aborted` for each open intent of a dead writer, and close it. Another worker may be quicker."""
        queries, lost_id = self._queries, lost["writer_id"]
        batch = None
        async with connection.transaction():
            if not await connection.fetchval(queries["take_lost_writer"], lost["lock_key"]):
                return 0
            if await connection.fetchval(queries["unfinished_writer"], lost_id) is None:
                return 0
            intents = await connection.fetch(queries["abandoned_intents"], lost_id)
            if intents:
                records = [self._encoder.outcome(_aborted(intent, now_us)) for intent in intents]
                batch = seal(records, writer=writer.id.bytes, base=await writer.watermark(connection))
                await writer.append(connection, batch, now_us=now_us, open_since_us=open_since_us)
            await connection.execute(queries["close_writer"], lost_id, instant(now_us), writer.id)
        if batch is not None:
            writer.head = batch.head
        return len(intents)


def _aborted(intent: "asyncpg.Record", now_us: int) -> AuditEntry:
    """The entry of a request of which only the intent is known. It ends when that was found out."""
    entry = AuditEntry(str(intent["request_id"]), epoch_us(intent["started_at"]), "", ended_at_us=now_us)
    for name in _AS_THEY_ARE:
        setattr(entry, name, intent[name])
    for name in _TEXTS:
        setattr(entry, name, None if intent[name] is None else unescaped(intent[name]))
    for name in _IDS:
        setattr(entry, name, None if intent[name] is None else str(intent[name]))
    entry.dlp_findings = orjson.loads(intent["dlp_findings"])
    entry.outcome, entry.error_code = "aborted", WRITER_LOST
    return entry

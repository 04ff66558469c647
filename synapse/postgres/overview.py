"""Reads the console's first page from PostgreSQL: a handful of bounded queries on one connection."""

from collections.abc import Sequence
from typing import Any

import orjson

from ..overview import EntryView, KeyView, RecordsView, TeamView, TrafficView
from .console_database import ConsoleDatabase
from .named_queries import named_queries

TEAMS_MAX = 100
KEYS_MAX = 200
ENTRIES_MAX = 50
TRAFFIC_WINDOW_S = 300
TRAFFIC_ENTRIES_MAX = 20_000


class PostgresRecords:
    """Implements `overview.Records` as the runtime role."""

    def __init__(self, database: ConsoleDatabase) -> None:
        self._database = database
        self._queries = named_queries("overview.sql")

    async def overview(self) -> RecordsView:
        async with self._database.connection() as connection:
            teams = await connection.fetch(self._queries["teams"], TEAMS_MAX)
            keys = await connection.fetch(self._queries["keys"], KEYS_MAX)
            entries = await connection.fetch(self._queries["entries"], ENTRIES_MAX)
            traffic = await connection.fetchrow(self._queries["traffic"], TRAFFIC_WINDOW_S, TRAFFIC_ENTRIES_MAX)
        return RecordsView(
            teams=[TeamView(row["name"], row["contact"], row["keys_active"]) for row in teams],
            teams_total=_windowed(teams, "total"),
            keys=[_key(row) for row in keys],
            keys_total=_windowed(keys, "total"),
            keys_active=_windowed(keys, "active"),
            entries=[_entry(row) for row in entries],
            traffic=TrafficView(
                window_s=TRAFFIC_WINDOW_S, capped=traffic["requests"] >= TRAFFIC_ENTRIES_MAX, **traffic
            ),
        )


def _windowed(rows: Sequence[Any], column: str) -> int:
    """A count over all rows, which every row carries."""
    return int(rows[0][column]) if rows else 0


def _key(row: Any) -> KeyView:
    return KeyView(
        prefix=row["prefix"],
        team=row["team"],
        purpose=row["purpose"],
        models=row["models"],
        classification=row["classification"],
        dlp_policy=row["dlp_policy"],
        state=row["state"],
        expires_at=row["expires_at"],
    )


def _entry(row: Any) -> EntryView:
    return EntryView(
        request_id=str(row["request_id"]),
        started_at=row["started_at"],
        key_prefix=row["key_prefix"],
        team=row["team_name"],
        model=row["model"],
        upstream=row["upstream"],
        zone=row["zone"],
        stream=row["stream"],
        outcome=row["outcome"],
        status=row["http_status"],
        error_code=row["error_code"],
        latency_us=row["latency_us"],
        dlp_action=row["dlp_action"],
        findings=orjson.loads(row["dlp_findings"]),
    )

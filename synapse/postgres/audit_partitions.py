"""Sees to it that every record finds its month's partition, also one written in another month than it started."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from .audit_rows import started_at_of
from .instants import epoch_us, instant

# This month and the next two: two months in which a gateway that nobody restarts cannot be surprised.
MONTHS_AHEAD = 3
UPKEEP_INTERVAL_US = 24 * 3600 * 1_000_000


class AuditPartitions:
    """What one worker knows of the partitions that exist. Making one that exists already is harmless."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        self._ensure = queries["ensure_partitions"]
        self._from_us = self._until_us = 0
        self._upkeep_due_us = 0
        self._others: set[date] = set()

    def is_due(self, now_us: int) -> bool:
        return now_us >= self._upkeep_due_us

    async def upkeep(self, connection: "asyncpg.Connection[Any]", *, now_us: int) -> None:
        """Make this month's partitions and those of the months ahead."""
        first = _month_of(now_us)
        await connection.execute(self._ensure, first, MONTHS_AHEAD)
        self._from_us, self._until_us = _start_us(first), _start_us(_later(first, MONTHS_AHEAD))
        self._upkeep_due_us = now_us + UPKEEP_INTERVAL_US

    async def cover(self, connection: "asyncpg.Connection[Any]", records: Iterable[bytes]) -> None:
        """Make the partitions of records that fall outside of those months."""
        outside = {
            _month_of(started_us)
            for started_us in map(started_at_of, records)
            if not self._from_us <= started_us < self._until_us
        }
        for month in outside - self._others:
            await connection.execute(self._ensure, month, 1)
            self._others.add(month)


def _month_of(epoch_us: int) -> date:
    return instant(epoch_us).date().replace(day=1)


def _later(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def _start_us(month: date) -> int:
    return epoch_us(datetime(month.year, month.month, 1, tzinfo=UTC))

"""Moments between us, who count microseconds since 1970, and asyncpg, which wants datetimes. Exact both ways."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(epoch_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=epoch_us)


def epoch_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND

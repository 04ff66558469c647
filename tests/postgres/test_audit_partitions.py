"""Every record finds the partition of its month, whatever month it is by now."""

from datetime import UTC, datetime

import asyncpg
import pytest
from audit_support import entry, entry_of, fetch, record, running, until

from synapse.postgres.instants import epoch_us
from synapse.postgres.pool import runtime_connection

DAY_US = 24 * 3600 * 1_000_000


def at(text: str) -> int:
    return epoch_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


async def months(dsn: str) -> list[str]:
    rows = await fetch(
        dsn,
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
        "WHERE inhparent IN ('synapse.audit_log'::regclass, 'synapse.audit_intents'::regclass) ORDER BY 1",
    )
    names = [row["name"].removeprefix("synapse.audit_") for row in rows]
    assert [name.removeprefix("log_") for name in names if name.startswith("log_")] == [
        name.removeprefix("intents_") for name in names if name.startswith("intents_")
    ]
    return [name.removeprefix("log_") for name in names if name.startswith("log_")]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-01T00:00:00", ["2026_01", "2026_02", "2026_03"]),
        ("2026-01-31T23:59:59.999999", ["2026_01", "2026_02", "2026_03"]),
        ("2027-11-30T12:00:00", ["2027_11", "2027_12", "2028_01"]),
        ("2028-02-29T00:00:00", ["2028_02", "2028_03", "2028_04"]),
    ],
)
async def test_this_month_and_the_next_two_are_there_at_the_start(
    postgres_dsn: str, now: str, expected: list[str]
) -> None:
    async with running(postgres_dsn, clock_us=lambda: at(now)) as log:
        await until(lambda: log.shipper.keeps_house)
    assert await months(postgres_dsn) == expected


async def test_they_are_made_daily_while_the_worker_runs(postgres_dsn: str) -> None:
    now = at("2026-01-31T12:00:00")
    async with running(postgres_dsn, clock_us=lambda: now, look_interval_s=0.02) as log:
        await until(lambda: log.shipper.keeps_house)
        now += DAY_US

        async def a_month_more() -> bool:
            return (await months(postgres_dsn))[-1] == "2026_04"

        await until(a_month_more)


async def test_an_entry_of_last_month_that_is_written_this_month_goes_to_last_month(postgres_dsn: str) -> None:
    made = [
        entry(started_at_us=at("2026-01-31T23:59:59.999999"), ended_at_us=at("2026-02-01T00:00:01")),
        entry(started_at_us=at("2026-02-01T00:00:00"), ended_at_us=at("2026-02-01T00:00:01")),
    ]
    async with running(postgres_dsn, clock_us=lambda: at("2026-02-01T00:00:01")) as log:
        await until(lambda: log.shipper.keeps_house)
        for each in made:
            record(log, each, intended=True)
    assert (await months(postgres_dsn))[0] == "2026_01"
    for month, each in zip(("2026_01", "2026_02"), made, strict=True):
        (row,) = await fetch(postgres_dsn, f"SELECT * FROM synapse.audit_log_{month}")
        assert entry_of(row) == each
        assert len(await fetch(postgres_dsn, f"SELECT FROM synapse.audit_intents_{month}")) == 1


async def test_records_of_any_time_find_a_partition(postgres_dsn: str) -> None:
    # A clock that was never set, and one that is far ahead.
    times = ["1970-01-01T00:00:00", "1999-12-31T23:59:59", "2261-12-31T23:59:59.999999"]
    async with running(postgres_dsn) as log:
        for time in times:
            record(log, entry(started_at_us=at(time), ended_at_us=at(time)), intended=True)
        await until(lambda: log.waiting == 0)
        assert log.failures == 0
    rows = await fetch(postgres_dsn, "SELECT started_at FROM synapse.audit_log ORDER BY 1")
    assert [epoch_us(row[0]) for row in rows] == [at(time) for time in times]


async def test_a_month_begins_in_utc_whatever_the_session_says(postgres_dsn: str) -> None:
    connection = await runtime_connection(postgres_dsn)
    await connection.execute("SET timezone = 'Pacific/Auckland'")
    await connection.execute("SELECT synapse.ensure_audit_partitions('2026-04-30', 2)")
    await connection.close()
    rows = await fetch(
        postgres_dsn,
        "SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'audit_log_2026_05'",
    )
    assert "2026-05-01 00:00:00+00" in rows[0]["bound"]


@pytest.mark.parametrize("call", ["('2026-01-01', 0)", "('2026-01-01', 13)", "('1969-12-31', 1)", "('2262-01-01', 1)"])
async def test_the_function_makes_no_more_than_it_is_for(postgres_dsn: str, call: str) -> None:
    connection = await runtime_connection(postgres_dsn)
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await connection.execute(f"SELECT synapse.ensure_audit_partitions{call}")
    await connection.close()


async def test_workers_that_make_the_same_partitions_at_once_do_not_fail(postgres_dsn: str) -> None:
    async with running(postgres_dsn) as one, running(postgres_dsn) as two, running(postgres_dsn) as three:
        logs = (one, two, three)
        for log in logs:
            record(log, entry(started_at_us=at("2040-01-01T00:00:00")))
        await until(lambda: not any(log.waiting for log in logs))
        assert [log.failures for log in logs] == [0, 0, 0]

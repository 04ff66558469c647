"""A worker that died leaves intents without an outcome: each gets exactly one, `aborted`, from somebody who lives."""

import asyncio
import itertools
import os
import signal
import sys
import textwrap
from pathlib import Path
from uuid import UUID

import pytest
from audit_support import (
    LosesCommits,
    die,
    entry_of,
    execute,
    fetch,
    losing_commits,
    new_log,
    record,
    request_ids,
    running,
    until,
    whole_entry,
)

from synapse.postgres.audit_recovery import WRITER_LOST, LostWriters
from synapse.postgres.audit_rows import RowEncoder
from synapse.postgres.audit_writer import AuditWriter
from synapse.postgres.named_queries import named_queries
from synapse.postgres.pool import runtime_connection

FAST = {"look_interval_s": 0.05, "flush_interval_s": 0.01}


async def closed_writers(dsn: str) -> int:
    return len(await fetch(dsn, "SELECT FROM synapse.audit_writers WHERE closed_at IS NOT NULL"))


async def a_writer_that_died(dsn: str, *, open_requests: int = 1, closed_requests: int = 0) -> list[str]:
    """The requests that it left open."""
    log = new_log(dsn, **FAST)
    await log.start()
    for _ in range(closed_requests):
        record(log, whole_entry(), intended=True)
    left_open = [whole_entry() for _ in range(open_requests)]
    for made in left_open:
        log.open()
        log.intend(made)
    await until(lambda: log.waiting == 0)
    await die(log)
    return [made.request_id for made in left_open]


async def test_an_abandoned_intent_gets_an_aborted_entry_with_what_was_known(postgres_dsn: str) -> None:
    (request_id,) = await a_writer_that_died(postgres_dsn)
    async with running(postgres_dsn, **FAST) as log:
        await until(lambda: log.shipper.recovered == 1)
        survivor = log.shipper.writer_id
    (row,) = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log")
    kept, known = entry_of(row), whole_entry()
    assert (kept.request_id, kept.outcome, kept.error_code) == (request_id, "aborted", WRITER_LOST)
    assert (row["writer_id"], row["seq"]) == (survivor, 1)
    for name in ("team_id", "team_name", "key_id", "key_prefix", "client_ip", "user_agent", "model_requested"):
        assert getattr(kept, name) == getattr(known, name)
    for name in ("upstream", "zone", "classification", "route_reason", "stream", "dlp_findings", "request_bytes"):
        assert getattr(kept, name) == getattr(known, name)
    assert kept.completion_tokens is kept.response_sha256 is None
    assert kept.ended_at_us > kept.started_at_us


async def test_only_what_is_open_is_closed(postgres_dsn: str) -> None:
    left_open = await a_writer_that_died(postgres_dsn, open_requests=3, closed_requests=50)
    async with running(postgres_dsn, **FAST) as log:
        await until(lambda: log.shipper.recovered)
        record(log, whole_entry(), intended=True)
    rows = await fetch(postgres_dsn, "SELECT request_id, outcome FROM synapse.audit_log")
    assert len(rows) == len({row["request_id"] for row in rows}) == 54
    assert sorted(str(row["request_id"]) for row in rows if row["outcome"] == "aborted") == sorted(left_open)


async def test_workers_that_start_at_once_close_each_intent_once(postgres_dsn: str) -> None:
    left_open = [await a_writer_that_died(postgres_dsn, open_requests=5) for _ in range(3)]
    logs = [new_log(postgres_dsn, **FAST) for _ in range(4)]
    await asyncio.gather(*(log.start() for log in logs))

    async def all_closed() -> bool:
        return await closed_writers(postgres_dsn) == 3

    await until(all_closed)
    for log in logs:
        assert await log.stop(drain_s=10) == 0
    assert [log.failures for log in logs] == [0, 0, 0, 0]
    assert sum(log.shipper.recovered for log in logs) == 15
    assert sorted(await request_ids(postgres_dsn)) == sorted(itertools.chain(*left_open))


async def test_a_writer_that_lives_keeps_its_intents(postgres_dsn: str) -> None:
    async with running(postgres_dsn, **FAST) as living:
        living.open()
        living.intend(made := whole_entry())
        await until(lambda: living.waiting == 0)
        await a_writer_that_died(postgres_dsn)
        async with running(postgres_dsn, **FAST) as other:
            # It has had every opportunity when it has closed the dead one.
            await until(lambda: other.shipper.recovered == 1 or living.shipper.recovered == 1)
        assert made.request_id not in await request_ids(postgres_dsn)
        living.close(made)
    ((outcome,),) = await fetch(
        postgres_dsn, "SELECT outcome FROM synapse.audit_log WHERE request_id = $1", made.request_id
    )
    assert outcome == "completed"


async def test_a_writer_has_time_to_come_back(postgres_dsn: str) -> None:
    await a_writer_that_died(postgres_dsn)
    ((lost_id, lock_key),) = await fetch(postgres_dsn, "SELECT writer_id, lock_key FROM synapse.audit_writers")
    queries = named_queries("audit.sql")
    watch, me = LostWriters(queries, RowEncoder()), AuditWriter(queries, now_us=0)
    connection = await runtime_connection(postgres_dsn)

    async def look(now_s: float) -> list[UUID]:
        return [row["writer_id"] for row in await watch.look(connection, me, now_s=now_s, patience_s=5)]

    assert await look(100) == []
    assert await look(104.9) == []
    returned = await runtime_connection(postgres_dsn)
    await returned.execute("SELECT pg_advisory_lock($1)", lock_key)
    assert await look(106) == []
    await returned.execute("SELECT pg_advisory_unlock($1)", lock_key)
    assert await look(107) == []
    assert await look(112) == [lost_id]
    await returned.close()
    await connection.close()


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_closing_a_writer_over_a_connection_that_breaks_at_the_commit(
    postgres_dsn: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_open = await a_writer_that_died(postgres_dsn, open_requests=3)
    # The first commit is that of the new connection, the second closes the writer.
    monkeypatch.setattr(LosesCommits, "plan", ["none", fault])
    async with running(postgres_dsn, connect=losing_commits(postgres_dsn), **FAST) as log:

        async def closed() -> bool:
            return await closed_writers(postgres_dsn) == 1 and log.failures_in_a_row == 0 < log.failures

        await until(closed)
        after = [record(log, whole_entry(), intended=True).request_id for _ in range(3)]
        await until(lambda: log.waiting == 0)
        assert log.failures == 1
    assert sorted(await request_ids(postgres_dsn)) == sorted(left_open + after)


async def test_a_stopped_writer_is_left_alone(postgres_dsn: str) -> None:
    async with running(postgres_dsn, **FAST) as log:
        record(log, whole_entry(), intended=True)
    await a_writer_that_died(postgres_dsn)
    async with running(postgres_dsn, **FAST) as log:
        await until(lambda: log.shipper.recovered == 1)
    assert await closed_writers(postgres_dsn) == 1


async def test_a_writer_that_was_taken_for_dead_goes_on_as_a_new_one(postgres_dsn: str, superuser_dsn: str) -> None:
    # Its connection breaks and does not come back in time; meanwhile others close its open intent.
    connections = asyncio.Semaphore(1)

    async def connect() -> object:
        async with connections:
            return await runtime_connection(postgres_dsn)

    async with running(postgres_dsn, connect=connect, **FAST) as living:
        living.open()
        living.intend(made := whole_entry())
        await until(lambda: living.waiting == 0)
        first_id = living.shipper.writer_id
        async with connections:
            await execute(
                superuser_dsn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'synapse worker'",
            )
            async with running(postgres_dsn, **FAST) as other:
                await until(lambda: other.shipper.recovered == 1)
        after = [record(living, whole_entry(), intended=True).request_id for _ in range(5)]
        living.close(made)
        await until(lambda: living.waiting == 0)
        assert living.shipper.writer_id != first_id
        assert living.shipper.duplicates == 1
    rows = await fetch(postgres_dsn, "SELECT request_id, outcome, writer_id, seq FROM synapse.audit_log")
    outcomes = {str(row["request_id"]): row["outcome"] for row in rows}
    assert len(rows) == len(outcomes) == 6
    assert outcomes == {made.request_id: "aborted", **dict.fromkeys(after, "completed")}


@pytest.mark.parametrize("change", ["seq = seq + 7", "seq = seq - 2", "head = decode(repeat('00', 32), 'hex')"])
async def test_a_log_that_disagrees_is_reported_and_nothing_is_lost(
    postgres_dsn: str, superuser_dsn: str, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(postgres_dsn, **FAST) as log:
        log.open()
        log.intend(left_open := whole_entry())
        made = [record(log, whole_entry(), intended=True).request_id for _ in range(3)]
        await until(lambda: log.waiting == 0 and log.shipper.keeps_house)
        first_id = log.shipper.writer_id
        # A restored or failed-over database, in short.
        await execute(
            superuser_dsn,
            "ALTER TABLE synapse.audit_writers DISABLE TRIGGER only_forwards; "
            f"UPDATE synapse.audit_writers SET {change}; "
            "ALTER TABLE synapse.audit_writers ENABLE ALWAYS TRIGGER only_forwards",
        )
        made += [record(log, whole_entry(), intended=True).request_id for _ in range(3)]
        log.close(left_open)
        await until(lambda: log.waiting == 0)
        assert log.shipper.writer_id != first_id
        assert log.failures == 0
    (critical,) = [one.getMessage() for one in caplog.records if one.levelname == "CRITICAL"]
    assert str(first_id) in critical
    assert "restored or failed over" in critical
    assert sorted(await request_ids(postgres_dsn)) == sorted([*made, left_open.request_id])


async def test_a_writer_whose_earlier_session_does_not_end_goes_on_as_a_new_one(
    postgres_dsn: str, superuser_dsn: str
) -> None:
    async with running(postgres_dsn, **FAST) as log:
        made = [record(log, whole_entry(), intended=True).request_id]
        await until(lambda: log.waiting == 0)
        first_id = log.shipper.writer_id
        ((lock_key,),) = await fetch(postgres_dsn, "SELECT lock_key FROM synapse.audit_writers")
        stuck = await runtime_connection(postgres_dsn)
        held = asyncio.create_task(stuck.execute("SELECT pg_advisory_lock($1)", lock_key))
        await until(lambda: fetch(superuser_dsn, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        await execute(
            superuser_dsn,
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database()",
        )
        await held
        made.append(record(log, whole_entry(), intended=True).request_id)
        await until(lambda: log.waiting == 0)
        assert log.shipper.writer_id != first_id
        await stuck.close()
    assert await request_ids(postgres_dsn) == made


KILLED = """
    import asyncio, sys
    from functools import partial
    from audit_support import whole_entry
    from synapse.postgres.audit_log import PostgresAuditLog
    from synapse.postgres.pool import runtime_connection

    async def main():
        log = PostgresAuditLog(partial(runtime_connection, sys.argv[1]))
        await log.start()
        log.open()
        log.intend(made := whole_entry())
        while log.waiting:
            await asyncio.sleep(0.01)
        print(made.request_id, flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
"""


async def test_a_killed_process_leaves_its_gap_on_the_record(postgres_dsn: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(KILLED), postgres_dsn),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert process.stdout is not None
    request_id = (await process.stdout.readline()).decode().strip()
    async with running(postgres_dsn, **FAST) as log:
        await until(lambda: log.shipper.keeps_house)
        assert log.shipper.recovered == 0
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await until(lambda: log.shipper.recovered == 1)
    assert await request_ids(postgres_dsn) == [request_id]

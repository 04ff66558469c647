"""Postgres goes away under load, in every way it can: nothing is lost, nothing is there twice."""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from audit_support import LosesCommits, entry, execute, fetch, losing_commits, record, request_ids, running, until

from synapse.errors import AuditUnavailable
from synapse.postgres import migrations
from synapse.postgres.embedded import EmbeddedPostgres

KILL_OWN_BACKENDS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'synapse worker'
"""


class Load:
    """Requests, recorded one after the other without a pause, in a thread with its own event loop."""

    def __init__(self, dsn: str, **options: Any) -> None:
        self.made: list[str] = []
        self.refused = 0
        self.enough = threading.Event()
        self._dsn = dsn
        self._options = options

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with running(self._dsn, **self._options) as log:
            while not self.enough.is_set():
                try:
                    self.made.append(record(log, entry(outcome="completed"), intended=True).request_id)
                except AuditUnavailable:
                    self.refused += 1
                await asyncio.sleep(0.0002)


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A server that a test may break."""
    state_dir = Path(tempfile.mkdtemp(prefix="synapse-test-"))
    state_dir.chmod(0o711)
    server = EmbeddedPostgres(state_dir)
    server.start()
    asyncio.run(migrations.upgrade(server.dsn()))
    yield server
    server.stop()
    shutil.rmtree(state_dir)


def wait_for_more(load: Load, count: int) -> None:
    goal = len(load.made) + load.refused + count
    asyncio.run(until(lambda: len(load.made) + load.refused >= goal))


def test_an_immediate_restart_under_load_loses_and_doubles_nothing(own_server: EmbeddedPostgres) -> None:
    # SIGQUIT is `pg_ctl stop -m immediate`: no checkpoint, every connection cut, recovery at the next start.
    # Two workers, so that their locks are free at once and neither may take the other for dead. However long a busy
    # machine takes to start the server again, what they record meanwhile has room.
    loads = [Load(own_server.dsn(), queue_records_max=200_000) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(load.run) for load in loads]
        try:
            for _ in range(3):
                wait_for_more(loads[0], 200)
                assert own_server.pid is not None
                os.kill(own_server.pid, signal.SIGQUIT)
                own_server.stop()
                wait_for_more(loads[0], 50)
                own_server.start()
        finally:
            for load in loads:
                load.enough.set()
        for run in runs:
            run.result(timeout=30)
    logged = asyncio.run(request_ids(own_server.dsn()))
    made = loads[0].made + loads[1].made
    assert loads[0].refused == loads[1].refused == 0
    assert len(made) >= 750
    assert sorted(logged) == sorted(made)
    assert asyncio.run(numbering_has_no_gaps(own_server.dsn(), writers=2))


async def test_connections_that_are_terminated_again_and_again_lose_and_double_nothing(
    postgres_dsn: str, superuser_dsn: str
) -> None:
    load = Load(postgres_dsn, flush_records=16, flush_interval_s=0.005)
    with ThreadPoolExecutor() as threads:
        run = threads.submit(load.run)
        try:
            for _ in range(25):
                goal = len(load.made) + 20
                await until(lambda goal=goal: len(load.made) >= goal)
                await execute(superuser_dsn, KILL_OWN_BACKENDS)
        finally:
            load.enough.set()
        await asyncio.to_thread(run.result, 30)
    assert await request_ids(postgres_dsn) == load.made
    assert await numbering_has_no_gaps(postgres_dsn, writers=1)


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_batch_whose_commit_is_unknown_is_there_once(
    postgres_dsn: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(postgres_dsn, connect=losing_commits(postgres_dsn)) as log:
        made = [record(log, entry(), intended=True).request_id]
        await until(lambda: log.waiting == 0)
        monkeypatch.setattr(LosesCommits, "plan", [fault, fault, "none", fault])
        for _ in range(3):
            made += [record(log, entry(), intended=True).request_id for _ in range(10)]
            await until(lambda: log.waiting == 0)
        assert LosesCommits.plan == []
        assert log.failures >= 3
        assert log.shipper.duplicates == 0
    assert await request_ids(postgres_dsn) == made
    assert await numbering_has_no_gaps(postgres_dsn, writers=1)


async def test_a_lost_connection_is_replaced_also_while_nothing_is_recorded(
    postgres_dsn: str, superuser_dsn: str
) -> None:
    # Without a connection there is no lock, and without a lock others take the writer for dead.
    async def holders() -> set[int]:
        rows = await fetch(
            superuser_dsn,
            "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE locktype = 'advisory' AND datname = current_database()",
        )
        return {row["pid"] for row in rows}

    async def replaced() -> bool:
        return bool(await holders() - before)

    async with running(postgres_dsn, look_interval_s=60):
        await until(holders)
        before = await holders()
        await execute(superuser_dsn, KILL_OWN_BACKENDS)
        await until(replaced)


async def numbering_has_no_gaps(dsn: str, *, writers: int) -> bool:
    rows = await fetch(
        dsn,
        """
        SELECT min(seq) AS first, max(seq) AS last, count(*) AS count, count(DISTINCT seq) AS numbers
        FROM (SELECT writer_id, seq FROM synapse.audit_log UNION ALL SELECT writer_id, seq FROM synapse.audit_intents)
        GROUP BY writer_id
        """,
    )
    return len(rows) == writers and all(
        row["first"] == 1 and row["last"] == row["count"] == row["numbers"] for row in rows
    )

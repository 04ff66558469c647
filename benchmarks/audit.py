"""What the audit log costs: microseconds per record on the request path, and rows per second into Postgres.

Run it with `.venv/bin/python benchmarks/audit.py`. It starts an embedded PostgreSQL of its own, in a temporary
directory.
"""

import asyncio
import os
import platform
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from synapse.model import AuditEntry, uuid7
from synapse.postgres import migrations
from synapse.postgres.audit_chain import Head, seal
from synapse.postgres.audit_log import FLUSH_RECORDS, PostgresAuditLog
from synapse.postgres.audit_rows import RowEncoder
from synapse.postgres.embedded import EmbeddedPostgres
from synapse.postgres.pool import runtime_connection

RUNS = 20_000
CATCH_UP_REQUESTS = 9_000
STEADY_REQUESTS_PER_S = 2_000
STEADY_S = 4
TEAM_ID, KEY_ID = uuid7(), uuid7()


def an_entry() -> AuditEntry:
    now = time.time_ns() // 1000
    return AuditEntry(
        *(uuid7(), now, "/v1/chat/completions", now + 900_000, TEAM_ID, "Claims", KEY_ID, "syn_a1b2c3d4"),
        *("10.20.30.40", "OpenAI/Python 1.90.0", "claims-large", "llama-3.3-70b", "rack-2", "on_prem", "sensitive"),
        *("sensitive: on_prem only", True, "completed", 200, None, "stop", 812, 143, 4_000, 2_000, 900_000, 200_000),
        *(899_000, 40, 30, 60, "redact", {"iban": 1, "credit_card": 2}, uuid7(), "7"),
        *(os.urandom(32), os.urandom(32), os.urandom(32)),
    )


def us_per_call(call: Callable[[AuditEntry], object], entries: list[AuditEntry]) -> float:
    """The best of five, since whatever else the machine does only adds."""

    def once() -> float:
        begin = time.process_time()
        for entry in entries:
            call(entry)
        return (time.process_time() - begin) / len(entries) * 1e6

    return min(once() for _ in range(5))


def hot_path(entries: list[AuditEntry]) -> None:
    encoder = RowEncoder()
    print(f"encode an intent            {us_per_call(encoder.intent, entries):7.2f} µs")
    print(f"encode an outcome           {us_per_call(encoder.outcome, entries):7.2f} µs")
    records = [encode(entry) for entry in entries[:FLUSH_RECORDS] for encode in (encoder.intent, encoder.outcome)]

    def seal_all(_: object) -> None:
        seal(records, writer=bytes(16), base=Head())

    print(f"seal, per record            {us_per_call(seal_all, entries[:20]) / len(records):7.2f} µs")


async def whole_path(dsn: str, entries: list[AuditEntry]) -> None:
    """`open`, `intend` and `close` as the pipeline calls them, the queue large enough for all."""
    log = PostgresAuditLog(partial(runtime_connection, dsn), queue_records_max=20 * RUNS)
    await log.start()

    def request(entry: AuditEntry) -> None:
        log.open()
        log.intend(entry)
        log.close(entry)

    print(f"open + intend + close       {us_per_call(request, entries):7.2f} µs per request")
    log.shipper.disconnect()
    await log.stop(drain_s=0)


async def catch_up(dsn: str) -> None:
    log = PostgresAuditLog(partial(runtime_connection, dsn))
    await log.start()
    for entry in [an_entry() for _ in range(CATCH_UP_REQUESTS)]:
        log.open()
        log.intend(entry)
        log.close(entry)
    begin, cpu = time.perf_counter(), time.process_time()
    await log.stop(drain_s=60)
    took, cpu = time.perf_counter() - begin, time.process_time() - cpu
    rows = 2 * CATCH_UP_REQUESTS
    print(f"catching up                 {rows / took:7.0f} rows/s, {cpu / rows * 1e6:.2f} µs CPU of the worker per row")


async def steady(dsn: str) -> None:
    """Requests at an even pace: what the log adds to the CPU of the worker, and how long a request waits for it."""
    entries = [an_entry() for _ in range(STEADY_REQUESTS_PER_S * STEADY_S)]
    bare_us, bare_ms = await paced(entries, lambda _: None)
    log = PostgresAuditLog(partial(runtime_connection, dsn))
    await log.start()

    def request(entry: AuditEntry) -> None:
        log.open()
        log.intend(entry)
        log.close(entry)

    cpu_us, worst_ms = await paced(entries, request)
    await log.stop(drain_s=60)
    batch = log.shipper.shipped / log.shipper.batches
    print(f"steady {STEADY_REQUESTS_PER_S} requests/s      {cpu_us - bare_us:7.2f} µs CPU of the worker per request")
    print(f"                            {batch:7.0f} records per batch")
    print(f"                            {worst_ms:7.2f} ms longest delay of a timer, {bare_ms:.2f} without the log")


async def paced(entries: list[AuditEntry], request: Callable[[AuditEntry], None]) -> tuple[float, float]:
    """CPU per request in µs, and the longest delay of a timer in ms."""
    worst, cpu, begin = 0.0, time.process_time(), time.perf_counter()
    for number, entry in enumerate(entries):
        due = begin + number / STEADY_REQUESTS_PER_S
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
            worst = max(worst, time.perf_counter() - due)
        request(entry)
    return (time.process_time() - cpu) / len(entries) * 1e6, worst * 1e3


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}")
    entries = [an_entry() for _ in range(RUNS)]
    hot_path(entries)
    state_dir = Path(tempfile.mkdtemp(prefix="synapse-bench-"))
    state_dir.chmod(0o711)
    server = EmbeddedPostgres(state_dir)
    server.start()
    try:
        asyncio.run(migrations.upgrade(server.dsn()))
        uvloop.run(whole_path(server.dsn(), entries))
        uvloop.run(catch_up(server.dsn()))
        uvloop.run(steady(server.dsn()))
        print(f"peak memory                 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MiB")
    finally:
        server.stop()
        shutil.rmtree(state_dir)


if __name__ == "__main__":
    main()

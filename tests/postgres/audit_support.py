"""Entries to record, logs to record them with, and what a test wants to know of the tables."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from synapse.model import AuditEntry, uuid7
from synapse.postgres.audit_log import PostgresAuditLog
from synapse.postgres.instants import epoch_us
from synapse.postgres.pool import RUNTIME_SETTINGS, runtime_connection

TEAM_ID = "0199a1b2-0000-7000-8000-000000000001"
KEY_ID = "0199a1b2-0000-7000-8000-000000000002"


def entry(**changes: Any) -> AuditEntry:
    """An entry of a refused request, unless told otherwise."""
    now = time.time_ns() // 1000
    made = AuditEntry(uuid7(), now, "/v1/chat/completions", ended_at_us=now + 100, outcome="rejected", http_status=400)
    return replace(made, **changes)


def whole_entry(**changes: Any) -> AuditEntry:
    """An entry with a value in every field."""
    now = time.time_ns() // 1000
    made = AuditEntry(
        request_id=uuid7(),
        started_at_us=now,
        endpoint="/v1/chat/completions",
        ended_at_us=now + 1_234_567,
        team_id=TEAM_ID,
        team_name="Schadenregulierung Köln",
        key_id=KEY_ID,
        key_prefix="syn_a1b2",
        client_ip="2001:db8::7",
        user_agent="OpenAI/Python 1.90.0",
        model_requested="claims-large",
        model_served="llama-3.3-70b",
        upstream="rack-2",
        zone="on_prem",
        classification="sensitive",
        route_reason="sensitive: on_prem only",
        stream=True,
        outcome="completed",
        http_status=200,
        error_code="none",
        finish_reason="stop",
        prompt_tokens=17,
        completion_tokens=4,
        request_bytes=1_024,
        response_bytes=2**40,
        latency_us=1_234_567,
        ttft_us=1_000,
        upstream_us=1_200_000,
        auth_us=11,
        dlp_in_us=12,
        dlp_out_us=13,
        dlp_action="redact",
        dlp_findings={"iban": 1, "credit_card": 2},
        incident_id=uuid7(),
        policy_version="7",
        prompt_sha256=os.urandom(32),
        request_sha256=os.urandom(32),
        response_sha256=os.urandom(32),
    )
    return replace(made, **changes)


def new_log(dsn: str, **options: Any) -> PostgresAuditLog:
    return PostgresAuditLog(options.pop("connect", partial(runtime_connection, dsn)), **options)


@asynccontextmanager
async def running(dsn: str, **options: Any) -> AsyncIterator[PostgresAuditLog]:
    """A started log; it is stopped, with everything written, at the end."""
    log = new_log(dsn, **options)
    await log.start()
    try:
        yield log
    finally:
        lost = await log.stop(drain_s=15)
    assert lost == 0


def record(log: PostgresAuditLog, made: AuditEntry, *, intended: bool = False) -> AuditEntry:
    """One request from its opening to its outcome."""
    log.open()
    if intended:
        log.intend(made)
    log.close(made)
    return made


async def die(log: PostgresAuditLog) -> None:
    """End a log as a killed process ends: its connection is gone, and nothing more is said."""
    assert log._task is not None
    log._task.cancel()
    await asyncio.gather(log._task, return_exceptions=True)


async def until(condition: Callable[[], Any], *, timeout_s: float = 20.0) -> None:
    """Wait until it is true. It may return an awaitable."""
    async with asyncio.timeout(timeout_s):
        while True:
            value = condition()
            if await value if asyncio.iscoroutine(value) else value:
                return
            await asyncio.sleep(0.005)


class LosesCommits(asyncpg.Connection):  # type: ignore[misc]
    """A connection that breaks at the commits it is told to, before or after Postgres has done them."""

    plan: list[str] = []  # noqa: RUF012

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        fault = self.plan.pop(0) if query == "COMMIT;" and self.plan else "none"
        if fault == "before":
            self.terminate()
        status: str = await super().execute(query, *args, timeout=timeout)
        if fault == "after":
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return status


def losing_commits(dsn: str) -> Callable[[], Any]:
    return partial(asyncpg.connect, dsn, server_settings=RUNTIME_SETTINGS, connection_class=LosesCommits)


async def fetch(dsn: str, query: str, *values: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()


async def execute(dsn: str, query: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(query)
    finally:
        await connection.close()


async def request_ids(dsn: str) -> list[str]:
    """Of all outcomes, in the order of the log."""
    return [str(row[0]) for row in await fetch(dsn, "SELECT request_id FROM synapse.audit_log ORDER BY writer_id, seq")]


def entry_of(row: asyncpg.Record) -> AuditEntry:
    """The entry a row of audit_log was made of."""
    values: dict[str, Any] = {}
    for name in (field.name for field in fields(AuditEntry)):
        if name in {"started_at_us", "ended_at_us"}:
            values[name] = epoch_us(row[name.removesuffix("_us")])
        elif isinstance(row[name], UUID):
            values[name] = str(row[name])
        else:
            values[name] = row[name]
    values["dlp_findings"] = orjson.loads(values["dlp_findings"])
    return AuditEntry(**values)

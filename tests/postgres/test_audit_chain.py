"""The chain, recomputed from nothing but the values in the tables, by code that shares nothing with the writer's."""

import hashlib
import struct
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from audit_support import entry, execute, fetch, record, running, until, whole_entry

EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
INTEGERS = {"int2": ">h", "int4": ">i", "int8": ">q"}


async def first_bad_record(dsn: str) -> tuple[UUID, int] | None:
    """The writer and number of the first record that does not follow from the one before it."""
    records: dict[UUID, dict[int, tuple[Any, list[tuple[str, str]]]]] = {}
    for table in ("audit_log", "audit_intents"):
        columns = await columns_of(dsn, table)
        for row in await fetch(dsn, f"SELECT * FROM synapse.{table}"):
            numbered = records.setdefault(row["writer_id"], {})
            if row["seq"] in numbered:
                return row["writer_id"], row["seq"]
            numbered[row["seq"]] = (row, columns)
    for writer, numbered in sorted(records.items()):
        previous = bytes(32)
        for number in range(1, max(numbered) + 1):
            row, columns = numbered.get(number, (None, []))
            if row is None or row["prev_hash"] != previous or row["entry_hash"] != entry_hash(row, columns):
                return writer, number
            previous = row["entry_hash"]
    return None


def entry_hash(row: asyncpg.Record, columns: list[tuple[str, str]]) -> bytes:
    """SHA-256 over the row in the binary format of COPY, without its last field."""
    encoded = b"synapse audit record\n" + struct.pack(">h", len(columns))
    for name, kind in columns[:-1]:
        encoded += in_copy_format(row[name], kind)
    return hashlib.sha256(encoded).digest()


def in_copy_format(value: Any, kind: str) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    if kind in INTEGERS:
        encoded = struct.pack(INTEGERS[kind], value)
    elif kind == "bool":
        encoded = b"\x01" if value else b"\x00"
    elif kind == "uuid":
        encoded = value.bytes
    elif kind == "timestamptz":
        delta = value - EPOCH_2000
        encoded = struct.pack(">q", (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)
    else:
        encoded = value if kind == "bytea" else value.encode()
    return struct.pack(">i", len(encoded)) + encoded


async def columns_of(dsn: str, table: str) -> list[tuple[str, str]]:
    rows = await fetch(
        dsn,
        "SELECT column_name, udt_name FROM information_schema.columns "
        "WHERE table_schema = 'synapse' AND table_name = $1 ORDER BY ordinal_position",
        table,
    )
    return [(row["column_name"], row["udt_name"]) for row in rows]


@pytest.fixture
async def filled_dsn(postgres_dsn: str) -> str:
    """Two writers, several batches, some values that had to be escaped."""
    for _ in range(2):
        async with running(postgres_dsn, flush_records=4) as log:
            for text in ("plain", "ümläut", "a\0b", "\ud800"):
                record(log, whole_entry(user_agent=text), intended=True)
                record(log, entry())
                await until(lambda: log.waiting == 0)
    return postgres_dsn


async def test_the_chain_of_every_writer_can_be_recomputed_from_the_tables(filled_dsn: str) -> None:
    assert await first_bad_record(filled_dsn) is None


async def test_postgres_itself_yields_the_bytes_that_were_hashed(filled_dsn: str) -> None:
    names = [name for name, _ in await columns_of(filled_dsn, "audit_log")][:-1]
    chunks: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        chunks.append(chunk)

    connection = await asyncpg.connect(filled_dsn)
    query = f"SELECT {', '.join(names)} FROM synapse.audit_log WHERE seq = 2 LIMIT 1"
    await connection.copy_from_query(query, output=keep, format="binary")
    (expected,) = await connection.fetch("SELECT entry_hash FROM synapse.audit_log WHERE seq = 2 LIMIT 1")
    await connection.close()
    row = b"".join(chunks)[19:-2]
    fields = struct.pack(">h", len(names) + 1)
    assert hashlib.sha256(b"synapse audit record\n" + fields + row[2:]).digest() == expected["entry_hash"]


async def test_the_watermark_holds_the_head_of_each_chain(filled_dsn: str) -> None:
    for writer in await fetch(filled_dsn, "SELECT writer_id, seq, head FROM synapse.audit_writers"):
        ((last,),) = await fetch(
            filled_dsn,
            """
            SELECT entry_hash FROM (
                SELECT writer_id, seq, entry_hash FROM synapse.audit_log
                UNION ALL SELECT writer_id, seq, entry_hash FROM synapse.audit_intents
            ) WHERE writer_id = $1 AND seq = $2
            """,
            *(writer["writer_id"], writer["seq"]),
        )
        assert writer["head"] == last


# Records 1 and 4 of each writer are intents, 2 and 5 whole outcomes, 3 and 6 bare ones.
TAMPERING = {
    "an edit": (3, "UPDATE synapse.audit_log SET outcome = 'completed' WHERE seq = 3"),
    "an edit of a null": (3, "UPDATE synapse.audit_log SET upstream = '' WHERE seq = 3"),
    "an edit of an intent": (4, "UPDATE synapse.audit_intents SET team_name = 'Others' WHERE seq = 4"),
    "a microsecond": (5, "UPDATE synapse.audit_log SET ended_at = ended_at + interval '1us' WHERE seq = 5"),
    "a space in the findings": (
        5,
        "UPDATE synapse.audit_log SET dlp_findings = (' ' || dlp_findings)::json WHERE seq = 5",
    ),
    "a removal": (5, "DELETE FROM synapse.audit_log WHERE seq = 5"),
    "a renumbering": (5, "UPDATE synapse.audit_log SET seq = seq + 100 WHERE seq = 5"),
    "a swap": (5, "UPDATE synapse.audit_log SET seq = 11 - seq WHERE seq IN (5, 6)"),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_is_found_at_its_record(filled_dsn: str, superuser_dsn: str, what: str) -> None:
    number, statement = TAMPERING[what]
    await execute(
        superuser_dsn,
        "ALTER TABLE synapse.audit_log DISABLE TRIGGER ALL; ALTER TABLE synapse.audit_intents DISABLE TRIGGER ALL; "
        + statement,
    )
    found = await first_bad_record(filled_dsn)
    assert found is not None
    assert found[1] == number

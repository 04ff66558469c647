"""What is recorded is in the log once, with every column; what there is no room for is refused, never dropped."""

import asyncio
import hashlib
import hmac
from dataclasses import replace
from functools import partial
from typing import get_args
from unittest.mock import ANY

import asyncpg
import pytest
from audit_support import entry, entry_of, execute, fetch, new_log, record, request_ids, running, until, whole_entry

from synapse.errors import AuditUnavailable, Outcome
from synapse.postgres.audit_fields import TEXT_CHARS_MAX, unescaped
from synapse.postgres.audit_log import FLUSH_RECORDS, QUEUE_RECORDS_MAX, PostgresAuditLog
from synapse.postgres.audit_shipper import BATCH_RECORDS_MAX
from synapse.postgres.pool import runtime_connection


@pytest.mark.parametrize("outcome", get_args(Outcome))
async def test_every_outcome_round_trips_with_all_its_columns(postgres_dsn: str, outcome: Outcome) -> None:
    made, bare = whole_entry(outcome=outcome), entry(outcome=outcome)
    async with running(postgres_dsn) as log:
        record(log, made, intended=True)
        record(log, bare)
    rows = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log ORDER BY seq")
    assert [entry_of(row) for row in rows] == [made, bare]


async def test_an_intent_holds_what_was_known_before_the_call(postgres_dsn: str) -> None:
    made = whole_entry()
    async with running(postgres_dsn) as log:
        record(log, made, intended=True)
    (intent,) = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_intents")
    outcome = entry_of((await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log"))[0])
    shared = {name: value for name, value in intent.items() if hasattr(outcome, name) and name != "dlp_findings"}
    assert len(shared) == 20
    for name, value in shared.items():
        assert str(value) == str(getattr(outcome, name)), name
    assert intent["dlp_findings"] == '{"credit_card":2,"iban":1}'


async def test_an_entry_is_recorded_as_it_was_at_the_call(postgres_dsn: str) -> None:
    made = whole_entry(upstream="first")
    async with running(postgres_dsn, flush_interval_s=0.2) as log:
        log.open()
        log.intend(made)
        made.upstream = "second"
        made.dlp_findings["email"] = 3
        log.close(made)
        before = replace(made, dlp_findings=dict(made.dlp_findings))
        made.upstream = "after the end"
        made.dlp_findings.clear()
    (intent,) = await fetch(postgres_dsn, "SELECT upstream, dlp_findings FROM synapse.audit_intents")
    assert tuple(intent) == ("first", '{"credit_card":2,"iban":1}')
    (row,) = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log")
    assert entry_of(row) == before


async def test_records_wait_for_company_and_not_longer_than_the_interval(postgres_dsn: str) -> None:
    # The interval is long: only a full batch can be what sends the first ones.
    async with running(postgres_dsn, flush_interval_s=30, flush_records=8) as log:
        await until(lambda: log.shipper.connected)
        for _ in range(7):
            record(log, entry())
        assert log.waiting == 7
        record(log, entry())
        await until(lambda: log.waiting == 0)
        assert (log.shipper.batches, log.shipper.shipped) == (1, 8)
    async with running(postgres_dsn, flush_interval_s=0.01, flush_records=1_000) as log:
        record(log, entry())
        await until(lambda: log.shipper.shipped == 1)


async def test_a_steady_stream_leaves_once_per_interval(postgres_dsn: str) -> None:
    # One timer at a time: when each batch armed a second one, batches became smaller and smaller.
    interval_s = 0.03
    async with running(postgres_dsn, flush_interval_s=interval_s, flush_records=10**6) as log:
        await until(lambda: log.shipper.keeps_house)
        begin = asyncio.get_running_loop().time()
        while (took_s := asyncio.get_running_loop().time() - begin) < 20 * interval_s:
            record(log, entry())
            await asyncio.sleep(0.001)
        assert 1 < log.shipper.batches <= took_s / interval_s + 1


async def test_many_records_leave_in_batches_of_the_greatest_size(postgres_dsn: str) -> None:
    async with running(postgres_dsn) as log:
        made = [record(log, entry()).request_id for _ in range(BATCH_RECORDS_MAX + 10)]
        await until(lambda: log.waiting == 0)
        assert log.shipper.batches == 2
    assert await request_ids(postgres_dsn) == made


async def test_a_full_log_refuses_and_keeps_what_it_let_in(postgres_dsn: str) -> None:
    # An unreachable database, and a request in flight that still needs its two places.
    reachable = asyncio.Event()

    async def connect() -> "asyncpg.Connection":
        if not reachable.is_set():
            raise ConnectionRefusedError(111, "Connection refused")
        return await runtime_connection(postgres_dsn)

    async with running(postgres_dsn, connect=connect, queue_records_max=20) as log:
        await until(lambda: log.failures > 0)
        in_flight = entry()
        log.open()
        made = [record(log, entry()).request_id for _ in range(17)]
        with pytest.raises(AuditUnavailable, match="is full: 17 records wait for PostgreSQL"):
            log.open()
        log.intend(in_flight)
        log.close(in_flight)
        assert log.waiting == 19
        with pytest.raises(AuditUnavailable):
            log.open()
        reachable.set()
        await until(lambda: log.waiting == 0)
        made.append(in_flight.request_id)
        made.append(record(log, entry(), intended=True).request_id)
        await until(lambda: log.failures_in_a_row == 0)
    assert await request_ids(postgres_dsn) == made


async def test_the_queue_never_holds_more_than_its_maximum() -> None:
    # Every order of opens, intents and outcomes stays within it; this one opens as much as it may, then ends all.
    async def unreachable() -> "asyncpg.Connection":
        raise ConnectionRefusedError(111, "Connection refused")

    log = PostgresAuditLog(unreachable, queue_records_max=50)
    await log.start()
    for _ in range(25):
        log.open()
    with pytest.raises(AuditUnavailable):
        log.open()
    opened = [entry() for _ in range(25)]
    for made in opened:
        log.intend(made)
    for made in opened:
        log.close(made)
    assert log.waiting == 50
    assert await log.stop(drain_s=0.01) == 50


async def test_the_default_queue_holds_twenty_thousand_records() -> None:
    async def unreachable() -> "asyncpg.Connection":
        raise ConnectionRefusedError(111, "Connection refused")

    log = PostgresAuditLog(unreachable)
    await log.start()
    made = entry()
    for _ in range(QUEUE_RECORDS_MAX - 1):
        record(log, made)
    with pytest.raises(AuditUnavailable):  # one place is no room for two records
        record(log, made)
    assert await log.stop(drain_s=0.01) == QUEUE_RECORDS_MAX - 1


async def test_a_log_that_does_not_run_lets_nothing_in(postgres_dsn: str) -> None:
    log = new_log(postgres_dsn)
    with pytest.raises(AuditUnavailable, match="not running"):
        log.open()
    await log.start()
    log.open()
    log.close(entry())
    assert await log.stop(drain_s=10) == 0
    with pytest.raises(AuditUnavailable, match="not running"):
        log.open()


async def test_stopping_writes_what_waits_and_signs_off(postgres_dsn: str) -> None:
    async with running(postgres_dsn, flush_interval_s=30) as log:
        made = [record(log, entry(), intended=True).request_id for _ in range(FLUSH_RECORDS // 4)]
    assert await request_ids(postgres_dsn) == made
    (writer,) = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_writers")
    assert writer["stopped_at"] is not None
    assert writer["open_since"] is None
    assert writer["seq"] == 2 * len(made)


async def test_a_writer_with_open_requests_does_not_sign_off(postgres_dsn: str) -> None:
    async with running(postgres_dsn) as log:
        log.open()
        log.intend(made := entry())
    (writer,) = await fetch(postgres_dsn, "SELECT stopped_at, open_since FROM synapse.audit_writers")
    assert writer["stopped_at"] is None
    assert writer["open_since"].timestamp() == pytest.approx(made.started_at_us / 1e6)


async def test_each_start_is_a_new_writer(postgres_dsn: str) -> None:
    for _ in range(2):
        async with running(postgres_dsn) as log:
            record(log, entry())
    rows = await fetch(postgres_dsn, "SELECT writer_id, seq FROM synapse.audit_log")
    assert len({row["writer_id"] for row in rows}) == 2
    assert [row["seq"] for row in rows] == [1, 1]


async def test_two_writers_do_not_wait_for_each_other(postgres_dsn: str) -> None:
    async with running(postgres_dsn) as one, running(postgres_dsn) as other:
        made = {record(log, entry()).request_id for _ in range(200) for log in (one, other)}
    assert set(await request_ids(postgres_dsn)) == made


POISON = {
    "NUL": "a\0b",
    "lone surrogate": "a\ud800b",
    "both, and a backslash": "\\x00 \0 \udfff \\",
    "looks escaped": "escaped:a\\x00b",
    "line ends and quotes": "a\r\n\t\"'\\N\\.",
    "astral": "🙂" * TEXT_CHARS_MAX,
    "not characters": "\ufffe\uffff\x01\x7f",
    "empty": "",
}


@pytest.mark.parametrize("text", POISON.values(), ids=POISON.keys())
async def test_a_text_that_postgres_refuses_is_kept_reversibly(postgres_dsn: str, text: str) -> None:
    texts = ("endpoint", "team_name", "key_prefix", "client_ip", "user_agent", "model_requested", "model_served")
    texts += ("upstream", "route_reason", "error_code", "finish_reason", "incident_id", "policy_version")
    poisoned = whole_entry(**dict.fromkeys(texts, text), dlp_findings={text: 1})
    async with running(postgres_dsn) as log:
        made = [record(log, each, intended=True).request_id for each in (entry(), poisoned, entry())]
    assert await request_ids(postgres_dsn) == made
    (row,) = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log WHERE seq = 4")
    kept = entry_of(row)
    assert {unescaped(getattr(kept, name)) for name in texts} == {text}
    assert [rule if rule == text else unescaped(rule) for rule in kept.dlp_findings] == [text]


async def test_an_overlong_text_is_cut_at_its_limit(postgres_dsn: str) -> None:
    async with running(postgres_dsn) as log:
        record(log, entry(user_agent="x" * 1_000_000))
    ((kept,),) = await fetch(postgres_dsn, "SELECT user_agent FROM synapse.audit_log")
    assert kept == "x" * (TEXT_CHARS_MAX - 1) + "…"


async def test_values_of_the_wrong_kind_or_size_do_not_poison_their_batch(postgres_dsn: str) -> None:
    wrong = [
        entry(prompt_tokens=2**80, completion_tokens=-(2**80), http_status=2**40),
        entry(prompt_tokens=1.5, ttft_us="12", upstream_us=float("nan"), latency_us=None),
        entry(request_id="not a uuid", team_id="nor this", key_id=7),
        entry(started_at_us=-1),
        entry(started_at_us=2**70, ended_at_us=None),
        entry(prompt_sha256=b"short", request_sha256="text", response_sha256=b""),
        entry(dlp_findings={"a": 2**70, 3: None}, user_agent=5, stream=None),
        entry(dlp_findings=None, endpoint=None, outcome=None, dlp_action=None),
    ]
    async with running(postgres_dsn) as log:
        for made in wrong:
            record(log, entry())
            record(log, made, intended=True)
        await until(lambda: log.waiting == 0)
        assert log.failures == 0
    rows = await fetch(postgres_dsn, "SELECT * FROM synapse.audit_log WHERE seq % 3 = 0 ORDER BY seq")
    kept = [entry_of(row) for row in rows]
    assert len(kept) == len(wrong)
    assert (kept[0].prompt_tokens, kept[0].completion_tokens) == (2**63 - 1, 1 - 2**63)
    assert (kept[1].prompt_tokens, kept[1].ttft_us) == (1, 12)
    assert kept[2] == replace(wrong[2], request_id=ANY, team_id=ANY, key_id=ANY)
    assert kept[5].prompt_sha256 == b"short"
    assert kept[6].dlp_findings == {"a": 2**31 - 1, "3": 0}


async def test_a_failure_of_the_database_is_retried_until_it_is_mended(postgres_dsn: str) -> None:
    # A trigger that swallows a row: `COPY n` says it, and the batch is taken back as a whole.
    swallow = """
        CREATE FUNCTION synapse.swallow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF new.seq = 2 THEN RETURN NULL; END IF; RETURN new; END $$;
        CREATE TRIGGER swallow BEFORE INSERT ON synapse.audit_log FOR EACH ROW EXECUTE FUNCTION synapse.swallow();
    """
    await execute(postgres_dsn, swallow)
    async with running(postgres_dsn) as log:
        made = [record(log, entry()).request_id for _ in range(3)]
        await until(lambda: log.failures > 0)
        assert await request_ids(postgres_dsn) == []
        await execute(postgres_dsn, "DROP TRIGGER swallow ON synapse.audit_log")
        await until(lambda: log.waiting == 0)
    assert await request_ids(postgres_dsn) == made


async def test_an_outcome_that_is_there_already_is_left_out(postgres_dsn: str) -> None:
    # It cannot happen, unless others closed it for us or a caller closes twice: then the rest of the batch must go on.
    async with running(postgres_dsn) as log:
        first = record(log, entry(outcome="completed"))
        await until(lambda: log.waiting == 0)
        made = [first.request_id, record(log, entry()).request_id]
        record(log, replace(first, outcome="aborted"))
        again = entry()
        record(log, again)
        record(log, again)
        made.append(again.request_id)
        await until(lambda: log.waiting == 0)
        assert log.shipper.duplicates == 2
    assert await request_ids(postgres_dsn) == made


@pytest.mark.parametrize("key", [None, b"a key of this deployment"])
async def test_the_digest_is_keyed_when_there_is_a_key(key: bytes | None) -> None:
    log = PostgresAuditLog(partial(runtime_connection, "postgresql://"), hash_key=key)
    expected = hmac.new(key, b"text", "sha256").digest() if key else hashlib.sha256(b"text").digest()
    assert log.digest(b"text") == expected

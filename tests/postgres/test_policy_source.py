"""The policy source: a change is in force within a second, and nothing bad takes the last good snapshot away."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from making import make_key

from synapse.policy import DlpPolicy, Limits, Policies, Upstream
from synapse.postgres import migrations, store, store_routes
from synapse.postgres.embedded import EmbeddedPostgres
from synapse.postgres.policy_source import PostgresPolicySource
from synapse.startup import StartupError

POLICIES = Policies({"default": DlpPolicy(object())}, frozenset({"default"}))  # type: ignore[arg-type]
# Long enough that only a notification can explain a change within a second.
NO_POLL_S = 3600.0


@pytest.fixture
async def source(postgres_dsn: str) -> AsyncIterator[PostgresPolicySource]:
    one = PostgresPolicySource(postgres_dsn, policies=POLICIES, poll_interval_s=NO_POLL_S)
    await one.start()
    yield one
    await one.stop()


async def eventually(condition: Callable[[], bool], timeout_s: float = 1.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def key_of(source: PostgresPolicySource, new: store.NewKey) -> Any:
    return source.snapshot.keys.get(new.secret.sha256)


async def test_the_first_snapshot_is_there_after_start(runtime_pool: Any, postgres_dsn: str) -> None:
    new = await make_key(runtime_pool)

    source = PostgresPolicySource(postgres_dsn, policies=POLICIES)
    assert not source.loaded
    await source.start()

    assert source.loaded
    assert key_of(source, new).binding.team_name == "payments"
    await source.stop()


async def test_every_change_is_in_force_within_a_second(runtime_pool: Any, source: PostgresPolicySource) -> None:
    new = await make_key(runtime_pool)
    await eventually(lambda: key_of(source, new) is not None)

    await store.set_limits(runtime_pool, new.record.id, Limits(5, 6, 7))
    await eventually(lambda: key_of(source, new).limits == Limits(5, 6, 7))

    await store.disable_key(runtime_pool, new.record.id)
    await eventually(lambda: key_of(source, new).disabled_at_us is not None)

    async with runtime_pool.acquire() as connection:
        await store_routes.add_upstream(connection, Upstream("one", "http://host/v1", "cloud"))
        await store_routes.add_model(connection, store_routes.ModelRoute("echo", "one", "echo"))
        await eventually(lambda: "echo" in source.snapshot.models)
        await store_routes.remove_upstream(connection, "one", with_models=True)
        await eventually(lambda: source.snapshot.models == {})


async def test_a_snapshot_that_was_handed_out_never_changes(runtime_pool: Any, source: PostgresPolicySource) -> None:
    before = source.snapshot
    new = await make_key(runtime_pool)
    await eventually(lambda: key_of(source, new) is not None)

    assert before.keys == {}


async def test_a_burst_of_changes_becomes_few_loads(
    runtime_pool: Any, source: PostgresPolicySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[int] = []
    load = source._load

    async def counted(connection: Any) -> None:
        loads.append(1)
        await load(connection)

    monkeypatch.setattr(source, "_load", counted)
    new = await make_key(runtime_pool)
    for number in range(1, 101):
        await store.set_limits(runtime_pool, new.record.id, Limits(number))
    await eventually(lambda: key_of(source, new) is not None and key_of(source, new).limits == Limits(100))

    assert len(loads) < 50


async def test_a_change_without_a_notice_is_found_by_the_poll(runtime_pool: Any, postgres_dsn: str) -> None:
    owner = await asyncpg.connect(postgres_dsn)
    await owner.execute(
        "CREATE OR REPLACE FUNCTION synapse.announce_policy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "AS 'BEGIN UPDATE synapse.policy_version SET version = version + 1; RETURN NULL; END'"
    )
    await owner.close()
    source = PostgresPolicySource(postgres_dsn, policies=POLICIES, poll_interval_s=0.02)
    await source.start()

    new = await make_key(runtime_pool)

    await eventually(lambda: key_of(source, new) is not None)
    await source.stop()


async def test_a_row_that_makes_no_sense_keeps_the_last_snapshot_and_is_logged(
    runtime_pool: Any, source: PostgresPolicySource, caplog: pytest.LogCaptureFixture
) -> None:
    good = await make_key(runtime_pool)
    await eventually(lambda: key_of(source, good) is not None)
    before = source.snapshot

    with caplog.at_level(logging.ERROR, "synapse.policy"):
        bad = await make_key(runtime_pool, dlp_policy="strict")
        await eventually(lambda: "unknown DLP policy 'strict'" in caplog.text)
    assert source.snapshot is before

    await store.disable_key(runtime_pool, bad.record.id)
    await eventually(lambda: key_of(source, bad) is not None)


async def test_a_key_that_comes_before_its_policy_is_known_with_it(
    runtime_pool: Any, source: PostgresPolicySource, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "synapse.policy"):
        new = await make_key(runtime_pool, dlp_policy="strict")
        await eventually(lambda: "unknown DLP policy 'strict'" in caplog.text)

    source.use(Policies(POLICIES.compiled, frozenset({"default", "strict"})))

    await eventually(lambda: key_of(source, new) is not None)
    assert source.snapshot.missing_policies() == {"strict"}


async def test_a_first_snapshot_that_makes_no_sense_is_a_startup_error(runtime_pool: Any, postgres_dsn: str) -> None:
    new = await make_key(runtime_pool, dlp_policy="strict")

    source = PostgresPolicySource(postgres_dsn, policies=POLICIES)
    with pytest.raises(StartupError, match=f"the key {new.record.prefix} has an unknown DLP policy 'strict'"):
        await source.start()
    await source.stop()


async def test_a_database_that_is_away_at_the_start_is_a_startup_error() -> None:
    source = PostgresPolicySource("postgresql://user:hunter2@127.0.0.1:1/synapse", policies=POLICIES)

    with pytest.raises(StartupError, match="is the server running at that address"):
        await source.start()


async def test_a_terminated_connection_is_made_again(
    runtime_pool: Any, source: PostgresPolicySource, superuser_dsn: str
) -> None:
    superuser = await asyncpg.connect(superuser_dsn)
    assert source._connection is not None
    await superuser.execute("SELECT pg_terminate_backend($1)", source._connection.get_server_pid())
    await superuser.close()

    new = await make_key(runtime_pool)

    await eventually(lambda: key_of(source, new) is not None, timeout_s=5)


async def test_a_stop_right_after_the_start_leaves_nothing_behind(runtime_pool: Any, postgres_dsn: str) -> None:
    source = PostgresPolicySource(postgres_dsn, policies=POLICIES)
    await source.start()
    connection = source._connection
    await source.stop()
    await source.stop()

    assert connection is not None
    assert connection.is_closed()


async def test_an_absence_is_logged_once_and_so_is_its_end(
    runtime_pool: Any,
    source: PostgresPolicySource,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("synapse.postgres.policy_source.BACKOFF_S_MAX", 0.01)
    attempts: list[int] = []

    async def refused(dsn: str) -> Any:
        attempts.append(1)
        raise ConnectionRefusedError

    with monkeypatch.context() as away:
        away.setattr("synapse.postgres.policy_source.runtime_connection", refused)
        assert source._connection is not None
        source._connection.terminate()
        await eventually(lambda: len(attempts) > 3, timeout_s=5)

    new = await make_key(runtime_pool)
    await eventually(lambda: key_of(source, new) is not None, timeout_s=5)
    told = [record.getMessage() for record in caplog.records if record.name == "synapse.policy"]
    assert [text.partition(" (")[0] for text in told] == ["the policy database is away", "the policy database is back"]


def test_with_postgres_away_the_last_snapshot_stays_and_changes_follow_when_it_is_back(public_tmp_path: Path) -> None:
    server = EmbeddedPostgres(public_tmp_path)
    dsn = server.start()

    async def connected_key() -> store.NewKey:
        connection = await asyncpg.connect(dsn)
        try:
            return await make_key(connection)
        finally:
            await connection.close()

    async def started() -> tuple[PostgresPolicySource, store.NewKey]:
        await migrations.upgrade(dsn)
        new = await connected_key()
        one = PostgresPolicySource(dsn, policies=POLICIES, poll_interval_s=NO_POLL_S)
        await one.start()
        return one, new

    # The server belongs to the main thread, so the loop runs in turns with it.
    with asyncio.Runner() as runner:
        try:
            source, first = runner.run(started())
            server.stop()
            runner.run(eventually(lambda: source._connection is None))
            assert key_of(source, first) is not None

            server.start()
            second = runner.run(connected_key())
            runner.run(eventually(lambda: key_of(source, second) is not None, timeout_s=10))
            assert key_of(source, first) is not None
            runner.run(source.stop())
        finally:
            server.stop()

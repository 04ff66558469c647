"""The store: what is asked for is what is kept, and what makes no sense is refused in a sentence."""

import hashlib
import re
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from making import make_key

from synapse.policy import Limits, Upstream
from synapse.postgres import pool, store, store_routes
from synapse.postgres.control_errors import ControlError
from synapse.postgres.key_secret import BASE62, new_secret
from synapse.postgres.queries import parse_queries


@pytest.fixture
async def shared_pool(shared_postgres_dsn: str) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """For what is refused; nothing of it is kept."""
    opened = await pool.runtime_pool(shared_postgres_dsn, size_max=1)
    yield opened
    await opened.close()


def test_a_secret_ends_with_the_checksum_of_its_random_part() -> None:
    text = new_secret().text

    assert re.fullmatch(r"syn_[0-9A-Za-z]{38}", text)
    value = 0
    for character in text[-6:]:
        value = value * 62 + BASE62.index(character)
    assert value == zlib.crc32(text[4:36].encode())


def test_a_secret_is_not_in_its_repr() -> None:
    secret = new_secret()

    assert secret.text[12:] not in repr(store.NewKey(secret, None))  # type: ignore[arg-type]  # only its repr matters


async def test_a_key_is_kept_as_its_hash_and_prefix_only(runtime_pool: "asyncpg.Pool[Any]") -> None:
    new = await make_key(runtime_pool)

    row = await runtime_pool.fetchrow("SELECT * FROM synapse.api_keys")
    assert row["sha256"] == hashlib.sha256(new.secret.text.encode()).digest()
    assert row["prefix"] == new.secret.text[:12]
    assert new.secret.text[12:] not in str(dict(row))


async def test_everything_a_key_is_bound_to_is_read_back(runtime_pool: "asyncpg.Pool[Any]") -> None:
    expires = datetime.now(UTC) + timedelta(days=90)
    asked: dict[str, Any] = {
        "purpose": "summaries",
        "models": ("echo", "llama3"),
        "system_prompt": "Be brief.",
        "classification": "non_sensitive",
        "dlp_policy": "strict",
        "history": "block",
        "caps": {"max_tokens": 1024, "temperature": 0.5},
        "expires_at": expires,
        "created_by": "cli:someone",
        "limits": Limits(60, 4, 5_000_000_000),
    }

    record = (await make_key(runtime_pool, **asked)).record

    assert {name: getattr(record, name) for name in asked} == asked
    assert record.team_name == "payments"
    assert await store.list_keys(runtime_pool) == [record]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"team": "nobody"}, "There is no team named 'nobody'"),
        ({"purpose": ""}, "A key needs a purpose"),
        ({"purpose": "x" * 501}, "A key needs a purpose"),
        ({"purpose": "null\0byte"}, "holds a character that cannot be stored"),
        ({"purpose": "surrogate\ud800"}, "holds a character that cannot be stored"),
        ({"models": ()}, "A key needs at least one model"),
        ({"models": ("two words",)}, "'two words' cannot be the name of a model"),
        ({"models": ("",)}, "'' cannot be the name of a model"),
        ({"system_prompt": ""}, "A system prompt must not be empty"),
        ({"classification": "secret"}, "The classification is sensitive or non_sensitive"),
        ({"history": "forget"}, "The history option is redact or block"),
        ({"dlp_policy": "nothing"}, "There is no DLP policy 'nothing', only: default, strict"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "The expiry 2020-01-01T00:00:00\\+00:00 is in the past"),
        ({"caps": {"max_tokens": -1}}, "The cap 'max_tokens'"),
        ({"caps": {"max_tokens": True}}, "The cap 'max_tokens'"),
        ({"caps": {"temperature": float("nan")}}, "The cap 'temperature'"),
        ({"caps": {"Max Tokens": 1}}, "The cap 'Max Tokens'"),
        ({"limits": Limits(requests_per_minute=0)}, "A limit is a whole number above 0"),
        ({"limits": Limits(tokens_per_day=-5)}, "A limit of tokens is a whole number from 1"),
        ({"limits": Limits(tokens_per_day=2**38)}, "A limit of tokens is a whole number from 1"),
        ({"limits": Limits(requests_per_minute=2**40)}, "A value is out of range"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    shared_pool: "asyncpg.Pool[Any]", asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ControlError, match=sentence):
        await make_key(shared_pool, **asked)

    assert await store.list_keys(shared_pool) == []


@pytest.mark.parametrize(
    ("team", "sentence"),
    [
        ({"name": ""}, "A team name has 1 to 63"),
        ({"name": "trailing "}, "A team name has 1 to 63"),
        ({"name": "line\n"}, "A team name has 1 to 63"),
        ({"contact": ""}, "A team needs a contact"),
        ({"time_zone": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"time_zone": "../../etc/passwd"}, "is not a time zone"),
        ({"time_zone": ""}, "'' is not a time zone"),
        ({"business_hours": "nine to five"}, "Business hours look like"),
        ({"business_hours": "mon-fri 08:00-25:00"}, "Business hours look like"),
    ],
)
async def test_a_team_that_makes_no_sense_is_refused(
    shared_pool: "asyncpg.Pool[Any]", team: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ControlError, match=sentence):
        await store.create_team(shared_pool, **{"name": "other", "contact": "o@example.org", **team})


async def test_two_teams_cannot_have_one_name(runtime_pool: "asyncpg.Pool[Any]") -> None:
    team = await store.create_team(
        runtime_pool, name="payments", contact="p@example.org", business_hours="mon-fri 08:00-18:00"
    )

    with pytest.raises(ControlError, match="There is already a team named 'payments'"):
        await store.create_team(runtime_pool, name="payments", contact="other@example.org")
    assert await store.list_teams(runtime_pool) == [team]


@pytest.mark.parametrize("named_by", ["id", "prefix"])
async def test_a_key_is_disabled_by_id_or_prefix(runtime_pool: "asyncpg.Pool[Any]", named_by: str) -> None:
    record = (await make_key(runtime_pool)).record

    disabled = await store.disable_key(runtime_pool, getattr(record, named_by))

    assert disabled.state(datetime.now(UTC)) == "disabled"
    assert await store.disable_key(runtime_pool, record.id) == disabled


async def test_a_key_is_not_named_by_its_secret(runtime_pool: "asyncpg.Pool[Any]") -> None:
    secret = (await make_key(runtime_pool)).secret.text

    with pytest.raises(ControlError, match="never by the whole secret") as refusal:
        await store.disable_key(runtime_pool, secret)
    assert secret[12:] not in str(refusal.value)


async def test_an_ambiguous_prefix_changes_nothing(runtime_pool: "asyncpg.Pool[Any]") -> None:
    prefix = (await make_key(runtime_pool)).record.prefix
    await runtime_pool.execute(
        "INSERT INTO synapse.api_keys (prefix, sha256, team_id, purpose, models, dlp_policy, created_by) "
        "SELECT prefix, decode(repeat('00', 32), 'hex'), team_id, purpose, models, dlp_policy, created_by "
        "FROM synapse.api_keys"
    )

    with pytest.raises(ControlError, match="More than one key has the prefix"):
        await store.disable_key(runtime_pool, prefix)
    assert {key.disabled_at for key in await store.list_keys(runtime_pool)} == {None}


async def test_limits_are_replaced_and_removed(runtime_pool: "asyncpg.Pool[Any]") -> None:
    key = (await make_key(runtime_pool, limits=Limits(1, 2, 3))).record.id

    assert (await store.set_limits(runtime_pool, key, Limits(10, None, 30))).limits == Limits(10, None, 30)
    with pytest.raises(ControlError, match="A limit is a whole number above 0"):
        await store.set_limits(runtime_pool, key, Limits(0))


async def test_rotation_keeps_binding_and_limits_and_ends_the_old_key(runtime_pool: "asyncpg.Pool[Any]") -> None:
    old = await make_key(runtime_pool, system_prompt="Be brief.", caps={"n": 2}, limits=Limits(1, 2, 3))

    async with runtime_pool.acquire() as connection:
        new = await store.rotate_key(connection, old.record.id, created_by="rotator")

    assert new.secret.text != old.secret.text
    own = {"id", "prefix", "created_at", "created_by", "rotated_from"}
    for name in set(store.KeyRecord.__dataclass_fields__) - own:
        assert getattr(new.record, name) == getattr(old.record, name), name
    assert new.record.rotated_from == old.record.id
    assert (await store.find_key(runtime_pool, old.record.id)).state(datetime.now(UTC)) == "disabled"


async def test_an_overlap_keeps_the_old_key_for_its_time(runtime_pool: "asyncpg.Pool[Any]") -> None:
    old = (await make_key(runtime_pool)).record

    async with runtime_pool.acquire() as connection:
        await store.rotate_key(connection, old.id, created_by="rotator", overlap_s=3600)

    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1)
    rotated = await store.find_key(runtime_pool, old.id)
    assert (rotated.state(now), rotated.state(later)) == ("active", "disabled")


@pytest.mark.parametrize("overlap_s", [-1, 91 * 86_400])
async def test_an_overlap_out_of_bounds_is_refused(runtime_pool: "asyncpg.Pool[Any]", overlap_s: int) -> None:
    old = (await make_key(runtime_pool)).record

    with pytest.raises(ControlError, match="The overlap is between"):
        await store.rotate_key(runtime_pool, old.id, created_by="rotator", overlap_s=overlap_s)  # type: ignore[arg-type]


async def test_a_disabled_key_is_not_rotated(runtime_pool: "asyncpg.Pool[Any]") -> None:
    old = (await make_key(runtime_pool)).record
    await store.disable_key(runtime_pool, old.id)

    async with runtime_pool.acquire() as connection:
        with pytest.raises(ControlError, match="disabled and cannot be rotated"):
            await store.rotate_key(connection, old.id, created_by="rotator")
    assert len(await store.list_keys(runtime_pool)) == 1


async def test_routes_are_added_in_the_order_they_are_tried_and_removed(runtime_pool: "asyncpg.Pool[Any]") -> None:
    async with runtime_pool.acquire() as connection:
        for name in ("first", "second"):
            await store_routes.add_upstream(connection, Upstream(name, "http://host/v1", "on_prem"))
        await store_routes.add_model(connection, store_routes.ModelRoute("llama3", "second", "llama3:8b"))
        await store_routes.add_model(connection, store_routes.ModelRoute("llama3", "first", "llama3"))
        assert [route.upstream for route in await store_routes.list_models(connection)] == ["second", "first"]

        with pytest.raises(ControlError, match="'second' still serves models"):
            await store_routes.remove_upstream(connection, "second")
        await store_routes.remove_model(connection, "llama3", upstream="first")
        await store_routes.remove_upstream(connection, "second", with_models=True)

        assert await store_routes.list_models(connection) == []
        assert [one.name for one in await store_routes.list_upstreams(connection)] == ["first"]


async def test_routes_that_make_no_sense_are_refused(runtime_pool: "asyncpg.Pool[Any]") -> None:
    async with runtime_pool.acquire() as connection:
        await store_routes.add_upstream(connection, Upstream("one", "http://host/v1", "cloud"))
        for work, sentence in (
            (store_routes.add_upstream(connection, Upstream("one", "http://h", "cloud")), "already an upstream named"),
            (store_routes.add_upstream(connection, Upstream("two", "h", "cloud")), "base URL looks like"),
            (
                store_routes.add_upstream(connection, Upstream("two", "http://h", "cloud", "openai", "sk-1")),
                "by reference",
            ),
            (store_routes.add_model(connection, store_routes.ModelRoute("m", "two", "m")), "no upstream named 'two'"),
            (store_routes.add_model(connection, store_routes.ModelRoute("a b", "one", "m")), "A model name has"),
            (store_routes.remove_model(connection, "m"), "No upstream serves the model 'm'"),
            (store_routes.remove_upstream(connection, "two"), "There is no upstream named 'two'"),
        ):
            with pytest.raises(ControlError, match=sentence):
                await work


def test_a_query_that_is_named_twice_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="twice"):
        parse_queries("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;")

"""Rows into a snapshot: what is there comes into force, what makes no sense does not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from synapse.policy import DlpPolicy, Limits, Policies, Target, Upstream
from synapse.postgres.snapshot import ControlRows, PolicyRefused, Provisioned, build_snapshot, shadowed_names

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIMITS = {"requests_per_minute": 60, "concurrent_requests": None, "tokens_per_day": 1000}
KEY: Mapping[str, Any] = MappingProxyType(
    {
        "id": "key-1",
        "prefix": "syn_AAAAAAAA",
        "sha256": bytes(32),
        "team_id": "team-1",
        "team_name": "payments",
        "purpose": "tests",
        "system_prompt": None,
        "models": ["echo"],
        "classification": "sensitive",
        "dlp_policy": "default",
        "history": "redact",
        "caps": '{"max_tokens": 5}',
        "expires_at": None,
        "disabled_at": None,
        **LIMITS,
    }
)
UPSTREAM: Mapping[str, Any] = MappingProxyType(
    {
        "name": "local",
        "base_url": "http://host/v1",
        "zone": "on_prem",
        "provider": "vllm",
        "api_key_ref": None,
        "ca_file": None,
    }
)
MODEL: Mapping[str, Any] = MappingProxyType(
    {"name": "echo", "upstream": "local", "upstream_model": "echo:1", "position": 0}
)
DEFAULT: Any = DlpPolicy(object())  # type: ignore[arg-type]
POLICIES = Policies({"default": DEFAULT}, frozenset({"default", "strict"}))


def rows(*, keys: Any = (KEY,), upstreams: Any = (UPSTREAM,), models: Any = (MODEL,)) -> ControlRows:
    return ControlRows(7, NOW, keys, upstreams, models)


def provisioned(**routes: Any) -> Provisioned:
    return Provisioned(POLICIES, routes.get("upstreams", {}), routes.get("models", {}))


def test_rows_become_a_snapshot() -> None:
    snapshot = build_snapshot(rows(), provisioned())

    key = snapshot.keys[bytes(32)]
    assert snapshot.version == 7
    assert snapshot.policies == {"default": DEFAULT}
    assert snapshot.models == {"echo": (Target(Upstream("local", "http://host/v1", "on_prem", "vllm"), "echo:1"),)}
    assert (key.limits, key.disabled_at_us) == (Limits(60, None, 1000), None)
    assert (key.binding.models, key.binding.caps) == (frozenset({"echo"}), {"max_tokens": 5})


def test_targets_keep_the_order_of_the_rows() -> None:
    other = {**UPSTREAM, "name": "other"}
    models = ({**MODEL, "upstream": "other"}, MODEL)

    snapshot = build_snapshot(rows(upstreams=(UPSTREAM, other), models=models), provisioned())

    assert [target.upstream.name for target in snapshot.models["echo"]] == ["other", "local"]


@pytest.mark.parametrize(
    ("disabled_at", "expected"),
    [
        (None, None),
        (NOW, 0),
        (NOW - timedelta(days=1), 0),
        (NOW + timedelta(seconds=1), 1_893_456_001_000_000),
    ],
)
def test_the_end_of_a_key_is_judged_by_the_clock_of_the_database(disabled_at: Any, expected: int | None) -> None:
    key = {**KEY, "disabled_at": disabled_at, "expires_at": NOW}

    built = build_snapshot(rows(keys=(key,)), provisioned()).keys[bytes(32)]

    assert built.disabled_at_us == expected
    assert built.binding.expires_at_us == 1_893_456_000_000_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": b"short"}, "has no SHA-256"),
        ({"classification": "public"}, "unknown classification"),
        ({"history": "keep"}, "unknown history option"),
        ({"dlp_policy": "gone"}, "unknown DLP policy 'gone'"),
        ({"models": []}, "has no models"),
        ({"caps": "[]"}, "caps that are not an object"),
        ({"caps": '{"n": "2"}'}, "cap that is not a number"),
        ({"caps": '{"n": true}'}, "cap that is not a number"),
        ({"requests_per_minute": 0}, "limit that is not above 0"),
        ({"tokens_per_day": -1}, "limit that is not above 0"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_its_prefix(change: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(PolicyRefused, match=f"the key syn_AAAAAAAA has .*{reason.removeprefix('has ')}"):
        build_snapshot(rows(keys=({**KEY, **change},)), provisioned())


def test_a_disabled_key_with_a_policy_that_is_gone_does_not_hold_up_the_others() -> None:
    gone = {**KEY, "sha256": b"x" * 32, "dlp_policy": "gone", "disabled_at": NOW}

    assert len(build_snapshot(rows(keys=(KEY, gone)), provisioned()).keys) == 2


@pytest.mark.parametrize(
    ("upstream", "model", "reason"),
    [
        ({"zone": "moon"}, {}, "the upstream 'local' has an unknown zone"),
        ({"provider": "other"}, {}, "the upstream 'local' has an unknown provider"),
        ({}, {"upstream": "nowhere"}, "the model 'echo' is served by an unknown upstream 'nowhere'"),
    ],
)
def test_a_route_that_makes_no_sense_is_refused(upstream: Any, model: Any, reason: str) -> None:
    with pytest.raises(PolicyRefused, match=reason):
        build_snapshot(rows(upstreams=({**UPSTREAM, **upstream},), models=({**MODEL, **model},)), provisioned())


def test_what_the_file_provisions_wins_and_what_it_hides_is_named() -> None:
    upstream = Upstream("local", "http://file/v1", "cloud", provisioned=True)
    routes = provisioned(upstreams={"local": upstream}, models={"echo": (Target(upstream, "echo"),)})

    found = rows(models=(MODEL, {**MODEL, "name": "other"}))
    snapshot = build_snapshot(found, routes)

    assert snapshot.models["echo"] == (Target(upstream, "echo"),)
    # The name means the file's upstream everywhere, so its zone decides.
    assert snapshot.models["other"] == (Target(upstream, "echo:1"),)
    assert shadowed_names(found, routes) == ["upstream 'local'", "model 'echo'"]

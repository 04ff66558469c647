"""Rows of the control tables into the snapshot that requests run under. Pure; a row that makes no sense is refused.

The database's constraints should let none of these through. They are checked again because a snapshot decides who gets
in and where text goes, and a database can be altered by others.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

import orjson

from ..model import Classification, Zone
from ..policy import Binding, Key, Limits, Policies, Snapshot, Target, Upstream, exempt_keys

Rows = Sequence[Mapping[str, Any]]


class PolicyRefused(Exception):
    """The control tables hold something that must not come into force. The message names the row."""


@dataclass(frozen=True, slots=True)
class ControlRows:
    """Everything the database says about policy, of one moment. `now` is the database's time."""

    version: int
    now: datetime
    keys: Rows
    upstreams: Rows
    models: Rows
    # The newest version of the DLP policies that is kept there, 0 when there is none.
    dlp_number: int = 0


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What does not come from the database: compiled policies, and the routes of the configuration file."""

    policies: Policies
    upstreams: Mapping[str, Upstream]
    models: Mapping[str, tuple[Target, ...]]


def build_snapshot(rows: ControlRows, provisioned: Provisioned) -> Snapshot:
    """Raises PolicyRefused. What the file provisions wins over a row of the same name."""
    upstreams = {**{row["name"]: _upstream(row) for row in rows.upstreams}, **provisioned.upstreams}
    models: dict[str, tuple[Target, ...]] = {}
    for row in rows.models:
        upstream = upstreams.get(row["upstream"])
        if upstream is None:
            raise PolicyRefused(f"the model '{row['name']}' is served by an unknown upstream '{row['upstream']}'")
        models[row["name"]] = (*models.get(row["name"], ()), Target(upstream, row["upstream_model"]))
    policies = provisioned.policies
    keys = [_key(row, now=rows.now, policies=policies.names | policies.compiled.keys()) for row in rows.keys]
    return Snapshot(
        version=rows.version,
        keys={key.sha256: key for key in keys},
        models={**models, **provisioned.models},
        policies=policies.compiled,
        exempt=exempt_keys(keys, policies.compiled),
    )


def with_policies(snapshot: Snapshot, policies: Policies) -> Snapshot:
    """The snapshot under other policies."""
    exempt = exempt_keys(snapshot.keys.values(), policies.compiled)
    return replace(snapshot, policies=policies.compiled, exempt=exempt)


def keeping_bound(policies: Policies, before: Policies, snapshot: Snapshot) -> Policies:
    """What of the policies before must stay, since keys are bound to it and the new ones know nothing of it.

    A policy with keys is not removed by a file or a command. But a key may have been made at the same moment.
    """
    bound = {key.binding.dlp_policy for key in snapshot.keys.values()} - policies.names
    kept = {name: policy for name, policy in before.compiled.items() if name in bound}
    return Policies({**kept, **policies.compiled}, policies.names | kept.keys())


def shadowed_names(rows: ControlRows, provisioned: Provisioned) -> list[str]:
    """Rows without effect, because the configuration file provisions the same name."""
    upstreams = [f"upstream '{row['name']}'" for row in rows.upstreams if row["name"] in provisioned.upstreams]
    return upstreams + [f"model '{row['name']}'" for row in rows.models if row["name"] in provisioned.models]


def _upstream(row: Mapping[str, Any]) -> Upstream:
    _require(row["zone"] in get_args(Zone), f"the upstream '{row['name']}' has an unknown zone")
    _require(row["provider"] in {"openai", "ollama", "vllm"}, f"the upstream '{row['name']}' has an unknown provider")
    return Upstream(**row)


def _key(row: Mapping[str, Any], *, now: datetime, policies: Collection[str]) -> Key:
    name = f"the key {row['prefix']}"
    disabled = row["disabled_at"] is not None and row["disabled_at"] <= now
    _require(len(row["sha256"]) == 32, f"{name} has no SHA-256")
    _require(row["classification"] in get_args(Classification), f"{name} has an unknown classification")
    _require(row["history"] in {"redact", "block"}, f"{name} has an unknown history option")
    # A disabled key never meets its policy, so it must not keep the others from theirs.
    _require(disabled or row["dlp_policy"] in policies, f"{name} has an unknown DLP policy '{row['dlp_policy']}'")
    _require(bool(row["models"]), f"{name} has no models")
    limits = Limits(**{limit: row[limit] for limit in Limits.__dataclass_fields__})
    for limit in Limits.__dataclass_fields__:
        value = getattr(limits, limit)
        _require(value is None or value > 0, f"{name} has a limit that is not above 0")
    return Key(
        id=row["id"],
        prefix=row["prefix"],
        sha256=row["sha256"],
        binding=_binding(row, _caps(row["caps"], name)),
        limits=limits,
        # What is disabled by the database's clock is disabled at once, whatever ours says.
        disabled_at_us=0 if disabled else _microseconds(row["disabled_at"]),
    )


def _binding(row: Mapping[str, Any], caps: Mapping[str, float]) -> Binding:
    return Binding(
        team_id=row["team_id"],
        team_name=row["team_name"],
        purpose=row["purpose"],
        system_prompt=row["system_prompt"],
        models=frozenset(row["models"]),
        classification=row["classification"],
        dlp_policy=row["dlp_policy"],
        history=row["history"],
        caps=caps,
        expires_at_us=_microseconds(row["expires_at"]),
    )


def _caps(text: str, name: str) -> Mapping[str, float]:
    caps = orjson.loads(text)
    _require(isinstance(caps, dict), f"{name} has caps that are not an object")
    for value in caps.values():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        _require(number, f"{name} has a cap that is not a number")
    return dict(caps)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise PolicyRefused(otherwise)


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1_000_000)

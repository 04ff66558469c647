"""Teams and API keys: who may use what. A key's binding is written once; later changes reach limits and the end only.

Every function works as the owner and as the runtime role. Refusals are ControlError.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from ..model import Classification
from ..policy import Limits
from .control_errors import ControlError, refusals_explained
from .key_secret import KeySecret, new_secret
from .queries import control_queries

# The default of a request is a policy of this name.
DEFAULT_DLP_POLICY = "default"
OVERLAP_S_MAX = 90 * 86_400

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}")
_CAP_NAME = re.compile(r"[a-z][a-z_]{0,63}")


@dataclass(frozen=True, slots=True)
class Team:
    id: str
    name: str
    contact: str
    time_zone: str
    business_hours: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a new key is to be bound to, and its first limits. `team` is a name."""

    team: str
    purpose: str
    models: Sequence[str]
    created_by: str
    system_prompt: str | None = None
    classification: Classification = "sensitive"
    dlp_policy: str = DEFAULT_DLP_POLICY
    history: Literal["redact", "block"] = "redact"
    caps: Mapping[str, float] = field(default_factory=dict)
    expires_at: datetime | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as people may see it."""

    id: str
    prefix: str
    team_id: str
    team_name: str
    purpose: str
    system_prompt: str | None
    models: tuple[str, ...]
    classification: Classification
    dlp_policy: str
    history: Literal["redact", "block"]
    caps: Mapping[str, float]
    expires_at: datetime | None
    rotated_from: str | None
    created_at: datetime
    created_by: str
    limits: Limits
    disabled_at: datetime | None

    def state(self, now: datetime) -> Literal["active", "disabled", "expired"]:
        if self.disabled_at is not None and self.disabled_at <= now:
            return "disabled"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only time its secret is seen."""

    secret: KeySecret
    record: KeyRecord


async def create_team(
    connection: "asyncpg.Connection[Any]",
    *,
    name: str,
    contact: str,
    time_zone: str = "UTC",
    business_hours: str | None = None,
) -> Team:
    """A new team. Its name is its name for ever, since the audit log shows it."""
    _check_time_zone(time_zone)
    with refusals_explained(duplicate=f"There is already a team named '{name}'."):
        row = await connection.fetchrow(control_queries()["team_insert"], name, contact, time_zone, business_hours)
    assert row is not None
    return Team(**row)


async def list_teams(connection: "asyncpg.Connection[Any]") -> list[Team]:
    return [Team(**row) for row in await connection.fetch(control_queries()["teams"])]


async def create_key(
    connection: "asyncpg.Connection[Any]",
    request: KeyRequest,
    *,
    dlp_policies: Collection[str],
    now: datetime,
) -> NewKey:
    """A new key for one approved use case. Its secret is in the answer and nowhere else."""
    _check_request(request, dlp_policies=dlp_policies, now=now)
    secret, limits = new_secret(), request.limits
    with refusals_explained():
        team_id = await connection.fetchval(control_queries()["team_id"], request.team)
        if team_id is None:
            raise ControlError(f"There is no team named '{request.team}': create it first.", field="team")
        key_id = await connection.fetchval(
            control_queries()["key_insert"],
            secret.prefix,
            secret.sha256,
            team_id,
            request.purpose,
            request.system_prompt,
            list(dict.fromkeys(request.models)),
            request.classification,
            request.dlp_policy,
            request.history,
            orjson.dumps(dict(request.caps)).decode(),
            request.expires_at,
            request.created_by,
            limits.requests_per_minute,
            limits.concurrent_requests,
            limits.tokens_per_day,
        )
    return NewKey(secret, await _key(connection, key_id))


async def list_keys(connection: "asyncpg.Connection[Any]", *, team: str | None = None) -> list[KeyRecord]:
    """All keys, the newest first, or those of one team."""
    return [_record(row) for row in await connection.fetch(control_queries()["keys"], None, team)]


async def disable_key(connection: "asyncpg.Connection[Any]", key: str) -> KeyRecord:
    """Disable a key, named by its id or visible prefix, for ever."""
    key_id = await _resolve(connection, key)
    with refusals_explained():
        await connection.execute(control_queries()["key_disable"], key_id, 0.0)
    return await _key(connection, key_id)


async def set_limits(connection: "asyncpg.Connection[Any]", key: str, limits: Limits) -> KeyRecord:
    """Replace all limits of a key."""
    key_id = await _resolve(connection, key)
    with refusals_explained():
        await connection.execute(
            control_queries()["key_set_limits"],
            key_id,
            limits.requests_per_minute,
            limits.concurrent_requests,
            limits.tokens_per_day,
        )
    return await _key(connection, key_id)


async def find_key(connection: "asyncpg.Connection[Any]", key: str) -> KeyRecord:
    """A key by its id or visible prefix."""
    return await _key(connection, await _resolve(connection, key))


async def rotate_key(connection: "asyncpg.Connection[Any]", key: str, *, created_by: str, overlap_s: int = 0) -> NewKey:
    """A new secret for the same binding. The old one is refused after `overlap_s`, at once without."""
    if not 0 <= overlap_s <= OVERLAP_S_MAX:
        raise ControlError(f"The overlap is between 0 seconds and {OVERLAP_S_MAX // 86_400} days.", field="overlap_s")
    key_id = await _resolve(connection, key)
    secret, queries = new_secret(), control_queries()
    async with connection.transaction():
        old = await connection.fetchrow(queries["key_lock"], key_id)
        assert old is not None
        if old["disabled"] or old["expired"]:
            state = "disabled" if old["disabled"] else "expired"
            raise ControlError(f"The key is {state} and cannot be rotated: create another key.")
        new_id = await connection.fetchval(
            queries["key_insert_rotated"], key_id, secret.prefix, secret.sha256, created_by
        )
        await connection.execute(queries["key_disable"], key_id, float(overlap_s))
    return NewKey(secret, await _key(connection, new_id))


async def _resolve(connection: "asyncpg.Connection[Any]", key: str) -> Any:
    if len(key) == len(new_secret().text):
        # Not looked up, so that nobody gets used to it: what is typed into a shell stays in its history.
        raise ControlError("Name the key by its id or its first 12 characters, never by the whole secret.", field="key")
    with refusals_explained():
        ids = await connection.fetch(control_queries()["key_ids"], key)
    if not ids:
        raise ControlError(f"There is no key with the id or prefix '{key}'.", field="key")
    if len(ids) > 1:
        raise ControlError(f"More than one key has the prefix '{key}': name it by its id.", field="key")
    return ids[0]["id"]


async def _key(connection: "asyncpg.Connection[Any]", key_id: Any) -> KeyRecord:
    row = await connection.fetchrow(control_queries()["keys"], key_id, None)
    assert row is not None
    return _record(row)


def _record(row: Any) -> KeyRecord:
    values = dict(row)
    del values["sha256"]
    limits = Limits(**{name: values.pop(name) for name in Limits.__dataclass_fields__})
    models, caps = tuple(values.pop("models")), orjson.loads(values.pop("caps"))
    return KeyRecord(**values, models=models, caps=caps, limits=limits)


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ControlError(
            f"'{name}' is not a time zone: use a name such as UTC or Europe/Berlin.", field="time_zone"
        ) from error


def _check_request(request: KeyRequest, *, dlp_policies: Collection[str], now: datetime) -> None:
    for model in request.models:
        if not _MODEL_NAME.fullmatch(model):
            raise ControlError(f"'{model}' cannot be the name of a model.", field="models")
    if request.dlp_policy not in dlp_policies:
        known = ", ".join(sorted(dlp_policies))
        raise ControlError(f"There is no DLP policy '{request.dlp_policy}', only: {known}.", field="dlp_policy")
    if request.expires_at is not None and request.expires_at <= now:
        moment = request.expires_at.astimezone(UTC).isoformat(timespec="seconds")
        raise ControlError(f"The expiry {moment} is in the past.", field="expires_at")
    for name, value in request.caps.items():
        if not _CAP_NAME.fullmatch(name) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
            raise ControlError(f"The cap '{name}' must be a parameter name and a number of 0 or more.", field="caps")

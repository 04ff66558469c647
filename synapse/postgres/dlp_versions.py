"""The versions of the DLP policies in PostgreSQL: append-only, the newest is in force where no file is in charge."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import asyncpg
import orjson

from ..dlp.policy_resolution import shipped_policy_names
from .control_errors import ControlError, refusals_explained
from .queries import control_queries

Source = Literal["file", "command", "console", "shipped"]


@dataclass(frozen=True, slots=True)
class NewDlpVersion:
    """What is put on record. `policies` has the version of each compiled policy, as audit entries show it."""

    author: str
    source: Source
    document: str
    engine: str
    names: Sequence[str]
    policies: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None

    @property
    def sha256(self) -> str:
        return document_sha256(self.document)


@dataclass(frozen=True, slots=True)
class DlpVersion:
    number: int
    applied_at: datetime
    author: str
    source: Source
    sha256: str
    engine: str
    names: tuple[str, ...]
    policies: Mapping[str, str]
    document: str
    note: str | None


def document_sha256(document: str) -> str:
    return hashlib.sha256(document.encode("utf-8")).hexdigest()


async def newest_dlp_version(connection: "asyncpg.Connection[Any]") -> DlpVersion | None:
    """The version in force, unless a file is."""
    found = await dlp_versions(connection, limit=1)
    return found[0] if found else None


async def dlp_policy_names(connection: "asyncpg.Connection[Any]") -> tuple[str, ...]:
    """The policies that keys can be bound to."""
    newest = await newest_dlp_version(connection)
    return shipped_policy_names() if newest is None else newest.names


async def dlp_versions(connection: "asyncpg.Connection[Any]", *, limit: int) -> list[DlpVersion]:
    """The newest versions first."""
    return [_version(row) for row in await connection.fetch(control_queries()["dlp_versions"], None, limit)]


async def dlp_version(connection: "asyncpg.Connection[Any]", number: int) -> DlpVersion:
    """One version by its number. Raises ControlError."""
    rows = await connection.fetch(control_queries()["dlp_versions"], number, 1)
    if not rows:
        raise ControlError(f"There is no version {number}: `synapse dlp history` lists them.", field="number")
    return _version(rows[0])


async def append_dlp_version(connection: "asyncpg.Connection[Any]", new: NewDlpVersion) -> int:
    """Put a version in force and on record, and return its number."""
    with refusals_explained():
        number: int = await connection.fetchval(
            control_queries()["dlp_version_insert"],
            new.author,
            new.source,
            new.sha256,
            new.engine,
            list(new.names),
            orjson.dumps(dict(new.policies)).decode(),
            new.document,
            new.note,
        )
    return number


async def record_dlp_version(connection: "asyncpg.Connection[Any]", new: NewDlpVersion) -> int:
    """The number under which this is on record: the newest's when that says the same, else a new one."""
    async with connection.transaction():
        # Gateways that share a database may see the same change at the same moment.
        await connection.execute(control_queries()["dlp_lock"])
        newest = await newest_dlp_version(connection)
        if newest is None or (newest.sha256, newest.engine) != (new.sha256, new.engine):
            return await append_dlp_version(connection, new)
        if new.policies.items() <= newest.policies.items():
            return newest.number
        added = ", ".join(sorted(new.policies.keys() - newest.policies.keys()))
        both = {**newest.policies, **new.policies}
        return await append_dlp_version(connection, replace(new, policies=both, note=f"came into use: {added}"[:500]))


async def keys_by_policy(connection: "asyncpg.Connection[Any]") -> dict[str, int]:
    """How many keys that are not disabled are bound to each policy."""
    return {row["name"]: row["keys"] for row in await connection.fetch(control_queries()["dlp_bound"])}


async def unknown_holders(
    connection: "asyncpg.Connection[Any]", *, teams: Collection[str], keys: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Those of these names of teams, and of these beginnings of keys, that do not exist."""

    async def unknown(query: str, named: Collection[str]) -> frozenset[str]:
        rows = await connection.fetch(control_queries()[query], list(named)) if named else ()
        return frozenset(row[0] for row in rows)

    return await unknown("dlp_unknown_teams", teams), await unknown("dlp_unknown_keys", keys)


def _version(row: Mapping[str, Any]) -> DlpVersion:
    values = dict(row)
    names, policies = tuple(values.pop("names")), orjson.loads(values.pop("policies"))
    return DlpVersion(**values, names=names, policies=policies)
